//! Ginkgo: specs in prose.
//!
//! ```text
//! Summarizing 2 Failures:
//!   [FAIL] Store when empty [It] returns nothing
//!   /work/store_test.go:41
//! ```
//!
//! Above, each failed spec has a section that begins with `• [FAILED] [0.012 seconds]`.

use crate::contract::{Category, FailedTest, Location};
use crate::finding::{Finding, Strength};
use crate::log::Log;
use crate::recognize::{Recognizer, pattern};

pub(super) const RECOGNISER: Recognizer =
    Recognizer {
        name: "ginkgo", triggers: &["[FAIL] ", "[Fail] ", "• [FAIL", "• Failure"], look
    };

fn look(log: &Log, at: usize, found: &mut Vec<Finding>) {
    let content = log.content(at);
    if content.starts_with('•') {
        found.extend(section(log, at));
    } else if let Some(hit) = pattern!(r"^\s*\[(?:FAIL|Fail)\] (\S.*)$").captures(content) {
        let Some(location) = place(log.content(at + 1)) else { return };
        let test = FailedTest::named(&hit[1]).at(Some(location));
        found.push(
            Finding::new("ginkgo", Category::TestAssertion, Strength::Summary, at, content)
                .with_block(at..at + 2)
                .with_test(test),
        );
    }
}

/// Reads the section of one failed spec: its message comes after `[FAILED]`, or indented in old
/// versions.
fn section(log: &Log, at: usize) -> Option<Finding> {
    let block = log.block(at, 120, |line| line.starts_with("-----") || line.starts_with('•'));
    let reason_line = |line: &usize| {
        let content = log.content(*line).trim_start();
        content.starts_with("[FAILED] ")
            || content.starts_with("Expected")
            || content.starts_with("Unexpected")
    };
    let line = (at + 1..block.end).find(reason_line)?;
    let location = block.clone().rev().find_map(|line| place(log.content(line)));
    let name =
        FailedTest::named(log.content(at + 1)).saying(log.content(line)).at(location.clone());
    Some(
        Finding::new("ginkgo", Category::TestAssertion, Strength::Cause, line, log.content(line))
            .with_block(block)
            .at(location)
            .with_test(name),
    )
}

fn place(content: &str) -> Option<Location> {
    let hit = pattern!(r"^\s*(/\S+\.go):([0-9]+)\b").captures(content)?;
    Some(Location::new(&hit[1], Some(&hit[2]), None))
}

#[cfg(test)]
mod tests {
    use crate::recognize::found_by;

    #[test]
    fn the_summary_names_the_spec() {
        let text = "  [FAIL] Store when empty [It] returns nothing\n  /work/store_test.go:41\n";
        assert_eq!(found_by("ginkgo", text)[0].tests.len(), 1);
        assert!(found_by("ginkgo", "[FAIL] something else\nfine\n").is_empty());
    }
}
