//! `go test` and gotestsum.
//!
//! ```text
//! --- FAIL: TestAdds (0.00s)
//!     --- FAIL: TestAdds/negative (0.00s)
//!         adds_test.go:12: got 1, want 2
//! FAIL
//! FAIL    example.com/acme/sums    0.004s
//! ```
//!
//! With `-v` a test's output comes before its result, under `=== RUN   TestAdds/negative`. A test
//! that only contains failed subtests is not reported: the subtests are.

use std::ops::Range;

use super::testify;
use crate::contract::{Category, FailedTest, Location};
use crate::finding::{Finding, Strength};
use crate::log::Log;
use crate::recognize::{Recognizer, pattern};

pub(super) const RECOGNISER: Recognizer = Recognizer {
    name: "go test",
    triggers: &["--- FAIL: ", "=== FAIL: ", "FAIL\t", "FAIL: "],
    look,
};

const TOOL: &str = "go test";

fn look(log: &Log, at: usize, found: &mut Vec<Finding>) {
    let content = log.content(at);
    if let Some(hit) = pattern!(r"^\s*--- FAIL: (\S+) \(").captures(content) {
        failed(log, at, &hit[1], found);
    } else if let Some(hit) = pattern!(r"^=== FAIL: (\S+) (\S+)(?: \(|$)").captures(content) {
        failed(log, at, &hit[2], found);
    } else if pattern!(r"^FAIL\t\S+\t(?:\(cached\)|[0-9.]+s)$").is_match(content) {
        found.push(Finding::new(TOOL, Category::TestAssertion, Strength::Summary, at, content));
    } else if let Some(hit) = pattern!(r"^FAIL: (\S+_test\.go):([0-9]+): (\S+)$").captures(content)
    {
        found.push(gocheck(log, at, &hit[3], Location::new(&hit[1], Some(&hit[2]), None)));
    }
}

fn failed(log: &Log, at: usize, name: &str, found: &mut Vec<Finding>) {
    if carries_subtests(log, at, name) {
        return;
    }
    let after = words_after(log, at);
    let summary =
        Finding::new(TOOL, Category::TestAssertion, Strength::Summary, at, log.content(at))
            .with_test(FailedTest::named(name));
    if let Some(assertion) = complaint(log, after.clone()) {
        found.push(caused(name, after, assertion));
        return;
    }
    let before = words_before(log, at, name);
    if let Some((block, assertion)) =
        before.and_then(|words| Some((words.clone(), complaint(log, words)?)))
    {
        found.push(caused(name, block, assertion));
        found.push(summary);
    } else {
        found.push(summary.with_block(after));
    }
}

/// Builds the finding of a test with a reason.
fn caused(name: &str, block: Range<usize>, assertion: testify::Assertion) -> Finding {
    let test = FailedTest::named(name)
        .saying(&assertion.message)
        .at(assertion.location.clone())
        .comparing(assertion.expected.as_deref(), assertion.actual.as_deref());
    Finding::new(TOOL, Category::TestAssertion, Strength::Cause, assertion.line, &assertion.message)
        .with_block(block)
        .at(assertion.location)
        .with_test(test)
}

/// Returns the lines from the result to the next result.
fn words_after(log: &Log, at: usize) -> Range<usize> {
    log.block(at, 300, |line| {
        let content = line.trim_start();
        content.starts_with("--- ")
            || line.starts_with("=== ")
            || line.starts_with("FAIL")
            || line.starts_with("ok  \t")
            || line == "PASS"
            || line.starts_with("DONE ")
            || line.starts_with("##[")
    })
}

/// Returns the lines between the test's start and its result, with `-v`.
fn words_before(log: &Log, at: usize, name: &str) -> Option<Range<usize>> {
    let begins = |line: &str| {
        line.strip_prefix("=== ")
            .and_then(|rest| rest.split_once(' '))
            .is_some_and(|(_, rest)| rest.trim() == name)
    };
    let ended = |line: &str| line.starts_with("--- ") && !line.starts_with("--- FAIL");
    let start = log.back(at, 400, |line| begins(line) || ended(line))?;
    let others = |line: &str| line.starts_with("=== ") && !begins(line) || line.starts_with("--- ");
    begins(log.content(start)).then(|| start..log.block(start, 400, others).end.min(at))
}

