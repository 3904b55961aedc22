//! GitHub itself. Most of it is rules; what needs a step's script is here.

mod gate;

use super::Recogniser;

pub(super) const RECOGNISERS: &[Recogniser] = &[Recogniser {
    name: "gate",
    triggers: &["##[error]Process completed with exit code "],
    look: gate::look,
}];
