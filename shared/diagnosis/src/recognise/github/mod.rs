//! GitHub itself: workflows, rights, runners.

use super::Recogniser;

pub(super) const RECOGNISERS: &[Recogniser] = &[];
