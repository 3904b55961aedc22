//! What a diagnosis says: the shape that other parts and other people's programs rely on.
//!
//! Lines are counted from 1 and end at LF, as an editor counts them in the log as it was given.
//! Names here are public: they are in `greenline diagnose --json`, in the lead's history and in
//! comments on pull requests. They outlive a release.

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
    /// A test that failed, whatever it asserted.
    TestAssertion,
    /// A recorded output (snapshot, golden file) that no longer fits.
    SnapshotDiff,
    /// Packages that can't be found, resolved or built.
    DependencyInstall,
    /// An image that does not build.
    DockerBuild,
    /// The workflow itself: its syntax, its inputs, a gate on other jobs.
    GithubActionsConfig,
    /// Something that needs a right or a secret it does not have.
    PermissionOrSecret,
    /// The world outside: DNS, TLS, 5xx, a lost runner.
    NetworkOrFlaky,
    /// Killed: by a limit on time, memory or disk.
    TimeoutOrOom,
    /// Nothing here knows.
    Unknown,
}

/// What is worth doing about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// A change of the code would mend it, and the log says enough to try.
    Fixable,
    /// Perhaps; somebody has to look first. The answer when unsure.
    Investigate,
    /// Nothing in the code: run it again.
    Rerun,
    /// A person has to act: a right, a secret, a setting.
    Escalate,
}

/// A line of the log, word for word (cut when it is very long).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quote {
    /// Counted from 1.
    pub line: u32,
    /// Without timestamp and colours.
    pub text: String,
}

/// A place in a source file, as the tool named it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Location {
    /// The file, as written in the log.
    pub file: String,
    /// The line in it, counted from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<u32>,
    /// The column, counted from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub column: Option<u32>,
}

/// One test that failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FailedTest {
    /// Its name, as people of that tool would write it.
    pub name: String,
    /// Where it failed.
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub location: Option<Location>,
    /// What it said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// What an assertion wanted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expected: Option<String>,
    /// What it got.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub actual: Option<String>,
}

/// A complaint with a place: what an editor or a pull request's diff can show.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Annotation {
    /// Who complains: `rustc`, `eslint`.
    pub tool: String,
    /// Where.
    #[serde(flatten)]
    pub location: Location,
    /// What.
    pub message: String,
    /// The line of the log that says so.
    pub log_line: u32,
}

/// The part of the log that a repair needs, within a budget of bytes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Excerpt {
    /// The lines shown: first and last, both included, ascending.
    pub ranges: Vec<(u32, u32)>,
    /// The lines with their numbers, and marks where lines were left out.
    pub text: String,
}

/// Why a log's job failed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Diagnosis {
    /// The kind of failure.
    pub category: Category,
    /// What is worth doing.
    pub verdict: Verdict,
    /// How sure: 0 to 1, two digits.
    pub confidence: f64,
    /// Why this verdict, in a sentence.
    pub reason: String,
    /// The one line that explains it best. None: nothing in the log looks like a failure.
    pub headline: Option<Quote>,
    /// The lines that speak for it.
    pub evidence: Vec<Quote>,
    /// What a repair needs to see.
    pub excerpt: Excerpt,
    /// Names of failed tests, each once, in the log's order.
    pub failed_tests: Vec<String>,
    /// The same with what else is known.
    pub failed_test_details: Vec<FailedTest>,
    /// Complaints with a place in a source file.
    pub annotations: Vec<Annotation>,
    /// The same for the same failure on other runs. None without a headline.
    pub signature: Option<String>,
    /// The tool that spoke: `pytest`, `cargo test`.
    pub framework: Option<String>,
    /// The job's name, where the log says it.
    pub job: Option<String>,
    /// The step that failed: what it ran.
    pub step: Option<Quote>,
}

impl Category {
    /// All of them, in the contract's order.
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

    /// The contract's name.
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
    /// The contract's name.
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
