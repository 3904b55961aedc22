//! Mocha, and Cypress, which prints like Mocha.
//!
//! ```text
//!   130 passing (3s)
//!   1 failing
//!
//!   1) Detector
//!        with jQuery Mobile
//!          "before all" hook for "expected to return ui-page":
//!      Error: Timeout of 2000ms exceeded.
//!       at listOnTimeout (node:internal/timers:564:17)
//! ```
//!
//! A title has one line per suite and ends with a colon; old versions write it on one line. The
//! message follows. Failures are read from the list after `N failing`, never from the progress.

use std::ops::Range;

use super::super::{Recognizer, pattern};
use super::trace;
use crate::contract::{Category, FailedTest};
use crate::finding::{Finding, Strength};
use crate::log::Log;

pub(super) const RECOGNISER: Recognizer =
    Recognizer { name: "mocha", triggers: &[" failing"], look: list };

fn list(log: &Log, at: usize, found: &mut Vec<Finding>) {
    const MOST: usize = 5_000;
    let Some(count) = failing(log.content(at)) else { return };
    let content = log.content(at);
    found.push(Finding::new("mocha", Category::TestAssertion, Strength::Summary, at, content));
    let end = log.len().min(at + MOST);
    let mut from = at + 1;
    for number in 1..=count {
        let wanted = |line: usize| numbered(log.content(line), number).is_some();
        // The next list belongs to another run.
        let other = |line: usize| failing(log.content(line)).is_some();
        let Some(start) = (from..end).take_while(|&line| !other(line)).find(|&line| wanted(line))
        else {
            return;
        };
        let lines = bounds(log, start, number);
        from = lines.end;
        found.extend(failure(log, lines, number));
    }
}

fn failing(line: &str) -> Option<u32> {
    let hit = pattern!(r"^\s*([1-9][0-9]{0,5}) failing\s*$").captures(line)?;
    hit[1].parse().ok()
}

/// Returns the text after `12) `.
fn numbered(line: &str, number: u32) -> Option<&str> {
    let rest = line.trim_start();
    let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
    let is_it = rest[..digits].parse() == Ok(number);
    rest[digits..].strip_prefix(") ").filter(|_| is_it)
}

fn bounds(log: &Log, start: usize, number: u32) -> Range<usize> {
    const LONGEST: usize = 200;
    let foreign = pattern!(
        r"^(?:##\[|npm (?:ERR!|error)|error Command failed|> \S+@|[- ]{5,}\||=============|\[?ELIFECYCLE)"
    );
    let next = number.saturating_add(1);
    let ends = |line: &str| {
        foreign.is_match(line) || numbered(line, next).is_some() || failing(line).is_some()
    };
    let lines = log.block(start, LONGEST, ends);
    let blank = |at: usize| log.content(at).trim().is_empty();
    let gap = (lines.start..lines.end).find(|&at| blank(at) && at + 1 < lines.end && blank(at + 1));
    let end = gap.unwrap_or(lines.end);
    let last = (lines.start..end).rev().find(|&at| !blank(at)).unwrap_or(start);
    start..last + 1
}

fn failure(log: &Log, lines: Range<usize>, number: u32) -> Option<Finding> {
    const DEEPEST: usize = 20;
    let first = numbered(log.content(lines.start), number)?.trim();
    let mut title = vec![first];
    let mut at = lines.start;
    // A one-line title without a colon has its message below, no deeper than a suite.
    while !title.last().is_some_and(|last| last.ends_with(':')) && title.len() < DEEPEST {
        at += 1;
        let content = log.content(at).trim();
        if at >= lines.end || content.is_empty() || trace::is_error(content) {
            at -= 1;
            break;
        }
        title.push(content);
    }
    let line = (at + 1..lines.end).find(|&at| !log.content(at).trim().is_empty()).unwrap_or(at);
    let message = log.content(line).trim();
    let name = title.join(" ");
    let location = trace::innermost(log, lines.clone());
    let (expected, actual) = difference(log, &lines);
    let test = FailedTest::named(name.trim_end_matches(':'))
        .saying(message)
        .at(location.clone())
        .comparing(expected, actual);
    let cypress = message.contains("Timed out retrying") || message.contains("CypressError");
    let tool = if cypress { "cypress" } else { "mocha" };
    let snapshot = pattern!(
        r"(?i)^(?:Error|AssertionError.*): .*(?:match(?:es|ing)? snapshot|toMatchSnapshot)"
    );
    let category =
        if snapshot.is_match(message) { Category::SnapshotDiff } else { Category::TestAssertion };
    Some(
        Finding::new(tool, category, Strength::Cause, line, message)
            .with_block(lines)
            .at(location)
            .with_test(test),
    )
}

/// Returns the first line that is only expected and the first that is only actual.
fn difference<'a>(log: &'a Log, lines: &Range<usize>) -> (Option<&'a str>, Option<&'a str>) {
    let Some(legend) = lines.clone().find(|&at| log.content(at).contains("+ expected - actual"))
    else {
        return (None, None);
    };
    let marked = |mark: char| {
        (legend + 1..lines.end).find_map(|at| log.content(at).trim_start().strip_prefix(mark))
    };
    (marked('+'), marked('-'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log_of;

    fn look(text: &str) -> Vec<Finding> {
        let log = log_of(text);
        let mut found = Vec::new();
        (0..log.len()).for_each(|at| list(&log, at, &mut found));
        found
    }

    #[test]
    fn titles_are_joined_and_messages_follow() {
        let found = look(
            "\
    1) works
  130 passing (3s)
  3 failing

  1) Detector
       with jQuery Mobile
         \"before all\" hook for \"x\":
     Error: Timeout of 2000ms exceeded.
      at listOnTimeout (node:internal/timers:564:17)
      at Context.<anonymous> (test/a.js:3:4)

  2) Lookup should lookup seed:

      AssertionError [ERR_ASSERTION]: 1 == 2
      + expected - actual

      -1
      +2

  3) no colon here
     Error: x



error Command failed with exit code 1.
",
        );
        let tests: Vec<&str> =
            found.iter().flat_map(|one| &one.tests).map(|test| test.name.as_str()).collect();
        assert_eq!(
            tests,
            [
                "Detector with jQuery Mobile \"before all\" hook for \"x\"",
                "Lookup should lookup seed",
                "no colon here"
            ]
        );
        assert_eq!(found[1].message, "Error: Timeout of 2000ms exceeded.");
        assert_eq!(found[1].location.as_ref().map(|at| at.file.as_str()), Some("test/a.js"));
        let compared = &found[2].tests[0];
        assert_eq!(
            (compared.expected.as_deref(), compared.actual.as_deref()),
            (Some("2"), Some("1"))
        );
        assert_eq!(found[3].block.end, 21);
    }

    #[test]
    fn passing_runs_and_prose_are_nothing() {
        assert!(look("  12 passing\n  0 failing\nit is failing\n  1) not a list\n").is_empty());
    }
}
