//! What a recogniser found: one complaint of one tool, with the lines it takes to understand it.

use std::borrow::Cow;
use std::ops::Range;

use crate::contract::{Category, FailedTest, Location, Verdict};

/// How much a finding explains. The order is the order of choosing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Strength {
    /// Says only that something else failed: `npm ERR! code 1`, `make: *** [test] Error 2`.
    Echo,
    /// Looks like an error, by a tool we don't know.
    Suspicion,
    /// Says which tests failed or how many, not why.
    Summary,
    /// Names a defect: an assertion, a compiler's error, a linter's complaint.
    Cause,
    /// Makes everything after it fail: no network, no disk, no rights, killed.
    Root,
    /// Somebody who was asked says that this is it.
    Decided,
}

/// One complaint of one tool.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Finding {
    /// The tool: `pytest`, `rustc`. Also the framework's name in a diagnosis.
    pub(crate) tool: Cow<'static, str>,
    /// The kind of failure it speaks for.
    pub(crate) category: Category,
    /// How much it explains.
    pub(crate) strength: Strength,
    /// The line (an index) that says it best.
    pub(crate) line: usize,
    /// The lines it takes to understand it, most telling first where they exceed a budget.
    pub(crate) block: Range<usize>,
    /// The complaint in the tool's words.
    pub(crate) message: String,
    /// The place in the source that it points to.
    pub(crate) location: Option<Location>,
    /// Tests that failed, as this finding says.
    pub(crate) tests: Vec<FailedTest>,
    /// Overrides the verdict that the category suggests.
    pub(crate) verdict: Option<Verdict>,
}

impl Finding {
    /// A finding on one line, to be widened by the methods below.
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

    /// With the lines it takes to understand it; its own line is always among them.
    #[must_use]
    pub(crate) fn with_block(mut self, block: Range<usize>) -> Self {
        self.block = block.start.min(self.line)..block.end.max(self.line + 1);
        self
    }

    /// With the place it points to.
    #[must_use]
    pub(crate) fn at(mut self, location: Option<Location>) -> Self {
        self.location = location;
        self
    }

    /// With a failed test.
    #[must_use]
    pub(crate) fn with_test(mut self, test: FailedTest) -> Self {
        self.tests.push(test);
        self
    }

    /// With a verdict of its own.
    #[must_use]
    pub(crate) fn with_verdict(mut self, verdict: Verdict) -> Self {
        self.verdict = Some(verdict);
        self
    }
}

impl FailedTest {
    /// A failed test of which only the name is known.
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

    /// With what it said, cut to a readable length.
    #[must_use]
    pub fn saying(mut self, message: &str) -> Self {
        let message = message.trim();
        self.message = (!message.is_empty()).then(|| crate::cut::at_char(message, 500).to_owned());
        self
    }

    /// With where it failed.
    #[must_use]
    pub fn at(mut self, location: Option<Location>) -> Self {
        self.location = location;
        self
    }

    /// With what its assertion wanted and got.
    #[must_use]
    pub fn comparing(mut self, expected: Option<&str>, actual: Option<&str>) -> Self {
        let short = |value: &str| crate::cut::at_char(value.trim(), 500).to_owned();
        self.expected = expected.map(short);
        self.actual = actual.map(short);
        self
    }
}

impl Location {
    /// From what a pattern captured; numbers that don't parse are left out.
    #[must_use]
    pub fn new(file: &str, line: Option<&str>, column: Option<&str>) -> Self {
        let number = |digits: Option<&str>| digits.and_then(|digits| digits.parse().ok());
        Self { file: file.trim().to_owned(), line: number(line), column: number(column) }
    }
}
