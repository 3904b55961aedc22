//! A result of one check.

use std::fmt;

use greenline_runtime::say;
use serde::Serialize;

use crate::print::style::{BAD, DIM, GOOD, WARN};
use crate::print::text;

/// The severity of a result.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Level {
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
pub(super) struct Finding {
    pub(super) level: Level,
    /// The subject.
    pub(super) about: &'static str,
    pub(super) says: String,
    /// The remedy.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) mend: Option<String>,
}

impl Finding {
    pub(super) fn ok(about: &'static str, says: impl Into<String>) -> Self {
        Self { level: Level::Ok, about, says: says.into(), mend: None }
    }

    pub(super) fn info(about: &'static str, says: impl Into<String>) -> Self {
        Self { level: Level::Info, about, says: says.into(), mend: None }
    }

    pub(super) fn warn(about: &'static str, says: impl Into<String>) -> Self {
        Self { level: Level::Warn, about, says: says.into(), mend: None }
    }

    pub(super) fn fail(about: &'static str, says: impl Into<String>) -> Self {
        Self { level: Level::Fail, about, says: says.into(), mend: None }
    }

    pub(super) fn mend(mut self, mend: impl Into<String>) -> Self {
        self.mend = Some(mend.into());
        self
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (style, word) = match self.level {
            Level::Ok => (GOOD, "ok"),
            Level::Info => (DIM, "info"),
            Level::Warn => (WARN, "warn"),
            Level::Fail => (BAD, "fail"),
        };
        writeln!(f, "{style}{word:<4}{style:#}  {}: {}", self.about, text::one_line(&self.says))?;
        for line in self.mend.iter().flat_map(|mend| mend.lines()) {
            writeln!(f, "      mend: {line}")?;
        }
        Ok(())
    }
}

/// Formats `1 failure, 2 warnings`.
pub(super) fn sum(failures: u64, warnings: u64) -> String {
    let failures = (failures > 0).then(|| say::count(failures, "failure", "failures"));
    let warnings = (warnings > 0).then(|| say::count(warnings, "warning", "warnings"));
    let found: Vec<String> = failures.into_iter().chain(warnings).collect();
    if found.is_empty() { "all is well".to_owned() } else { found.join(", ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_finding_is_a_line_and_its_mend_another() {
        let finding = Finding::warn("redis", "maxmemory-policy is allkeys-lru").mend("set it");
        let told = anstream::adapter::strip_str(&finding.to_string()).to_string();
        assert_eq!(told, "warn  redis: maxmemory-policy is allkeys-lru\n      mend: set it\n");
        assert_eq!(sum(1, 2), "1 failure, 2 warnings");
        assert_eq!(sum(0, 0), "all is well");
    }
}
