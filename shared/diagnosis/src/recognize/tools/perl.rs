//! Perl's Test::More, and prove.
//!
//! ```text
//! #   Failed test 'nothing is zero'
//! #   at t/sum.t line 7.
//! #          got: undef
//! #     expected: '0'
//! # Looks like you failed 1 test of 2.
//! t/sum.t .. Dubious, test returned 1 (wstat 256, 0x100)
//! Test Summary Report
//! -------------------
//! t/sum.t (Wstat: 256 (exited 1) Tests: 2 Failed: 1)
//!   Failed test:  2
//! ```

use crate::contract::{Category, FailedTest, Location};
use crate::finding::{Finding, Strength};
use crate::log::Log;
use crate::recognize::pattern;

pub(super) fn failure(log: &Log, at: usize, found: &mut Vec<Finding>) {
    let head = pattern!(r"^\s*#   Failed (?:\(TODO\) )?test(?: '(.+)')?(?: \(.*)?(?: in .+)?$");
    let content = log.content(at);
    let Some(hit) = head.captures(content).filter(|_| !content.contains("(TODO)")) else { return };
    let next = pattern!(r"^\s*(?:[^#\s]|#   Failed |# Looks like )");
    let block = at..log.block(at + 1, 25, |line| next.is_match(line)).end.max(at + 1);
    let value = |label: &str| {
        block
            .clone()
            .find_map(|line| log.content(line).split_once(label).map(|(_, value)| value.trim()))
    };
    let place = pattern!(r"at (\S+) line ([0-9]+)\.?$");
    let location = block.clone().find_map(|line| {
        let hit = place.captures(log.content(line))?;
        Some(Location::new(&hit[1], Some(&hit[2]), None))
    });
    let name = match (hit.get(1), &location) {
        (Some(name), _) => name.as_str().to_owned(),
        (None, Some(place)) => format!("{}:{}", place.file, place.line.unwrap_or_default()),
        (None, None) => return,
    };
    let test = FailedTest::named(&name)
        .at(location.clone())
        .comparing(value("expected: "), value("got: "));
    found.push(
        Finding::new("perl", Category::TestAssertion, Strength::Cause, at, content)
            .with_block(block)
            .at(location)
            .with_test(test),
    );
}

/// prove's report holds files and numbers, not names.
pub(super) fn prove(log: &Log, at: usize, found: &mut Vec<Finding>) {
    if pattern!(r"^  Failed tests?:  [0-9]").is_match(log.content(at)) {
        let block = at.saturating_sub(1)..at + 1;
        let summary =
            Finding::new("perl", Category::TestAssertion, Strength::Summary, at, log.content(at));
        found.push(summary.with_block(block));
    }
}

#[cfg(test)]
mod tests {
    use crate::recognize::findings_in;

    #[test]
    fn a_failed_test_has_its_place_and_values() {
        let log = "#   Failed test 'nothing is zero'\n#   at t/sum.t line 7.\n#          got: undef\n\
                   #     expected: '0'\n# Looks like you failed 1 test of 2.\n";
        let found = findings_in(&crate::log_of(log));
        let test = &found[0].tests[0];
        assert_eq!(test.name, "nothing is zero");
        assert_eq!(
            (test.expected.as_deref(), test.actual.as_deref()),
            (Some("'0'"), Some("undef"))
        );
        assert_eq!(found[0].location.as_ref().and_then(|place| place.line), Some(7));
    }

    #[test]
    fn what_is_to_be_done_may_fail() {
        let found =
            findings_in(&crate::log_of("#   Failed (TODO) test 'later'\n#   at t/a.t line 7.\n"));
        assert!(found.iter().all(|finding| finding.tool != "perl"));
    }
}
