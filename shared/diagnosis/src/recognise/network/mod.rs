//! The network, where a rule can't know whether an attempt was the last, and where its word goes
//! before that of the tool which repeats it. The rest is rules.

mod retries;
mod transfer;

use super::Recogniser;

pub(super) const RECOGNISERS: &[Recogniser] = &[
    Recogniser {
        name: "retries are used up",
        triggers: &["Max retries exceeded with url"],
        look: retries::used_up,
    },
    Recogniser { name: "curl", triggers: &["curl: ("], look: transfer::curl },
    Recogniser {
        name: "wget",
        triggers: &["wget: ", ": ERROR ", "  ERROR ", " ERROR 4", " ERROR 5", "Giving up."],
        look: transfer::wget,
    },
];
