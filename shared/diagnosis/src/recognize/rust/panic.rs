//! Panics: the message, the place, and the compared values.
//!
//! ```text
//! thread 'tests::adds' (4711) panicked at src/lib.rs:12:9:
//! assertion `left == right` failed: sums differ
//!   left: 3
//!  right: 4
//! ```
//!
//! Before Rust 1.73 message and place were on one line, in the opposite order: `thread
//! 'tests::adds' panicked at 'assertion failed: …', src/lib.rs:12:9`.

use crate::contract::{Category, FailedTest, Location};
use crate::finding::Strength;
use crate::log::Log;
use crate::recognize::pattern;

/// The content of a panic.
#[derive(Debug, PartialEq)]
pub(super) struct Panic {
    /// The most informative line.
    pub(super) line: usize,
    pub(super) message: String,
    pub(super) location: Option<Location>,
    left: Option<String>,
    right: Option<String>,
}

impl Panic {
    /// Reads the panic whose first line is `at`.
    pub(super) fn at(log: &Log, at: usize) -> Option<Self> {
        let content = log.content(at);
        let (_, rest) = content.split_once(" panicked at ")?;
        let panic = new_form(log, at, rest).unwrap_or_else(|| old_form(log, at, rest));
        Some(panic.with_sides(log))
    }

    /// A changed snapshot is reported by a panic.
    pub(super) fn category(&self) -> Category {
        let snapshot = self.message.starts_with("snapshot assertion for ")
            || self.message.starts_with("inline snapshot assertion for ");
        if snapshot { Category::SnapshotDiff } else { Category::TestAssertion }
    }

    /// trybuild counts its cases in a panic of its own, after it has named them with their reasons.
    pub(super) fn strength(&self) -> Strength {
        let counts = pattern!(r"^[0-9]+ of [0-9]+ tests failed$").is_match(&self.message);
        if counts { Strength::Summary } else { Strength::Cause }
    }

    /// Describes the test by this panic. In `assert_eq!` left and right have no fixed meaning; most
    /// people write the actual value first.
    pub(super) fn describes(&self, name: &str) -> FailedTest {
        FailedTest::named(name)
            .saying(&self.message)
            .at(self.location.clone())
            .comparing(self.right.as_deref(), self.left.as_deref())
    }

    fn with_sides(mut self, log: &Log) -> Self {
        let side = |name: &str| {
            (self.line..self.line + 12).find_map(|line| {
                let content = log.content(line).trim_start().strip_prefix(name)?;
                let value = content.trim().trim_end_matches(',');
                Some(value.strip_prefix('`').and_then(|v| v.strip_suffix('`')).unwrap_or(value))
            })
        };
        let (left, right) = (side("left: "), side("right: "));
        (self.left, self.right) = (left.map(str::to_owned), right.map(str::to_owned));
        self
    }
}

fn new_form(log: &Log, at: usize, rest: &str) -> Option<Panic> {
    let hit = pattern!(r"^(\S.*?):([0-9]+):([0-9]+):$").captures(rest)?;
    let next = log.content(at + 1).trim();
    let line = if next.is_empty() { at } else { at + 1 };
    Some(Panic {
        line,
        message: log.content(line).trim().to_owned(),
        location: Some(Location::new(&hit[1], Some(&hit[2]), Some(&hit[3]))),
        left: None,
        right: None,
    })
}

fn old_form(log: &Log, at: usize, rest: &str) -> Panic {
    let place = (at..at + 4).find_map(|line| {
        let hit =
            pattern!(r"', ([^\s,']+?):([0-9]+)(?::([0-9]+))?$").captures(log.content(line))?;
        Some(Location::new(&hit[1], Some(&hit[2]), hit.get(3).map(|it| it.as_str())))
    });
    let message = rest.strip_prefix('\'').unwrap_or(rest);
    let message = message.rsplit_once("', ").map_or(message, |(message, _)| message);
    Panic { line: at, message: message.to_owned(), location: place, left: None, right: None }
}

#[cfg(test)]
mod tests {
    use super::Panic;

    #[test]
    fn both_forms_give_message_place_and_sides() {
        let new = crate::log_of(
            "thread 'a' (9) panicked at src/lib.rs:12:9:\nassertion `left == right` failed\n  left: 3\n right: 4\n",
        );
        let old = crate::log_of(
            "thread 'a' panicked at 'assertion failed: `(left == right)`\n  left: `3`,\n right: `4`', src/lib.rs:12:9\n",
        );
        for log in [new, old] {
            let panic = Panic::at(&log, 0).expect("a panic");
            assert!(panic.message.starts_with("assertion "), "{}", panic.message);
            let test = panic.describes("a");
            assert_eq!(test.actual.as_deref(), Some("3"));
            assert_eq!(test.location.and_then(|place| place.line), Some(12));
        }
    }
}
