//! Tools of many projects: git, terraform, pre-commit.

use super::Recogniser;

pub(super) const RECOGNISERS: &[Recogniser] = &[];
