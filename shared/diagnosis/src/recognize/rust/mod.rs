//! Rust: the compiler, cargo, tests, lints.

use super::Recognizer;

mod cargo;
mod compiletest;
mod libtest;
mod nextest;
mod panic;
mod rustc;
mod rustfmt;
mod trybuild;

pub(super) const RECOGNIZERS: &[Recognizer] = &[
    rustc::RECOGNISER,
    cargo::RECOGNISER,
    libtest::RECOGNISER,
    nextest::RECOGNISER,
    trybuild::RECOGNISER,
    compiletest::RECOGNISER,
    rustfmt::RECOGNISER,
];
