//! Workflow runs, their jobs and steps.

use serde::Deserialize;

use super::{Conclusion, GitHubUser, Progress, PullRef, RepoRef, list, or_default, or_none};
use crate::names::{JobId, RunId, Sha};
use crate::time::Timestamp;

/// A workflow run. A re-run keeps the id and increments `run_attempt`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct WorkflowRun {
    pub id: RunId,
    /// The workflow's name.
    #[serde(default, deserialize_with = "or_default")]
    pub name: String,
    /// The workflow's file, such as `.github/workflows/ci.yml`.
    #[serde(default, deserialize_with = "or_default")]
    pub path: String,
    /// The trigger, such as `pull_request`.
    #[serde(default, deserialize_with = "or_default")]
    pub event: String,
    #[serde(default, deserialize_with = "or_default")]
    pub status: Progress,
    #[serde(default, deserialize_with = "or_none")]
    pub conclusion: Option<Conclusion>,
    pub head_sha: Sha,
    #[serde(default, deserialize_with = "or_none")]
    pub head_branch: Option<String>,
    /// Counts from 1; 0 if GitHub did not report it.
    #[serde(default, deserialize_with = "or_default")]
    pub run_attempt: u64,
    #[serde(default, deserialize_with = "or_default")]
    pub html_url: String,
    #[serde(default, deserialize_with = "or_none")]
    pub created_at: Option<Timestamp>,
    #[serde(default, deserialize_with = "or_none")]
    pub updated_at: Option<Timestamp>,
    /// The start of this attempt.
    #[serde(default, deserialize_with = "or_none")]
    pub run_started_at: Option<Timestamp>,
    /// Pull requests of this head, without those from forks.
    #[serde(default, deserialize_with = "list")]
    pub pull_requests: Vec<PullRef>,
    /// The repository of the commit: another one for a fork, `None` for a deleted one.
    #[serde(default, deserialize_with = "or_none")]
    pub head_repository: Option<RepoRef>,
    #[serde(default, deserialize_with = "or_none")]
    pub actor: Option<GitHubUser>,
}

/// A job of a run.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct WorkflowJob {
    /// Also the id of its check run.
    pub id: JobId,
    pub run_id: RunId,
    /// The run's attempt, from 1; 0 if GitHub did not report it.
    #[serde(default, deserialize_with = "or_default")]
    pub run_attempt: u64,
    /// Includes the matrix values.
    #[serde(default, deserialize_with = "or_default")]
    pub name: String,
    #[serde(default, deserialize_with = "or_default")]
    pub workflow_name: String,
    pub head_sha: Sha,
    #[serde(default, deserialize_with = "or_none")]
    pub head_branch: Option<String>,
    #[serde(default, deserialize_with = "or_default")]
    pub status: Progress,
    #[serde(default, deserialize_with = "or_none")]
    pub conclusion: Option<Conclusion>,
    #[serde(default, deserialize_with = "or_none")]
    pub created_at: Option<Timestamp>,
    #[serde(default, deserialize_with = "or_none")]
    pub started_at: Option<Timestamp>,
    #[serde(default, deserialize_with = "or_none")]
    pub completed_at: Option<Timestamp>,
    #[serde(default, deserialize_with = "list")]
    pub steps: Vec<JobStep>,
    #[serde(default, deserialize_with = "or_default")]
    pub html_url: String,
    /// The labels that its runner must have.
    #[serde(default, deserialize_with = "list")]
    pub labels: Vec<String>,
    #[serde(default, deserialize_with = "or_default")]
    pub runner_name: String,
}

/// A step of a job.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct JobStep {
    #[serde(default, deserialize_with = "or_default")]
    pub name: String,
    /// Counts from 1 within the job.
    #[serde(default, deserialize_with = "or_default")]
    pub number: u64,
    #[serde(default, deserialize_with = "or_default")]
    pub status: Progress,
    #[serde(default, deserialize_with = "or_none")]
    pub conclusion: Option<Conclusion>,
    #[serde(default, deserialize_with = "or_none")]
    pub started_at: Option<Timestamp>,
    #[serde(default, deserialize_with = "or_none")]
    pub completed_at: Option<Timestamp>,
}
