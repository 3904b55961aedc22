//! A task about a failure has ended: what came of it is said, and counted.

use greenline_queue::TaskId;

use super::error::HandlerError;
use super::open_failures::FailureStage;
use super::task_result::TaskEnd;
use super::{Handlers, comment_text};
use crate::metrics;
use crate::watch::TaskEnded;

impl Handlers {
    pub(super) async fn on_task_ended(&self, ended: &TaskEnded) -> Result<(), HandlerError> {
        let Ok(id) = ended.task.parse::<TaskId>() else { return Ok(()) };
        let Some(record) = self.queue.record(&id).await? else { return Ok(()) };
        if record.fence != ended.fence {
            // It runs again meanwhile: its next end will be told.
            return Ok(());
        }
        let now = self.clock.wall_ms();
        self.plan_store.record_cost(&ended.repo, &id, 0.0, now).await?;
        let end = TaskEnd::of(&record);
        if let TaskEnd::Answered(answer) = &end {
            let outcome = answer.outcome.as_str();
            self.history
                .record_reproduction(&ended.repo, &ended.check, &ended.task, outcome)
                .await?;
        }
        metrics::reproduction_ended(end.label());
        self.report_end(ended, &end).await?;
        self.handle_next_waiting(ended).await
    }

    /// Says of all that the task was about what came of it.
    async fn report_end(&self, ended: &TaskEnded, end: &TaskEnd) -> Result<(), HandlerError> {
        let subject = ended.subject();
        let key = format!("{}-{}", ended.task, ended.fence);
        let mut changed = false;
        for mut open_failure in self.open_failures.read(&ended.repo, &subject).await? {
            let is_its_own = open_failure.task.as_deref() == Some(ended.task.as_str());
            if is_its_own && open_failure.stage == FailureStage::Working {
                open_failure.stage = FailureStage::Reported;
                open_failure.body.next = comment_text::after_task(end, &open_failure.failure);
                open_failure.changed_by = Some(key.clone());
                self.open_failures.write(&open_failure).await?;
            }
            changed |= open_failure.is_changed_by(&key);
        }
        if changed { self.report(&ended.repo, &subject, &key).await } else { Ok(()) }
    }

    /// A pull request has one task at a time: what waited for this one is decided on again.
    async fn handle_next_waiting(&self, ended: &TaskEnded) -> Result<(), HandlerError> {
        let open_failures = self.open_failures.read(&ended.repo, &ended.subject()).await?;
        for open_failure in open_failures.iter().filter(|it| it.stage == FailureStage::Waiting) {
            self.on_check_failed(&open_failure.failure, None).await?;
        }
        Ok(())
    }
}
