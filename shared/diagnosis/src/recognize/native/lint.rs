//! clang-tidy, clang-format and cppcheck.
//!
//! ```text
//! /work/open.cc:12:5: warning: use nullptr [modernize-use-nullptr,-warnings-as-errors]
//! src/open.cc:12:5: error: code should be clang-formatted [-Wclang-format-violations]
//! src/open.cc:12:5: error: Null pointer dereference: p [nullPointer]
//! ```
//!
//! `compiler` reads errors with a rule after them; this module reads the other forms.

use crate::contract::Category;
use crate::finding::{Finding, Strength};
use crate::log::Log;
use crate::recognize::Recognizer;

pub(super) const RECOGNISER: Recognizer = Recognizer {
    name: "clang-tidy",
    triggers: &["treated as error", "code should be clang-formatted"],
    look,
};

fn look(log: &Log, at: usize, found: &mut Vec<Finding>) {
    let content = log.content(at);
    if content.contains("warnings treated as errors")
        || content.ends_with("warning treated as error")
    {
        let summary =
            Finding::new("clang-tidy", Category::LintError, Strength::Summary, at, content);
        found.push(summary);
    } else if content.contains("warning: code should be clang-formatted") {
        let block = log.block(at, 4, |line| !line.starts_with(' '));
        found.push(
            Finding::new("clang-format", Category::LintError, Strength::Summary, at, content)
                .with_block(block),
        );
    }
}

#[cfg(test)]
mod tests {
    use crate::recognize::found_by;

    #[test]
    fn formatting_is_a_lint() {
        let text =
            "a.cc:12:5: warning: code should be clang-formatted [-Wclang-format-violations]\n";
        assert_eq!(found_by("clang-format", text).len(), 1);
        assert!(found_by("clang-tidy", "3 warnings generated.\n").is_empty());
    }
}
