//! Errors in a rules file, with their place.

use std::fmt;
use std::ops::Range;

/// An error in a rules file: `rules.toml:12:5: unknown field "tigger"; did you mean "trigger"?`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleError {
    /// The file, as its reader named it.
    pub file: String,
    /// Counts from 1.
    pub line: usize,
    /// Counts characters from 1.
    pub column: usize,
    /// The error and its remedy.
    pub message: String,
}

/// An error at a byte range of the text.
#[derive(Debug)]
pub(super) struct RuleFault {
    pub(super) span: Range<usize>,
    pub(super) message: String,
}

impl RuleFault {
    pub(super) fn new(span: Range<usize>, message: impl Into<String>) -> Self {
        Self { span, message: message.into() }
    }
}

impl From<toml::de::Error> for RuleFault {
    fn from(error: toml::de::Error) -> Self {
        Self::new(error.span().unwrap_or_default(), error.message())
    }
}

impl RuleError {
    pub(super) fn new(fault: RuleFault, text: &str, name: &str) -> Self {
        let before = text.get(..fault.span.start).unwrap_or(text);
        let line_start = before.rfind('\n').map_or(0, |end| end + 1);
        Self {
            file: name.to_owned(),
            line: before.matches('\n').count() + 1,
            column: before[line_start..].chars().count() + 1,
            message: fault.message,
        }
    }
}

impl fmt::Display for RuleError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}:{}:{}: {}", self.file, self.line, self.column, self.message)
    }
}

impl std::error::Error for RuleError {}
