//! Bazel: failed actions, and failed test targets.
//!
//! ```text
//! ERROR: /work/store/BUILD:3:10: Compiling store/open.cc failed: (Exit 1): gcc failed
//! //store:open_test                                   FAILED in 1.2s
//!   /cache/testlogs/store/open_test/test.log
//! Executed 5 out of 6 tests: 5 tests pass and 1 fails locally.
//! ```

use crate::contract::{Category, FailedTest, Location};
use crate::finding::{Finding, Strength};
use crate::log::Log;
use crate::recognize::{Recognizer, pattern};

pub(super) const RECOGNISER: Recognizer = Recognizer {
    name: "bazel",
    triggers: &[" FAILED in ", " TIMEOUT in ", "FAILED TO BUILD", "ERROR: ", "Executed "],
    look,
};

const TOOL: &str = "bazel";

fn look(log: &Log, at: usize, found: &mut Vec<Finding>) {
    let content = log.content(at);
    let target =
        pattern!(r"^(@?[[:word:]@-]*//\S*)\s+(?:\(.*\) )?(FAILED TO BUILD|FAILED|TIMEOUT)\b");
    let finding = |category, strength| Finding::new(TOOL, category, strength, at, content);
    if let Some(hit) = target.captures(content) {
        let built = &hit[2] != "FAILED TO BUILD";
        let category = if built { Category::TestAssertion } else { Category::CompileError };
        let summary = finding(category, Strength::Summary).with_block(at..at + 2);
        found.push(if built { summary.with_test(FailedTest::named(&hit[1])) } else { summary });
    } else if pattern!(r"^Executed [0-9]+ out of [0-9]+ tests?: .*\bfails?\b").is_match(content) {
        found.push(finding(Category::TestAssertion, Strength::Summary));
    } else if let Some(hit) =
        pattern!(r"^ERROR: (\S+?(?:BUILD|BUILD\.bazel|WORKSPACE|MODULE\.bazel|\.bzl)):([0-9]+):([0-9]+): (\S.*)$").captures(content)
    {
        let action = hit[4].contains(" failed: (Exit ");
        let strength = if action { Strength::Summary } else { Strength::Cause };
        let place = Location::new(&hit[1], Some(&hit[2]), Some(&hit[3]));
        found.push(
            finding(Category::CompileError, strength)
                .with_block(log.block(at, 10, |line| line.starts_with("ERROR: ")))
                .at(Some(place)),
        );
    }
}

#[cfg(test)]
mod tests {
    use crate::recognize::found_by;

    #[test]
    fn a_failed_target_is_named() {
        let text = "//store:open_test      FAILED in 1.2s\n  /c/test.log\n";
        assert_eq!(found_by("bazel", text)[0].tests[0].name, "//store:open_test");
        assert!(found_by("bazel", "//store:a_test  PASSED in 1.2s\nERROR: other\n").is_empty());
    }
}
