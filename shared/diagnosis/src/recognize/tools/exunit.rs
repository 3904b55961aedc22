//! ExUnit, Elixir's tests.
//!
//! ```text
//!   1) test of nothing is zero (SumTest)
//!      test/sum_test.exs:5
//!      Assertion with == failed
//!      code:  assert Sum.of([]) == 0
//!      left:  nil
//!      right: 0
//!      stacktrace:
//!        test/sum_test.exs:6: (test)
//! ```

use crate::contract::{Category, FailedTest, Location};
use crate::finding::{Finding, Strength};
use crate::log::Log;
use crate::recognize::pattern;

/// Reads the line of the place, which is the second.
pub(super) fn failure(log: &Log, at: usize, found: &mut Vec<Finding>) {
    let place = pattern!(r"^     ((?:apps/[[:word:]]+/)?test/\S+\.exs):([0-9]+)$");
    let Some(hit) = place.captures(log.content(at)) else { return };
    let head = pattern!(r"^  [0-9]+\) (?:test |doctest |property )?(\S.*)$");
    let Some(start) = at.checked_sub(1) else { return };
    let Some(name) = head.captures(log.content(start)).map(|hit| hit[1].to_owned()) else { return };
    let next = pattern!(r"^  [0-9]+\) \S|^Finished in |^[0-9]+ (?:tests?|doctests?), |^\.+$|^##\[");
    let block = start..log.block(at, 60, |line| next.is_match(line)).end;
    let line = (at + 1).min(block.end - 1);
    let value = |label: &str| {
        block.clone().find_map(|at| log.content(at).trim().strip_prefix(label).map(str::trim))
    };
    let message = log.content(line).trim();
    let location = Some(Location::new(&hit[1], Some(&hit[2]), None));
    let test = FailedTest::named(&name)
        .saying(message)
        .at(location.clone())
        .comparing(value("right:"), value("left:"));
    found.push(
        Finding::new("exunit", Category::TestAssertion, Strength::Cause, line, message)
            .with_block(block)
            .at(location)
            .with_test(test),
    );
}

#[cfg(test)]
mod tests {
    use crate::recognize::findings_in;

    #[test]
    fn a_failure_has_both_sides() {
        let log = "  1) test of nothing is zero (SumTest)\n     test/sum_test.exs:5\n     Assertion with == failed\n\
                   \u{20}    code:  assert Sum.of([]) == 0\n     left:  nil\n     right: 0\n\nFinished in 0.03 seconds\n";
        let found = findings_in(&crate::log_of(log));
        let failure = found.iter().find(|finding| finding.tool == "exunit").expect("a failure");
        let test = &failure.tests[0];
        assert_eq!(test.name, "of nothing is zero (SumTest)");
        assert_eq!((test.expected.as_deref(), test.actual.as_deref()), (Some("0"), Some("nil")));
        assert_eq!(failure.message, "Assertion with == failed");
    }

    #[test]
    fn a_frame_is_no_failure() {
        let found = findings_in(&crate::log_of("     stacktrace:\n     test/sum_test.exs:6\n"));
        assert!(found.iter().all(|finding| finding.tool != "exunit"));
    }
}
