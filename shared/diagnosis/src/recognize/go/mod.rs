//! Go: build, vet, test, linters.

use super::Recognizer;

mod compile;
mod ginkgo;
mod lint;
mod modules;
mod runtime;
mod test;
mod testify;

pub(super) const RECOGNIZERS: &[Recognizer] = &[
    compile::RECOGNISER,
    lint::RECOGNISER,
    modules::RECOGNISER,
    test::RECOGNISER,
    ginkgo::RECOGNISER,
    runtime::RECOGNISER,
];
