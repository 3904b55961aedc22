//! Crashes and hangs of the interpreter: faulthandler and pytest-timeout.
//!
//! ```text
//! tests/test_native.py ...Fatal Python error: Segmentation fault
//!
//! Current thread 0x00007f41f2f77b80 (most recent call first):
//!   File "/w/native.py", line 54 in length
//!   File "/w/tests/test_native.py", line 226 in test_length
//!   File "/v/site-packages/_pytest/python.py", line 166 in pytest_pyfunc_call
//! ```
//!
//! The running test is the frame of a test file whose function is named like a test.

use std::ops::Range;

use super::super::{Recognizer, pattern};
use super::trace;
use crate::contract::{Category, FailedTest, Location, Verdict};
use crate::finding::{Finding, Strength};
use crate::log::Log;

pub(super) const CRASHES: Recognizer =
    Recognizer { name: "faulthandler", triggers: &["Fatal Python error: "], look: fatal };

pub(super) const TIMEOUTS: Recognizer =
    Recognizer { name: "pytest-timeout", triggers: &["+ Timeout +", "Timeout (0:"], look: timeout };

/// A dump of many threads is long.
const LONGEST: usize = 300;

fn fatal(log: &Log, at: usize, found: &mut Vec<Finding>) {
    let Some((_, message)) = log.content(at).split_once("Fatal Python error: ") else { return };
    let block = dump(log, at);
    let test = running_test(log, &block);
    let in_test = test.is_some() || block.clone().any(|at| log.content(at).contains("_pytest"));
    let category = if in_test { Category::TestAssertion } else { Category::Unknown };
    let message = format!("Fatal Python error: {message}");
    push(log, at, block, (category, &message), test, found);
}

fn timeout(log: &Log, at: usize, found: &mut Vec<Finding>) {
    let content = log.content(at);
    let first_banner = pattern!(r"(?:^|\s)\+{3,} Timeout \+{3,}$");
    let faulthandler = pattern!(r"^Timeout \([0-9:.]+\)!$");
    if !first_banner.is_match(content) && !faulthandler.is_match(content) {
        return;
    }
    let block = dump(log, at);
    let test = running_test(log, &block);
    // pytest-timeout closes the dump with the banner that opened it.
    if block.clone().any(|at| trace::frame(log.content(at)).is_some()) {
        push(log, at, block, (Category::TimeoutOrOom, "Timeout"), test, found);
    }
}

fn push(
    log: &Log,
    at: usize,
    block: Range<usize>,
    (category, message): (Category, &str),
    test: Option<FailedTest>,
    found: &mut Vec<Finding>,
) {
    let location = trace::innermost(block.clone().map(|at| log.content(at)).rev());
    let tool = if test.is_some() { "pytest" } else { "python" };
    let mut finding = Finding::new(tool, category, Strength::Cause, at, message)
        .with_block(block)
        .at(location)
        .with_verdict(Verdict::Investigate);
    finding.tests.extend(test.map(|test| test.saying(message)));
    found.push(finding);
}

/// Returns the lines from the first message to the end of the frames.
fn dump(log: &Log, at: usize) -> Range<usize> {
    let belongs = |line: &str| {
        pattern!(r#"^(?:$|\s+File "|\s{2,}\S|Python runtime state|Current thread|Thread 0x|Stack |[~+]{3,}|Captured |<no Python frame>|  \.\.\.)"#)
            .is_match(line)
    };
    let next = |line: &str| line.contains("+ Timeout +") || line.starts_with("Timeout (");
    let end = log.block(at, LONGEST, |line| next(line) || !belongs(line)).end;
    let frame = (at..end).rev().find(|&line| trace::frame(log.content(line)).is_some());
    at..frame.map_or(at + 1, |last| last + 1)
}

/// Returns the node id: from pytest's output before the crash, else from the stack, which lacks the
/// test's class.
fn running_test(log: &Log, block: &Range<usize>) -> Option<FailedTest> {
    let (location, function) = block.clone().find_map(|at| {
        let (location, function) = trace::frame(log.content(at))?;
        let file = location.file.rsplit(['/', '\\']).next().unwrap_or_default();
        (function.starts_with("test") && file.contains("test")).then_some((location, function))
    })?;
    let printed = pattern!(r"^(\S+\.py)(::\S+)? ").captures(log.content(block.start));
    let name = match printed.as_ref().map(|hit| (hit.get(1), hit.get(2))) {
        Some((Some(file), Some(test))) => format!("{}{}", file.as_str(), test.as_str()),
        Some((Some(file), None)) => format!("{}::{function}", file.as_str()),
        _ => format!("{}::{function}", relative(&location)),
    };
    Some(FailedTest::named(&name).at(Some(location)))
}

/// Returns the file below the checkout or the directory of installed packages.
fn relative(location: &Location) -> &str {
    let file = location.file.as_str();
    let home = pattern!(
        r"^(?:.*/site-packages|.*/work/[^/]+/[^/]+|/github/workspace|/__w/[^/]+/[^/]+)/(.+)$"
    );
    home.captures(file).and_then(|hit| hit.get(1)).map_or(file, |below| below.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log_of;

    #[test]
    fn a_crash_names_the_test_that_ran() {
        let log = log_of(
            "tests/test_a.py ..Fatal Python error: Segmentation fault\n\nCurrent thread 0x1 (most recent call first):\n  File \"/home/runner/work/n/n/n.py\", line 5 in length\n  File \"/home/runner/work/n/n/tests/test_a.py\", line 2 in test_length\n  File \"/v/site-packages/_pytest/python.py\", line 1 in call\n\nExtension modules: x\n",
        );
        let mut found = Vec::new();
        fatal(&log, 0, &mut found);
        assert_eq!(found[0].message, "Fatal Python error: Segmentation fault");
        assert_eq!(found[0].tests[0].name, "tests/test_a.py::test_length");
        assert_eq!((found[0].category, found[0].block.clone()), (Category::TestAssertion, 0..6));
    }

    #[test]
    fn what_pytest_printed_names_the_test_better_than_the_stack() {
        let stack = "  File \"/w/tests/test_a.py\", line 2 in test_length\n";
        let name = |first: &str| {
            let log = log_of(&format!("{first}Fatal Python error: Aborted\n\n{stack}"));
            let mut found = Vec::new();
            fatal(&log, 0, &mut found);
            found[0].tests[0].name.clone()
        };
        assert_eq!(
            name("tests/test_a.py::TestA::test_length "),
            "tests/test_a.py::TestA::test_length"
        );
        assert_eq!(name("tests/test_a.py ..."), "tests/test_a.py::test_length");
        assert_eq!(name(""), "/w/tests/test_a.py::test_length");
    }

    #[test]
    fn a_dump_after_a_timeout_is_one() {
        let log = log_of(
            "test_jobs.py::test_second +++++++ Timeout +++++++\n~~~~ Stack of MainThread (1) ~~~~\n  File \"test_jobs.py\", line 9, in test_second\n    next_job()\n+++++++ Timeout +++++++\n",
        );
        let mut found = Vec::new();
        (0..log.len()).for_each(|at| timeout(&log, at, &mut found));
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].category, Category::TimeoutOrOom);
        assert_eq!(found[0].tests[0].name, "test_jobs.py::test_second");
    }

    #[test]
    fn the_word_is_not_enough() {
        let log = log_of("Timeout (0:00:10)! was too short\n+ Timeout + is set\n");
        let mut found = Vec::new();
        (0..log.len()).for_each(|at| timeout(&log, at, &mut found));
        assert!(found.is_empty());
    }
}
