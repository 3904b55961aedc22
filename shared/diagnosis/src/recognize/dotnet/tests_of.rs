//! Failed tests of .NET.
//!
//! ```text
//!   Failed Acme.Tests.SumTests.Empty_is_zero [12 ms]
//!   Error Message:
//!    Assert.Equal() Failure: Values differ
//! Expected: 0
//! Actual:   1
//!   Stack Trace:
//!      at Acme.Tests.SumTests.Empty_is_zero() in /src/App.Tests/SumTests.cs:line 12
//!
//! [xUnit.net 00:00:00.61]     Acme.Tests.SumTests.Empty_is_zero [FAIL]
//!
//! failed Acme.Tests.SumTests.Empty_is_zero (12ms)          (Microsoft.Testing.Platform)
//!
//! 1) Failed : Acme.Tests.SumTests.Empty_is_zero            (NUnit's console)
//! ```

use std::ops::Range;

use crate::contract::{Category, FailedTest, Location};
use crate::finding::{Finding, Strength};
use crate::log::Log;
use crate::recognize::pattern;

const TOOL: &str = "dotnet test";
/// Longest block: a test's message, stack and output.
const LONGEST: usize = 60;

pub(super) fn vstest(log: &Log, at: usize, found: &mut Vec<Finding>) {
    let head = pattern!(r"^\s+(?:Failed|X) (.+?) \[(?:< )?[0-9][0-9 .,a-z]*\]$");
    if let Some(hit) = head.captures(log.content(at)) {
        found.push(failed(log, at, &hit[1]));
    }
}

pub(super) fn testing_platform(log: &Log, at: usize, found: &mut Vec<Finding>) {
    let head = pattern!(r"^failed (\S.*?) \((?:[0-9.]+(?:ms|s|m|h) ?)+\)$");
    if let Some(hit) = head.captures(log.content(at)) {
        found.push(failed(log, at, &hit[1]));
    }
}

pub(super) fn nunit(log: &Log, at: usize, found: &mut Vec<Finding>) {
    let head = pattern!(r"^[0-9]+\) (?:Failed|Error) : (\S.*)$");
    if let Some(hit) = head.captures(log.content(at)) {
        found.push(failed(log, at, &hit[1]));
    }
}

pub(super) fn xunit(log: &Log, at: usize, found: &mut Vec<Finding>) {
    let head = pattern!(r"^\[xUnit\.net [0-9:.]+\]\s+(\S.*) \[FAIL\]$");
    if let Some(hit) = head.captures(log.content(at)) {
        found.push(
            Finding::new(TOOL, Category::TestAssertion, Strength::Summary, at, &hit[1])
                .with_test(FailedTest::named(&hit[1])),
        );
    }
}

fn failed(log: &Log, at: usize, name: &str) -> Finding {
    let block = block(log, at);
    let line = message_line(log, block.clone());
    let message = log.content(line).trim();
    let place = place(log, block.clone());
    let value = |label: &str| {
        block.clone().find_map(|at| log.content(at).trim().strip_prefix(label).map(str::trim))
    };
    let expected = value("Expected:");
    let actual = value("Actual:").or_else(|| value("But was:"));
    let test =
        FailedTest::named(name).saying(message).at(place.clone()).comparing(expected, actual);
    Finding::new(TOOL, category_of(message), Strength::Cause, line, message)
        .with_block(block)
        .at(place)
        .with_test(test)
}

/// Returns the lines from the test's name to the next one, or to the end of the report.
fn block(log: &Log, at: usize) -> Range<usize> {
    let next = pattern!(
        r"^\s+(?:Failed|Passed|Skipped|X|√|V|!) \S.* \[|^(?:failed|passed|skipped) \S.* \(|^(?:Failed|Passed)!  - |^Test [Rr]un |^Total tests: |^[0-9]+\) |^\[xUnit\.net |^##\[|^Results File: "
    );
    log.block(at, LONGEST, |line| next.is_match(line))
}

/// Returns the first line of the message, or the test's name if there is none.
fn message_line(log: &Log, block: Range<usize>) -> usize {
    let label = pattern!(r"^\s*(?:Error Message:|Message:)?\s*$");
    let mut rest = block.start + 1..block.end;
    rest.find(|&at| !label.is_match(log.content(at))).unwrap_or(block.start)
}

/// Returns the first frame with a place in a source file.
fn place(log: &Log, mut block: Range<usize>) -> Option<Location> {
    let frame = pattern!(r"^\s+at .+ in (.+):line ([0-9]+)");
    block.find_map(|at| {
        let hit = frame.captures(log.content(at))?;
        Some(Location::new(&hit[1], Some(&hit[2]), None))
    })
}

fn category_of(message: &str) -> Category {
    let snapshot = message.contains("VerifyException") || message.contains("SnapshotAssertion");
    if snapshot { Category::SnapshotDiff } else { Category::TestAssertion }
}

#[cfg(test)]
mod tests {
    use crate::finding::Finding;
    use crate::recognize::findings_in;

    const LOG: &str = "  Passed Acme.Tests.SumTests.One_is_one [1 ms]
  Failed Acme.Tests.SumTests.Empty_is_zero [12 ms]
  Error Message:
   Assert.Equal() Failure: Values differ
Expected: 0
Actual:   1
  Stack Trace:
     at Acme.Tests.SumTests.Empty_is_zero() in /src/App.Tests/SumTests.cs:line 12
   at System.RuntimeMethodHandle.InvokeMethod(Object target)
  Passed Acme.Tests.SumTests.Two_is_two [1 ms]
Failed!  - Failed:     1, Passed:     2, Skipped:     0, Total:     3, Duration: 45 ms - App.Tests.dll (net8.0)
";

    fn failures(text: &str) -> Vec<Finding> {
        let mut found = findings_in(&crate::log_of(text));
        found.retain(|finding| finding.tool == "dotnet test" && !finding.tests.is_empty());
        found
    }

    #[test]
    fn a_failed_test_has_its_message_place_and_values() {
        let found = failures(LOG);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].message, "Assert.Equal() Failure: Values differ");
        assert_eq!(found[0].block, 1..9);
        let test = &found[0].tests[0];
        assert_eq!(test.name, "Acme.Tests.SumTests.Empty_is_zero");
        assert_eq!((test.expected.as_deref(), test.actual.as_deref()), (Some("0"), Some("1")));
        assert_eq!(test.location.as_ref().and_then(|place| place.line), Some(12));
    }

    #[test]
    fn other_runners_name_their_tests_too() {
        for line in [
            "[xUnit.net 00:00:00.61]     Acme.SumTests.Empty [FAIL]",
            "failed Acme.SumTests.Empty (12ms)",
            "1) Failed : Acme.SumTests.Empty",
        ] {
            assert_eq!(failures(line)[0].tests[0].name, "Acme.SumTests.Empty", "{line}");
        }
    }

    #[test]
    fn what_only_looks_like_it_is_none() {
        for line in [
            "  Failed to restore /src/App.csproj (in 45 ms).",
            "failed to load (see above)",
            "[xUnit.net 00:00:00.61]   Finished:    App.Tests",
        ] {
            assert_eq!(failures(line), [], "{line}");
        }
    }
}
