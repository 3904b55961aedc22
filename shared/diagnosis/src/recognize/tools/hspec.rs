//! Hspec, of Haskell.
//!
//! ```text
//!   test/SumSpec.hs:8:7:
//!   1) Sum, of nothing, is zero
//!        expected: 0
//!         but got: 1
//!
//!   To rerun use: --match "/Sum/of nothing/is zero/" --seed 123
//! ```

use crate::contract::{Category, FailedTest, Location};
use crate::finding::{Finding, Strength};
use crate::log::Log;
use crate::recognize::pattern;

/// Reads the last line of a failure.
pub(super) fn failure(log: &Log, at: usize, found: &mut Vec<Finding>) {
    const LONGEST: usize = 60;
    let head = pattern!(r"^\s+[0-9]+\) (\S.*)$");
    let Some(start) = log.back(at, LONGEST, |line| head.is_match(line)) else { return };
    let Some(name) = head.captures(log.content(start)).map(|hit| hit[1].to_owned()) else { return };
    let place = pattern!(r"^\s+(\S+\.hs):([0-9]+):([0-9]+):\s*$");
    let location = start.checked_sub(1).and_then(|above| {
        let hit = place.captures(log.content(above))?;
        Some(Location::new(&hit[1], Some(&hit[2]), Some(&hit[3])))
    });
    let block = start.saturating_sub(1)..at + 1;
    let value = |label: &str| {
        (start..at).find_map(|line| log.content(line).trim().strip_prefix(label).map(str::trim))
    };
    let telling = (start + 1..at).find(|&line| !log.content(line).trim().is_empty());
    let line = telling.unwrap_or(start);
    let message = log.content(line).trim();
    let test = FailedTest::named(&name)
        .saying(message)
        .at(location.clone())
        .comparing(value("expected:"), value("but got:"));
    found.push(
        Finding::new("hspec", Category::TestAssertion, Strength::Cause, line, message)
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
        let log = "  test/SumSpec.hs:8:7:\n  1) Sum, of nothing, is zero\n       expected: 0\n        but got: 1\n\n\
                   \u{20} To rerun use: --match \"/Sum/of nothing/is zero/\" --seed 123\n";
        let found = findings_in(&crate::log_of(log));
        let failure = found.iter().find(|finding| finding.tool == "hspec").expect("a failure");
        assert_eq!(failure.tests[0].name, "Sum, of nothing, is zero");
        assert_eq!(failure.tests[0].actual.as_deref(), Some("1"));
        assert_eq!(failure.location.as_ref().and_then(|place| place.line), Some(8));
    }
}
