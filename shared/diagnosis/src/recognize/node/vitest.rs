//! Vitest.
//!
//! ```text
//! ⎯⎯⎯⎯⎯⎯⎯ Failed Tests 1 ⎯⎯⎯⎯⎯⎯⎯
//!
//!  FAIL  |web| src/a.test.ts > sum > adds
//! AssertionError: expected 3 to be 4 // Object.is equality
//!
//! - Expected
//! + Received
//!
//!  ❯ src/a.test.ts:5:15
//! ⎯⎯⎯⎯⎯⎯⎯⎯⎯⎯⎯⎯⎯⎯⎯⎯⎯⎯⎯⎯⎯⎯⎯⎯[1/1]⎯
//!  Test Files  1 failed | 2 passed (3)
//! ```
//!
//! Tests with the same failure share one message. A suite that did not load is a failed file.

use std::ops::Range;

use super::super::{Recognizer, pattern};
use super::trace;
use crate::contract::{Category, FailedTest};
use crate::finding::{Finding, Strength};
use crate::log::Log;

pub(super) const BLOCKS: Recognizer =
    Recognizer { name: "vitest", triggers: &["FAIL  "], look: block };

pub(super) const TOTALS: Recognizer = Recognizer {
    name: "vitest totals",
    triggers: &[
        "Test Files  ",
        "      Tests  ",
        "No test files found, exiting",
        "Vitest caught ",
        "ERROR: Coverage for ",
        "Error: Snapshot ",
    ],
    look: total,
};

fn block(log: &Log, at: usize, found: &mut Vec<Finding>) {
    let Some(name) = heading(log.content(at)) else { return };
    // Of tests that share a message, the last stands above it.
    let Some(line) = (at + 1..at + 30).find(|&line| heading(log.content(line)).is_none()) else {
        return;
    };
    let message = log.content(line).trim();
    if !says_error(message) {
        return;
    }
    let lines = at..bounds(log, line).end;
    let location = trace::innermost(log, lines.clone());
    let snapshot = pattern!(r"^Error: Snapshot `.*` mismatched");
    let category =
        if snapshot.is_match(message) { Category::SnapshotDiff } else { Category::TestAssertion };
    let (expected, actual) = sides(message);
    let test =
        FailedTest::named(name).saying(message).at(location.clone()).comparing(expected, actual);
    found.push(
        Finding::new("vitest", category, Strength::Cause, line, message)
            .with_block(lines)
            .at(location)
            .with_test(test),
    );
}

/// Returns the name in ` FAIL  src/a.test.ts > sum > adds`, with the file first, as Vitest writes
/// it.
fn heading(line: &str) -> Option<&str> {
    let hit = pattern!(
        r"^\s?FAIL  (?:\|[^|]+\| |\[[^\]]+\] )?(\S+\.[cm]?[jt]sx?(?: > .+| \[ .+ \])?)\s*$"
    )
    .captures(line)?;
    let name = hit.get(1)?.as_str();
    Some(name.split(" [ ").next().unwrap_or(name))
}

fn says_error(line: &str) -> bool {
    trace::is_error(line)
        || pattern!(r"^(?:AssertionError|Error|[A-Z][A-Za-z]*Error)\b").is_match(line)
}

fn bounds(log: &Log, at: usize) -> Range<usize> {
    const LONGEST: usize = 200;
    log.block(at, LONGEST, |line| {
        line.starts_with("⎯⎯⎯") || line.starts_with("##[") || heading(line).is_some()
    })
}

/// Returns both sides of `expected 3 to be 4`.
fn sides(message: &str) -> (Option<&str>, Option<&str>) {
    let form = pattern!(
        r"^AssertionError: expected (.+?) to (?:be|equal|deeply equal|strictly equal) (.+?)(?: //.*)?$"
    );
    let Some(hit) = form.captures(message) else { return (None, None) };
    (hit.get(2).map(|it| it.as_str()), hit.get(1).map(|it| it.as_str()))
}

fn total(log: &Log, at: usize, found: &mut Vec<Finding>) {
    let content = log.content(at).trim();
    let counts = pattern!(r"^(?:Test Files|Tests)  (?:.*\| )?[1-9][0-9]* failed");
    let nothing = content.starts_with("No test files found, exiting with code 1");
    let coverage = pattern!(r"^ERROR: Coverage for .* does not meet .*threshold");
    let unhandled = pattern!(r"^Vitest caught [1-9][0-9]* unhandled errors? during the test run");
    let (strength, fits) = match () {
        () if counts.is_match(content) || nothing => (Strength::Summary, true),
        () if coverage.is_match(content) || unhandled.is_match(content) => (Strength::Cause, true),
        () => (Strength::Echo, false),
    };
    if fits {
        found.push(Finding::new("vitest", Category::TestAssertion, strength, at, content));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log_of;

    fn look(text: &str) -> Vec<Finding> {
        let log = log_of(text);
        let mut found = Vec::new();
        for at in 0..log.len() {
            block(&log, at, &mut found);
            total(&log, at, &mut found);
        }
        found
    }

    #[test]
    fn failures_name_file_and_test() {
        let found = look(
            "\
 FAIL  src/a.test.ts > sum > adds
 FAIL  |web| src/a.test.ts > sum > adds more
AssertionError: expected 3 to be 4 // Object.is equality

 ❯ src/a.test.ts:5:15
      4|
⎯⎯⎯⎯⎯⎯⎯⎯⎯[1/3]⎯

 FAIL  src/b.test.ts [ src/b.test.ts ]
Error: Failed to resolve import \"./x\" from \"src/b.test.ts\". Does the file exist?
⎯⎯⎯⎯⎯⎯⎯⎯⎯[2/3]⎯
 FAIL  src/c.test.ts > card
Error: Snapshot `card 1` mismatched
 Test Files  2 failed | 2 passed (4)
      Tests  3 failed | 5 passed (8)
",
        );
        let names: Vec<&str> =
            found.iter().flat_map(|one| &one.tests).map(|test| test.name.as_str()).collect();
        assert_eq!(
            names,
            [
                "src/a.test.ts > sum > adds",
                "src/a.test.ts > sum > adds more",
                "src/b.test.ts",
                "src/c.test.ts > card"
            ]
        );
        assert_eq!(found.len(), 6);
        assert_eq!(found[3].category, Category::SnapshotDiff);
    }

    #[test]
    fn jests_lines_and_passing_runs_are_left() {
        assert!(look(" FAIL  src/a.test.js\n  ● a › b\n").is_empty());
        assert!(look(" Test Files  3 passed (3)\n      Tests  8 passed (8)\n").is_empty());
    }
}
