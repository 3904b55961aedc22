//! pytest's one-line messages.
//!
//! ```text
//! FAILED tests/test_a.py::test_b[1] - assert 1 == 2
//! tests/test_a.py::test_c FAILED                                           [ 50%]
//! [gw1] [100%] FAILED tests/test_a.py::test_d
//! worker 'gw1' crashed while running 'tests/test_a.py::test_d'
//! INTERNALERROR> KeyError: 'x'
//! FAIL Required test coverage of 90% not reached. Total coverage: 80.00%
//! ========================= 1 failed, 2 passed in 0.75s ==========================
//! ```
//!
//! They name the tests even where no block was printed (`--tb=no`, a killed run). `RERUN`, `0
//! failed` and expected failures are no failures.

use super::super::one_liners::{OneLiner, recognize};
use super::super::{Recognizer, pattern};
use super::pytest::{banner, node_id};
use crate::contract::{Category, FailedTest, Verdict};
use crate::finding::{Finding, Strength};
use crate::log::Log;

pub(super) const NAMES: Recognizer =
    Recognizer { name: "pytest names", triggers: &["FAILED", "ERROR "], look: name };

pub(super) const TOTALS: Recognizer = Recognizer {
    name: "pytest totals",
    triggers: &[" failed", " error in ", " errors in ", "no tests ran in"],
    look: total,
};

pub(super) const CRASHES: Recognizer =
    Recognizer { name: "pytest-xdist", triggers: &["crashed while running '"], look: crashed };

pub(super) const INTERNAL: Recognizer =
    Recognizer { name: "pytest internal", triggers: &["INTERNALERROR> "], look: internal };

pub(super) const ERROR_LINES: Recognizer = Recognizer {
    name: "pytest sayings",
    triggers: &[
        "FAIL Required test coverage",
        "overage failure: total of ",
        "pytest: error: ",
        "__main__.py: error: ",
        "ERROR: file or directory not found: ",
        "ERROR: not found: ",
        "ImportError while loading conftest ",
    ],
    look: |log, at, found| recognize(SAYINGS, log, at, found),
};

const SAYINGS: &[OneLiner] = &[
    OneLiner::cause("coverage", "FAIL Required test coverage", "", Category::TestAssertion, 1),
    OneLiner::cause("coverage", "Coverage failure: total of ", "", Category::TestAssertion, 1),
    OneLiner::cause(
        "coverage",
        "ERROR: Coverage failure: total of ",
        "",
        Category::TestAssertion,
        1,
    ),
    OneLiner::cause("pytest", "pytest: error: ", "", Category::Unknown, 3),
    OneLiner::cause("pytest", "__main__.py: error: ", "", Category::Unknown, 3),
    OneLiner::cause("pytest", "ERROR: file or directory not found: ", "", Category::Unknown, 1),
    OneLiner::cause("pytest", "ERROR: not found: ", "", Category::Unknown, 2),
    OneLiner::cause(
        "pytest",
        "ImportError while loading conftest ",
        "",
        Category::TestAssertion,
        40,
    ),
];

fn name(log: &Log, at: usize, found: &mut Vec<Finding>) {
    let content = log.content(at);
    let Some(id) = node_id(content).or_else(|| progress(content)) else { return };
    let finding = Finding::new("pytest", Category::TestAssertion, Strength::Summary, at, content);
    // A file without a test name could not be collected.
    found.push(match id.contains("::") {
        true => finding.with_test(FailedTest::named(id).saying(reason(content, id))),
        false => finding,
    });
}

fn reason<'a>(content: &'a str, id: &str) -> &'a str {
    content.split_once(id).and_then(|(_, rest)| rest.strip_prefix(" - ")).unwrap_or("")
}

/// Returns the id in a line that `-v` prints while tests run.
fn progress(line: &str) -> Option<&str> {
    let usual =
        pattern!(r"^(\S+\.py::\S.*?) (?:FAILED|ERROR) *(?:\[ *[0-9]+%\]|\[[0-9]+/[0-9]+\])?$");
    let parallel = pattern!(r"^\[gw[0-9]+\] (?:\[ *[0-9]+%\] )?(?:FAILED|ERROR) (\S+\.py::\S.*)$");
    let hit = usual.captures(line).or_else(|| parallel.captures(line))?;
    hit.get(1).map(|id| id.as_str().trim_end())
}

