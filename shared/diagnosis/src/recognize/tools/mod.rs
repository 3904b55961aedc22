//! Test runners of other languages, and tools that many projects use. One-line messages are rules.

mod bats;
mod dart;
mod exunit;
mod hspec;
mod perl;
mod pre_commit;

use super::Recognizer;

pub(super) const RECOGNIZERS: &[Recognizer] = &[
    Recognizer { name: "pre-commit", triggers: &["...Failed"], look: pre_commit::hook },
    Recognizer { name: "perl", triggers: &["#   Failed "], look: perl::failure },
    Recognizer {
        name: "prove",
        triggers: &["Failed tests:  ", "Failed test:  "],
        look: perl::prove,
    },
    Recognizer {
        name: "bats",
        triggers: &["# (in test file ", "# (from function `"],
        look: bats::failure,
    },
    Recognizer { name: "exunit", triggers: &["     test/", "     ** ("], look: exunit::failure },
    Recognizer { name: "dart", triggers: &[" [E]"], look: dart::failure },
    Recognizer { name: "hspec", triggers: &["To rerun use: --match"], look: hspec::failure },
];
