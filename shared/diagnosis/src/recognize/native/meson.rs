//! Meson: configuring, and its test runner.
//!
//! ```text
//! meson.build:12:0: ERROR: Dependency "libpq" not found, tried pkgconfig and cmake
//!  3/10 store / open        FAIL            0.01s   exit status 1
//! Fail:               1
//! ```

use std::ops::Range;

use crate::contract::{Category, FailedTest, Location};
use crate::finding::{Finding, Strength};
use crate::log::Log;
use crate::recognize::{Recognizer, pattern};

pub(super) const RECOGNISER: Recognizer = Recognizer {
    name: "meson",
    triggers: &[": ERROR: ", " FAIL ", " TIMEOUT ", "Fail:    "],
    look,
};

fn look(log: &Log, at: usize, found: &mut Vec<Finding>) {
    let content = log.content(at);
    let configure = pattern!(r"^(\S*meson\.build):([0-9]+):([0-9]+): ERROR: (\S.*)$");
    let test = pattern!(r"^ *[0-9]+/[0-9]+ (\S.*?) +(FAIL|TIMEOUT|ERROR) +[0-9.]+ ?s\b");
    if let Some(hit) = configure.captures(content) {
        let missing = hit[4].contains("not found");
        let category = if missing { Category::DependencyInstall } else { Category::CompileError };
        found.push(
            Finding::new("meson", category, Strength::Cause, at, &hit[4]).at(Some(Location::new(
                &hit[1],
                Some(&hit[2]),
                Some(&hit[3]),
            ))),
        );
    } else if let Some(hit) = test.captures(content) {
        let summary =
            Finding::new("meson", Category::TestAssertion, Strength::Summary, at, content);
        let block = log.block(at, 60, |line| {
            pattern!(r"^ *[0-9]+/[0-9]+ |^Ok: |^Summary of Failures:").is_match(line)
        });
        found.push(summary.with_test(FailedTest::named(&hit[1])));
        found.extend(output(log, &hit[1], block));
    } else if pattern!(r"^Fail: +[1-9][0-9]*$").is_match(content) {
        found.push(Finding::new("meson", Category::TestAssertion, Strength::Summary, at, content));
    }
}

/// Returns a failed test's output, which `--print-errorlogs` shows between two rules.
fn output(log: &Log, name: &str, block: Range<usize>) -> Option<Finding> {
    let errors = block.clone().find(|&line| log.content(line) == "stderr:")?;
    let line = (errors + 1..block.end).find(|&line| !log.content(line).trim().is_empty())?;
    Some(
        Finding::new("meson", Category::TestAssertion, Strength::Cause, line, log.content(line))
            .with_block(block)
            .with_test(FailedTest::named(name).saying(log.content(line))),
    )
}

#[cfg(test)]
mod tests {
    use crate::recognize::found_by;

    #[test]
    fn a_test_and_a_dependency_are_found() {
        let text = "meson.build:12:0: ERROR: Dependency \"libpq\" not found\n 3/10 store / open     FAIL      0.01s   exit status 1\n";
        let found = found_by("meson", text);
        assert_eq!(found[0].location.as_ref().and_then(|place| place.line), Some(12));
        assert_eq!(found[1].tests[0].name, "store / open");
        assert!(
            found_by("meson", " 3/10 store / open     OK      0.01s\nFail:      0\n").is_empty()
        );
    }
}
