//! Lines of passing runs of the same job: they are no reason for a failure.
//!
//! Lines are stored by their template, so that times and temporary names don't matter. Memory is
//! bounded: beyond a number of templates no more are stored, and the stored ones stay in use.

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher};

use crate::log::Log;
use crate::reader::LogReader;
use crate::template;

/// The lines of passing runs.
#[derive(Debug, Clone, Default)]
pub struct PassingLines {
    seen: HashSet<u64>,
}

impl PassingLines {
    /// More would not fit beside a large log, and a job that prints so much repeats itself.
    const MOST: usize = 500_000;

    /// Creates an empty set.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds the lines of a passing run's log.
    pub fn learn(&mut self, reader: LogReader) {
        self.learn_log(&reader.finish());
    }

    fn learn_log(&mut self, log: &Log) {
        for at in 0..log.len() {
            if self.seen.len() >= Self::MOST {
                return;
            }
            self.seen.insert(hash(log.text(at)));
        }
    }

    /// Returns `true` if there are lines to compare with.
    pub(crate) fn is_known(&self) -> bool {
        !self.seen.is_empty()
    }

    /// Returns `true` if a passing run printed this line.
    pub(crate) fn has_seen(&self, line: &str) -> bool {
        self.is_known() && self.seen.contains(&hash(line))
    }
}

/// The hash is compared only within one process, so it need not be stable.
fn hash(line: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    template::of(line).hash(&mut hasher);
    hasher.finish()
}
