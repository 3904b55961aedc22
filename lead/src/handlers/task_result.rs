//! The result of a task about a failure, as the queue's record holds it. Pure.

use greenline_queue::{TaskRecord, TaskStatus};
use serde::Deserialize;

/// The part of a worker's result that counts here: the outcome of a reproduction.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(super) struct ReproductionReport {
    pub(super) outcome: ReproductionVerdict,
    #[serde(default)]
    pub(super) headline: Option<String>,
    #[serde(default)]
    pub(super) reason: String,
    #[serde(default)]
    pub(super) isolation: String,
}

/// The outcome of an attempt to reproduce the failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum ReproductionVerdict {
    Reproduced,
    Different,
    NotReproduced,
}

impl ReproductionVerdict {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Reproduced => "reproduced",
            Self::Different => "different",
            Self::NotReproduced => "not_reproduced",
        }
    }
}

/// The end of a task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum TaskEnd {
    Answered(ReproductionReport),
    Failed(String),
    Cancelled(String),
}

impl TaskEnd {
    pub(super) fn of(record: &TaskRecord) -> Self {
        let why = || record.error.clone().unwrap_or_default();
        match record.status.parse() {
            Ok(TaskStatus::Success) => {
                let answer = record.result.as_deref().map(serde_json::from_str);
                match answer {
                    Some(Ok(answer)) => Self::Answered(answer),
                    _ => Self::Failed("its answer can't be read".to_owned()),
                }
            }
            Ok(TaskStatus::Cancelled) => Self::Cancelled(why()),
            _ => Self::Failed(why()),
        }
    }

    pub(super) fn label(&self) -> &'static str {
        match self {
            Self::Answered(answer) => answer.outcome.as_str(),
            Self::Failed(_) => "failed",
            Self::Cancelled(_) => "cancelled",
        }
    }
}
