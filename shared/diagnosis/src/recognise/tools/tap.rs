//! TAP, by whatever prints it: which tests failed, where nothing says why.
//!
//! ```text
//! ok 1 - adds
//! not ok 2 - takes off
//! not ok 3 - divides # TODO later
//! ```

use crate::contract::{Category, FailedTest};
use crate::finding::{Finding, Strength};
use crate::log::Log;
use crate::recognise::pattern;

pub(super) fn failure(log: &Log, at: usize, found: &mut Vec<Finding>) {
    let line = pattern!(r"^\s*not ok [0-9]+(?: -)? (\S.*?)(?: in [0-9]+(?:ms|sec))?$");
    let Some(hit) = line.captures(log.said(at)) else { return };
    // What is to be done or was skipped is not a failure; a block in YAML is for those who know its
    // runner.
    if pattern!(r"(?i)# *(?:TODO|SKIP)(?-u:\b)").is_match(log.said(at))
        || log.said(at + 1).trim() == "---"
    {
        return;
    }
    found.push(
        Finding::new("TAP", Category::TestAssertion, Strength::Summary, at, &hit[1])
            .with_test(FailedTest::named(&hit[1])),
    );
}

#[cfg(test)]
mod tests {
    use crate::recognise::findings_in;

    #[test]
    fn what_is_not_ok_failed() {
        let log = "ok 1 - adds\nnot ok 2 - takes off\nnot ok 3 - divides # TODO later\n";
        let found = findings_in(&crate::log_of(log));
        let taps: Vec<_> = found.iter().filter(|finding| finding.tool == "TAP").collect();
        assert_eq!(taps.len(), 1);
        assert_eq!(taps[0].tests[0].name, "takes off");
    }
}
