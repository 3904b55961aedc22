//! Findings of recognizers: one complaint of one tool, with the lines needed to understand it.

use std::borrow::Cow;
use std::ops::Range;

use crate::contract::{Category, FailedTest, Location, Verdict};

/// The explanatory value of a finding. The order is the order of choosing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Strength {
    /// Reports only that something else failed: `npm ERR! code 1`, `make: *** [test] Error 2`.
    Echo,
    /// Looks like an error of an unknown tool.
    Suspicion,
    /// Names or counts failed tests, without the reason.
    Summary,
    /// Names a defect: an assertion, a compiler error, a linter's complaint.
    Cause,
    /// Makes everything after it fail: no network, no disk, no permission, killed.
    Root,
    /// The answer of a tie breaker.
    Decided,
}

/// One complaint of one tool.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Finding {
    /// For example `pytest` or `rustc`. Also the framework's name in a diagnosis.
    pub(crate) tool: Cow<'static, str>,
    pub(crate) category: Category,
    pub(crate) strength: Strength,
    /// The index of the most informative line.
    pub(crate) line: usize,
    /// The lines needed to understand it, cut to the most informative ones if they exceed a budget.
    pub(crate) block: Range<usize>,
    /// The complaint in the tool's words.
    pub(crate) message: String,
    /// The place in the source that the tool names.
    pub(crate) location: Option<Location>,
    /// The failed tests that this finding names.
    pub(crate) tests: Vec<FailedTest>,
    /// Overrides the category's usual verdict.
    pub(crate) verdict: Option<Verdict>,
}

impl Finding {
    /// Creates a finding on one line; the methods below extend it.
    #[must_use]
    pub(crate) fn new(
        tool: &'static str,
        category: Category,
        strength: Strength,
        line: usize,
        message: &str,
    ) -> Self {
        Self {
            tool: Cow::Borrowed(tool),
            category,
            strength,
            line,
            block: line..line + 1,
            message: message.trim().to_owned(),
            location: None,
            tests: Vec::new(),
            verdict: None,
        }
    }

    /// Sets the lines needed to understand it. Its own line is always among them.
    #[must_use]
    pub(crate) fn with_block(mut self, block: Range<usize>) -> Self {
        self.block = block.start.min(self.line)..block.end.max(self.line + 1);
        self
    }

    /// Sets the place.
    #[must_use]
    pub(crate) fn at(mut self, location: Option<Location>) -> Self {
        self.location = location;
        self
    }

    /// Adds a failed test.
    #[must_use]
    pub(crate) fn with_test(mut self, test: FailedTest) -> Self {
        self.tests.push(test);
        self
    }

    /// Sets a verdict that overrides the category's.
    #[must_use]
    pub(crate) fn with_verdict(mut self, verdict: Verdict) -> Self {
        self.verdict = Some(verdict);
        self
    }
}

impl FailedTest {
    /// Creates a failed test of which only the name is known.
    #[must_use]
    pub fn named(name: &str) -> Self {
        Self {
            name: name.trim().to_owned(),
            location: None,
            message: None,
            expected: None,
            actual: None,
        }
    }

    /// Sets the message, cut to a readable length.
    #[must_use]
    pub fn saying(mut self, message: &str) -> Self {
        let message = message.trim();
        self.message = (!message.is_empty()).then(|| crate::cut::at_char(message, 500).to_owned());
        self
    }

    /// Sets the place of the failure.
    #[must_use]
    pub fn at(mut self, location: Option<Location>) -> Self {
        self.location = location;
        self
    }

    /// Sets the expected and actual value.
    #[must_use]
    pub fn comparing(mut self, expected: Option<&str>, actual: Option<&str>) -> Self {
        let short = |value: &str| crate::cut::at_char(value.trim(), 500).to_owned();
        self.expected = expected.map(short);
        self.actual = actual.map(short);
        self
    }
}

impl Location {
    /// Creates a location from a pattern's captures. Numbers that don't parse are left out.
    #[must_use]
    pub fn new(file: &str, line: Option<&str>, column: Option<&str>) -> Self {
        let number = |digits: Option<&str>| digits.and_then(|digits| digits.parse().ok());
        Self { file: file.trim().to_owned(), line: number(line), column: number(column) }
    }
}
