//! How things are shown: data on stdout, everything else on stderr.

pub(crate) mod json;
pub(crate) mod style;
pub(crate) mod table;
pub(crate) mod text;
pub(crate) mod when;

use std::fmt;
use std::io::{self, IsTerminal, Write};

use serde::Serialize;

/// Where a command's words go, and in which form.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Output {
    /// Whether data is to be JSON.
    pub(crate) json: bool,
}

impl Output {
    /// One line of data for people. Not with `--json`.
    pub(crate) fn line(self, text: impl fmt::Display) -> io::Result<()> {
        writeln!(anstream::stdout().lock(), "{text}")
    }

    /// Data for people that ends its own lines.
    pub(crate) fn block(self, text: impl fmt::Display) -> io::Result<()> {
        let mut stdout = anstream::stdout().lock();
        write!(stdout, "{text}")?;
        stdout.flush()
    }

    /// One object of data for programs, in one line, times as ISO.
    pub(crate) fn object(self, data: &impl Serialize) -> anyhow::Result<()> {
        let mut value = serde_json::to_value(data)?;
        json::refine(&mut value);
        writeln!(anstream::stdout().lock(), "{value}")?;
        Ok(())
    }

    /// Something that a person should know and a program need not.
    pub(crate) fn note(self, text: impl fmt::Display) {
        // Nobody is left to be told that telling failed.
        let _told = writeln!(anstream::stderr().lock(), "{text}");
    }

    /// How wide a line may be: the terminal's width, or none where a program reads.
    pub(crate) fn width(self) -> Option<usize> {
        let width = terminal_size::terminal_size_of(io::stdout()).map(|(width, _)| width.0);
        width.map(|width| usize::from(width).max(40))
    }

    /// Whether a person reads the data.
    pub(crate) fn is_terminal(self) -> bool {
        io::stdout().is_terminal()
    }
}
