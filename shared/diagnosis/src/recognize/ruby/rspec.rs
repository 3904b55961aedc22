//! RSpec.
//!
//! ```text
//! Failures:
//!
//!   1) Sum of nothing is zero
//!      Failure/Error: expect(Sum.of([])).to eq(0)
//!
//!        expected: 0
//!             got: nil
//!
//!        (compared using ==)
//!      # ./spec/sum_spec.rb:5:in `block (3 levels) in <top (required)>'
//!
//! Failed examples:
//!
//! rspec ./spec/sum_spec.rb:4 # Sum of nothing is zero
//! ```

use std::ops::Range;

use crate::contract::{Category, FailedTest, Location};
use crate::finding::{Finding, Strength};
use crate::log::Log;
use crate::recognize::pattern;

const TOOL: &str = "rspec";
const LONGEST: usize = 80;

pub(super) fn failure(log: &Log, at: usize, found: &mut Vec<Finding>) {
    if !log.content(at).trim_start().starts_with("Failure/Error: ") {
        return;
    }
    // Of several errors, `1.1) Failure/Error:` stands on the same line as its number.
    let head = pattern!(r"^\s+[0-9]+\) (\S.*)$");
    let start = log.back(at, 8, |line| head.is_match(line)).unwrap_or(at);
    let name = head.captures(log.content(start)).map(|hit| hit[1].to_owned());
    if is_pending(log, start) {
        return;
    }
    let block = start..log.block(at, LONGEST, ends).end;
    let line = telling_line(log, at, block.clone());
    let place = place(log, block.clone());
    let message = log.content(line).trim();
    let mut finding = Finding::new(TOOL, Category::TestAssertion, Strength::Cause, line, message)
        .with_block(block.clone())
        .at(place.clone());
    if let Some(name) = name {
        let value = |label: &str| {
            block.clone().find_map(|at| log.content(at).trim().strip_prefix(label).map(str::trim))
        };
        let test = FailedTest::named(&name).saying(message).at(place);
        finding = finding.with_test(test.comparing(value("expected: "), value("got: ")));
    }
    found.push(finding);
}

/// Pending examples are listed first and in the same form: they are expected to fail.
fn is_pending(log: &Log, at: usize) -> bool {
    const FAR: usize = 400;
    let heading = |line: &str| line == "Failures:" || line.starts_with("Pending: ");
    log.back(at, FAR, heading).is_some_and(|line| log.content(line).starts_with("Pending: "))
}

pub(super) fn summary(log: &Log, at: usize, found: &mut Vec<Finding>) {
    let line = pattern!(r"^rspec '?(\./[^\s:'\[]+)(?::([0-9]+)|\[[0-9:]+\])?'? # (\S.*)$");
    let Some(hit) = line.captures(log.content(at)) else { return };
    let place = Location::new(&hit[1], hit.get(2).map(|digits| digits.as_str()), None);
    found.push(
        Finding::new(TOOL, Category::TestAssertion, Strength::Summary, at, &hit[3])
            .at(Some(place.clone()))
            .with_test(FailedTest::named(&hit[3]).at(Some(place))),
    );
}

/// Reads a file of examples that could not be loaded.
pub(super) fn outside(log: &Log, at: usize, found: &mut Vec<Finding>) {
    let Some(hit) = pattern!(r"^An error occurred while loading (\S+?)\.?(?: - Did you mean\?)?$")
        .captures(log.content(at))
    else {
        return;
    };
    let error = pattern!(r"^\s*[A-Z][[:word:]:]*(?:Error|Exception)?:$");
    let block = log.block(at, 30, |line| line.starts_with("# ") || line.starts_with("Run options"));
    let name = block.clone().find(|&line| error.is_match(log.content(line)));
    let line = name.map_or(at, |line| (line + 1).min(block.end.saturating_sub(1)));
    found.push(
        Finding::new(TOOL, Category::CompileError, Strength::Cause, line, log.content(line))
            .with_block(block)
            .at(Some(Location::new(&hit[1], None, None))),
    );
}

