//! GoogleTest.
//!
//! ```text
//! [ RUN      ] StoreTest.Opens
//! /work/store_test.cc:12: Failure
//! Expected equality of these values:
//!   store.open()
//!     Which is: 1
//!   2
//! [  FAILED  ] StoreTest.Opens (0 ms)
//! ```

use std::ops::Range;

use crate::contract::{Category, FailedTest, Location};
use crate::finding::{Finding, Strength};
use crate::log::Log;
use crate::recognize::{Recognizer, pattern};

pub(super) const RECOGNISER: Recognizer = Recognizer {
    name: "googletest",
    triggers: &["[  FAILED  ] ", ": Failure", "): error: "],
    look,
};

const TOOL: &str = "googletest";

fn look(log: &Log, at: usize, found: &mut Vec<Finding>) {
    let content = log.content(at).trim_start();
    let failure = pattern!(
        r"^(?:[0-9]+: )?(\S.*?)(?::([0-9]+): Failure|\(([0-9]+)\): error: (?:Expected|Value of|Failed).*)$"
    );
    if let Some(hit) =
        pattern!(r"\[  FAILED  \] (\S+/?\S*?)(?:, where .*)?(?: \([0-9]+ ms\))?$").captures(content)
    {
        let summary = Finding::new(TOOL, Category::TestAssertion, Strength::Summary, at, content);
        if hit[1].contains('.') {
            found.push(summary.with_test(FailedTest::named(&hit[1])));
        }
    } else if let Some(hit) = failure.captures(content) {
        let line = hit.get(2).or(hit.get(3)).map(|it| it.as_str());
        found.push(assertion(log, at, Location::new(&hit[1], line, None)));
    }
}

fn assertion(log: &Log, at: usize, location: Location) -> Finding {
    let block = log.block(at, 60, |line| {
        line.contains("[  FAILED  ]")
            || line.contains("[ RUN      ]")
            || line.contains("[       OK ]")
            || line.ends_with(": Failure")
    });
    let name = log.back(at, 100, |line| line.contains("[ RUN      ] ")).and_then(|line| {
        let (_, name) = log.content(line).split_once("[ RUN      ] ")?;
        Some((line, name))
    });
    let (expected, actual) = compared(log, &block);
    // The line under the place holds the expectation; the place itself ends with `Failure`.
    let line = if at + 1 < block.end { at + 1 } else { at };
    let finding =
        Finding::new(TOOL, Category::TestAssertion, Strength::Cause, at, log.content(line))
            .at(Some(location.clone()));
    let Some((start, name)) = name else { return finding.with_block(block) };
    let start = if at - start < 12 { start } else { at };
    let test = FailedTest::named(name)
        .saying(log.content(line))
        .at(Some(location))
        .comparing(expected.as_deref(), actual.as_deref());
    finding.with_block(start..block.end).with_test(test)
}

/// Returns both sides of an equality, or the values after `Expected:` and `Actual:`.
fn compared(log: &Log, block: &Range<usize>) -> (Option<String>, Option<String>) {
    let after = |name: &str| {
        block.clone().find_map(|line| {
            log.content(line).trim_start().strip_prefix(name).map(|value| value.trim().to_owned())
        })
    };
    if log.content(block.start + 1).starts_with("Expected equality of these values:") {
        let sides: Vec<&str> = (block.start + 2..block.end)
            .map(|line| log.content(line))
            .filter(|content| content.starts_with("  "))
            .collect();
        let value = |content: &&str| content.trim().trim_start_matches("Which is: ").to_owned();
        return match sides.as_slice() {
            [one, which, other] if which.contains("Which is:") && !one.is_empty() => {
                (Some(value(other)), Some(value(which)))
            }
            [one, .., other] => (Some(value(one)), Some(value(other))),
            _ => (None, None),
        };
    }
    (after("Expected:"), after("Actual:"))
}

#[cfg(test)]
mod tests {
    use crate::finding::Strength;
    use crate::recognize::found_by;

    const FAILED: &str = "\
[ RUN      ] StoreTest.Opens
/work/store_test.cc:12: Failure
Expected equality of these values:
  store.open()
    Which is: 1
  2
[  FAILED  ] StoreTest.Opens (0 ms)
[  FAILED  ] 1 test, listed below:
[  FAILED  ] StoreTest.Opens
";

    #[test]
    fn an_assertion_knows_its_test_and_its_place() {
        let found = found_by("googletest", FAILED);
        let cause = found.iter().find(|one| one.strength == Strength::Cause).expect("a cause");
        assert_eq!(cause.block, 0..6);
        assert_eq!(cause.tests[0].name, "StoreTest.Opens");
        assert_eq!(cause.tests[0].actual.as_deref(), Some("1"));
        assert_eq!(found.len(), 3);
    }

    #[test]
    fn what_passes_is_silent() {
        assert!(
            found_by("googletest", "[       OK ] StoreTest.Opens (0 ms)\n[  PASSED  ] 3 tests.\n")
                .is_empty()
        );
    }
}
