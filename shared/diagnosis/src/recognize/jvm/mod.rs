//! Java and Kotlin: Maven, Gradle, Ant, JUnit, linters.

use super::Recognizer;

mod ant;
mod bazel;
mod console_launcher;
mod exception;
mod gradle;
mod gradle_test;
mod java;
mod javac;
mod kotlinc;
mod lint;
mod maven;
mod sbt;
mod surefire;
mod surefire_summary;

pub(super) const RECOGNIZERS: &[Recognizer] = &[
    javac::RECOGNISER,
    kotlinc::RECOGNISER,
    surefire::RECOGNISER,
    surefire_summary::RECOGNISER,
    maven::RECOGNISER,
    gradle_test::RECOGNISER,
    gradle::RECOGNISER,
    java::RECOGNISER,
    console_launcher::RECOGNISER,
    ant::RECOGNISER,
    sbt::RECOGNISER,
    lint::RECOGNISER,
    bazel::RECOGNISER,
];
