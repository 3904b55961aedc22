//! Go: build, vet, test, linters.

use super::Recogniser;

mod compile;
mod ginkgo;
mod lint;
mod modules;
mod runtime;
mod test;
mod testify;

pub(super) const RECOGNISERS: &[Recogniser] = &[
    compile::RECOGNISER,
    lint::RECOGNISER,
    modules::RECOGNISER,
    test::RECOGNISER,
    ginkgo::RECOGNISER,
    runtime::RECOGNISER,
];

/// What one tool says about a text.
#[cfg(test)]
fn found_by(tool: &str, text: &str) -> Vec<crate::finding::Finding> {
    let log = crate::log_of(text);
    let mut found = super::findings_in(&log);
    found.retain(|finding| finding.tool == tool);
    found
}
