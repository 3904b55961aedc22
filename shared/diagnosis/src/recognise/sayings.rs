//! Lines that say it all: for tools of which a failure is known by how one line begins.
//!
//! A table of [`Saying`]s is all that such a tool needs. The first that fits speaks.

use crate::contract::Category;
use crate::finding::{Finding, Strength};
use crate::log::Log;

/// How a line begins, and what it means then.
pub(super) struct Saying {
    /// Who says it.
    pub(super) tool: &'static str,
    /// The line's beginning, after blanks.
    pub(super) begins: &'static str,
    /// What must be somewhere behind it; empty when the beginning suffices.
    pub(super) holds: &'static str,
    /// The kind of failure.
    pub(super) category: Category,
    /// How much it explains.
    pub(super) strength: Strength,
    /// How many lines belong to it, fewer if a blank line comes first.
    pub(super) lines: usize,
}

impl Saying {
    /// A line that names the defect, with what follows it.
    pub(super) const fn cause(
        tool: &'static str,
        begins: &'static str,
        holds: &'static str,
        category: Category,
        lines: usize,
    ) -> Self {
        Self { tool, begins, holds, category, strength: Strength::Cause, lines }
    }

    /// A line that only says that something failed.
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

/// Adds what the first fitting saying means.
pub(super) fn recognise(sayings: &[Saying], log: &Log, at: usize, found: &mut Vec<Finding>) {
    let said = log.said(at).trim_start();
    let Some(saying) = sayings.iter().find(|saying| saying.fits(said)) else { return };
    let block = log.block(at, saying.lines, |line| line.trim().is_empty());
    found.push(
        Finding::new(saying.tool, saying.category, saying.strength, at, said).with_block(block),
    );
}
