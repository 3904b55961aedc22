//! Test runners that print TAP (tap, tape, `node --test`, bats), and the human-readable output of
//! `node --test`.
//!
//! ```text
//! not ok 3 - adds
//!   ---
//!   failureType: 'testCodeFailure'
//!   error: 'Expected values to be strictly equal'
//!   ...
//! ✖ failing tests:
//!
//! test at test/a.test.js:5:1
//! ✖ adds (1.2ms)
//!   AssertionError [ERR_ASSERTION]: Expected values to be strictly equal:
//! ```
//!
//! A suite that fails only through its tests is no failed test, nor are `# TODO` and `# SKIP`.

use super::super::{Recognizer, pattern};
use super::trace;
use crate::contract::{Category, FailedTest, Location};
use crate::finding::{Finding, Strength};
use crate::log::Log;

pub(super) const POINTS: Recognizer =
    Recognizer { name: "tap", triggers: &["not ok "], look: point };

pub(super) const SPEC: Recognizer =
    Recognizer { name: "node:test", triggers: &["test at "], look: spec };

fn point(log: &Log, at: usize, found: &mut Vec<Finding>) {
    const LONGEST: usize = 60;
    let form = pattern!(r"^\s*not ok [0-9]+(?: -)? (.+?)(?: in [0-9]+(?:ms|sec))?\s*$");
    let Some(hit) = form.captures(log.content(at)) else { return };
    let title = hit[1].split(" # time=").next().unwrap_or_default().trim();
    let directive = pattern!(r"(?i) # *(?:todo|skip)(?-u:\b)");
    if directive.is_match(&hit[1]) {
        return;
    }
    let is_point = |line: &str| pattern!(r"^\s*(?:not )?ok [0-9]+").is_match(line);
    let mut lines = log.block(at, LONGEST, |line| is_point(line) || line.starts_with("##["));
    let closing = lines.clone().find(|&line| log.content(line).trim() == "...");
    lines.end = closing.map_or(lines.end, |line| line + 1);
    let value = |names: &[&str]| {
        lines.clone().find(|&line| {
            let content = log.content(line).trim_start();
            names
                .iter()
                .any(|name| content.strip_prefix(name).is_some_and(|rest| rest.starts_with(':')))
        })
    };
    let text = |line: usize| log.content(line).split_once(':').map_or("", |(_, text)| text.trim());
    if value(&["failureType"]).is_some_and(|line| text(line).contains("subtestsFailed")) {
        return;
    }
    let content = value(&["error", "message"]).filter(|&line| text(line).len() > 2);
    let place = value(&["location", "at"]).and_then(|line| place(text(line)));
    let test = FailedTest::named(title)
        .saying(content.map_or("", text))
        .at(place.clone())
        .comparing(value(&["expected"]).map(text), value(&["actual"]).map(text));
    let tool = if value(&["failureType"]).is_some() { "node:test" } else { "tap" };
    let message = format!("{title}: {}", content.map_or("", text));
    found.push(
        Finding::new(tool, Category::TestAssertion, Strength::Cause, at, &message)
            .with_block(lines)
            .at(place)
            .with_test(test),
    );
}

fn place(text: &str) -> Option<Location> {
    let form = pattern!(r"([^\s'(]+\.[cm]?[jt]sx?):([0-9]+):([0-9]+)");
    let hit = form.captures(text)?;
    Some(Location::new(hit[1].trim_start_matches("file://"), Some(&hit[2]), Some(&hit[3])))
}

/// Reads `test at a.js:5:1`, then `✖ name (1ms)`, then the error.
fn spec(log: &Log, at: usize, found: &mut Vec<Finding>) {
    const LONGEST: usize = 100;
    let Some(place) = log.content(at).trim().strip_prefix("test at ").and_then(place) else {
        return;
    };
    let form = pattern!(r"^\s*✖ (.+?)(?: \([0-9.]+m?s\))?\s*$");
    let Some(hit) = form.captures(log.content(at + 1)) else { return };
    let next = |line: &str| line.trim_start().starts_with("test at ") || line.starts_with("##[");
    let lines = log.block(at, LONGEST, next);
    let error = (at + 2..lines.end).find(|&line| trace::is_error(log.content(line).trim_start()));
    let line = error.unwrap_or(at + 1);
    let message = log.content(line).trim();
    let name = path(log, at, &hit[1]);
    let test = FailedTest::named(&name).saying(message).at(Some(place.clone()));
    found.push(
        Finding::new("node:test", Category::TestAssertion, Strength::Cause, line, message)
            .with_block(lines)
            .at(Some(place))
            .with_test(test),
    );
}

/// Returns a test's name after those of its suites, as far as the report above shows them.
fn path(log: &Log, at: usize, name: &str) -> String {
    const MOST: usize = 400;
    let indent = |line: &str| line.len() - line.trim_start().len();
    let failed = |line: &str| {
        let title = line.trim_start().strip_prefix("✖ ");
        title.and_then(|title| title.strip_prefix(name)).is_some_and(|rest| rest.starts_with(" ("))
    };
    let mut names = vec![name.to_owned()];
    let mut from = log.back(at, MOST, failed).unwrap_or(0);
    let mut depth = indent(log.content(from));
    while depth > 0 {
        let suite = |line: &str| indent(line) < depth && line.trim_start().starts_with("▶ ");
        let Some(above) = log.back(from, MOST, suite) else { break };
        names.push(log.content(above).trim_start().trim_start_matches("▶ ").to_owned());
        (from, depth) = (above, indent(log.content(above)));
    }
    names.reverse();
    names.join(" > ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log_of;

    fn look(text: &str) -> Vec<Finding> {
        let log = log_of(text);
        let mut found = Vec::new();
        for at in 0..log.len() {
            point(&log, at, &mut found);
            spec(&log, at, &mut found);
        }
        found
    }

    #[test]
    fn points_that_failed_have_names_and_reasons() {
        let found = look(
            "\
    not ok 1 - adds
      ---
      location: '/w/test/a.test.js:5:1'
      failureType: 'testCodeFailure'
      error: 'Expected values to be strictly equal'
      expected: 3
      actual: 2
      ...
not ok 1 - sums
  ---
  failureType: 'subtestsFailed'
  ...
not ok 2 later # TODO write it
ok 3 - works
test at test/a.test.js:5:1
✖ adds (1.2ms)
  AssertionError [ERR_ASSERTION]: 1 == 2
",
        );
        let names: Vec<&str> = found.iter().map(|one| one.tests[0].name.as_str()).collect();
        assert_eq!(names, ["adds", "adds"]);
        assert_eq!((found[0].line, found[0].block.clone()), (0, 0..8));
        assert_eq!(found[0].tests[0].expected.as_deref(), Some("3"));
        assert_eq!(found[1].message, "AssertionError [ERR_ASSERTION]: 1 == 2");
    }

    #[test]
    fn suites_come_from_the_report_above() {
        let found = look(
            "▶ initials\n  ✔ of two (0.6ms)\n  ✖ of none (0.2ms)\n✖ initials (2ms)\ntest at a.test.js:10:3\n✖ of none (0.2ms)\n  TypeError [Error]: x\n",
        );
        assert_eq!(found[0].tests[0].name, "initials > of none");
        assert_eq!(found[0].message, "TypeError [Error]: x");
    }

    #[test]
    fn prose_is_nothing() {
        assert!(look("it is not ok 3 times\ntest at noon\nok 1 - not ok 2\n").is_empty());
    }
}
