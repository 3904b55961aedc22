//! C and C++: compilers, linkers, CMake, make, sanitizers, crashes.

use super::Recogniser;

pub(super) const RECOGNISERS: &[Recogniser] = &[];
