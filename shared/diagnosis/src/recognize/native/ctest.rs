//! CTest.
//!
//! ```text
//!  3/10 Test  #3: open_test ........................***Failed    0.01 sec
//! 90% tests passed, 1 tests failed out of 10
//! The following tests FAILED:
//!       3 - open_test (Failed)
//! ```

use std::ops::Range;

use crate::contract::{Category, FailedTest};
use crate::finding::{Finding, Strength};
use crate::log::Log;
use crate::recognize::{Recognizer, pattern};

pub(super) const RECOGNISER: Recognizer = Recognizer {
    name: "ctest",
    triggers: &["The following tests FAILED:", "***", " tests failed out of "],
    look,
};

const TOOL: &str = "ctest";

fn look(log: &Log, at: usize, found: &mut Vec<Finding>) {
    let content = log.content(at);
    let summary = || Finding::new(TOOL, Category::TestAssertion, Strength::Summary, at, content);
    let test = pattern!(
        r"^ *[0-9]+/[0-9]+ Test +#[0-9]+: (\S.*?) ?\.*(?: +)?\*\*\*(?:Failed|Exception|Timeout|Not Run|Error|\S)"
    );
    if content.trim() == "The following tests FAILED:" {
        found.push(listed(log, at));
    } else if let Some(hit) = test.captures(content) {
        let block = log.block(at, 120, |line| {
            pattern!(r"^ *Start +[0-9]+: |^ *[0-9]+/[0-9]+ Test +#|^[0-9]+% tests passed")
                .is_match(line)
        });
        found.push(summary().with_test(FailedTest::named(&hit[1])));
        found.extend(output(log, &hit[1], block));
    } else if pattern!(r"^[0-9]+% tests passed, [1-9][0-9]* tests failed").is_match(content) {
        found.push(summary());
    }
}

/// Returns a failed test's output, if CTest shows it: the line that gives a reason, or the last.
fn output(log: &Log, name: &str, block: Range<usize>) -> Option<Finding> {
    let reason = pattern!(r"(?i)error|fail|expected|want|assert|exception|mismatch");
    let mut reason_line =
        block.clone().skip(1).filter(|&line| !log.content(line).trim().is_empty());
    let line = reason_line
        .clone()
        .find(|&line| reason.is_match(log.content(line)))
        .or(reason_line.next_back())?;
    Some(
        Finding::new(TOOL, Category::TestAssertion, Strength::Cause, line, log.content(line))
            .with_block(block)
            .with_test(FailedTest::named(name).saying(log.content(line))),
    )
}

fn listed(log: &Log, at: usize) -> Finding {
    let entry = pattern!(
        r"^\s+[0-9]+ - (\S.*?) \((?:Failed|Timeout|SEGFAULT|Not Run|ILLEGAL|NUMERICAL|INTERRUPT|OTHER_FAULT|Child aborted|Subprocess [[:word:]]+|Exit code \S+|SIG[[:word:]]+|Bus error|BAD_COMMAND).*\)"
    );
    let block = log.block(at, 400, |line| !entry.is_match(line));
    let mut finding =
        Finding::new(TOOL, Category::TestAssertion, Strength::Summary, at, log.content(at));
    for line in block.clone() {
        if let Some(hit) = entry.captures(log.content(line)) {
            finding = finding.with_test(FailedTest::named(&hit[1]));
        }
    }
    finding.with_block(block)
}

#[cfg(test)]
mod tests {
    use crate::recognize::found_by;

    #[test]
    fn tests_are_named_as_they_end_and_in_the_list() {
        let text = " 3/10 Test  #3: open_test ........***Failed    0.01 sec\n90% tests passed, 1 tests failed out of 10\nThe following tests FAILED:\n\t  3 - open_test (Failed)\n\t  4 - crash_test (SEGFAULT)\nErrors while running CTest\n";
        let found = found_by("ctest", text);
        assert_eq!(found[0].tests[0].name, "open_test");
        assert_eq!(found[2].tests.len(), 2);
    }

    #[test]
    fn what_passes_is_silent() {
        let text = " 3/10 Test  #3: open_test ........   Passed    0.01 sec\n100% tests passed, 0 tests failed out of 10\n";
        assert!(found_by("ctest", text).is_empty());
    }
}
