//! `cargo test`: unit, integration and documentation tests, and the output of rustc's own suite.
//!
//! ```text
//! test tests::adds ... FAILED
//!
//! failures:
//!
//! ---- tests::adds stdout ----
//! thread 'tests::adds' panicked at src/lib.rs:12:9:
//! assertion `left == right` failed
//!   left: 3
//!  right: 4
//!
//! failures:
//!     tests::adds
//!
//! test result: FAILED. 7 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s
//! ```

use std::ops::Range;

use super::panic::Panic;
use crate::contract::{Category, FailedTest, Verdict};
use crate::finding::{Finding, Strength};
use crate::log::Log;
use crate::recognize::{Recognizer, pattern};

pub(super) const RECOGNISER: Recognizer = Recognizer {
    name: "cargo test",
    triggers: &[
        " ... FAILED",
        " stdout ----",
        "test result: FAILED",
        " panicked at ",
        " has overflowed its stack",
    ],
    look,
};

const TOOL: &str = "cargo test";

fn look(log: &Log, at: usize, found: &mut Vec<Finding>) {
    let content = log.content(at);
    if let Some(hit) = pattern!(r"^---- (\S.*?) stdout ----$").captures(content) {
        found.push(failed(log, at, without_suffix(&hit[1])));
    } else if let Some(hit) = pattern!(r"^test (\S.*?) \.\.\. FAILED\b").captures(content) {
        if !within_nextest(log, at) {
            let summary =
                Finding::new(TOOL, Category::TestAssertion, Strength::Summary, at, content);
            found.push(summary.with_test(FailedTest::named(without_suffix(&hit[1]))));
        }
    } else if content.starts_with("test result: FAILED") {
        found.push(result(log, at));
    } else if content.contains(" panicked at ") {
        found.extend(lone_panic(log, at));
    } else if let Some(hit) =
        pattern!(r"^thread '([^']+)'.* has overflowed its stack$").captures(content)
    {
        found.push(overflowed(log, at, &hit[1]));
    }
}

/// The whole process dies, so libtest prints nothing about the test.
fn overflowed(log: &Log, at: usize, thread: &str) -> Finding {
    let block = log.block(at, 8, |line| line.starts_with("##["));
    let finding = Finding::new(TOOL, Category::TestAssertion, Strength::Cause, at, log.content(at))
        .with_block(block)
        .with_verdict(Verdict::Investigate);
    if thread == "main" {
        return finding;
    }
    finding.with_test(FailedTest::named(thread).saying("stack overflow"))
}

/// `tests::adds - should panic` is the test `tests::adds`.
fn without_suffix(name: &str) -> &str {
    let name = name.strip_suffix(" - should panic").unwrap_or(name);
    pattern!(r" \(line [0-9]+\) - compile(?: fail)?$").find(name).map_or(name, |suffix| {
        let line_end = name[suffix.start()..].find(')').unwrap_or(0);
        &name[..=suffix.start() + line_end]
    })
}

/// Reads one failed test with its whole output.
fn failed(log: &Log, at: usize, name: &str) -> Finding {
    let block = log.block(at, 600, |line| {
        (line.starts_with("---- ") && line.ends_with(" ----"))
            || line == "failures:"
            || line.starts_with("test result: ")
    });
    let panic = block.clone().find_map(|line| Panic::at(log, line));
    let complaint = panic.as_ref().map(|panic| panic.line);
    let line = compiler_line(log, &block).or(complaint).or_else(|| returned_error(log, &block));
    let line = line.unwrap_or(at);
    let test = match &panic {
        Some(panic) => panic.describes(name),
        None => FailedTest::named(name).saying(log.content(line)),
    };
    let category = panic.as_ref().map_or(Category::TestAssertion, Panic::category);
    let strength = panic.as_ref().map_or(Strength::Cause, Panic::strength);
    Finding::new(TOOL, category, strength, line, log.content(line))
        .with_block(block)
        .at(test.location.clone())
        .with_test(test)
}

/// In a documentation test, and in tests of compilers, the first error explains more than the
/// panic.
fn compiler_line(log: &Log, block: &Range<usize>) -> Option<usize> {
    let doctest = pattern!(r"^---- \S+ - .*\(line [0-9]+\)").is_match(log.content(block.start));
    let compiletest = log.content(block.start).starts_with("---- [");
    if !doctest && !compiletest {
        return None;
    }
    block.clone().find(|&line| {
        let content = log.content(line);
        content.starts_with("error") && content.contains(": ")
            || content.contains(": error: ") && !content.starts_with(char::is_whitespace)
    })
}

