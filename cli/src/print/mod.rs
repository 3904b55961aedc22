//! Output: data on stdout, everything else on stderr. Nothing hidden reaches a terminal: see [`text`].

pub(crate) mod json;
pub(crate) mod style;
pub(crate) mod table;
pub(crate) mod text;
pub(crate) mod when;

use std::fmt;
use std::io::{self, IsTerminal, Write};

use serde::Serialize;

/// The output of a command and its format.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Output {
    pub(crate) json: bool,
}

impl Output {
    /// Prints one line of data for people. Not with `--json`.
    pub(crate) fn line(self, text: impl fmt::Display) -> io::Result<()> {
        writeln!(anstream::stdout().lock(), "{}", text::for_terminal(text))
    }

    /// Prints data for people that ends its own lines.
    pub(crate) fn block(self, text: impl fmt::Display) -> io::Result<()> {
        let mut stdout = anstream::stdout().lock();
        write!(stdout, "{}", text::for_terminal(text))?;
        stdout.flush()
    }

    /// Prints one object for programs, in one line, times as ISO.
    pub(crate) fn object(self, data: &impl Serialize) -> anyhow::Result<()> {
        let mut value = serde_json::to_value(data)?;
        json::refine(&mut value);
        writeln!(anstream::stdout().lock(), "{}", text::for_json(&value.to_string()))?;
        Ok(())
    }

    /// Prints a note for people to stderr.
    pub(crate) fn note(self, text: impl fmt::Display) {
        // A failure to print can't be reported.
        let _ignored = writeln!(anstream::stderr().lock(), "{}", text::for_terminal(text));
    }

    /// Returns the terminal's width, or `None` if a program reads.
    pub(crate) fn width(self) -> Option<usize> {
        let width = terminal_size::terminal_size_of(io::stdout()).map(|(width, _)| width.0);
        width.map(|width| usize::from(width).max(40))
    }

    /// Returns `true` if a person reads the data.
    pub(crate) fn is_terminal(self) -> bool {
        io::stdout().is_terminal()
    }
}
