//! Line prefixes: for tools whose failure shows in the beginning of one line.
//!
//! A table of [`Saying`]s is all that such a tool needs. The first match counts.

use crate::contract::Category;
use crate::finding::{Finding, Strength};
use crate::log::Log;

/// A line's beginning and its meaning.
pub(super) struct Saying {
    pub(super) tool: &'static str,
    /// The line's beginning, after blanks.
    pub(super) begins: &'static str,
    /// Text that must follow; empty if the beginning suffices.
    pub(super) holds: &'static str,
    pub(super) category: Category,
    pub(super) strength: Strength,
    /// The number of lines that belong to it, fewer if a blank line comes first.
    pub(super) lines: usize,
}

impl Saying {
    /// Declares a line that names the defect, with the lines after it.
    pub(super) const fn cause(
        tool: &'static str,
        begins: &'static str,
        holds: &'static str,
        category: Category,
        lines: usize,
    ) -> Self {
        Self { tool, begins, holds, category, strength: Strength::Cause, lines }
    }

    /// Declares a line that only reports a failure.
    pub(super) const fn echo(
        tool: &'static str,
        begins: &'static str,
        holds: &'static str,
        category: Category,
    ) -> Self {
        Self { tool, begins, holds, category, strength: Strength::Echo, lines: 1 }
    }

    fn fits(&self, said: &str) -> bool {
        said.strip_prefix(self.begins).is_some_and(|rest| rest.contains(self.holds))
    }
}

/// Adds the finding of the first match.
pub(super) fn recognise(sayings: &[Saying], log: &Log, at: usize, found: &mut Vec<Finding>) {
    let said = log.said(at).trim_start();
    let Some(saying) = sayings.iter().find(|saying| saying.fits(said)) else { return };
    let block = log.block(at, saying.lines, |line| line.trim().is_empty());
    found.push(
        Finding::new(saying.tool, saying.category, saying.strength, at, said).with_block(block),
    );
}
