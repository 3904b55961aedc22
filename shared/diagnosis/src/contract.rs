//! The diagnosis: the data structure that other parts and external programs rely on.
//!
//! Lines are counted from 1 and end at LF, as an editor counts them in the original log. Names here
//! are public: they appear in `greenline diagnose --json`, in the lead's history and in comments on
//! pull requests, and outlive a release.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The kind of failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Category {
    /// Source that does not compile, link or parse.
    CompileError,
    /// A type checker's complaint in a language that runs without it.
    TypeError,
    /// A linter's or formatter's complaint.
    LintError,
    /// A failed test, whatever it asserted.
    TestAssertion,
    /// A recorded output (snapshot, golden file) that differs.
    SnapshotDiff,
    /// Packages that can't be found, resolved or built.
    DependencyInstall,
    /// An image that does not build.
    DockerBuild,
    /// An error in the workflow itself: its syntax, its inputs, a gate on other jobs.
    GithubActionsConfig,
    /// A missing permission or secret.
    PermissionOrSecret,
    /// A failure outside the code: DNS, TLS, 5xx, a lost runner.
    NetworkOrFlaky,
    /// Killed by a limit on time, memory or disk.
    TimeoutOrOom,
    /// No rule or recognizer applies.
    Unknown,
}

/// The recommended next step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// A code change can fix it, and the log holds enough to try.
    Fixable,
    /// Needs a look first. The answer when unsure.
    Investigate,
    /// The code is not at fault: run the job again.
    Rerun,
    /// A person must act: a permission, a secret, a setting.
    Escalate,
}

/// A line of the log, word for word, cut if it is very long.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quote {
    /// Counted from 1.
    pub line: u32,
    /// Without timestamp and colors.
    pub text: String,
}

/// A place in a source file, as the tool wrote it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Location {
    /// As written in the log.
    pub file: String,
    /// Counts from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<u32>,
    /// Counts from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub column: Option<u32>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FailedTest {
    /// In the notation that users of that tool write.
    pub name: String,
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub location: Option<Location>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// The value that the assertion expected.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expected: Option<String>,
    /// The value that it got.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub actual: Option<String>,
}

/// A complaint with a place, which an editor or a pull request's diff can show.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Annotation {
    /// The tool that complains, such as `rustc` or `eslint`.
    pub tool: String,
    #[serde(flatten)]
    pub location: Location,
    pub message: String,
    /// The line of the log with the complaint.
    pub log_line: u32,
}

/// The part of the log that a repair needs, within a budget of bytes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Excerpt {
    /// The first and last line of each range, inclusive, ascending.
    pub ranges: Vec<(u32, u32)>,
    /// The lines with their numbers, and marks where lines were omitted.
    pub text: String,
}

/// The reason why a job failed, as read from its log.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Diagnosis {
    pub category: Category,
    pub verdict: Verdict,
    /// Between 0 and 1, with two digits.
    pub confidence: f64,
    /// The reason for the verdict, in one sentence.
    pub reason: String,
    /// The line that explains the failure best; `None` if nothing looks like a failure.
    pub headline: Option<Quote>,
    /// The lines that support the diagnosis.
    pub evidence: Vec<Quote>,
    pub excerpt: Excerpt,
    /// Each name once, in the log's order.
    pub failed_tests: Vec<String>,
    /// The failed tests with their details.
    pub failed_test_details: Vec<FailedTest>,
    /// Complaints with a place in a source file.
    pub annotations: Vec<Annotation>,
    /// Stays the same for the same failure on other runs; `None` without a headline.
    pub signature: Option<String>,
    /// The tool that reported it, such as `pytest` or `cargo test`.
    pub framework: Option<String>,
    /// The job's name, if the log holds it.
    pub job: Option<String>,
    /// The heading of the failed step.
    pub step: Option<Quote>,
}

impl Category {
    /// Every category, in the contract's order.
    pub const ALL: [Self; 12] = [
        Self::CompileError,
        Self::TypeError,
        Self::LintError,
        Self::TestAssertion,
        Self::SnapshotDiff,
        Self::DependencyInstall,
        Self::DockerBuild,
        Self::GithubActionsConfig,
        Self::PermissionOrSecret,
        Self::NetworkOrFlaky,
        Self::TimeoutOrOom,
        Self::Unknown,
    ];

    /// Returns the contract's name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::CompileError => "compile_error",
            Self::TypeError => "type_error",
            Self::LintError => "lint_error",
            Self::TestAssertion => "test_assertion",
            Self::SnapshotDiff => "snapshot_diff",
            Self::DependencyInstall => "dependency_install",
            Self::DockerBuild => "docker_build",
            Self::GithubActionsConfig => "github_actions_config",
            Self::PermissionOrSecret => "permission_or_secret",
            Self::NetworkOrFlaky => "network_or_flaky",
            Self::TimeoutOrOom => "timeout_or_oom",
            Self::Unknown => "unknown",
        }
    }
}

impl Verdict {
    /// Returns the contract's name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Fixable => "fixable",
            Self::Investigate => "investigate",
            Self::Rerun => "rerun",
            Self::Escalate => "escalate",
        }
    }
}

impl fmt::Display for Category {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.as_str())
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.as_str())
    }
}
