//! `dart test` and `flutter test`.
//!
//! ```text
//! 00:01 +3 -1: test/sum_test.dart: nothing is zero [E]
//!   Expected: <0>
//!     Actual: <null>
//!   package:matcher            expect
//!   test/sum_test.dart 7:5     main.<fn>
//! ```

use crate::contract::{Category, FailedTest, Location};
use crate::finding::{Finding, Strength};
use crate::log::Log;
use crate::recognize::pattern;

pub(super) fn failure(log: &Log, at: usize, found: &mut Vec<Finding>) {
    let head = pattern!(
        r"^[0-9:]+ (?:\+[0-9]+ )?(?:~[0-9]+ )?-[0-9]+: (?:(?:/|[[:word:].-]+/)\S*_test\.dart: )?(\S.*) \[E\]$"
    );
    let Some(hit) = head.captures(log.content(at)) else { return };
    let next = pattern!(r"^[0-9:]{5,} (?:\+|~|-)[0-9]+");
    let block = log.block(at, 40, |line| next.is_match(line) || line.starts_with("##["));
    let line = (at + 1).min(block.end - 1);
    let frame = pattern!(r"^\s+(\S+\.dart) ([0-9]+):([0-9]+)\s");
    let location = block.clone().find_map(|line| {
        let hit =
            frame.captures(log.content(line)).filter(|hit| !hit[1].starts_with("package:"))?;
        Some(Location::new(&hit[1], Some(&hit[2]), Some(&hit[3])))
    });
    let value = |label: &str| {
        block.clone().find_map(|at| log.content(at).trim().strip_prefix(label).map(str::trim))
    };
    let message = log.content(line).trim();
    let test = FailedTest::named(&hit[1])
        .saying(message)
        .at(location.clone())
        .comparing(value("Expected:"), value("Actual:"));
    found.push(
        Finding::new("dart test", Category::TestAssertion, Strength::Cause, line, message)
            .with_block(block)
            .at(location)
            .with_test(test),
    );
}

#[cfg(test)]
mod tests {
    use crate::recognize::findings_in;

    #[test]
    fn a_failure_has_both_sides_and_a_place() {
        let log = "00:01 +3 -1: test/sum_test.dart: nothing is zero [E]\n  Expected: <0>\n    Actual: <null>\n\
                   \u{20} package:matcher            expect\n  test/sum_test.dart 7:5     main.<fn>\n\n00:01 +4 -1: Some tests failed.\n";
        let found = findings_in(&crate::log_of(log));
        let failure = found.iter().find(|finding| finding.tool == "dart test").expect("a failure");
        let test = &failure.tests[0];
        assert_eq!(test.name, "nothing is zero");
        assert_eq!(
            (test.expected.as_deref(), test.actual.as_deref()),
            (Some("<0>"), Some("<null>"))
        );
        assert_eq!(failure.location.as_ref().and_then(|place| place.line), Some(7));
    }

    #[test]
    fn a_passing_test_is_none() {
        let found = findings_in(&crate::log_of("00:01 +3: test/sum_test.dart: prints [E]rrors\n"));
        assert!(found.iter().all(|finding| finding.tool != "dart test"));
    }
}
