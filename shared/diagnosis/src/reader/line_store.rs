//! Stores the kept lines in bounded memory.
//!
//! A log that fits is kept whole. When it no longer fits, irrelevant lines are dropped. Kept are
//! the first and last lines, the runner's lines, and lines that report failures with their
//! neighbors (see `keep_filter`). If even those are too many, the first quarter and the last three
//! quarters of the limit stay.
//!
//! - The last lines are never lost: [`ReaderLimits::last`] of them, up to [`ReaderLimits::last_cost`] bytes.
//! - The kept lines depend on the log alone, not on the pieces in which it came.

use std::ops::Range;

use crate::log::{Log, LogLine};
use crate::steps;

use super::keep_filter::{self, LineWorth};

/// The limits of a store.
#[derive(Debug, Clone, Copy)]
pub(super) struct ReaderLimits {
    /// Bytes of text.
    text: usize,
    lines: usize,
    /// The part of the beginning that is never lost.
    first: LineBudget,
    /// The part of the end that is never lost.
    last: LineBudget,
    /// The limit for all lines in between, after a cut.
    between: usize,
}

/// A number of lines with a limit on their bytes.
#[derive(Debug, Clone, Copy)]
struct LineBudget {
    lines: usize,
    cost: usize,
}

impl ReaderLimits {
    /// The default. With everything else that a diagnosis needs, it stays well under 64 MB.
    pub(super) const USUAL: Self = Self {
        text: 12 << 20,
        lines: 384 << 10,
        first: LineBudget { lines: 1_000, cost: 512 << 10 },
        last: LineBudget { lines: 20_000, cost: 3 << 20 },
        between: 4 << 20,
    };
}

#[derive(Debug)]
pub(super) struct LineStore {
    limits: ReaderLimits,
    text: Vec<u8>,
    lines: Vec<LogLine>,
    /// The value of each line that was searched.
    worth: Vec<LineWorth>,
    /// The number of lines after the searched ones for which an earlier line still counts.
    reach: PendingContext,
}

/// The number of following lines that are near a relevant one.
#[derive(Debug, Default, Clone, Copy)]
struct PendingContext {
    failure: usize,
    hint: usize,
}

/// The original position and properties of a line.
#[derive(Debug, Clone, Copy)]
pub(super) struct LineOrigin {
    pub(super) number: u64,
    pub(super) width: usize,
    /// It has the runner's timestamp, in a log where every line of the runner has one.
    pub(super) has_timestamp: bool,
}

impl LineStore {
    pub(super) fn new(limits: ReaderLimits) -> Self {
        Self {
            limits,
            text: Vec::new(),
            lines: Vec::new(),
            worth: Vec::new(),
            reach: PendingContext::default(),
        }
    }

    /// Adds the next line; the least valuable lines make room for it.
    pub(super) fn push(&mut self, text: &str, origin: LineOrigin) {
        let full = self.text.len() + text.len() + 1 > self.limits.text;
        if full || self.lines.len() == self.limits.lines {
            self.make_room();
        }
        self.lines.push(LogLine {
            start: self.text.len() as u32,
            length: text.len() as u16,
            has_timestamp: origin.has_timestamp,
            number: u32::try_from(origin.number).unwrap_or(u32::MAX),
            width: u32::try_from(origin.width).unwrap_or(u32::MAX),
        });
        self.text.extend_from_slice(text.as_bytes());
        self.text.push(b'\n');
    }

    /// Returns the log of the kept lines. `total` is the number of original lines.
    pub(super) fn into_log(self, total: u64) -> Log {
        let text = String::from_utf8(self.text).expect("whole texts went in, whole ones went out");
        Log::new(text, self.lines, total)
    }

    fn make_room(&mut self) {
        self.search();
        let between = self.between();
        let choice = self.choice(between.clone());
        self.keep(|at, worth| !between.contains(&at) || choice.wants(at, worth));
    }

    /// Rates the lines that were not searched before.
    fn search(&mut self) {
        let from = self.worth.len();
        let Some(begin) = self.lines.get(from).map(|line| line.start as usize) else { return };
        self.worth.resize(self.lines.len(), LineWorth::Plain);
        let (mut lines, reach) = (Neighbours { worth: &mut self.worth }, self.reach);
        lines.mark(from..from + reach.hint, LineWorth::NearHint);
        lines.mark(from..from + reach.failure, LineWorth::NearFailure);
        let mut next = PendingContext::default();
        let mut at = from;
        keep_filter::hits(&self.text[begin..], |byte, worth| {
            while self.lines[at].end() < begin + byte {
                at += 1;
            }
            next.widen(lines.found(at, worth));
        });
        for (at, line) in self.lines.iter().enumerate().skip(from) {
            if steps::is_frame(&self.text[line.start as usize..line.end()]) {
                next.widen(lines.found(at, LineWorth::Frame));
            }
        }
        self.reach = next;
    }

