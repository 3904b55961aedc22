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
