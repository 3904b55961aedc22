//! JavaScript and TypeScript: tests, compilers, linters, packages.

use super::Recognizer;

mod browsers;
mod bundlers;
mod jest;
mod lint;
mod mocha;
mod packages;
mod prettier;
mod process;
mod tap;
mod trace;
mod tsc;
mod vitest;
mod workspaces;

pub(super) const RECOGNIZERS: &[Recognizer] = &[
    jest::BLOCKS,
    jest::TOTALS,
    vitest::BLOCKS,
    vitest::TOTALS,
    mocha::RECOGNISER,
    browsers::PLAYWRIGHT,
    browsers::PLAYWRIGHT_TOTALS,
    browsers::KARMA,
    browsers::JASMINE,
    browsers::AVA,
    tap::POINTS,
    tap::SPEC,
    tsc::COMPLAINTS,
    tsc::TOTALS,
    tsc::FLOW,
    bundlers::RECOGNISER,
    lint::COMPLAINTS,
    lint::TOTALS,
    prettier::RECOGNISER,
    packages::NPM,
    packages::PNPM,
    packages::YARN,
    packages::BUN,
    process::UNCAUGHT,
    process::MODULES,
    process::HEAP,
    workspaces::RECOGNISER,
];
