//! Renders a diagnosis for others: Markdown for a pull request, workflow commands for GitHub.
//!
//! Anyone who can open a pull request can write to a log, so quoted text is hostile until it is
//! made harmless: no hidden characters, no markup, no mentions, no commands to the runner.
//!
//! The terminal view belongs to the command, which knows its width and colors, and SARIF has its
//! own module. All of them take their content from [`problems`] and name places by
//! [`in_repository`].

mod invisible;
mod markdown;
mod paths;
mod problems;
mod workflow_commands;

pub use invisible::{is_hidden, push_visible, stripped, visible};
pub use markdown::{code, fenced, markdown};
pub use paths::in_repository;
pub use problems::{RepoLocation, ReportedProblem, problems};
pub use workflow_commands::workflow_commands;

use serde::Serialize;

use crate::contract::{Category, Diagnosis, Verdict};

/// A log with its diagnosis.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Diagnosed {
    /// The log's name: its file, or its name in an archive.
    pub log: String,
    #[serde(flatten)]
    pub diagnosis: Diagnosis,
}

impl Diagnosed {
    /// Returns the job's name, or else the log's.
    #[must_use]
    pub fn name(&self) -> &str {
        self.diagnosis.job.as_deref().unwrap_or(&self.log)
    }
}

/// Returns the log that explains most why a run failed: one with a known and explained failed step
/// before one with a guess, a guess before none, and of equals the first.
#[must_use]
pub fn most_informative(logs: &[Diagnosed]) -> Option<&Diagnosed> {
    let tells = |log: &Diagnosed| {
        let it = &log.diagnosis;
        let known = it.headline.is_some() && it.category != Category::Unknown;
        (known, it.headline.is_some(), it.step.is_some(), (it.confidence * 100.0) as u32)
    };
    logs.iter().rev().max_by_key(|log| tells(log))
}

impl Category {
    /// Returns the category as people say it.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::CompileError => "it does not compile",
            Self::TypeError => "types don't fit",
            Self::LintError => "a linter complains",
            Self::TestAssertion => "a test fails",
            Self::SnapshotDiff => "a snapshot differs",
            Self::DependencyInstall => "dependencies can't be installed",
            Self::DockerBuild => "an image does not build",
            Self::GithubActionsConfig => "the workflow is wrong",
            Self::PermissionOrSecret => "a right or a secret is missing",
            Self::NetworkOrFlaky => "the network or the runner failed",
            Self::TimeoutOrOom => "it ran out of time, memory or disk",
            Self::Unknown => "of unknown kind",
        }
    }
}

impl Verdict {
    /// Returns the advice to the reader.
    #[must_use]
    pub const fn advice(self) -> &'static str {
        match self {
            Self::Fixable => "a code change would fix it",
            Self::Investigate => "somebody should look first",
            Self::Rerun => "run it again, nothing in the code is wrong",
            Self::Escalate => "a person has to act: a right, a secret or a setting",
        }
    }
}

/// Formats a confidence as a percentage.
#[must_use]
pub fn percent(confidence: f64) -> String {
    format!("{:.0} %", confidence.clamp(0.0, 1.0) * 100.0)
}

#[cfg(test)]
pub(crate) mod samples;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_log_that_explains_most_is_chosen_and_the_first_of_equals() {
        let nothing = Diagnosed { log: "0".to_owned(), diagnosis: samples::nothing() };
        let mut guess = samples::diagnosed();
        (guess.log, guess.diagnosis.category) = ("1".to_owned(), Category::Unknown);
        let mut known = samples::diagnosed();
        known.log = "2".to_owned();
        let mut again = samples::diagnosed();
        again.log = "3".to_owned();
        let logs = [nothing, guess, known, again];
        assert_eq!(most_informative(&logs).map(|log| log.log.as_str()), Some("2"));
        assert_eq!(most_informative(&logs[..2]).map(|log| log.log.as_str()), Some("1"));
        assert_eq!(most_informative(&[]), None);
    }
}