fn total(log: &Log, at: usize, found: &mut Vec<Finding>) {
    let content = log.content(at);
    let words = banner(content).unwrap_or(content);
    let counts = pattern!(
        r"^(?:[0-9]+ (?:failed|passed|skipped|deselected|xfailed|xpassed|warnings?|errors?|rerun|subtests? (?:passed|failed)|snapshots? [a-z]+)(?:, )?)+ in [0-9.]+ ?s(?:econds)?(?: \([0-9:, days]+\))?$"
    );
    let bad = pattern!(r"\b[1-9][0-9]* (?:failed|errors?)\b");
    let nothing = words.starts_with("no tests ran in ");
    if nothing || (counts.is_match(words) && bad.is_match(words)) {
        found.push(Finding::new("pytest", Category::TestAssertion, Strength::Summary, at, words));
    }
}

fn crashed(log: &Log, at: usize, found: &mut Vec<Finding>) {
    let content = log.content(at);
    let hit = pattern!(r"worker '[^']*' crashed while running '(.+)'\s*$").captures(content);
    let Some(test) = hit.and_then(|hit| hit.get(1)) else { return };
    let test = FailedTest::named(test.as_str()).saying(content);
    found.push(
        Finding::new("pytest", Category::TestAssertion, Strength::Cause, at, content)
            .with_block(at.saturating_sub(2)..at + 1)
            .with_test(test)
            .with_verdict(Verdict::Investigate),
    );
}

/// The last line of pytest's own traceback holds the reason.
fn internal(log: &Log, at: usize, found: &mut Vec<Finding>) {
    const MARK: &str = "INTERNALERROR> ";
    const LONGEST: usize = 400;
    let marked = |line: usize| log.content(line).starts_with(MARK);
    if !marked(at) || (at > 0 && marked(at - 1)) {
        return;
    }
    let block = log.block(at, LONGEST, |line| !line.starts_with("INTERNALERROR>"));
    let tells = |&line: &usize| {
        log.content(line).strip_prefix(MARK).is_some_and(super::trace::is_exception)
    };
    let line = block.clone().rev().find(tells).unwrap_or(at);
    let message = log.content(line).strip_prefix(MARK).unwrap_or_default();
    found.push(
        Finding::new("pytest", Category::TestAssertion, Strength::Cause, line, message)
            .with_block(block)
            .with_verdict(Verdict::Investigate),
    );
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log_of;

    fn names(text: &str) -> Vec<String> {
        let log = log_of(text);
        let mut found = Vec::new();
        for at in 0..log.len() {
            name(&log, at, &mut found);
            crashed(&log, at, &mut found);
        }
        found.into_iter().flat_map(|finding| finding.tests).map(|test| test.name).collect()
    }

    #[test]
    fn names_come_from_summaries_and_from_progress() {
        assert_eq!(
            names(
                "\
FAILED tests/a.py::T::test_b[x - y] - assert 1 == 2
ERROR tests/b.py - KeyError: 'x'
tests/c.py::test_d[1 2] FAILED                     [ 50%]
[gw1] [100%] FAILED tests/a.py::test_e 
worker 'gw1' crashed while running 'tests/a.py::test_f'
"
            ),
            [
                "tests/a.py::T::test_b[x - y]",
                "tests/c.py::test_d[1 2]",
                "tests/a.py::test_e",
                "tests/a.py::test_f"
            ]
        );
    }

    #[test]
    fn lines_that_only_look_like_names_are_none() {
        let text = "\
FAILED to connect to db.local
ERROR root:app.py:12 something
ERROR conda.core.link:_execute(698): failed
XFAIL tests/a.py::test_b
RERUN tests/a.py::test_b
tests/a.py::test_c PASSED [ 10%]
";
        assert_eq!(names(text), [""; 0]);
    }

    #[test]
    fn totals_count_only_when_something_failed() {
        let bad = |line: &str| {
            let mut found = Vec::new();
            total(&log_of(line), 0, &mut found);
            !found.is_empty()
        };
        assert!(bad("==== 1 failed, 1080 passed, 44 skipped in 451.05s (0:07:31) ===="));
        assert!(bad("2 errors in 0.30s"));
        assert!(bad("=== no tests ran in 0.01s ==="));
        assert!(!bad("==== 0 failed, 3 passed in 0.1s ===="));
        assert!(!bad("job failed in 3s"));
        assert!(!bad("==== 3 passed, 1 xfailed in 0.1s ===="));
    }

    #[test]
    fn an_internal_error_is_told_by_its_end() {
        let log = log_of(
            "INTERNALERROR> Traceback (most recent call last):\nINTERNALERROR>   File \"a.py\", line 1, in b\nINTERNALERROR> KeyError: 'x'\n\n",
        );
        let mut found = Vec::new();
        (0..log.len()).for_each(|at| internal(&log, at, &mut found));
        assert_eq!((found.len(), found[0].message.as_str()), (1, "KeyError: 'x'"));
    }
}
