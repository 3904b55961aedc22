//! Go: build, vet, test, linters.

use super::Recogniser;

pub(super) const RECOGNISERS: &[Recogniser] = &[];
