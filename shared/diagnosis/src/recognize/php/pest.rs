//! Pest, and `artisan test`, which prints the same form.
//!
//! ```text
//!    FAILED  Tests\SumTest > empty is zero
//!   Failed asserting that null is identical to 0.
//!
//!   at tests/SumTest.php:7
//!       3▕ test('empty is zero', function () {
//!   ➜   7▕     expect(sum([]))->toBe(0);
//! ```

use crate::contract::{Category, FailedTest, Location};
use crate::finding::{Finding, Strength};
use crate::log::Log;
use crate::recognize::pattern;

pub(super) fn failure(log: &Log, at: usize, found: &mut Vec<Finding>) {
    let head = pattern!(r"^\s*(?:•\s+)?FAILED  (\S+ > .+?)(?:\s{2,}.*)?$");
    let Some(hit) = head.captures(log.content(at)) else { return };
    let next = pattern!(r"^\s*(?:•\s+)?FAILED  \S|^\s+Tests:\s+[0-9]+ |^\s*─{5,}|^##\[");
    let block = log.block(at, 40, |line| next.is_match(line));
    let content = |line: &usize| !log.content(*line).trim().is_empty();
    let line = (at + 1..block.end).find(content).unwrap_or(at);
    let place = pattern!(r"^\s+at ([[:word:]./-]+\.php):([0-9]+)$");
    let location = block.clone().find_map(|line| {
        let hit = place.captures(log.content(line))?;
        Some(Location::new(&hit[1], Some(&hit[2]), None))
    });
    let message = log.content(line).trim();
    let test = FailedTest::named(&hit[1]).saying(message).at(location.clone());
    found.push(
        Finding::new("pest", Category::TestAssertion, Strength::Cause, line, message)
            .with_block(block)
            .at(location)
            .with_test(test),
    );
}

#[cfg(test)]
mod tests {
    use crate::recognize::findings_in;

    #[test]
    fn a_failure_has_its_message_and_place() {
        let log = "   FAILED  Tests\\SumTest > empty is zero\n  Failed asserting that null is identical to 0.\n\n\
                   \u{20} at tests/SumTest.php:7\n\n  Tests:    1 failed, 2 passed (3 assertions)\n";
        let found = findings_in(&crate::log_of(log));
        let pest = found.iter().find(|finding| finding.tool == "pest").expect("a failure");
        assert_eq!(pest.message, "Failed asserting that null is identical to 0.");
        assert_eq!(pest.tests[0].name, "Tests\\SumTest > empty is zero");
        assert_eq!(pest.location.as_ref().and_then(|place| place.line), Some(7));
    }

    #[test]
    fn other_failures_are_none() {
        let found = findings_in(&crate::log_of("FAILED  to connect\n"));
        assert!(found.iter().all(|finding| finding.tool != "pest"));
    }
}
