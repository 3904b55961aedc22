//! The few colours. They are dropped where nobody sees them: see `anstream`.

use anstyle::{AnsiColor, Style};

/// All is well.
pub(crate) const GOOD: Style = AnsiColor::Green.on_default();
/// Worth a look.
pub(crate) const WARN: Style = AnsiColor::Yellow.on_default();
/// Broken.
pub(crate) const BAD: Style = AnsiColor::Red.on_default().bold();
/// What the eye may skip.
pub(crate) const DIM: Style = Style::new().dimmed();
/// What the eye should find.
pub(crate) const BOLD: Style = Style::new().bold();

/// The colour of a task's status.
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