/// A test that returns a `Result` prints `Error: …`.
fn returned_error(log: &Log, block: &Range<usize>) -> Option<usize> {
    block.clone().find(|&line| log.content(line).starts_with("Error: "))
}

/// Reads the end of a test binary's run, with the list of names above it.
fn result(log: &Log, at: usize) -> Finding {
    let names: Vec<usize> = (at.saturating_sub(1_000)..at)
        .rev()
        .skip_while(|&line| log.content(line).is_empty())
        .take_while(|&line| {
            log.content(line).starts_with("    ") && !log.content(line)[4..].is_empty()
        })
        .collect();
    let first = names.last().map_or(at, |first| first.saturating_sub(1));
    let mut finding =
        Finding::new(TOOL, Category::TestAssertion, Strength::Summary, at, log.content(at))
            .with_block(first..at + 1);
    if log.content(first).starts_with("failures:") {
        for &line in names.iter().rev() {
            finding =
                finding.with_test(FailedTest::named(without_suffix(log.content(line).trim())));
        }
    }
    finding
}

/// Reads a panic outside of a failed test's section: of a program, or of a test without capture.
fn lone_panic(log: &Log, at: usize) -> Option<Finding> {
    let content = log.content(at);
    let name = pattern!(r"^\s*thread '([^']+)'").captures(content)?.get(1)?.as_str();
    if content.starts_with(' ') || within_nextest(log, at) || expected(log, at, name) {
        return None;
    }
    let panic = Panic::at(log, at)?;
    let strength =
        if name == "main" || name.contains("::") { Strength::Cause } else { Strength::Suspicion };
    let block = log.block(at, 30, |line| line.trim().is_empty() || line.starts_with("---- "));
    let tool = if name == "main" { "rust" } else { TOOL };
    Some(
        Finding::new(tool, panic.category(), strength, panic.line, &panic.message)
            .with_block(block)
            .at(panic.location),
    )
}

/// With `--nocapture`, a test that should panic prints its panic and passes.
fn expected(log: &Log, at: usize, name: &str) -> bool {
    log.ahead(at, 40, |line| {
        line.starts_with("test ") && line.contains(name) && line.ends_with("should panic ... ok")
    })
    .is_some()
}

/// nextest prints libtest's output, indented or after a heading, and names the test itself.
fn within_nextest(log: &Log, at: usize) -> bool {
    let heading = |line: &str| {
        line.starts_with("--- STD") || line.ends_with("stdout ───") || line.ends_with("stderr ───")
    };
    log.back(at, 6, heading).is_some()
}

#[cfg(test)]
mod tests {
    use crate::contract::Category;
    use crate::finding::Strength;
    use crate::recognize::found_by;

    const FAILED: &str = "\
test tests::adds ... FAILED

failures:

---- tests::adds stdout ----
thread 'tests::adds' panicked at src/lib.rs:12:9:
assertion `left == right` failed
  left: 3
 right: 4


failures:
    tests::adds

test result: FAILED. 7 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out
";

    #[test]
    fn a_failed_test_has_its_panic_and_its_name() {
        let found = found_by("cargo test", FAILED);
        let cause = found.iter().find(|one| one.strength == Strength::Cause).expect("a cause");
        assert_eq!((cause.line, cause.block.clone()), (6, 4..11));
        assert_eq!(cause.tests[0].name, "tests::adds");
        assert_eq!(cause.tests[0].expected.as_deref(), Some("4"));
        assert!(found.iter().all(|one| one.tests.iter().all(|test| test.name == "tests::adds")));
    }

    #[test]
    fn a_snapshot_that_differs_is_its_own_kind() {
        let found = found_by(
            "cargo test",
            "---- shows stdout ----\nthread 'shows' panicked at /x/insta-1.0/src/runtime.rs:9:9:\nsnapshot assertion for 'shows' failed in line 4\n",
        );
        assert_eq!(found[0].category, Category::SnapshotDiff);
    }

    #[test]
    fn a_documentation_test_fails_by_its_error() {
        let found = found_by(
            "cargo test",
            "---- src/lib.rs - add (line 3) stdout ----\nerror[E0425]: cannot find function `ad` in this scope\n --> src/lib.rs:4:1\n\nCouldn't compile the test.\n",
        );
        assert_eq!(found[0].line, 1);
        assert_eq!(found[0].tests[0].name, "src/lib.rs - add (line 3)");
    }

    #[test]
    fn passing_tests_are_silent() {
        let passed = "\
test tests::adds ... ok
thread 'tests::panics' panicked at src/lib.rs:3:5:
as it should
test tests::panics - should panic ... ok
test result: ok. 2 passed; 0 failed; 0 ignored
";
        assert!(found_by("cargo test", passed).is_empty());
    }
}
