//! A log as the recognisers see it: clean lines that know their numbers, and the steps they are in.
//!
//! - A line has no timestamp, no colours and no line end; of a progress bar the last state stays.
//! - Of a log too large to be kept, lines that nothing points to are missing: [`Log::number`] says
//!   where a line stood, and two neighbours here may have stood far apart.
//! - Lines are addressed by their index here (a `usize`); only what leaves the crate has numbers.

use std::ops::Range;

use crate::steps::{Step, steps_of};
use crate::wrapping;

/// One kept line: where its text is, and where it stood.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Line {
    /// Start of its text.
    pub(crate) start: u32,
    /// Bytes of its text.
    pub(crate) length: u16,
    /// Whether the runner may have written it itself: it has the runner's stamp, or no line has one.
    pub(crate) stamped: bool,
    /// Its number in the log as given, from 1.
    pub(crate) number: u32,
    /// Bytes it had before a progress bar was reduced to its last state and a very long line was
    /// cut: what a reader of the original pays for it.
    pub(crate) width: u32,
}

impl Line {
    /// Where its text ends, and its line end stands.
    pub(crate) fn end(&self) -> usize {
        self.start as usize + self.length as usize
    }
}

/// The kept lines of a log, and its steps.
#[derive(Debug, Default)]
pub struct Log {
    text: String,
    lines: Vec<Line>,
    steps: Vec<Step>,
    total_lines: u64,
}

impl Log {
    /// Puts together what a reader kept. `total_lines` counts the lost ones too.
    pub(crate) fn new(text: String, lines: Vec<Line>, total_lines: u64) -> Self {
        let mut log = Self { text, lines, steps: Vec::new(), total_lines };
        log.steps = steps_of(&log);
        log
    }

    /// How many lines were kept.
    #[must_use]
    pub fn len(&self) -> usize {
        self.lines.len()
    }

    /// Whether no line was kept.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    /// How many lines the log had.
    #[must_use]
    pub fn total_lines(&self) -> u64 {
        self.total_lines
    }

    /// The text of a line; empty beyond the end, so that looking ahead needs no care.
    #[must_use]
    pub fn text(&self, at: usize) -> &str {
        #[cfg(test)]
        work::LINES.set(work::LINES.get() + 1);
        self.lines.get(at).map_or("", |line| &self.text[line.start as usize..line.end()])
    }

    /// The text without what a runner of other commands put before it (`#12 0.31 `, `app  | `).
    #[must_use]
    pub fn said(&self, at: usize) -> &str {
        wrapping::inner(self.text(at))
    }

    /// The line's number in the log as given, from 1. The last number for a line beyond the end.
    #[must_use]
    pub fn number(&self, at: usize) -> u32 {
        self.lines.get(at).or(self.lines.last()).map_or(0, |line| line.number)
    }

    /// Whether the runner may have written the line itself, as far as its stamp tells.
    pub(crate) fn is_stamped(&self, at: usize) -> bool {
        self.lines.get(at).is_some_and(|line| line.stamped)
    }

    /// What showing the line costs of a budget, its line end included.
    pub(crate) fn cost(&self, at: usize) -> usize {
        self.lines.get(at).map_or(0, |line| line.width as usize + 1)
    }

    /// The index of the first kept line at or after a number.
    #[must_use]
    pub fn index_of(&self, number: u32) -> usize {
        self.lines.partition_point(|line| line.number < number)
    }

    /// Whether the lines `at` and `at + 1` were neighbours in the log as given.
    #[must_use]
    pub fn unbroken(&self, at: usize) -> bool {
        match (self.lines.get(at), self.lines.get(at + 1)) {
            (Some(one), Some(next)) => one.number.checked_add(1) == Some(next.number),
            _ => false,
        }
    }

    /// The steps, in order; at least one if there is a line.
    #[must_use]
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// The step a line is in.
    #[must_use]
    pub fn step_of(&self, at: usize) -> Option<usize> {
        let after = self.steps.partition_point(|step| step.lines.start <= at);
        after.checked_sub(1)
    }

    /// The nearest line before `at`, at most `most` lines away, that `wanted` likes.
    #[must_use]
    pub fn back(&self, at: usize, most: usize, wanted: impl Fn(&str) -> bool) -> Option<usize> {
        (at.saturating_sub(most)..at).rev().find(|&line| wanted(self.said(line)))
    }

    /// The nearest line after `at`, at most `most` lines away, that `wanted` likes.
    #[must_use]
    pub fn ahead(&self, at: usize, most: usize, wanted: impl Fn(&str) -> bool) -> Option<usize> {
        let end = self.len().min(at.saturating_add(most).saturating_add(1));
        (at + 1..end).find(|&line| wanted(self.said(line)))
    }

    /// From `at` to before the first line that `ends` likes, at most `most` lines.
    #[must_use]
    pub fn block(&self, at: usize, most: usize, ends: impl Fn(&str) -> bool) -> Range<usize> {
        let last = self.len().min(at.saturating_add(most));
        at..self.ahead(at, most, ends).unwrap_or(last).min(last).max(at)
    }

    /// All text, for a scan over everything; lines end with `\n` in it.
    pub(crate) fn everything(&self) -> &str {
        &self.text
    }

    /// The line that holds a byte of [`Log::everything`].
    pub(crate) fn line_at_byte(&self, byte: usize) -> usize {
        self.lines.partition_point(|line| line.end() < byte)
    }
}

/// How much was read, for tests that ask whether somebody reads too much.
#[cfg(test)]
pub(crate) mod work {
    use std::cell::Cell;

    thread_local! {
        pub(crate) static LINES: Cell<u64> = const { Cell::new(0) };
    }
}
