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
use crate::recognise::{Recogniser, pattern};

pub(super) const RECOGNISER: Recogniser =
    Recogniser {
        name: "ginkgo", triggers: &["[FAIL] ", "[Fail] ", "• [FAIL", "• Failure"], look
    };

fn look(log: &Log, at: usize, found: &mut Vec<Finding>) {
    let said = log.said(at);
    if said.starts_with('•') {
        found.extend(section(log, at));
    } else if let Some(hit) = pattern!(r"^\s*\[(?:FAIL|Fail)\] (\S.*)$").captures(said) {
        let Some(location) = place(log.said(at + 1)) else { return };
        let test = FailedTest::named(&hit[1]).at(Some(location));
        found.push(
            Finding::new("ginkgo", Category::TestAssertion, Strength::Summary, at, said)
                .with_block(at..at + 2)
                .with_test(test),
        );
    }
}

/// Reads the section of one failed spec: its message comes after `[FAILED]`, or indented in old
/// versions.
fn section(log: &Log, at: usize) -> Option<Finding> {
    let block = log.block(at, 120, |line| line.starts_with("-----") || line.starts_with('•'));
    let told = |line: &usize| {
        let said = log.said(*line).trim_start();
        said.starts_with("[FAILED] ")
            || said.starts_with("Expected")
            || said.starts_with("Unexpected")
    };
    let line = (at + 1..block.end).find(told)?;
    let location = block.clone().rev().find_map(|line| place(log.said(line)));
    let name = FailedTest::named(log.said(at + 1)).saying(log.said(line)).at(location.clone());
    Some(
        Finding::new("ginkgo", Category::TestAssertion, Strength::Cause, line, log.said(line))
            .with_block(block)
            .at(location)
            .with_test(name),
    )
}

fn place(said: &str) -> Option<Location> {
    let hit = pattern!(r"^\s*(/\S+\.go):([0-9]+)\b").captures(said)?;
    Some(Location::new(&hit[1], Some(&hit[2]), None))
}

#[cfg(test)]
mod tests {
    use crate::recognise::found_by;

    #[test]
    fn the_summary_names_the_spec() {
        let text = "  [FAIL] Store when empty [It] returns nothing\n  /work/store_test.go:41\n";
        assert_eq!(found_by("ginkgo", text)[0].tests.len(), 1);
        assert!(found_by("ginkgo", "[FAIL] something else\nfine\n").is_empty());
    }
}