/// Matches the next failure, or the end of the list.
fn ends(line: &str) -> bool {
    pattern!(r"^\s+[0-9]+\) \S|^Finished in |^Failed examples:|^[0-9]+ examples?, |^##\[")
        .is_match(line)
}

/// Returns the expectation, an exception's message, or else the code that failed.
fn telling_line(log: &Log, at: usize, block: Range<usize>) -> usize {
    let wanted = pattern!(r"^\s+(?:expected(?::| )|Expected )");
    let error = pattern!(r"^\s*[A-Z][[:word:]:]*(?:Error|Exception|Invalid|NotFound|Timeout):$");
    let mut rest = at + 1..block.end;
    let expected = rest.clone().find(|&line| wanted.is_match(log.content(line)));
    let raised = || rest.find(|&line| error.is_match(log.content(line))).map(|line| line + 1);
    expected.or_else(raised).filter(|&line| line < block.end).unwrap_or(at)
}

/// Returns the first frame of the project.
fn place(log: &Log, mut block: Range<usize>) -> Option<Location> {
    let frame = pattern!(r"^\s+# (\./[^\s:]+):([0-9]+)");
    block.find_map(|at| {
        let hit = frame.captures(log.content(at))?;
        Some(Location::new(&hit[1], Some(&hit[2]), None))
    })
}

#[cfg(test)]
mod tests {
    use crate::finding::{Finding, Strength};
    use crate::recognize::found_by;

    const LOG: &str = "Failures:

  1) Sum of nothing is zero
     Failure/Error: expect(Sum.of([])).to eq(0)

       expected: 0
            got: nil

       (compared using ==)
     # ./spec/sum_spec.rb:5:in `block (3 levels) in <top (required)>'

Finished in 0.01 seconds (files took 0.08 seconds to load)
2 examples, 1 failure

Failed examples:

rspec ./spec/sum_spec.rb:4 # Sum of nothing is zero
";

    fn found(text: &str) -> Vec<Finding> {
        found_by("rspec", text)
    }

    #[test]
    fn a_failure_has_what_was_expected_and_where() {
        let found = found(LOG);
        assert_eq!(found.len(), 2);
        assert_eq!(found[0].message, "expected: 0");
        let test = &found[0].tests[0];
        assert_eq!(test.name, "Sum of nothing is zero");
        assert_eq!((test.expected.as_deref(), test.actual.as_deref()), (Some("0"), Some("nil")));
        assert_eq!(found[0].location.as_ref().and_then(|place| place.line), Some(5));
        assert_eq!(found[1].strength, Strength::Summary);
        assert_eq!(found[1].tests[0].name, test.name);
    }

    #[test]
    fn an_exception_is_told_by_its_message() {
        let log = LOG.replace(
            "       expected: 0\n            got: nil\n",
            "     NoMethodError:\n       undefined method `+' for nil\n",
        );
        assert_eq!(found(&log)[0].message, "undefined method `+' for nil");
    }

    #[test]
    fn a_pending_example_did_not_fail() {
        assert_eq!(found(&LOG[..LOG.len() / 2].replace("Failures:", "Pending: (expected)")), []);
    }

    #[test]
    fn a_file_that_does_not_load_says_why() {
        let log = "An error occurred while loading ./spec/sum_spec.rb. - Did you mean?\n\n\
                   Failure/Error: require \"acme\"\n\nLoadError:\n  cannot load such file -- acme\n# ./spec/sum_spec.rb:1\n";
        assert!(
            found(log).iter().all(|finding| finding.message == "cannot load such file -- acme")
        );
        assert!(!found(log).is_empty());
    }

    #[test]
    fn a_call_of_rspec_is_no_failure() {
        assert_eq!(found("bundle exec rspec ./spec/sum_spec.rb\nrspec ./spec --format doc\n"), []);
    }
}
