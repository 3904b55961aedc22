//! Test runners of other languages, and tools that many projects use. One-line messages are rules.

mod bats;
mod dart;
mod exunit;
mod hspec;
mod perl;
mod pre_commit;

use super::Recogniser;

pub(super) const RECOGNISERS: &[Recogniser] = &[
    Recogniser { name: "pre-commit", triggers: &["...Failed"], look: pre_commit::hook },
    Recogniser { name: "perl", triggers: &["#   Failed "], look: perl::failure },
    Recogniser {
        name: "prove",
        triggers: &["Failed tests:  ", "Failed test:  "],
        look: perl::prove,
    },
    Recogniser {
        name: "bats",
        triggers: &["# (in test file ", "# (from function `"],
        look: bats::failure,
    },
    Recogniser { name: "exunit", triggers: &["     test/", "     ** ("], look: exunit::failure },
    Recogniser { name: "dart", triggers: &[" [E]"], look: dart::failure },
    Recogniser { name: "hspec", triggers: &["To rerun use: --match"], look: hspec::failure },
];