    /// Returns the lines that belong to neither the beginning nor the end.
    fn between(&self) -> Range<usize> {
        let ReaderLimits { first, last, .. } = self.limits;
        let first = spent(self.costs(0..self.lines.len()), first);
        let last = spent(self.costs(first..self.lines.len()).rev(), last);
        first..self.lines.len() - last
    }

    /// Decides which lines of a range to keep.
    fn choice(&self, between: Range<usize>) -> RetainedLines {
        let mut left = self.limits.between;
        for worth in LineWorth::ALL {
            let alike = between.clone().filter(|&at| self.worth[at] == worth);
            let cost: usize = alike.clone().map(|at| self.cost(at)).sum();
            if cost > left {
                return RetainedLines { worth, dropped: self.ends_of(alike, left) };
            }
            left -= cost;
        }
        RetainedLines { worth: LineWorth::Plain, dropped: 0..0 }
    }

    /// Returns the range beyond the first quarter and before the last three quarters of the limit.
    fn ends_of(
        &self,
        lines: impl DoubleEndedIterator<Item = usize> + Clone,
        most: usize,
    ) -> Range<usize> {
        let from = self.first_beyond(lines.clone(), most / 4).unwrap_or(0);
        let to = self.first_beyond(lines.rev(), most - most / 4).map_or(0, |last| last + 1);
        from..to
    }

    /// Returns the first line that exceeds the limit.
    fn first_beyond(
        &self,
        mut lines: impl Iterator<Item = usize>,
        mut left: usize,
    ) -> Option<usize> {
        lines.find(|&at| match left.checked_sub(self.cost(at)) {
            Some(rest) => {
                left = rest;
                false
            }
            None => true,
        })
    }

    /// Drops all other lines.
    fn keep(&mut self, wanted: impl Fn(usize, LineWorth) -> bool) {
        let (mut kept, mut end) = (0, 0);
        for at in 0..self.lines.len() {
            if !wanted(at, self.worth[at]) {
                continue;
            }
            let line = self.lines[at];
            self.text.copy_within(line.start as usize..=line.end(), end);
            self.lines[kept] = LogLine { start: end as u32, ..line };
            self.worth[kept] = self.worth[at];
            kept += 1;
            end += line.length as usize + 1;
        }
        self.text.truncate(end);
        self.lines.truncate(kept);
        self.worth.truncate(kept);
    }

    fn costs(&self, lines: Range<usize>) -> impl DoubleEndedIterator<Item = usize> {
        lines.map(|at| self.cost(at))
    }

    /// Returns the memory that keeping a line takes.
    fn cost(&self, at: usize) -> usize {
        self.lines[at].length as usize + 1 + size_of::<LogLine>() + size_of::<LineWorth>()
    }
}

/// Returns the number of lines that fit a share.
fn spent(costs: impl Iterator<Item = usize>, share: LineBudget) -> usize {
    let sums = costs.scan(0, |sum, cost| {
        *sum += cost;
        Some(*sum)
    });
    sums.take(share.lines).take_while(|&sum| sum <= share.cost).count()
}

/// The lines that stay: those of a higher value than `worth`, and of those with that value all but
/// a range.
#[derive(Debug, Clone)]
struct RetainedLines {
    worth: LineWorth,
    dropped: Range<usize>,
}

impl RetainedLines {
    fn wants(&self, at: usize, worth: LineWorth) -> bool {
        worth < self.worth || (worth == self.worth && !self.dropped.contains(&at))
    }
}

/// The values of lines, raised by relevant lines near them.
struct Neighbours<'a> {
    worth: &'a mut [LineWorth],
}

impl Neighbours<'_> {
    /// Marks a line and its neighbors. Returns the number of lines that it reaches beyond the last
    /// one.
    fn found(&mut self, at: usize, worth: LineWorth) -> PendingContext {
        self.mark(at..at + 1, worth);
        let Some((near, around)) = worth.around() else { return PendingContext::default() };
        let end = at + 1 + around.after;
        self.mark(at.saturating_sub(around.before)..end, near);
        let beyond = end.saturating_sub(self.worth.len());
        match near {
            LineWorth::NearFailure => PendingContext { failure: beyond, hint: 0 },
            _ => PendingContext { failure: 0, hint: beyond },
        }
    }

    fn mark(&mut self, lines: Range<usize>, worth: LineWorth) {
        let end = lines.end.min(self.worth.len());
        for known in self.worth.get_mut(lines.start..end).unwrap_or_default() {
            *known = (*known).min(worth);
        }
    }
}

impl PendingContext {
    fn widen(&mut self, other: Self) {
        self.failure = self.failure.max(other.failure);
        self.hint = self.hint.max(other.hint);
    }
}
