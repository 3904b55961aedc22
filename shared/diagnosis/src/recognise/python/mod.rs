//! Python: tests, type checkers, linters, packages.

use super::Recogniser;

pub(super) const RECOGNISERS: &[Recogniser] = &[];
