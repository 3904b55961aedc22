//! Images: docker build, BuildKit, compose.

use super::Recogniser;

pub(super) const RECOGNISERS: &[Recogniser] = &[];
