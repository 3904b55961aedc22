//! RSpec, minitest and test-unit. Bundler, RuboCop and Ruby itself are rules.

mod minitest;
mod rspec;
mod test_unit;

use super::Recognizer;

pub(super) const RECOGNIZERS: &[Recognizer] = &[
    Recognizer { name: "rspec failure", triggers: &["Failure/Error: "], look: rspec::failure },
    Recognizer { name: "rspec summary", triggers: &["rspec ./", "rspec '"], look: rspec::summary },
    Recognizer {
        name: "rspec outside of examples",
        triggers: &["An error occurred while loading "],
        look: rspec::outside,
    },
    Recognizer {
        name: "minitest",
        triggers: &[") Failure:", ") Error:"],
        look: minitest::numbered,
    },
    Recognizer { name: "rails test", triggers: &["Failure:", "Error:"], look: minitest::rails },
    Recognizer {
        name: "test-unit",
        triggers: &["Failure: test", "Error: test"],
        look: test_unit::failure,
    },
];
