//! Check runs, suites and commit statuses.

use serde::{Deserialize, Serialize};

use super::{Conclusion, GitHubUser, Progress, PullRef, StatusState, list, or_default, or_none};
use crate::names::{CheckRunId, CheckSuiteId, Sha, StatusId};
use crate::time::Timestamp;

/// The app that created a check or comment.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub struct CheckApp {
    #[serde(default, deserialize_with = "or_default")]
    pub id: u64,
    /// The name in URLs, such as `github-actions`.
    #[serde(default, deserialize_with = "or_default")]
    pub slug: String,
}

/// One check on one commit.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct CheckRun {
    pub id: CheckRunId,
    #[serde(default, deserialize_with = "or_default")]
    pub name: String,
    pub head_sha: Sha,
    #[serde(default, deserialize_with = "or_default")]
    pub status: Progress,
    #[serde(default, deserialize_with = "or_none")]
    pub conclusion: Option<Conclusion>,
    /// The app's own identifier.
    #[serde(default, deserialize_with = "or_default")]
    pub external_id: String,
    /// The page that its app links to.
    #[serde(default, deserialize_with = "or_default")]
    pub details_url: String,
    /// The page on GitHub.
    #[serde(default, deserialize_with = "or_default")]
    pub html_url: String,
    #[serde(default, deserialize_with = "or_none")]
    pub started_at: Option<Timestamp>,
    #[serde(default, deserialize_with = "or_none")]
    pub completed_at: Option<Timestamp>,
    #[serde(default, deserialize_with = "or_default")]
    pub output: CheckOutput,
    #[serde(default, deserialize_with = "or_none")]
    pub app: Option<CheckApp>,
    #[serde(default, deserialize_with = "or_none")]
    pub check_suite: Option<SuiteRef>,
    /// Pull requests of this head, without those from forks.
    #[serde(default, deserialize_with = "list")]
    pub pull_requests: Vec<PullRef>,
}

/// A suite, as a check run refers to it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct SuiteRef {
    pub id: CheckSuiteId,
    /// The branch, if GitHub reports it.
    #[serde(default, deserialize_with = "or_none")]
    pub head_branch: Option<String>,
}

/// The text of a check run.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub struct CheckOutput {
    #[serde(default, deserialize_with = "or_default")]
    pub title: String,
    #[serde(default, deserialize_with = "or_default")]
    pub summary: String,
    #[serde(default, deserialize_with = "or_default")]
    pub text: String,
    #[serde(default, deserialize_with = "or_default")]
    pub annotations_count: u64,
}

/// All checks of one app on one commit.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct CheckSuite {
    pub id: CheckSuiteId,
    pub head_sha: Sha,
    /// The branch, if GitHub reports it.
    #[serde(default, deserialize_with = "or_none")]
    pub head_branch: Option<String>,
    #[serde(default, deserialize_with = "or_default")]
    pub status: Progress,
    #[serde(default, deserialize_with = "or_none")]
    pub conclusion: Option<Conclusion>,
    #[serde(default, deserialize_with = "or_none")]
    pub app: Option<CheckApp>,
    /// Pull requests of this head, without those from forks.
    #[serde(default, deserialize_with = "list")]
    pub pull_requests: Vec<PullRef>,
}

/// A status that another system reports for a commit.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct CommitStatus {
    #[serde(default, deserialize_with = "or_none")]
    pub id: Option<StatusId>,
    #[serde(default, deserialize_with = "or_default")]
    pub state: StatusState,
    /// The name. A commit has one current status per context.
    #[serde(default, deserialize_with = "or_default")]
    pub context: String,
    #[serde(default, deserialize_with = "or_default")]
    pub description: String,
    #[serde(default, deserialize_with = "or_default")]
    pub target_url: String,
    #[serde(default, deserialize_with = "or_none")]
    pub created_at: Option<Timestamp>,
    #[serde(default, deserialize_with = "or_none")]
    pub updated_at: Option<Timestamp>,
    #[serde(default, deserialize_with = "or_none")]
    pub creator: Option<GitHubUser>,
}

/// The severity of an annotation.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AnnotationLevel {
    Warning,
    Failure,
    /// Also stands for an unknown level.
    #[default]
    #[serde(other)]
    Notice,
}

/// A remark at a place in a file.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckRunAnnotation {
    /// From the root of the repository.
    #[serde(default, deserialize_with = "or_default")]
    pub path: String,
    /// Counts from 1.
    #[serde(default, deserialize_with = "or_default")]
    pub start_line: u64,
    #[serde(default, deserialize_with = "or_default")]
    pub end_line: u64,
    #[serde(default, deserialize_with = "or_default")]
    pub annotation_level: AnnotationLevel,
    #[serde(default, deserialize_with = "or_default")]
    pub message: String,
    #[serde(default, deserialize_with = "or_none", skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    #[serde(default, deserialize_with = "or_none", skip_serializing_if = "Option::is_none")]
    pub raw_details: Option<String>,
}

/// The content of a check run to create or update.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CheckRunDraft {
    /// Greenline keeps one check run per name and commit.
    pub name: String,
    /// Greenline's identifier, by which it finds the check run again.
    pub external_id: String,
    pub details_url: Option<String>,
    /// `None` while it runs.
    pub conclusion: Option<Conclusion>,
    pub title: String,
    /// Markdown, up to 65,535 characters; longer text is cut.
    pub summary: String,
    /// More than 50 are sent in several requests.
    pub annotations: Vec<CheckRunAnnotation>,
}
