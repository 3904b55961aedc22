//! autoconf's `configure`, automake's test harness, and pkg-config.
//!
//! ```text
//! checking for libpq... no
//! configure: error: libpq is required
//! FAIL: tests/open
//! # FAIL:  1
//! ```

use crate::contract::{Category, FailedTest};
use crate::finding::{Finding, Strength};
use crate::log::Log;
use crate::recognize::{Recognizer, pattern};

pub(super) const RECOGNISER: Recognizer = Recognizer {
    name: "configure",
    triggers: &["configure: error: ", "No package '", "# FAIL:  ", "# ERROR: ", "Please report to"],
    look,
};

fn look(log: &Log, at: usize, found: &mut Vec<Finding>) {
    let content = log.content(at);
    if content.starts_with("configure: error: ") {
        found.push(error(log, at, content));
    } else if pattern!(r"^No package '.+' found$").is_match(content) {
        found.push(Finding::new(
            "pkg-config",
            Category::DependencyInstall,
            Strength::Cause,
            at,
            content,
        ));
    } else if pattern!(r"^# (?:FAIL|ERROR): +[1-9][0-9]*$").is_match(content) {
        found.push(harness(log, at));
    }
}

fn error(log: &Log, at: usize, content: &str) -> Finding {
    let missing = pattern!(
        r"(?i-u)not found|cannot find|could not find|required|requirements|missing|not available|no acceptable|install|unable to find|need"
    );
    let category = if missing.is_match(content) {
        Category::DependencyInstall
    } else {
        Category::CompileError
    };
    let block = log.block(at, 10, |line| line.starts_with("##[") || line.starts_with("make"));
    Finding::new("configure", category, Strength::Cause, at, content)
        .with_block(at.saturating_sub(3)..block.end)
}

/// The harness prints its totals below the results of each test.
fn harness(log: &Log, at: usize) -> Finding {
    let mut finding =
        Finding::new("automake", Category::TestAssertion, Strength::Summary, at, log.content(at));
    for line in at.saturating_sub(300)..at {
        if let Some(hit) = pattern!(r"^(?:FAIL|ERROR): (\S+)$").captures(log.content(line)) {
            finding = finding.with_test(FailedTest::named(&hit[1]));
        }
    }
    finding
}

#[cfg(test)]
mod tests {
    use crate::contract::Category;
    use crate::recognize::found_by;

    #[test]
    fn what_is_required_is_a_dependency() {
        let found = found_by("configure", "configure: error: libpq is required\n");
        assert_eq!(found[0].category, Category::DependencyInstall);
    }

    #[test]
    fn the_harness_names_its_tests() {
        let found =
            found_by("automake", "PASS: tests/a\nFAIL: tests/open\n# PASS:  1\n# FAIL:  1\n");
        assert_eq!(found[0].tests[0].name, "tests/open");
        assert!(found_by("automake", "# FAIL:  0\n# ERROR: 0\n").is_empty());
    }
}
