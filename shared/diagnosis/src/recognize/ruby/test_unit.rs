//! test-unit.
//!
//! ```text
//! ===============================================================================
//! Failure: test_empty(SumTest): <0> expected but was <nil>.
//! test/sum_test.rb:7:in `test_empty'
//! ===============================================================================
//! ```

use crate::contract::{Category, FailedTest, Location};
use crate::finding::{Finding, Strength};
use crate::log::Log;
use crate::recognize::pattern;

pub(super) fn failure(log: &Log, at: usize, found: &mut Vec<Finding>) {
    let head = pattern!(r"^(?:Failure|Error): (test[^(]*)\(([A-Z][[:word:]:]*)\)(?:: ?(.*)|:?)$");
    let Some(hit) = head.captures(log.content(at)) else { return };
    let block = log.block(at, 40, |line| line.starts_with("====") || line.starts_with("##["));
    let frame = pattern!(r"^\s*([^\s:]+\.rb):([0-9]+):in ");
    let place = block.clone().find_map(|line| {
        let hit = frame.captures(log.content(line))?;
        Some(Location::new(&hit[1], Some(&hit[2]), None))
    });
    let content = hit.get(3).map_or("", |content| content.as_str());
    let compared = pattern!(r"^<(.*)> expected but was <(.*)>\.?$").captures(content);
    let value =
        |group| compared.as_ref().and_then(|hit| hit.get(group)).map(|value| value.as_str());
    let test = FailedTest::named(&format!("{}#{}", &hit[2], &hit[1]))
        .saying(content)
        .at(place.clone())
        .comparing(value(1), value(2));
    found.push(
        Finding::new("test-unit", Category::TestAssertion, Strength::Cause, at, content)
            .with_block(block)
            .at(place)
            .with_test(test),
    );
}

#[cfg(test)]
mod tests {
    use crate::recognize::findings_in;

    #[test]
    fn a_failure_is_told_in_one_line() {
        let log = "====\nFailure: test_empty(SumTest): <0> expected but was <nil>.\n\
                   test/sum_test.rb:7:in `test_empty'\n====\n";
        let found = findings_in(&crate::log_of(log));
        let test = &found[0].tests[0];
        assert_eq!(test.name, "SumTest#test_empty");
        assert_eq!((test.expected.as_deref(), test.actual.as_deref()), (Some("0"), Some("nil")));
        assert_eq!(test.location.as_ref().and_then(|place| place.line), Some(7));
    }

    #[test]
    fn a_failure_of_something_else_is_none() {
        let found = findings_in(&crate::log_of("Failure: testing (again) went wrong\n"));
        assert!(found.iter().all(|finding| finding.tool != "test-unit"));
    }
}
