//! PHPUnit.
//!
//! ```text
//! There was 1 failure:
//!
//! 1) Acme\Tests\SumTest::testEmpty
//! Failed asserting that null matches expected 0.
//!
//! /app/tests/SumTest.php:12
//!
//! --
//! There was 1 error:
//!
//! 1) Acme\Tests\SumTest::testOne with data set "one" (1)
//! Error: Call to undefined method Acme\Sum::off()
//!
//! FAILURES!
//! Tests: 2, Assertions: 1, Errors: 1, Failures: 1.
//! ```

use std::ops::Range;

use crate::contract::{Category, FailedTest, Location};
use crate::finding::{Finding, Strength};
use crate::log::Log;
use crate::recognize::pattern;

const TOOL: &str = "phpunit";
const LONGEST: usize = 60;

pub(super) fn failure(log: &Log, at: usize, found: &mut Vec<Finding>) {
    let head = pattern!(
        r#"^[0-9]+\) ([A-Z_][[:word:]\\]*::[[:word:]]+(?: with data set (?:#[0-9]+|"[^"]*"))?)(?: \(.*)?$"#
    );
    let Some(hit) = head.captures(log.content(at)) else { return };
    if !is_of_failures(log, at) {
        return;
    }
    let block = block(log, at);
    let line = message_line(log, block.clone());
    let message = log.content(line).trim();
    let place = place(log, block.clone());
    let (expected, actual) = compared(log, message, block.clone());
    let test = FailedTest::named(&hit[1])
        .saying(message)
        .at(place.clone())
        .comparing(expected.as_deref(), actual.as_deref());
    found.push(
        Finding::new(TOOL, category_of(message), Strength::Cause, line, message)
            .with_block(block)
            .at(place)
            .with_test(test),
    );
}

/// Skipped and risky tests are listed in the same form, each kind under its heading.
fn is_of_failures(log: &Log, at: usize) -> bool {
    const FAR: usize = 400;
    let heading =
        pattern!(r"^There (?:was|were) [0-9]+ (.+):$|^[0-9]+ tests? triggered [0-9]+ (.+):$");
    match log.back(at, FAR, |line| heading.is_match(line)) {
        Some(line) => {
            log.content(line).contains(" failure") || log.content(line).contains(" error")
        }
        None => true,
    }
}

fn block(log: &Log, at: usize) -> Range<usize> {
    let next = pattern!(
        r"^[0-9]+\) [A-Z_][[:word:]\\]*::|^--$|^There (?:was|were) |^(?:FAILURES|ERRORS)!$|^Tests: [0-9]+, |^##\["
    );
    log.block(at, LONGEST, |line| next.is_match(line))
}

fn message_line(log: &Log, block: Range<usize>) -> usize {
    let mut rest = block.start + 1..block.end;
    rest.find(|&at| !log.content(at).trim().is_empty()).unwrap_or(block.start)
}

/// Returns the last frame: the test itself, below the libraries that it called.
fn place(log: &Log, block: Range<usize>) -> Option<Location> {
    let frame = pattern!(r"^(\S+\.php):([0-9]+)$");
    let frames = || block.clone().filter_map(|at| frame.captures(log.content(at)));
    let own = frames().find(|hit| !hit[1].contains("/vendor/")).or_else(|| frames().next())?;
    Some(Location::new(&own[1], Some(&own[2]), None))
}

/// Reads the values from the sentence, or from the diff below it.
fn compared(log: &Log, message: &str, block: Range<usize>) -> (Option<String>, Option<String>) {
    let sentence = pattern!(
        r"^Failed asserting that (.+) (?:matches expected|is identical to|equals) (.+?)\.?$"
    );
    if let Some(hit) = sentence.captures(message) {
        return (Some(hit[2].to_owned()), Some(hit[1].to_owned()));
    }
    let changed = |sign: char, heading: &str| {
        block.clone().map(|at| log.content(at)).find_map(|line| {
            (!line.starts_with(heading))
                .then(|| line.strip_prefix(sign))
                .flatten()
                .map(str::to_owned)
        })
    };
    (changed('-', "--- Expected"), changed('+', "+++ Actual"))
}

fn category_of(message: &str) -> Category {
    let snapshot = message.contains("snapshot");
    if snapshot { Category::SnapshotDiff } else { Category::TestAssertion }
}

#[cfg(test)]
mod tests {
    use crate::finding::Finding;
    use crate::recognize::found_by;

    fn found(text: &str) -> Vec<Finding> {
        found_by("phpunit", text)
    }

    #[test]
    fn failures_and_errors_name_their_tests() {
        let found = found(
            "There was 1 error:\n\n1) Acme\\SumTest::testOne\nError: Call to undefined method Acme\\Sum::off()\n\n\
             /app/tests/SumTest.php:20\n\n--\nThere was 1 failure:\n\n\
             1) Acme\\SumTest::testEmpty\nFailed asserting that null matches expected 0.\n\n\
             /app/vendor/phpunit/phpunit/a.php:3\n/app/tests/SumTest.php:12\n\nFAILURES!\n",
        );
        assert_eq!(found[0].message, "Error: Call to undefined method Acme\\Sum::off()");
        let test = &found[1].tests[0];
        assert_eq!(test.name, "Acme\\SumTest::testEmpty");
        assert_eq!((test.expected.as_deref(), test.actual.as_deref()), (Some("0"), Some("null")));
        assert_eq!(test.location.as_ref().and_then(|place| place.line), Some(12));
    }

    #[test]
    fn a_data_set_is_named_without_its_values() {
        let found = found(
            "There were 2 failures:\n\n1) SumTest::testOne with data set \"one\" ('(a)', 1)\nFailed asserting that 1 is 2.\n\n\
             2) SumTest::testOne with data set #3 (Array (...))\nFailed asserting that 1 is 3.\n\nFAILURES!\n",
        );
        let names: Vec<&str> = found.iter().map(|one| one.tests[0].name.as_str()).collect();
        assert_eq!(
            names,
            ["SumTest::testOne with data set \"one\"", "SumTest::testOne with data set #3"]
        );
    }

    #[test]
    fn skipped_tests_did_not_fail() {
        let log =
            "There was 1 skipped test:\n\n1) Acme\\SumTest::testEmpty\nneeds a network\n\nOK\n";
        assert_eq!(found(log), []);
    }
}
