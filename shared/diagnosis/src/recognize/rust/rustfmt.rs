//! `cargo fmt --check`.
//!
//! ```text
//! Diff in /work/src/main.rs:12:
//!  fn main() {
//! -    let a=1;
//! +    let a = 1;
//! ```
//!
//! Before 2024 the place was written `Diff in /work/src/main.rs at line 12:`.

use crate::contract::{Category, Location};
use crate::finding::{Finding, Strength};
use crate::log::Log;
use crate::recognize::{Recognizer, pattern};

pub(super) const RECOGNISER: Recognizer =
    Recognizer { name: "rustfmt", triggers: &["Diff in "], look };

fn look(log: &Log, at: usize, found: &mut Vec<Finding>) {
    let content = log.content(at);
    let pattern = pattern!(r"^Diff in (\S.*?\.rs)(?: at line |:)([0-9]+):$");
    let Some(hit) = pattern.captures(content) else { return };
    let block = log.block(at, 60, |line| !line.starts_with([' ', '+', '-']) && !line.is_empty());
    found.push(
        Finding::new("rustfmt", Category::LintError, Strength::Cause, at, content)
            .with_block(block)
            .at(Some(Location::new(&hit[1], Some(&hit[2]), None))),
    );
}

#[cfg(test)]
mod tests {
    use crate::recognize::found_by;

    #[test]
    fn a_difference_is_found_in_both_forms() {
        let diff = "Diff in /w/src/main.rs:12:\n fn main() {\n-    let a=1;\n+    let a = 1;\n##[error]Process completed with exit code 1.\n";
        assert_eq!(found_by("rustfmt", diff)[0].block, 0..4);
        assert_eq!(found_by("rustfmt", "Diff in /w/src/main.rs at line 12:\n").len(), 1);
        assert!(found_by("rustfmt", "Diff in behaviour: none\n").is_empty());
    }
}
