//! The shell: programs that are missing or not executable. The rest are rules.

mod missing;

use super::Recognizer;

pub(super) const RECOGNIZERS: &[Recognizer] = &[
    Recognizer {
        name: "command not found",
        triggers: &[
            ": command not found",
            ": not found",
            "is not recognized as ",
            "executable file not found in $PATH",
        ],
        look: missing::not_found,
    },
    Recognizer {
        name: "permission denied",
        triggers: &[": Permission denied", ": cannot execute"],
        look: missing::not_allowed,
    },
];
