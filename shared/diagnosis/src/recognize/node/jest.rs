//! Jest: blocks that begin with a bullet.
//!
//! ```text
//!  FAIL  test/cli/cli.test.js (17.8 s)
//!   ● cli › output as stream when "-" is specified
//!
//!     expect(received).toBe(expected) // Object.is equality
//!
//!     Expected: "a"
//!     Received: "b"
//!
//!       at Object.<anonymous> (test/cli/cli.test.js:85:18)
//!
//!   ● Test suite failed to run
//!
//!     Cannot find module 'x' from 'src/a.js'
//! Tests:       1 failed, 3 skipped, 431 passed, 435 total
//! ```
//!
//! - A matcher's name explains nothing, nor does one side of a comparison: then the test's name is
//!   the headline, and the message names the matcher.
//! - Bullets of captured consoles, warnings and obsolete snapshots are no failures.
//! - Jest repeats all failures at the end of a long run, with the same names.

use std::ops::Range;

use super::super::{Recognizer, pattern};
use super::trace;
use crate::contract::{Category, FailedTest};
use crate::finding::{Finding, Strength};
use crate::log::Log;

pub(super) const BLOCKS: Recognizer = Recognizer { name: "jest", triggers: &["● "], look: block };

pub(super) const TOTALS: Recognizer = Recognizer {
    name: "jest totals",
    triggers: &[
        "Tests: ",
        "Test Suites: ",
        "FAIL ",
        "No tests found, exiting",
        "coverage threshold",
    ],
    look: total,
};

const SUITE: &str = "Test suite failed to run";

fn block(log: &Log, at: usize, found: &mut Vec<Finding>) {
    let Some(title) = heading(log.content(at)) else { return };
    let lines = bounds(log, at);
    let Some(line) = telling(log, &lines) else { return };
    let message = message(log, title, line, &lines);
    let location = trace::innermost(log, lines.clone());
    let value = |label: &str| {
        let content =
            lines.clone().find_map(|at| log.content(at).trim_start().strip_prefix(label))?;
        content.split_once(':').map(|(_, value)| value)
    };
    let test = FailedTest::named(&name(log, at, title))
        .saying(&message)
        .at(location.clone())
        .comparing(value("Expected"), value("Received"));
    found.push(
        Finding::new("jest", category(log, &lines, &message), Strength::Cause, line, &message)
            .with_block(lines)
            .at(location)
            .with_test(test),
    );
}

/// Returns the name after a bullet, if it is a test.
fn heading(line: &str) -> Option<&str> {
    const OTHERS: [&str; 8] = [
        "Console",
        "Validation Warning",
        "Deprecation Warning",
        "Multiple configurations found",
        "Cannot log after tests are done",
        "process.exit called with",
        "Obsolete",
        "Snapshot Summary",
    ];
    let title = line.trim_start().strip_prefix("● ")?;
    let indented = line.len() - line.trim_start().len();
    let other = title.starts_with(' ') || OTHERS.iter().any(|other| title.starts_with(other));
    (indented <= 4 && !other && !title.trim().is_empty()).then(|| title.trim_end())
}

fn bounds(log: &Log, at: usize) -> Range<usize> {
    const LONGEST: usize = 300;
    let ends = pattern!(
        r"^(?:\s{0,4}● | ?(?:FAIL|PASS|RUNS) |Test Suites: |Tests: |Summary of all failing tests|Snapshot Summary|[- ]{5,}\|| › [0-9]+ snapshot|##\[|npm (?:ERR!|error)|A worker process has failed)"
    );
    let lines = log.block(at, LONGEST, |line| ends.is_match(line));
    let last = lines.clone().rev().find(|&line| !log.content(line).trim().is_empty());
    lines.start..last.map_or(lines.end, |last| last + 1)
}

/// Returns the most informative line of a block.
fn telling(log: &Log, lines: &Range<usize>) -> Option<usize> {
    let content = |at: usize| log.content(at).trim_start();
    let first = (lines.start + 1..lines.end).find(|&at| !content(at).is_empty())?;
    let mut after = first + 1..lines.end;
    if content(first).starts_with("expect(") {
        let snapshot = content(first).contains("Snapshot(");
        return Some(if snapshot { first } else { lines.start });
    }
    if content(first).starts_with("Jest encountered an unexpected token") {
        let parsing = |&at: &usize| content(at).contains("SyntaxError: ");
        return after.find(parsing).or(Some(first));
    }
    Some(first)
}

/// Returns the most informative line; for a comparison the test and the matcher, which are the same
/// on every run.
fn message(log: &Log, title: &str, line: usize, lines: &Range<usize>) -> String {
    if line != lines.start {
        return log.content(line).trim().to_owned();
    }
    let matcher = log.ahead(line, 4, |content| content.trim_start().starts_with("expect("));
    format!("{title}: {}", matcher.map_or("", |at| log.content(at).trim()))
}

