//! What passing runs of the same job say: lines seen there are no reason for a failure.
//!
//! Lines are remembered by their template, so that a time or a temporary name makes no difference.
//! Memory is bounded: past a number of templates nothing more is learned, and what was is still used.

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher};

use crate::log::Log;
use crate::reader::Reader;
use crate::template;

/// Lines of passing runs.
#[derive(Debug, Clone, Default)]
pub struct Green {
    seen: HashSet<u64>,
}

impl Green {
    /// More would not fit beside a large log; a job that prints so much repeats itself.
    const MOST: usize = 500_000;

    /// Nothing is known of passing runs.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Learns from the log of a passing run.
    pub fn learn(&mut self, reader: Reader) {
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

    /// Whether there is anything to compare with.
    pub(crate) fn is_taught(&self) -> bool {
        !self.seen.is_empty()
    }

    /// Whether a passing run said this.
    pub(crate) fn has_seen(&self, line: &str) -> bool {
        self.is_taught() && self.seen.contains(&hash(line))
    }
}

/// Only compared within one process, so the standard hasher's value need not be stable.
fn hash(line: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    template::of(line).hash(&mut hasher);
    hasher.finish()
}
