//! .NET: compiler, restore, tests.

use super::Recogniser;

pub(super) const RECOGNISERS: &[Recogniser] = &[];
