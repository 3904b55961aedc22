//! Java and Kotlin: Maven, Gradle, Ant, JUnit, linters.

use super::Recogniser;

pub(super) const RECOGNISERS: &[Recogniser] = &[];
