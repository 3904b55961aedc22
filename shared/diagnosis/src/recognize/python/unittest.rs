//! unittest, Django's runner, nose, and CPython's regrtest.
//!
//! ```text
//! ======================================================================
//! FAIL: test_pop (tests.test_stack.StackTest.test_pop)
//! A docstring's first line
//! ----------------------------------------------------------------------
//! Traceback (most recent call last):
//!   File "/w/tests/test_stack.py", line 9, in test_pop
//!     self.assertEqual(stack.pop(), 2)
//! AssertionError: 1 != 2
//!
//! ----------------------------------------------------------------------
//! Ran 3 tests in 0.001s
//!
//! FAILED (failures=1)
//! ```
//!
//! - Tests are named `tests.test_stack.StackTest.test_pop` in every version of Python, as `python
//!   -m unittest` accepts them. Python before 3.11 writes only the class in the brackets.
//! - A heading counts only between its two rules: logs are full of `ERROR: …`.

use std::ops::Range;

use super::super::{Recognizer, pattern};
use super::trace;
use crate::contract::{Category, FailedTest};
use crate::finding::{Finding, Strength};
use crate::log::Log;

pub(super) const BLOCKS: Recognizer = Recognizer {
    name: "unittest",
    triggers: &["FAIL: ", "ERROR: ", "UNEXPECTED SUCCESS: "],
    look: block,
};

pub(super) const TOTALS: Recognizer = Recognizer {
    name: "unittest totals",
    triggers: &["FAILED (", "... FAIL", "... ERROR", " failed:", "Result: FAILURE", " crashed -- "],
    look: summary,
};

/// Longer tracebacks are cut.
const LONGEST: usize = 400;

fn block(log: &Log, at: usize, found: &mut Vec<Finding>) {
    let Some(title) = heading(log.content(at)) else { return };
    let Some(lines) = bounds(log, at) else { return };
    let line = telling(log, &lines).unwrap_or(at);
    let message = log.content(line).trim();
    let location = trace::innermost(lines.clone().map(|at| log.content(at)));
    let category = match trace::category(message) {
        Some(category) if title.contains("_FailedTest") => category,
        None if title.contains("_FailedTest") && trace::is_unloadable(message) => {
            Category::CompileError
        }
        _ => Category::TestAssertion,
    };
    let (actual, expected) = message
        .strip_prefix("AssertionError: ")
        .and_then(|sides| sides.split_once(" != "))
        .map_or((None, None), |(left, right)| (Some(left), Some(right)));
    let test = FailedTest::named(&named(title))
        .saying(message)
        .at(location.clone())
        .comparing(expected, actual);
    found.push(
        Finding::new("unittest", category, Strength::Cause, line, message)
            .with_block(lines)
            .at(location)
            .with_test(test),
    );
}

fn heading(line: &str) -> Option<&str> {
    ["FAIL: ", "ERROR: ", "UNEXPECTED SUCCESS: "].iter().find_map(|word| line.strip_prefix(word))
}

/// Returns the block of a heading, if there is a rule before it and one soon after.
fn bounds(log: &Log, at: usize) -> Option<Range<usize>> {
    let above = at.checked_sub(1)?;
    if !is_rule(log.content(above), '=') {
        return None;
    }
    log.ahead(at, 6, |line| is_rule(line, '-'))?;
    let ends = |line: usize| {
        is_rule(log.content(line), '=')
            || log.content(line).starts_with("##[error]Process completed")
            || (is_rule(log.content(line), '-') && log.content(line + 1).starts_with("Ran "))
    };
    let most = log.len().min(at + LONGEST);
    let end = (at + 1..most).find(|&line| ends(line)).unwrap_or(most);
    let last = (at..end).rev().find(|&line| !log.content(line).trim().is_empty()).unwrap_or(at);
    Some(at..last + 1)
}

fn is_rule(line: &str, mark: char) -> bool {
    line.len() >= 40 && line.chars().all(|each| each == mark)
}

/// Returns the line of the raised exception: the first unindented one after the last traceback.
fn telling(log: &Log, lines: &Range<usize>) -> Option<usize> {
    let traceback =
        lines.clone().rev().find(|&at| log.content(at).starts_with("Traceback (most recent"))?;
    let raised = |&at: &usize| trace::is_exception(log.content(at));
    let line = (traceback + 1..lines.end).find(raised)?;
    let says_more = line + 1 < lines.end && !log.content(line + 1).trim().is_empty();
    Some(if trace::is_bare(log.content(line)) && says_more { line + 1 } else { line })
}

