//! Rust: the compiler, cargo, tests, lints.

use super::Recogniser;

pub(super) const RECOGNISERS: &[Recogniser] = &[];
