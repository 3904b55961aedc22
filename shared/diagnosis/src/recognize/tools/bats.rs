//! Bats: tests of shell scripts.
//!
//! ```text
//! not ok 2 takes off
//! # (in test file test/sum.bats, line 8)
//! #   `[ "$output" = 0 ]' failed
//!  ✗ takes off
//!    (in test file test/sum.bats, line 8)
//! ```

use crate::contract::{Category, FailedTest, Location};
use crate::finding::{Finding, Strength};
use crate::log::Log;
use crate::recognize::pattern;

pub(super) fn failure(log: &Log, at: usize, found: &mut Vec<Finding>) {
    let place = pattern!(r"^#? *\((?:in test file|.*in test file) ([^,]+), line ([0-9]+)\)$");
    let Some(hit) = place.captures(log.content(at)) else { return };
    let head = pattern!(r"^(?:not ok [0-9]+| ✗) (\S.*?)(?: in [0-9]+(?:ms|sec))?$");
    let Some(start) = log.back(at, 8, |line| head.is_match(line)) else { return };
    let Some(name) = head.captures(log.content(start)).map(|hit| hit[1].to_owned()) else { return };
    let block = start..log.block(at, 25, |line| !line.starts_with('#')).end;
    let failed = (at + 1..block.end).find(|&line| log.content(line).contains("' failed"));
    let line = failed.unwrap_or(at);
    let message = log.content(line).trim_start_matches(['#', ' ']);
    let location = Some(Location::new(&hit[1], Some(&hit[2]), None));
    let test = FailedTest::named(&name).saying(message).at(location.clone());
    found.push(
        Finding::new("bats", Category::TestAssertion, Strength::Cause, line, message)
            .with_block(block)
            .at(location)
            .with_test(test),
    );
}

#[cfg(test)]
mod tests {
    use crate::recognize::findings_in;

    #[test]
    fn a_failed_test_names_its_line() {
        let log = "ok 1 adds\nnot ok 2 takes off\n# (in test file test/sum.bats, line 8)\n\
                   #   `[ \"$output\" = 0 ]' failed\n";
        let found = findings_in(&crate::log_of(log));
        let bats = found.iter().find(|finding| finding.tool == "bats").expect("a failure");
        assert_eq!(bats.tests[0].name, "takes off");
        assert_eq!(bats.message, "`[ \"$output\" = 0 ]' failed");
        assert_eq!(bats.location.as_ref().and_then(|place| place.line), Some(8));
    }
}
