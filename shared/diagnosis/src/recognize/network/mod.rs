//! Network failures for which a rule is not enough: it can't tell whether an attempt was the last,
//! or must precede the tool that repeats the message. The rest are rules.

mod retries;
mod transfer;

use super::Recognizer;

pub(super) const RECOGNIZERS: &[Recognizer] = &[
    Recognizer {
        name: "retries are used up",
        triggers: &["Max retries exceeded with url"],
        look: retries::used_up,
    },
    Recognizer { name: "curl", triggers: &["curl: ("], look: transfer::curl },
    Recognizer {
        name: "wget",
        triggers: &["wget: ", ": ERROR ", "  ERROR ", " ERROR 4", " ERROR 5", "Giving up."],
        look: transfer::wget,
    },
];
