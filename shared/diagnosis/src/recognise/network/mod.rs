//! The network, where a rule can't know whether an attempt was the last. The rest is rules.

mod transfer;

use super::Recogniser;

pub(super) const RECOGNISERS: &[Recogniser] = &[
    Recogniser { name: "curl", triggers: &["curl: ("], look: transfer::curl },
    Recogniser {
        name: "wget",
        triggers: &["wget: ", ": ERROR ", "  ERROR ", " ERROR 4", " ERROR 5", "Giving up."],
        look: transfer::wget,
    },
];
