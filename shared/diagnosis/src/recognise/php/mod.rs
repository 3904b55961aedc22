//! PHP: PHPUnit, Composer, static analysis.

use super::Recogniser;

pub(super) const RECOGNISERS: &[Recogniser] = &[];
