//! Runs of workflows, their jobs and steps.

use serde::Deserialize;

use super::{Conclusion, Progress, PullRef, RepoRef, User, list, or_default, or_none};
use crate::names::{JobId, RunId, Sha};
use crate::time::Moment;

/// One run of a workflow. Run again, it keeps its id and counts `run_attempt` up.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Run {
    /// Its id.
    pub id: RunId,
    /// What the workflow is called.
    #[serde(default, deserialize_with = "or_default")]
    pub name: String,
    /// The workflow's file, such as `.github/workflows/ci.yml`.
    #[serde(default, deserialize_with = "or_default")]
    pub path: String,
    /// What it was started by, such as `pull_request`.
    #[serde(default, deserialize_with = "or_default")]
    pub event: String,
    /// How far it is.
    #[serde(default, deserialize_with = "or_default")]
    pub status: Progress,
    /// How it ended.
    #[serde(default, deserialize_with = "or_none")]
    pub conclusion: Option<Conclusion>,
    /// The commit.
    pub head_sha: Sha,
    /// The branch, where there is one.
    #[serde(default, deserialize_with = "or_none")]
    pub head_branch: Option<String>,
    /// Which attempt this is, from 1; 0 if it was not said.
    #[serde(default, deserialize_with = "or_default")]
    pub run_attempt: u64,
    /// Its page.
    #[serde(default, deserialize_with = "or_default")]
    pub html_url: String,
    /// When it was first started.
    #[serde(default, deserialize_with = "or_none")]
    pub created_at: Option<Moment>,
    /// When it last changed.
    #[serde(default, deserialize_with = "or_none")]
    pub updated_at: Option<Moment>,
    /// When this attempt began.
    #[serde(default, deserialize_with = "or_none")]
    pub run_started_at: Option<Moment>,
    /// Pull requests of this head, without those from forks.
    #[serde(default, deserialize_with = "list")]
    pub pull_requests: Vec<PullRef>,
    /// Where the commit is; another repository for a fork's, none for one that is gone.
    #[serde(default, deserialize_with = "or_none")]
    pub head_repository: Option<RepoRef>,
    /// Who started it.
    #[serde(default, deserialize_with = "or_none")]
    pub actor: Option<User>,
}

/// One job of a run.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Job {
    /// Its id, which is its check run's too.
    pub id: JobId,
    /// The run.
    pub run_id: RunId,
    /// The run's attempt, from 1; 0 if it was not said.
    #[serde(default, deserialize_with = "or_default")]
    pub run_attempt: u64,
    /// What it is called, with its matrix.
    #[serde(default, deserialize_with = "or_default")]
    pub name: String,
    /// What the workflow is called.
    #[serde(default, deserialize_with = "or_default")]
    pub workflow_name: String,
    /// The commit.
    pub head_sha: Sha,
    /// The branch, where there is one.
    #[serde(default, deserialize_with = "or_none")]
    pub head_branch: Option<String>,
    /// How far it is.
    #[serde(default, deserialize_with = "or_default")]
    pub status: Progress,
    /// How it ended.
    #[serde(default, deserialize_with = "or_none")]
    pub conclusion: Option<Conclusion>,
    /// When it was asked for.
    #[serde(default, deserialize_with = "or_none")]
    pub created_at: Option<Moment>,
    /// When it began.
    #[serde(default, deserialize_with = "or_none")]
    pub started_at: Option<Moment>,
    /// When it ended.
    #[serde(default, deserialize_with = "or_none")]
    pub completed_at: Option<Moment>,
    /// Its steps.
    #[serde(default, deserialize_with = "list")]
    pub steps: Vec<Step>,
    /// Its page.
    #[serde(default, deserialize_with = "or_default")]
    pub html_url: String,
    /// What its runner must have.
    #[serde(default, deserialize_with = "list")]
    pub labels: Vec<String>,
    /// Where it ran.
    #[serde(default, deserialize_with = "or_default")]
    pub runner_name: String,
}

/// One step of a job.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Step {
    /// What it is called.
    #[serde(default, deserialize_with = "or_default")]
    pub name: String,
    /// Its place in the job.
    #[serde(default, deserialize_with = "or_default")]
    pub number: u64,
    /// How far it is.
    #[serde(default, deserialize_with = "or_default")]
    pub status: Progress,
    /// How it ended.
    #[serde(default, deserialize_with = "or_none")]
    pub conclusion: Option<Conclusion>,
    /// When it began.
    #[serde(default, deserialize_with = "or_none")]
    pub started_at: Option<Moment>,
    /// When it ended.
    #[serde(default, deserialize_with = "or_none")]
    pub completed_at: Option<Moment>,
}
