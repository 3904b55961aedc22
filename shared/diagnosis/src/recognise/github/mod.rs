//! Errors of GitHub itself. Most are rules; those that need a step's script are here.

mod gate;

use super::Recogniser;

pub(super) const RECOGNISERS: &[Recogniser] = &[Recogniser {
    name: "gate",
    triggers: &["##[error]Process completed with exit code "],
    look: gate::look,
}];
