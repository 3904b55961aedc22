//! rustc's own suite beyond libtest's output: FileCheck's complaints, and bootstrap's last line.
//!
//! ```text
//! tests/codegen/a.rs:38:12: error: CHECK: expected string not found in input
//!  // CHECK: catch_all
//!            ^
//! out/a.s:33:16: note: scanning from here
//! Bootstrap failed while executing `--stage 2 test tests/ui`
//! ```
//!
//! FileCheck is part of LLVM, whose own suites print the same lines.

use crate::contract::{Category, Location};
use crate::finding::{Finding, Strength};
use crate::log::Log;
use crate::recognize::{Recognizer, pattern};

pub(super) const RECOGNISER: Recognizer = Recognizer {
    name: "FileCheck",
    triggers: &[": error: ", "error: no match found", "Bootstrap failed while executing"],
    look,
};

fn look(log: &Log, at: usize, found: &mut Vec<Finding>) {
    let content = log.content(at);
    let finding =
        |strength| Finding::new("FileCheck", Category::TestAssertion, strength, at, content);
    if let Some(hit) = complaint(content) {
        let block = log.block(at, 14, |line| line.trim().is_empty() || complaint(line).is_some());
        found.push(finding(Strength::Cause).with_block(block).at(Some(hit)));
    } else if pattern!(r"^check:[0-9]+'[0-9]+ .* error: no match found").is_match(content) {
        found.push(finding(Strength::Summary).with_block(at.saturating_sub(8)..at + 8));
    } else if content.starts_with("Bootstrap failed while executing") {
        found.push(Finding::new("bootstrap", Category::Unknown, Strength::Summary, at, content));
    }
}

/// Returns the place of a directive that failed.
fn complaint(content: &str) -> Option<Location> {
    let pattern = pattern!(
        r"^(\S.*?):([0-9]+):([0-9]+): error: [A-Z][A-Za-z0-9_-]*: (?:expected string not found|excluded string found|is not on the (?:same|next) line)"
    );
    let hit = pattern.captures(content)?;
    Some(Location::new(&hit[1], Some(&hit[2]), Some(&hit[3])))
}

#[cfg(test)]
mod tests {
    use crate::recognize::found_by;

    #[test]
    fn a_directive_that_did_not_hold_is_the_cause() {
        let found = found_by(
            "FileCheck",
            "tests/a.rs:38:12: error: CHECK: expected string not found in input\n // CHECK: catch_all\n           ^\n\nother\n",
        );
        assert_eq!(found[0].block, 0..3);
        assert!(found_by("FileCheck", "a.c:1:2: error: expected ';'\n").is_empty());
    }
}
