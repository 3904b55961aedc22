//! Ruby: RSpec, minitest, Bundler, RuboCop.

use super::Recogniser;

pub(super) const RECOGNISERS: &[Recogniser] = &[];