fn name(log: &Log, at: usize, title: &str) -> String {
    if title != SUITE {
        return title.to_owned();
    }
    let file = log.back(at, 5, |line| file_of(line).is_some());
    match file.and_then(|line| file_of(log.content(line))) {
        Some(file) => format!("{file} › {SUITE}"),
        None => SUITE.to_owned(),
    }
}

/// Returns the file in ` FAIL  e2e  test/a.ts (17.8 s)`.
fn file_of(line: &str) -> Option<&str> {
    let rest = line.trim_start().strip_prefix("FAIL ")?;
    let rest = rest.split(" (").next().unwrap_or(rest);
    rest.split_whitespace().next_back().filter(|file| file.contains('.'))
}

fn category(log: &Log, lines: &Range<usize>, message: &str) -> Category {
    let snapshot = pattern!(
        r"toMatch[A-Za-z]*Snapshot\(|toThrowErrorMatching[A-Za-z]*Snapshot\(|New snapshot was not written|to match snapshot"
    );
    let typed = pattern!(r" - error TS[0-9]+: |^error TS[0-9]+: ");
    if lines.clone().take(8).any(|at| snapshot.is_match(log.content(at))) {
        Category::SnapshotDiff
    } else if message.starts_with("SyntaxError: ") {
        Category::CompileError
    } else if typed.is_match(message) {
        Category::TypeError
    } else {
        Category::TestAssertion
    }
}

fn total(log: &Log, at: usize, found: &mut Vec<Finding>) {
    let content = log.content(at).trim();
    let counts = pattern!(r"^(?:Tests|Test Suites): +(?:.*, )?[1-9][0-9]* failed");
    let file = pattern!(r"^FAIL +(?:\S+ +)?\S+\.[cm]?[jt]sx?(?: \([0-9.]+ m?s\))?$");
    let nothing = content.starts_with("No tests found, exiting with code 1");
    let threshold = pattern!(r"^(?:Jest: )?.*coverage threshold for .* not met");
    if counts.is_match(content) || file.is_match(content) || nothing {
        found.push(Finding::new("jest", Category::TestAssertion, Strength::Summary, at, content));
    } else if threshold.is_match(content) {
        found.push(Finding::new("jest", Category::TestAssertion, Strength::Cause, at, content));
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

    const FAILED: &str = "\
 FAIL  test/cli/cli.test.js (17.8 s)
  ● Console

    console.log
      hello

  ● cli › prints \"a\"

    expect(received).toBe(expected) // Object.is equality

    Expected: \"a\"
    Received: \"b\"

      at Object.<anonymous> (node_modules/x.js:1:1)
      at Object.<anonymous> (test/cli/cli.test.js:85:18)

  ● cli › renders

    expect(received).toMatchSnapshot()

    Snapshot name: `renders 1`

FAIL src/b.test.ts
  ● Test suite failed to run

    Jest encountered an unexpected token

    Details:

    SyntaxError: Unexpected token 'export'

Test Suites: 2 failed, 12 passed, 14 total
Tests:       2 failed, 431 passed, 433 total
";

    #[test]
    fn bullets_are_tests_with_what_they_expected() {
        let found = look(FAILED);
        let causes: Vec<&Finding> =
            found.iter().filter(|one| one.strength == Strength::Cause).collect();
        let names: Vec<&str> = causes.iter().map(|one| one.tests[0].name.as_str()).collect();
        assert_eq!(
            names,
            ["cli › prints \"a\"", "cli › renders", "src/b.test.ts › Test suite failed to run"]
        );
        assert_eq!(causes[0].line, 6);
        assert!(
            causes[0].message.ends_with("expect(received).toBe(expected) // Object.is equality")
        );
        assert_eq!(causes[0].tests[0].actual.as_deref(), Some("\"b\""));
        assert_eq!(causes[0].location.as_ref().and_then(|place| place.line), Some(85));
        assert_eq!(causes[1].category, Category::SnapshotDiff);
        assert_eq!(causes[2].message, "SyntaxError: Unexpected token 'export'");
        assert_eq!(found.len() - causes.len(), 4);
    }

    #[test]
    fn consoles_warnings_and_passing_runs_are_nothing() {
        let text = "\
PASS src/a.test.js
  ● Console

    console.error
      Error: expected by the test

  ●  process.exit called with \"0\"

● Validation Warning:

  Unknown option \"x\"

Tests:       118 passed, 118 total
";
        assert!(look(text).is_empty());
    }
}
