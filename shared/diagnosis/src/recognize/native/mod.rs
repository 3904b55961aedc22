//! C and C++: compilers, linkers, CMake, make, sanitizers, crashes.

use super::Recognizer;

mod boost;
mod catch;
mod cmake;
mod compiler;
mod configure;
mod crash;
mod ctest;
mod gtest;
mod linker;
mod lint;
mod lit;
mod make;
mod meson;
mod msvc;
mod qtest;
mod sanitizer;
mod valgrind;

pub(super) const RECOGNIZERS: &[Recognizer] = &[
    compiler::RECOGNISER,
    msvc::RECOGNISER,
    linker::RECOGNISER,
    lint::RECOGNISER,
    cmake::RECOGNISER,
    configure::RECOGNISER,
    meson::RECOGNISER,
    make::RECOGNISER,
    sanitizer::RECOGNISER,
    valgrind::RECOGNISER,
    gtest::RECOGNISER,
    catch::RECOGNISER,
    boost::RECOGNISER,
    qtest::RECOGNISER,
    ctest::RECOGNISER,
    lit::RECOGNISER,
    crash::RECOGNISER,
];