/// Returns `test_pop (tests.test_stack.StackTest)` as a dotted name; other forms stay unchanged.
fn named(title: &str) -> String {
    let Some(hit) = pattern!(r"^(\S+) \(([A-Za-z_][A-Za-z0-9_.<>-]*)\)").captures(title) else {
        return title.to_owned();
    };
    let (test, home) = (&hit[1], &hit[2]);
    match home.rsplit('.').next() == Some(test) {
        true => home.to_owned(),
        false => format!("{home}.{test}"),
    }
}

fn summary(log: &Log, at: usize, found: &mut Vec<Finding>) {
    let content = log.content(at).trim_end();
    let finding = Finding::new("unittest", Category::TestAssertion, Strength::Summary, at, content);
    if let Some(hit) =
        pattern!(r"^(test\S* \([A-Za-z_][A-Za-z0-9_.]*\))(?: \(.*\))? \.\.\. (?:FAIL|ERROR)$")
            .captures(content)
    {
        found.push(finding.with_test(FailedTest::named(&named(&hit[1]))));
    } else if counts(content) {
        found.push(finding);
    } else if pattern!(r"^[1-9][0-9]* tests? failed:$").is_match(content) {
        found.push(finding.with_block(log.block(at, 20, |line| line.is_empty())));
    }
}

fn counts(content: &str) -> bool {
    pattern!(r"^(?:FAILED \((?:(?:failures|errors|skipped|expected failures|unexpected successes|todos|SKIP|successes)=[0-9]+(?:, )?)+\)|Result: FAILURE.*|test test_\S+ crashed -- .*)$")
        .is_match(content)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log_of;

    fn look(text: &str) -> Vec<Finding> {
        let log = log_of(text);
        let mut found = Vec::new();
        for at in 0..log.len() {
            block(&log, at, &mut found);
            summary(&log, at, &mut found);
        }
        found
    }

    const FAILED: &str = "\
======================================================================
FAIL: test_pop (tests.test_stack.StackTest)
Pops the last.
----------------------------------------------------------------------
Traceback (most recent call last):
  File \"/w/tests/test_stack.py\", line 9, in test_pop
    self.assertEqual(stack.pop(), 2)
AssertionError: 1 != 2

======================================================================
ERROR: test_a (unittest.loader._FailedTest)
----------------------------------------------------------------------
ImportError: Failed to import test module: test_a
Traceback (most recent call last):
  File \"/w/test_a.py\", line 1
    x =
      ^
SyntaxError: invalid syntax


----------------------------------------------------------------------
Ran 3 tests in 0.001s

FAILED (failures=1, errors=1, skipped=2)
";

    #[test]
    fn blocks_name_test_message_and_place() {
        let found = look(FAILED);
        assert_eq!(found.len(), 3);
        let test = &found[0].tests[0];
        assert_eq!(test.name, "tests.test_stack.StackTest.test_pop");
        assert_eq!(test.message.as_deref(), Some("AssertionError: 1 != 2"));
        assert_eq!((test.actual.as_deref(), test.expected.as_deref()), (Some("1"), Some("2")));
        assert_eq!((found[0].line, found[0].block.clone()), (7, 1..8));
        assert_eq!(found[1].category, Category::CompileError);
        assert_eq!(found[2].strength, Strength::Summary);
    }

    #[test]
    fn names_are_the_same_whatever_pythons_version() {
        assert_eq!(named("test_x (mod.Class)"), "mod.Class.test_x");
        assert_eq!(named("test_x (mod.Class.test_x) [hi] (i=3)"), "mod.Class.test_x");
        assert_eq!(named("setUpClass (mod.Class)"), "mod.Class.setUpClass");
        assert_eq!(named("pkg.tests.test_a.test_function"), "pkg.tests.test_a.test_function");
    }

    #[test]
    fn headings_without_rules_and_good_results_are_nothing() {
        assert!(look("ERROR: pip's dependency resolver\nFAIL: x\n").is_empty());
        assert!(look("OK (skipped=3)\nFAILED (not a count)\ntest_a (a.B) ... ok\n").is_empty());
    }

    #[test]
    fn progress_names_tests_of_a_run_that_never_ended() {
        let found = look("test_x (mod.Class.test_x) ... FAIL\n");
        assert_eq!(found[0].tests[0].name, "mod.Class.test_x");
    }
}
