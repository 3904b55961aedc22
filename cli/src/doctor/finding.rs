//! A result of one check.

use std::fmt;

use greenline_runtime::human;
use serde::Serialize;

use crate::print::style::{BAD, DIM, GOOD, WARN};
use crate::print::text;

/// The severity of a result.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum FindingLevel {
    Ok,
    /// Neither good nor bad.
    Info,
    /// It works now, but may not later.
    Warn,
    /// It does not work.
    Fail,
}

/// The result of a check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct DoctorFinding {
    pub(super) level: FindingLevel,
    /// The subject.
    pub(super) about: &'static str,
    pub(super) message: String,
    /// The remedy.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) hint: Option<String>,
}

impl DoctorFinding {
    pub(super) fn ok(about: &'static str, message: impl Into<String>) -> Self {
        Self { level: FindingLevel::Ok, about, message: message.into(), hint: None }
    }

    pub(super) fn info(about: &'static str, message: impl Into<String>) -> Self {
        Self { level: FindingLevel::Info, about, message: message.into(), hint: None }
    }

    pub(super) fn warn(about: &'static str, message: impl Into<String>) -> Self {
        Self { level: FindingLevel::Warn, about, message: message.into(), hint: None }
    }

    pub(super) fn fail(about: &'static str, message: impl Into<String>) -> Self {
        Self { level: FindingLevel::Fail, about, message: message.into(), hint: None }
    }

    pub(super) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

impl fmt::Display for DoctorFinding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (style, word) = match self.level {
            FindingLevel::Ok => (GOOD, "ok"),
            FindingLevel::Info => (DIM, "info"),
            FindingLevel::Warn => (WARN, "warn"),
            FindingLevel::Fail => (BAD, "fail"),
        };
        writeln!(
            f,
            "{style}{word:<4}{style:#}  {}: {}",
            self.about,
            text::one_line(&self.message)
        )?;
        for line in self.hint.iter().flat_map(|hint| hint.lines()) {
            writeln!(f, "      hint: {line}")?;
        }
        Ok(())
    }
}

/// Formats `1 failure, 2 warnings`.
pub(super) fn summary(failures: u64, warnings: u64) -> String {
    let failures = (failures > 0).then(|| human::count(failures, "failure", "failures"));
    let warnings = (warnings > 0).then(|| human::count(warnings, "warning", "warnings"));
    let found: Vec<String> = failures.into_iter().chain(warnings).collect();
    if found.is_empty() { "all is well".to_owned() } else { found.join(", ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_finding_is_a_line_and_its_mend_another() {
        let finding =
            DoctorFinding::warn("redis", "maxmemory-policy is allkeys-lru").hint("set it");
        let told = anstream::adapter::strip_str(&finding.to_string()).to_string();
        assert_eq!(told, "warn  redis: maxmemory-policy is allkeys-lru\n      hint: set it\n");
        assert_eq!(summary(1, 2), "1 failure, 2 warnings");
        assert_eq!(summary(0, 0), "all is well");
    }
}
