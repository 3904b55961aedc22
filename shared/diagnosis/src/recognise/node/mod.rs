//! JavaScript and TypeScript: tests, compilers, linters, packages.

use super::Recogniser;

pub(super) const RECOGNISERS: &[Recogniser] = &[];
