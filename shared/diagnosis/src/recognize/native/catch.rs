//! Catch2 and doctest.
//!
//! ```text
//! -------------------------------------------------------------------------------
//! a store opens
//! -------------------------------------------------------------------------------
//! store_test.cpp:9
//! ...............................................................................
//!
//! store_test.cpp:12: FAILED:
//!   REQUIRE( store.open() == 2 )
//! with expansion:
//!   1 == 2
//! ```

use crate::contract::{Category, FailedTest, Location};
use crate::finding::{Finding, Strength};
use crate::log::Log;
use crate::recognize::{Recognizer, pattern};

pub(super) const RECOGNISER: Recognizer = Recognizer {
    name: "catch2",
    triggers: &[": FAILED:", ": ERROR: ", "test cases: ", "error: CHECK", "error: REQUIRE"],
    look,
};

fn look(log: &Log, at: usize, found: &mut Vec<Finding>) {
    let content = log.content(at);
    let catch = pattern!(r"^(\S.*?)(?::([0-9]+)|\(([0-9]+)\)): FAILED:$");
    let doctest = pattern!(r"^(\S.*?)(?::([0-9]+):|\(([0-9]+)\):) (?:FATAL )?ERROR: (\S.*)$");
    let place = |hit: &regex::Captures<'_>| {
        let line = hit.get(2).or(hit.get(3)).map(|it| it.as_str());
        Location::new(&hit[1], line, None)
    };
    if let Some(hit) = catch.captures(content) {
        found.push(assertion(log, at, "catch2", place(&hit), catch_name(log, at)));
    } else if let Some(hit) = doctest.captures(content) {
        let name = doctest_name(log, at);
        if name.is_some() {
            found.push(assertion(log, at, "doctest", place(&hit), name));
        }
    } else if pattern!(r"test cases: .*\b[1-9][0-9]* failed").is_match(content) {
        found.push(Finding::new("catch2", Category::TestAssertion, Strength::Summary, at, content));
    }
}

fn assertion(
    log: &Log,
    at: usize,
    tool: &'static str,
    location: Location,
    name: Option<(usize, &str)>,
) -> Finding {
    let block = log.block(at, 40, |line| {
        line.starts_with("=====") || line.starts_with("-----") || line.ends_with(": FAILED:")
    });
    let line = if tool == "catch2" && at + 1 < block.end { at + 1 } else { at };
    let finding =
        Finding::new(tool, Category::TestAssertion, Strength::Cause, at, log.content(line))
            .at(Some(location.clone()));
    match name {
        Some((start, name)) => finding
            .with_block(start..block.end)
            .with_test(FailedTest::named(name).saying(log.content(line)).at(Some(location))),
        None => finding.with_block(block),
    }
}

/// The test's name stands between two rules; of several failures only the first has them above.
fn catch_name(log: &Log, at: usize) -> Option<(usize, &str)> {
    let rule = |line: &str| line.starts_with("-------------");
    let second = log.back(at, 60, rule)?;
    let first = log.back(second, 12, rule)?;
    Some((first, log.content(first + 1).trim()))
}

fn doctest_name(log: &Log, at: usize) -> Option<(usize, &str)> {
    let line = log.back(at, 40, |line| line.starts_with("TEST CASE:"))?;
    Some((line, log.content(line).strip_prefix("TEST CASE:")?.trim()))
}

#[cfg(test)]
mod tests {
    use crate::recognize::found_by;

    #[test]
    fn both_name_the_test() {
        let catch = "-------------------\na store opens\n-------------------\nstore_test.cpp:9\n...\n\nstore_test.cpp:12: FAILED:\n  REQUIRE( store.open() == 2 )\nwith expansion:\n  1 == 2\n\n=====\n";
        let doctest = "store_test.cpp:9:\nTEST CASE:  a store opens\n\nstore_test.cpp:12: ERROR: CHECK( store.open() == 2 ) is NOT correct!\n  values: CHECK( 1 == 2 )\n";
        for (tool, text) in [("catch2", catch), ("doctest", doctest)] {
            assert_eq!(found_by(tool, text)[0].tests[0].name, "a store opens");
        }
    }

    #[test]
    fn an_error_of_others_is_none() {
        let text = "main.py:12: ERROR: connection lost\ntest cases: 3 | 3 passed\n";
        assert!(found_by("doctest", text).is_empty() && found_by("catch2", text).is_empty());
    }
}
