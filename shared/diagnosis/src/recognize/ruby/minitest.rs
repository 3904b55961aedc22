//! minitest, by itself and under Rails.
//!
//! ```text
//!   1) Failure:
//! SumTest#test_empty [test/sum_test.rb:7]:
//! Expected: 0
//!   Actual: nil
//!
//!   2) Error:
//! SumTest#test_one:
//! NoMethodError: undefined method `+' for nil
//!     lib/sum.rb:3:in `of'
//!
//! Failure:                                              (rails test)
//! SumTest#test_empty [test/sum_test.rb:7]:
//! Expected: 0
//!   Actual: nil
//!
//! bin/rails test test/sum_test.rb:5
//! ```

use std::ops::Range;

use crate::contract::{Category, FailedTest, Location};
use crate::finding::{Finding, Strength};
use crate::log::Log;
use crate::recognize::pattern;

const TOOL: &str = "minitest";

pub(super) fn numbered(log: &Log, at: usize, found: &mut Vec<Finding>) {
    if pattern!(r"^\s+[0-9]+\) (?:Failure|Error):$").is_match(log.content(at)) {
        found.extend(failed(log, at));
    }
}

pub(super) fn rails(log: &Log, at: usize, found: &mut Vec<Finding>) {
    if matches!(log.content(at), "Failure:" | "Error:") {
        found.extend(failed(log, at));
    }
}

/// The test's name is on the next line.
fn failed(log: &Log, at: usize) -> Option<Finding> {
    let head = pattern!(r"^([A-Z][[:word:]:]*#\S.*?)(?: \[([^\]:]+):([0-9]+)\])?:$");
    let hit = head.captures(log.content(at + 1))?;
    let block = block(log, at);
    let line = (at + 2).min(block.end - 1);
    let message = log.content(line).trim();
    let place = match hit.get(2) {
        Some(file) => {
            Some(Location::new(file.as_str(), hit.get(3).map(|digits| digits.as_str()), None))
        }
        None => first_frame(log, block.clone()),
    };
    let value = |label: &str| {
        block.clone().find_map(|at| log.content(at).trim().strip_prefix(label).map(str::trim))
    };
    let test = FailedTest::named(&hit[1])
        .saying(message)
        .at(place.clone())
        .comparing(value("Expected:"), value("Actual:"));
    Some(
        Finding::new(TOOL, Category::TestAssertion, Strength::Cause, line, message)
            .with_block(block)
            .at(place)
            .with_test(test),
    )
}

fn block(log: &Log, at: usize) -> Range<usize> {
    let next = pattern!(
        r"^\s+[0-9]+\) (?:Failure|Error|Skipped):$|^[0-9]+ (?:runs|tests), |^(?:Failure|Error):$|^bin/rails test |^##\["
    );
    log.block(at, 40, |line| next.is_match(line))
}

fn first_frame(log: &Log, mut block: Range<usize>) -> Option<Location> {
    let frame = pattern!(r"^\s+((?:app|lib|test|spec|config)/[^\s:]+):([0-9]+):in ");
    block.find_map(|at| {
        let hit = frame.captures(log.content(at))?;
        Some(Location::new(&hit[1], Some(&hit[2]), None))
    })
}

#[cfg(test)]
mod tests {
    use crate::finding::Finding;
    use crate::recognize::found_by;

    fn found(text: &str) -> Vec<Finding> {
        found_by("minitest", text)
    }

    #[test]
    fn failures_and_errors_name_their_tests() {
        let found = found(
            "  1) Failure:\nSumTest#test_empty [test/sum_test.rb:7]:\nExpected: 0\n  Actual: nil\n\n\
             \u{20} 2) Error:\nSumTest#test_one:\nNoMethodError: undefined method `+' for nil\n    lib/sum.rb:3:in `of'\n\n\
             2 runs, 2 assertions, 1 failures, 1 errors, 0 skips\n",
        );
        assert_eq!(found[0].tests[0].name, "SumTest#test_empty");
        assert_eq!(found[0].tests[0].actual.as_deref(), Some("nil"));
        assert_eq!(found[0].location.as_ref().and_then(|place| place.line), Some(7));
        assert_eq!(found[1].message, "NoMethodError: undefined method `+' for nil");
        assert_eq!(found[1].location.as_ref().map(|place| place.file.as_str()), Some("lib/sum.rb"));
    }

    #[test]
    fn an_error_of_something_else_is_none() {
        assert_eq!(found("Error:\nsomething else\n"), []);
    }
}
