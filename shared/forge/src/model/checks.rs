//! Check runs, suites and commit statuses.

use serde::{Deserialize, Serialize};

use super::{Conclusion, Progress, PullRef, StatusState, User, list, or_default, or_none};
use crate::names::{CheckRunId, CheckSuiteId, Sha, StatusId};
use crate::time::Moment;

/// The app that something comes from.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub struct App {
    /// Its id.
    #[serde(default, deserialize_with = "or_default")]
    pub id: u64,
    /// Its name in URLs, such as `github-actions`.
    #[serde(default, deserialize_with = "or_default")]
    pub slug: String,
}

/// One check on one commit.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct CheckRun {
    /// Its id.
    pub id: CheckRunId,
    /// What it is called.
    #[serde(default, deserialize_with = "or_default")]
    pub name: String,
    /// The commit.
    pub head_sha: Sha,
    /// How far it is.
    #[serde(default, deserialize_with = "or_default")]
    pub status: Progress,
    /// How it ended.
    #[serde(default, deserialize_with = "or_none")]
    pub conclusion: Option<Conclusion>,
    /// What its app calls it.
    #[serde(default, deserialize_with = "or_default")]
    pub external_id: String,
    /// Where its app shows it.
    #[serde(default, deserialize_with = "or_default")]
    pub details_url: String,
    /// Where GitHub shows it.
    #[serde(default, deserialize_with = "or_default")]
    pub html_url: String,
    /// When it began.
    #[serde(default, deserialize_with = "or_none")]
    pub started_at: Option<Moment>,
    /// When it ended.
    #[serde(default, deserialize_with = "or_none")]
    pub completed_at: Option<Moment>,
    /// What it says.
    #[serde(default, deserialize_with = "or_default")]
    pub output: CheckOutput,
    /// Whose it is.
    #[serde(default, deserialize_with = "or_none")]
    pub app: Option<App>,
    /// The suite it is part of.
    #[serde(default, deserialize_with = "or_none")]
    pub check_suite: Option<SuiteRef>,
    /// Pull requests of this head, without those from forks.
    #[serde(default, deserialize_with = "list")]
    pub pull_requests: Vec<PullRef>,
}

/// A suite, as a check run mentions it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct SuiteRef {
    /// Its id.
    pub id: CheckSuiteId,
    /// The branch, where it is said.
    #[serde(default, deserialize_with = "or_none")]
    pub head_branch: Option<String>,
}

/// What a check run says.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub struct CheckOutput {
    /// One line.
    #[serde(default, deserialize_with = "or_default")]
    pub title: String,
    /// Markdown.
    #[serde(default, deserialize_with = "or_default")]
    pub summary: String,
    /// More Markdown.
    #[serde(default, deserialize_with = "or_default")]
    pub text: String,
    /// How many annotations it has.
    #[serde(default, deserialize_with = "or_default")]
    pub annotations_count: u64,
}

/// All checks of one app on one commit.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct CheckSuite {
    /// Its id.
    pub id: CheckSuiteId,
    /// The commit.
    pub head_sha: Sha,
    /// The branch, where it is said.
    #[serde(default, deserialize_with = "or_none")]
    pub head_branch: Option<String>,
    /// How far it is.
    #[serde(default, deserialize_with = "or_default")]
    pub status: Progress,
    /// How it ended.
    #[serde(default, deserialize_with = "or_none")]
    pub conclusion: Option<Conclusion>,
    /// Whose it is.
    #[serde(default, deserialize_with = "or_none")]
    pub app: Option<App>,
    /// Pull requests of this head, without those from forks.
    #[serde(default, deserialize_with = "list")]
    pub pull_requests: Vec<PullRef>,
}

/// What another system says of a commit.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct CommitStatus {
    /// Its id.
    #[serde(default, deserialize_with = "or_none")]
    pub id: Option<StatusId>,
    /// What it says.
    #[serde(default, deserialize_with = "or_default")]
    pub state: StatusState,
    /// What it is about; one commit has one current status for each.
    #[serde(default, deserialize_with = "or_default")]
    pub context: String,
    /// One line.
    #[serde(default, deserialize_with = "or_default")]
    pub description: String,
    /// Where more is to be seen.
    #[serde(default, deserialize_with = "or_default")]
    pub target_url: String,
    /// When it was set.
    #[serde(default, deserialize_with = "or_none")]
    pub created_at: Option<Moment>,
    /// When it last changed.
    #[serde(default, deserialize_with = "or_none")]
    pub updated_at: Option<Moment>,
    /// Who set it.
    #[serde(default, deserialize_with = "or_none")]
    pub creator: Option<User>,
}

/// How loud an annotation is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AnnotationLevel {
    /// To look at.
    Warning,
    /// To mend.
    Failure,
    /// To know. A word that is not known yet is read as this, too.
    #[default]
    #[serde(other)]
    Notice,
}

/// A remark at a place in a file.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Annotation {
    /// The file, from the root of the repository.
    #[serde(default, deserialize_with = "or_default")]
    pub path: String,
    /// The first line, from 1.
    #[serde(default, deserialize_with = "or_default")]
    pub start_line: u64,
    /// The last line.
    #[serde(default, deserialize_with = "or_default")]
    pub end_line: u64,
    /// How loud it is.
    #[serde(default, deserialize_with = "or_default")]
    pub annotation_level: AnnotationLevel,
    /// What it says.
    #[serde(default, deserialize_with = "or_default")]
    pub message: String,
    /// One line above it.
    #[serde(default, deserialize_with = "or_none", skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// More, on demand.
    #[serde(default, deserialize_with = "or_none", skip_serializing_if = "Option::is_none")]
    pub raw_details: Option<String>,
}

/// A check run as it should be.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CheckRunDraft {
    /// What it is called. One check run for each name and commit is ours to keep.
    pub name: String,
    /// What we call it ourselves, to find it again.
    pub external_id: String,
    /// Where more is to be seen.
    pub details_url: Option<String>,
    /// How it ended; none while it runs.
    pub conclusion: Option<Conclusion>,
    /// One line.
    pub title: String,
    /// Markdown, up to 65,535 characters; longer text is cut.
    pub summary: String,
    /// Remarks at places in files. More than 50 are sent in several requests.
    pub annotations: Vec<Annotation>,
}
