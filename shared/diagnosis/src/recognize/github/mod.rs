//! Errors of GitHub itself. Most are rules; those that need a step's script are here.

mod gate;

use super::Recognizer;

pub(super) const RECOGNIZERS: &[Recognizer] = &[Recognizer {
    name: "gate",
    triggers: &["##[error]Process completed with exit code "],
    look: gate::look,
}];
