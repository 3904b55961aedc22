//! A task about a failure has ended: what came of it is said, and counted.

use greenline_queue::{Status, TaskId, TaskRecord};
use serde::Deserialize;

use super::book::Stage;
use super::trouble::Trouble;
use super::{Casework, words};
use crate::numbers;
use crate::watch::TaskEnded;

/// The part of a worker's result that counts here: the outcome of a reproduction.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(super) struct Answer {
    pub(super) outcome: Reproduction,
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
pub(super) enum Reproduction {
    Reproduced,
    Different,
    NotReproduced,
}

impl Reproduction {
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
pub(super) enum End {
    Answered(Answer),
    Failed(String),
    Cancelled(String),
}

impl End {
    fn of(record: &TaskRecord) -> Self {
        let why = || record.error.clone().unwrap_or_default();
        match record.status.parse() {
            Ok(Status::Success) => {
                let answer = record.result.as_deref().map(serde_json::from_str);
                match answer {
                    Some(Ok(answer)) => Self::Answered(answer),
                    _ => Self::Failed("its answer can't be read".to_owned()),
                }
            }
            Ok(Status::Cancelled) => Self::Cancelled(why()),
            _ => Self::Failed(why()),
        }
    }

    fn word(&self) -> &'static str {
        match self {
            Self::Answered(answer) => answer.outcome.as_str(),
            Self::Failed(_) => "failed",
            Self::Cancelled(_) => "cancelled",
        }
    }
}

impl Casework {
    pub(super) async fn ended(&self, ended: &TaskEnded) -> Result<(), Trouble> {
        let Ok(id) = ended.task.parse::<TaskId>() else { return Ok(()) };
        let Some(record) = self.queue.record(&id).await? else { return Ok(()) };
        if record.fence != ended.fence {
            // It runs again meanwhile: its next end will be told.
            return Ok(());
        }
        let now = self.clock.wall_ms();
        self.ledger.spent(&ended.repo, &id, 0.0, now).await?;
        let end = End::of(&record);
        if let End::Answered(answer) = &end {
            let outcome = answer.outcome.as_str();
            self.history.tried(&ended.repo, &ended.check, &ended.task, outcome).await?;
        }
        numbers::tried_to_reproduce(end.word());
        self.say_end(ended, &end).await?;
        self.look_at_the_next(ended).await
    }

    /// Says of all that the task was about what came of it.
    async fn say_end(&self, ended: &TaskEnded, end: &End) -> Result<(), Trouble> {
        let subject = ended.subject();
        let occasion = format!("{}-{}", ended.task, ended.fence);
        let mut changed = false;
        for mut finding in self.book.read(&ended.repo, &subject).await? {
            let is_its_own = finding.task.as_deref() == Some(ended.task.as_str());
            if is_its_own && finding.stage == Stage::Working {
                finding.stage = Stage::Told;
                finding.page.next = words::after(end, &finding.failure);
                finding.changed_by = Some(occasion.clone());
                self.book.write(&finding).await?;
            }
            changed |= finding.is_changed_by(&occasion);
        }
        if changed { self.tell(&ended.repo, &subject, &occasion).await } else { Ok(()) }
    }

    /// A pull request has one task at a time: what waited for this one is decided on again.
    async fn look_at_the_next(&self, ended: &TaskEnded) -> Result<(), Trouble> {
        let findings = self.book.read(&ended.repo, &ended.subject()).await?;
        for finding in findings.iter().filter(|it| it.stage == Stage::Waiting) {
            self.failed(&finding.failure, None).await?;
        }
        Ok(())
    }
}