/// Returns `true` if failed subtests follow this result.
fn carries_subtests(log: &Log, at: usize, name: &str) -> bool {
    let sub = |line: &str| {
        line.trim_start()
            .strip_prefix("--- ")
            .and_then(|rest| rest.strip_prefix("FAIL: "))
            .and_then(|rest| rest.strip_prefix(name))
            .is_some_and(|rest| rest.starts_with('/'))
    };
    let ends = |line: &str| {
        line.starts_with("--- ") || line.starts_with("FAIL") || line.starts_with("=== RUN")
    };
    log.ahead(at, 200, |line| sub(line) || ends(line)).is_some_and(|line| sub(log.content(line)))
}

/// Returns the first complaint among a test's lines: testify's, or `file_test.go:12: text`.
fn complaint(log: &Log, lines: Range<usize>) -> Option<testify::Assertion> {
    testify::assertion(log, lines.clone())
        .or_else(|| lines.clone().find_map(|line| logged(log, line)))
        .or_else(|| example(log, lines))
}

fn logged(log: &Log, line: usize) -> Option<testify::Assertion> {
    let pattern = pattern!(r"^\s+(\S+\.go):([0-9]+): ?(.*)$");
    let hit = pattern.captures(log.content(line))?;
    let empty = hit[3].trim().is_empty();
    let assertion = if empty { line + 1 } else { line };
    if hit[3].starts_with("race detected during execution") {
        return None;
    }
    Some(testify::Assertion {
        line,
        message: if empty { log.content(assertion).trim().to_owned() } else { hit[3].to_owned() },
        location: Some(Location::new(&hit[1], Some(&hit[2]), None)),
        ..testify::Assertion::default()
    })
}

/// Reads an example whose output differs: `got:` and `want:`.
fn example(log: &Log, lines: Range<usize>) -> Option<testify::Assertion> {
    let got = lines.clone().find(|&line| log.content(line) == "got:")?;
    let want = (got..lines.end).find(|&line| log.content(line) == "want:")?;
    Some(testify::Assertion {
        line: got + 1,
        message: format!("got {}, want {}", log.content(got + 1), log.content(want + 1)),
        expected: Some(log.content(want + 1).to_owned()),
        actual: Some(log.content(got + 1).to_owned()),
        ..testify::Assertion::default()
    })
}

/// Reads gocheck: `FAIL: a_test.go:12: Suite.TestName`, then the place and the compared values.
fn gocheck(log: &Log, at: usize, name: &str, location: Location) -> Finding {
    let block = log.block(at, 60, |line| line.starts_with("-----") || line.starts_with("FAIL: "));
    let reason = block.clone().find(|&line| log.content(line).starts_with("... "));
    let line = reason.unwrap_or(at);
    let test = FailedTest::named(name).saying(log.content(line)).at(Some(location.clone()));
    Finding::new("gocheck", Category::TestAssertion, Strength::Cause, line, log.content(line))
        .with_block(block)
        .at(Some(location))
        .with_test(test)
}

#[cfg(test)]
mod tests {
    use crate::finding::Strength;
    use crate::recognize::found_by;

    #[test]
    fn a_subtest_is_named_and_its_parent_is_not() {
        let found = found_by(
            "go test",
            "--- FAIL: TestAdds (0.00s)\n    --- FAIL: TestAdds/negative (0.00s)\n        adds_test.go:12: got 1, want 2\nFAIL\nFAIL\texample.com/acme\t0.004s\n",
        );
        assert_eq!(found.len(), 2);
        assert_eq!((found[0].line, found[0].strength), (2, Strength::Cause));
        assert_eq!(found[0].tests[0].name, "TestAdds/negative");
    }

    #[test]
    fn with_v_the_words_come_first() {
        let found = found_by(
            "go test",
            "=== RUN   TestAdds\n    adds_test.go:12: got 1, want 2\n--- FAIL: TestAdds (0.00s)\nFAIL\n",
        );
        assert_eq!((found[0].line, found[0].block.clone()), (1, 0..2));
    }

    #[test]
    fn testify_says_what_was_compared() {
        let found = found_by(
            "go test",
            "--- FAIL: TestAdds (0.00s)\n    a_test.go:9: \n        \tError Trace:\t/w/a_test.go:9\n        \tError:      \tNot equal: \n        \t            \texpected: 1\n        \t            \tactual  : 2\n        \tTest:       \tTestAdds\nFAIL\n",
        );
        assert_eq!(found[0].tests[0].expected.as_deref(), Some("1"));
        assert_eq!(found[0].tests[0].actual.as_deref(), Some("2"));
    }

    #[test]
    fn what_passes_is_silent() {
        let passed = "=== RUN   TestFAIL\n    a_test.go:3: fine\n--- PASS: TestFAIL (0.00s)\nok  \tacme\t0.1s\n";
        assert!(found_by("go test", passed).is_empty());
    }
}
