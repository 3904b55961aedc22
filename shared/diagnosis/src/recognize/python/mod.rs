//! Python: tests, type checkers, linters, packages.

use super::Recognizer;

mod crash;
mod doctest;
mod format;
mod install;
mod lint;
mod pytest;
mod pytest_lines;
mod runners;
mod trace;
mod traceback;
mod types;
mod unittest;

pub(super) const RECOGNIZERS: &[Recognizer] = &[
    pytest::RECOGNISER,
    pytest_lines::NAMES,
    pytest_lines::TOTALS,
    pytest_lines::CRASHES,
    pytest_lines::INTERNAL,
    pytest_lines::ERROR_LINES,
    unittest::BLOCKS,
    unittest::TOTALS,
    doctest::EXAMPLES,
    doctest::TOTALS,
    crash::CRASHES,
    crash::TIMEOUTS,
    traceback::TRACEBACKS,
    traceback::SYNTAX,
    traceback::MODULES,
    types::COMPLAINTS,
    types::STUBTEST,
    types::TY,
    types::TOTALS,
    lint::COMPLAINTS,
    lint::TOTALS,
    format::RECOGNISER,
    install::ERROR_LINES,
    install::BUILDS,
    runners::RECOGNISER,
];
