//! Rust: the compiler, cargo, tests, lints.

use super::Recogniser;

mod cargo;
mod compiletest;
mod libtest;
mod nextest;
mod panic;
mod rustc;
mod rustfmt;
mod trybuild;

pub(super) const RECOGNISERS: &[Recogniser] = &[
    rustc::RECOGNISER,
    cargo::RECOGNISER,
    libtest::RECOGNISER,
    nextest::RECOGNISER,
    trybuild::RECOGNISER,
    compiletest::RECOGNISER,
    rustfmt::RECOGNISER,
];

/// What one tool says about a text.
#[cfg(test)]
fn found_by(tool: &str, text: &str) -> Vec<crate::finding::Finding> {
    let log = crate::log_of(text);
    let mut found = super::findings_in(&log);
    found.retain(|finding| finding.tool == tool);
    found
}
