//! RSpec, minitest and test-unit. Bundler, RuboCop and Ruby itself are rules.

mod minitest;
mod rspec;
mod test_unit;

use super::Recogniser;

pub(super) const RECOGNISERS: &[Recogniser] = &[
    Recogniser { name: "rspec failure", triggers: &["Failure/Error: "], look: rspec::failure },
    Recogniser { name: "rspec summary", triggers: &["rspec ./", "rspec '"], look: rspec::summary },
    Recogniser {
        name: "rspec outside of examples",
        triggers: &["An error occurred while loading "],
        look: rspec::outside,
    },
    Recogniser {
        name: "minitest",
        triggers: &[") Failure:", ") Error:"],
        look: minitest::numbered,
    },
    Recogniser { name: "rails test", triggers: &["Failure:", "Error:"], look: minitest::rails },
    Recogniser {
        name: "test-unit",
        triggers: &["Failure: test", "Error: test"],
        look: test_unit::failure,
    },
];
