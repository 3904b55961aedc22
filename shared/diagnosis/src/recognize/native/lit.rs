//! LLVM's lit.
//!
//! ```text
//! FAIL: LLVM :: CodeGen/X86/add.ll (12 of 345)
//! ******************** TEST 'LLVM :: CodeGen/X86/add.ll' FAILED ********************
//! Failed Tests (1):
//!   LLVM :: CodeGen/X86/add.ll
//! ```

use crate::contract::{Category, FailedTest};
use crate::finding::{Finding, Strength};
use crate::log::Log;
use crate::recognize::{Recognizer, pattern};

pub(super) const RECOGNISER: Recognizer =
    Recognizer { name: "lit", triggers: &["Failed Tests (", "TEST '"], look };

fn look(log: &Log, at: usize, found: &mut Vec<Finding>) {
    let content = log.content(at);
    if let Some(hit) = pattern!(r"^\*{10,} TEST '(.+)' FAILED \*{10,}$").captures(content) {
        let block = log.block(at, 300, |line| line.starts_with("********************"));
        let reason_line = block.clone().find(|&line| {
            let content = log.content(line);
            content.contains(": error: ")
                || content.contains("error: ")
                || content.contains("Assertion `")
        });
        let line = reason_line.unwrap_or(at);
        found.push(
            Finding::new("lit", Category::TestAssertion, Strength::Cause, line, log.content(line))
                .with_block(block)
                .with_test(FailedTest::named(&hit[1]).saying(log.content(line))),
        );
    } else if pattern!(r"^Failed Tests \([0-9]+\):$").is_match(content) {
        let block = log.block(at, 400, |line| !line.starts_with("  "));
        let mut finding =
            Finding::new("lit", Category::TestAssertion, Strength::Summary, at, content);
        for line in block.clone().skip(1) {
            finding = finding.with_test(FailedTest::named(log.content(line)));
        }
        found.push(finding.with_block(block));
    }
}

#[cfg(test)]
mod tests {
    use crate::recognize::found_by;

    #[test]
    fn tests_are_named_in_both_places() {
        let text = "******************** TEST 'LLVM :: a.ll' FAILED ********************\na.ll:3:5: error: CHECK\n********************\nFailed Tests (1):\n  LLVM :: a.ll\n\n";
        let found = found_by("lit", text);
        assert_eq!((found[0].line, found.len()), (1, 2));
        assert!(found.iter().all(|one| one.tests[0].name == "LLVM :: a.ll"));
        assert!(found_by("lit", "TEST 'x' passed\n").is_empty());
    }
}
