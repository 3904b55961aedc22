//! What happens in a story. Names here are public: with `--json` each is one line.

use greenline_lead::plan::Told;
use greenline_worker::reproduce::Answer;
use serde::Serialize;
use serde_json::Value;

/// One step.
#[derive(Debug, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub(super) enum Event {
    /// CI came to its end, and is red.
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
        told: Box<Told>,
    },
    /// There is a task.
    TaskEnqueued { task_id: String, r#type: String, priority: String, validation: Vec<String> },
    /// A worker has it.
    Claimed { task_id: String, worker: String, sandbox: String },
    /// The worker has its answer, whether it saw the failure too.
    Reproduced {
        task_id: String,
        #[serde(flatten)]
        answer: Box<Answer>,
    },
    /// The failed jobs were started again.
    Rerun { repo: String, pull: Option<u64>, check: String, run: String },
    /// An issue was opened about a branch.
    IssueOpened { repo: String, branch: String, issue: u64, title: String, url: String },
    /// The comment says all that there is to say.
    Commented { repo: String, pull: u64, url: String, body: String },
    /// It is over. `outcome` is the last decision or what the worker saw.
    Done { story: &'static str, ended_well: bool, outcome: String, status: Value },
}
