//! Monorepo runners that only report which script failed: Lerna, Turborepo, Nx, Rush.
//!
//! ```text
//! lerna ERR! npm run test exited 1 in '@acme/web'
//!  ERROR  run failed: command  exited (1)
//!  NX   Running target test for project web failed
//! ```

use super::super::Recognizer;
use super::super::one_liners::{OneLiner, recognize};
use crate::contract::Category::Unknown;

pub(super) const RECOGNISER: Recognizer = Recognizer {
    name: "lerna",
    triggers: &[
        "lerna ERR! ",
        "run failed: command",
        ": command finished with error",
        " ERROR  ",
        " NX   ",
        "Failed tasks:",
    ],
    look: |log, at, found| recognize(SAYINGS, log, at, found),
};

const SAYINGS: &[OneLiner] = &[
    OneLiner::echo("lerna", "lerna ERR! ", "exited ", Unknown),
    OneLiner::echo("turbo", "ERROR  run failed: command", "", Unknown),
    OneLiner::echo("turbo", "ERROR  ", "command (", Unknown),
    OneLiner::echo("turbo", "", ": command finished with error", Unknown),
    OneLiner::echo("nx", "NX   Running target", " failed", Unknown),
    OneLiner::echo("nx", "NX   Ran target", " failed", Unknown),
    OneLiner::echo("nx", "Failed tasks:", "", Unknown),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::finding::Strength;
    use crate::log_of;

    #[test]
    fn they_only_echo() {
        let log = log_of(
            "lerna ERR! npm run test exited 1 in '@acme/web'\n ERROR  run failed: command  exited (1)\n NX   Running target test for project web failed\nlerna info done\n",
        );
        let mut found = Vec::new();
        (0..log.len()).for_each(|at| recognize(SAYINGS, &log, at, &mut found));
        assert_eq!(found.len(), 3);
        assert!(found.iter().all(|one| one.strength == Strength::Echo));
    }
}
