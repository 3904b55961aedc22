//! Line prefixes: for tools whose failure shows in the beginning of one line.
//!
//! A table of [`OneLiner`]s is all that such a tool needs. The first match counts.

use crate::contract::Category;
use crate::finding::{Finding, Strength};
use crate::log::Log;

/// A line's beginning and its meaning.
pub(super) struct OneLiner {
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

impl OneLiner {
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

    fn fits(&self, content: &str) -> bool {
        content.strip_prefix(self.begins).is_some_and(|rest| rest.contains(self.holds))
    }
}

/// Adds the finding of the first match.
pub(super) fn recognize(one_liners: &[OneLiner], log: &Log, at: usize, found: &mut Vec<Finding>) {
    let content = log.content(at).trim_start();
    let Some(one_liner) = one_liners.iter().find(|one_liner| one_liner.fits(content)) else {
        return;
    };
    let block = log.block(at, one_liner.lines, |line| line.trim().is_empty());
    found.push(
        Finding::new(one_liner.tool, one_liner.category, one_liner.strength, at, content)
            .with_block(block),
    );
}
