//! The colors. `anstream` drops them where they are not wanted.

use anstyle::{AnsiColor, Style};

pub(crate) const GOOD: Style = AnsiColor::Green.on_default();
pub(crate) const WARN: Style = AnsiColor::Yellow.on_default();
pub(crate) const BAD: Style = AnsiColor::Red.on_default().bold();
/// Text of lesser importance.
pub(crate) const DIM: Style = Style::new().dimmed();
/// Text that should stand out.
pub(crate) const BOLD: Style = Style::new().bold();

/// Returns the color of a task's status.
pub(crate) fn of_status(status: &str) -> Style {
    match status {
        "success" => GOOD,
        "failed" => BAD,
        "cancelled" => DIM,
        "awaiting_approval" => WARN,
        "running" => BOLD,
        _ => Style::new(),
    }
}
