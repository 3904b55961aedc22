//! `cargo nextest run`.
//!
//! ```text
//!         FAIL [   0.004s] (3/9) acme::math tests::adds
//!   stderr ───
//!
//!     thread 'tests::adds' panicked at src/lib.rs:12:9:
//!     assertion `left == right` failed
//! ────────────
//!      Summary [   0.012s] 9 tests run: 8 passed, 1 failed, 0 skipped
//!         FAIL [   0.004s] (3/9) acme::math tests::adds
//! error: test run failed
//! ```
//!
//! Before 0.9.90 output was not indented, under `--- STDERR:  acme::math tests::adds ---`. A `TRY 1
//! FAIL` may precede a pass; only the closing list counts.

use std::ops::Range;

use super::panic::Panic;
use crate::contract::{Category, FailedTest, Verdict};
use crate::finding::{Finding, Strength};
use crate::log::Log;
use crate::recognize::{Recognizer, pattern};

pub(super) const RECOGNISER: Recognizer = Recognizer {
    name: "nextest",
    triggers: &[
        "FAIL [",
        "TIMEOUT [",
        "ABORT [",
        "SEGV [",
        "TERM [",
        "KILL [",
        "Summary [",
        "FLAKY ",
    ],
    look,
};

const TOOL: &str = "nextest";
const STATUS: &str = r"^\s+(TRY [0-9]+ )?([A-Z][A-Z -]*[A-Z]|[A-Z][A-Z-]+) \[[ >]*[0-9.]+s\] +(?:\([ 0-9/─-]+\) +)?(\S+) (\S.*)$";

fn look(log: &Log, at: usize, found: &mut Vec<Finding>) {
    let content = log.content(at);
    if pattern!(r"^\s+Summary \[[ 0-9.]+s\] .*tests? run: .*\b(?:failed|timed out|exec failed)")
        .is_match(content)
    {
        found.push(summary(log, at));
        return;
    }
    if let Some(hit) =
        pattern!(r"^\s+FLAKY [0-9]+/[0-9]+ \[.*?\] +(?:\([ 0-9/─-]+\) +)?(\S+ \S.*)$")
            .captures(content)
    {
        withdraw(hit[1].trim(), found);
        return;
    }
    let Some((status, name)) = failure(content) else { return };
    let block = log.block(at, 600, |line| pattern!(STATUS).is_match(line) || ends(line));
    if block.len() < 3 && !told_by_itself(&status) {
        return;
    }
    let summary = Finding::new(TOOL, Category::TestAssertion, Strength::Summary, at, content);
    found.push(summary.with_test(FailedTest::named(&name)));
    found.push(failed(log, at, &status, &name, block));
}

/// A test that passed when retried did not fail.
fn withdraw(name: &str, found: &mut Vec<Finding>) {
    found.retain(|finding| {
        finding.tool != TOOL
            || finding.tests.is_empty()
            || finding.tests.iter().any(|test| test.name != name)
    });
}

/// Returns the status and the test's name, if the line reports a failure.
fn failure(content: &str) -> Option<(String, String)> {
    let hit = pattern!(STATUS).captures(content)?;
    let bad = ["FAIL", "TIMEOUT", "ABORT", "SIG", "LEAK-FAIL", "XFAIL", "EXECFAIL"];
    let status = hit[2].trim();
    bad.iter()
        .any(|start| status.starts_with(start))
        .then(|| (status.to_owned(), format!("{} {}", &hit[3], hit[4].trim())))
}

fn ends(line: &str) -> bool {
    line.starts_with("────────")
        || line.trim_start().starts_with("Summary [")
        || line.starts_with("error: ")
        || line.starts_with("##[")
}

/// A signal or a time limit needs no message from the test.
fn told_by_itself(status: &str) -> bool {
    !status.starts_with("FAIL")
}

fn failed(log: &Log, at: usize, status: &str, name: &str, block: Range<usize>) -> Finding {
    let panic = block.clone().find_map(|line| Panic::at(log, line));
    let error =
        || block.clone().find(|&line| log.content(line).trim_start().starts_with("Error: "));
    let line = panic.as_ref().map(|panic| panic.line).or_else(error).unwrap_or(at);
    let test = match &panic {
        Some(panic) => panic.describes(name),
        None => FailedTest::named(name).saying(log.content(line)),
    };
    let category = match &panic {
        Some(panic) => panic.category(),
        None if status.starts_with("TIMEOUT") => Category::TimeoutOrOom,
        None => Category::TestAssertion,
    };
    let strength = panic.as_ref().map_or(Strength::Cause, Panic::strength);
    let finding = Finding::new(TOOL, category, strength, line, log.content(line))
        .with_block(block)
        .at(test.location.clone())
        .with_test(test);
    if told_by_itself(status) { finding.with_verdict(Verdict::Investigate) } else { finding }
}

/// Reads the closing count, with the names under it.
fn summary(log: &Log, at: usize) -> Finding {
    let block = log.block(at, 2_000, |line| !pattern!(STATUS).is_match(line));
    let mut finding =
        Finding::new(TOOL, Category::TestAssertion, Strength::Summary, at, log.content(at));
    for line in block.clone() {
        if let Some((_, name)) = failure(log.content(line)) {
            finding = finding.with_test(FailedTest::named(&name));
        }
    }
    finding.with_block(block)
}

#[cfg(test)]
mod tests {
    use crate::finding::Strength;
    use crate::recognize::found_by;

    const FAILED: &str = "\
        PASS [   0.004s] (2/9) acme::math tests::takes
        FAIL [   0.004s] (3/9) acme::math tests::adds
  stderr ───

    thread 'tests::adds' panicked at src/lib.rs:12:9:
    assertion `left == right` failed
      left: 3
     right: 4

────────────
     Summary [   0.012s] 9 tests run: 8 passed, 1 failed, 0 skipped
        FAIL [   0.004s] (3/9) acme::math tests::adds
error: test run failed
";

    #[test]
    fn a_failed_test_has_its_panic_and_its_name() {
        let found = found_by("nextest", FAILED);
        let cause = found.iter().find(|one| one.strength == Strength::Cause).expect("a cause");
        assert_eq!(cause.line, 5);
        assert_eq!(cause.block, 1..9);
        assert_eq!(cause.tests[0].name, "acme::math tests::adds");
        assert_eq!(found.last().map(|one| one.tests.len()), Some(1));
    }

    #[test]
    fn a_signal_is_a_failure_by_itself() {
        let found = found_by("nextest", "     SIGSEGV [   0.1s] acme tests::crashes\n");
        assert!(found.iter().all(|one| one.tests[0].name == "acme tests::crashes"));
    }

    #[test]
    fn a_test_that_passed_when_tried_again_did_not_fail() {
        let flaky = "\
  TRY 1 FAIL [   0.004s] acme tests::now_and_then
  stderr ───

    thread 'tests::now_and_then' panicked at src/lib.rs:12:9:
    no

  TRY 2 PASS [   0.004s] acme tests::now_and_then
     Summary [   0.012s] 1 test run: 1 passed (1 flaky), 0 skipped
   FLAKY 2/3 [   0.004s] acme tests::now_and_then
";
        assert!(found_by("nextest", flaky).is_empty());
    }
}
