//! A log as the recognizers see it: clean lines with their numbers, and the steps they belong to.
//!
//! - A line has no timestamp, no colors and no line end. Of a progress bar the last state stays.
//! - In a log too large to keep, irrelevant lines are missing: [`Log::number`] returns the original
//!   position, and two neighbors here may have been far apart.
//! - Code inside the crate addresses lines by index (`usize`); only results carry numbers.

use std::ops::Range;

use crate::prefixes;
use crate::steps::{LogStep, steps_of};

/// A kept line: the position of its text, and its original number.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LogLine {
    pub(crate) start: u32,
    pub(crate) length: u16,
    /// The runner may have written it: it has the runner's timestamp, or no line has one.
    pub(crate) has_timestamp: bool,
    /// The number in the original log, from 1.
    pub(crate) number: u32,
    /// The original size in bytes, before a progress bar was reduced and a very long line was cut.
    pub(crate) width: u32,
}

impl LogLine {
    /// Returns the end of its text, which is the position of its line end.
    pub(crate) fn end(&self) -> usize {
        self.start as usize + self.length as usize
    }
}

/// The kept lines of a log, and its steps.
#[derive(Debug, Default)]
pub struct Log {
    text: String,
    lines: Vec<LogLine>,
    steps: Vec<LogStep>,
    total_lines: u64,
}

impl Log {
    /// Builds a log from the lines that a reader kept. `total_lines` includes the dropped ones.
    pub(crate) fn new(text: String, lines: Vec<LogLine>, total_lines: u64) -> Self {
        let mut log = Self { text, lines, steps: Vec::new(), total_lines };
        log.steps = steps_of(&log);
        log
    }

    /// Returns the number of kept lines.
    #[must_use]
    pub fn len(&self) -> usize {
        self.lines.len()
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    /// Returns the number of lines of the original log.
    #[must_use]
    pub fn total_lines(&self) -> u64 {
        self.total_lines
    }

    /// Returns the text of a line; empty beyond the end, so that looking ahead needs no check.
    #[must_use]
    pub fn text(&self, at: usize) -> &str {
        #[cfg(test)]
        work::LINES.set(work::LINES.get() + 1);
        self.lines.get(at).map_or("", |line| &self.text[line.start as usize..line.end()])
    }

    /// Returns the text without the prefix of a program that runs other programs (`#12 0.31 `, `app
    /// | `).
    #[must_use]
    pub fn content(&self, at: usize) -> &str {
        prefixes::inner(self.text(at))
    }

    /// Returns the line's original number, from 1. Beyond the end it is the last number.
    #[must_use]
    pub fn number(&self, at: usize) -> u32 {
        self.lines.get(at).or(self.lines.last()).map_or(0, |line| line.number)
    }

    /// Returns `true` if the runner may have written the line, by its timestamp.
    pub(crate) fn has_timestamp_at(&self, at: usize) -> bool {
        self.lines.get(at).is_some_and(|line| line.has_timestamp)
    }

    /// Returns the bytes that showing the line takes of a budget, with its line end.
    pub(crate) fn cost(&self, at: usize) -> usize {
        self.lines.get(at).map_or(0, |line| line.width as usize + 1)
    }

    /// Returns the index of the first kept line at or after a number.
    #[must_use]
    pub fn index_of(&self, number: u32) -> usize {
        self.lines.partition_point(|line| line.number < number)
    }

    /// Returns `true` if the lines `at` and `at + 1` were neighbors in the original log.
    #[must_use]
    pub fn unbroken(&self, at: usize) -> bool {
        match (self.lines.get(at), self.lines.get(at + 1)) {
            (Some(one), Some(next)) => one.number.checked_add(1) == Some(next.number),
            _ => false,
        }
    }

    /// Returns the steps in order; at least one if there is a line.
    #[must_use]
    pub fn steps(&self) -> &[LogStep] {
        &self.steps
    }

    /// Returns the step of a line.
    #[must_use]
    pub fn step_of(&self, at: usize) -> Option<usize> {
        let after = self.steps.partition_point(|step| step.lines.start <= at);
        after.checked_sub(1)
    }

    /// Returns the nearest line before `at`, at most `most` lines away, for which `wanted` holds.
    #[must_use]
    pub fn back(&self, at: usize, most: usize, wanted: impl Fn(&str) -> bool) -> Option<usize> {
        (at.saturating_sub(most)..at).rev().find(|&line| wanted(self.content(line)))
    }

    /// Returns the nearest line after `at`, at most `most` lines away, for which `wanted` holds.
    #[must_use]
    pub fn ahead(&self, at: usize, most: usize, wanted: impl Fn(&str) -> bool) -> Option<usize> {
        let end = self.len().min(at.saturating_add(most).saturating_add(1));
        (at + 1..end).find(|&line| wanted(self.content(line)))
    }

    /// Returns the lines from `at` to before the first one for which `ends` holds, at most `most`
    /// lines.
    #[must_use]
    pub fn block(&self, at: usize, most: usize, ends: impl Fn(&str) -> bool) -> Range<usize> {
        let last = self.len().min(at.saturating_add(most));
        at..self.ahead(at, most, ends).unwrap_or(last).min(last).max(at)
    }

    /// Returns the whole text, with lines that end with `\n`.
    pub(crate) fn everything(&self) -> &str {
        &self.text
    }

    /// Returns the line that holds a byte of [`Log::everything`].
    pub(crate) fn line_at_byte(&self, byte: usize) -> usize {
        self.lines.partition_point(|line| line.end() < byte)
    }
}

/// Counts lines that are read, for tests of the recognizers' cost.
#[cfg(test)]
pub(crate) mod work {
    use std::cell::Cell;

    thread_local! {
        pub(crate) static LINES: Cell<u64> = const { Cell::new(0) };
    }
}
