//! Events of a story. Names here are public: with `--json` each is one line.

use greenline_lead::plan::DecisionRecord;
use greenline_worker::reproduce::ReproductionResult;
use serde::Serialize;
use serde_json::Value;

/// A step of a story.
#[derive(Debug, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub(super) enum DemoEvent {
    /// CI has ended and failed.
    FailedCheck {
        repo: String,
        pull: Option<u64>,
        branch: String,
        title: Option<&'static str>,
        check: String,
        head_sha: String,
        url: String,
    },
    /// The lead has read the log and decided. The fields of `greenline why --json`.
    Diagnosed {
        repo: String,
        pull: Option<u64>,
        #[serde(flatten)]
        record: Box<DecisionRecord>,
    },
    /// A task was enqueued.
    TaskEnqueued { task_id: String, r#type: String, priority: String, validation: Vec<String> },
    /// A worker claimed it.
    Claimed { task_id: String, worker: String, sandbox: String },
    /// The worker has a result, whether it saw the failure or not.
    Reproduced {
        task_id: String,
        #[serde(flatten)]
        answer: Box<ReproductionResult>,
    },
    /// The failed jobs were re-run.
    Rerun { repo: String, pull: Option<u64>, check: String, run: String },
    /// An issue about a branch was opened.
    IssueOpened { repo: String, branch: String, issue: u64, title: String, url: String },
    /// The comment is complete.
    Commented { repo: String, pull: u64, url: String, body: String },
    /// The story has ended. `outcome` is the last decision or the worker's result.
    Done { story: &'static str, ended_well: bool, outcome: String, status: Value },
}
