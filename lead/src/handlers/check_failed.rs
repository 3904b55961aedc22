//! A red check: what it means, what is done about it, and what people are told.

use greenline_forge::RunId;
use greenline_queue::{EnqueueOutcome, QueueError, TaskId};
use tracing::{info, warn};

use super::error::HandlerError;
use super::failure_context::FailureContext;
use super::open_failures::{FailureStage, OpenFailure};
use super::{Handlers, comment_text};
use crate::check::{CheckSource, FailedCheck};
use crate::history::{JudgedOrigin, Observation, distinctive_signature, origin};
use crate::plan::{
    Decision, DecisionRecord, DecisionRule, LimitUsage, NextStep, Repairs, Reporting, RerunRequest,
    Situation, Subject, cause, decide, task_of,
};
use crate::publish::ActionKind;

/// Somebody has asked for it.
#[derive(Debug, Clone)]
pub(super) struct CommandRequest {
    /// The same for the same wish.
    pub(super) key: String,
}

impl Handlers {
    /// Deals with a failure; `command` says that a person wants it tried now.
    pub(super) async fn on_check_failed(
        &self,
        failure: &FailedCheck,
        command: Option<&CommandRequest>,
    ) -> Result<(), HandlerError> {
        if failure.check.is_ours() {
            return Ok(());
        }
        let context = self.failure_context(failure).await?;
        let now = self.clock.wall_ms();
        let author = context.pull.as_ref().map_or("", |pull| &pull.author);
        let observation = Observation::of_failure(failure, context.log.diagnosis(), author, now);
        let evidence = self.history.observe(&observation).await?;
        if command.is_none()
            && evidence.is_green_since(&observation.name, observation.at)
            && self.was_reported(failure).await?
        {
            return self.report_passed_since(failure).await;
        }
        let judged = origin(&observation, &evidence);
        let cause = cause(failure, context.log.diagnosis().and_then(distinctive_signature));
        let usage = match command {
            None => self.plan_store.usage(failure, &cause, now).await?,
            Some(_) => self.usage_for_command(failure, &cause, now).await?,
        };
        let situation = Situation {
            failure,
            pull: context.pull.as_ref(),
            clone_url: &context.clone_url,
            log: context.log.as_log(),
            judged: &judged,
            settings: &context.settings.settings,
            commands: &context.commands,
            changed_files: context.changed_files.as_deref(),
            own_commit: context.own_commit,
            usage: &usage,
            // Without a model's key a task shows the failure and stops there.
            repairs: Repairs::On,
            command_key: command.map(|command| command.key.as_str()),
        };
        let decision = decide(&situation);
        let record = DecisionRecord::of(&situation, &decision, now);
        if self.plan_store.record_decision(failure, &decision, &record, now).await? {
            info!(
                repo = %failure.repo,
                check = %failure.check,
                head_sha = failure.head_sha.short(),
                pull = failure.pull.as_ref().map(|pull| pull.number.0),
                category = record.category.map(|category| category.as_str()),
                origin = judged.origin.as_str(),
                action = decision.action.as_str(),
                rule = decision.rule.as_str(),
                "{} failed on {} at {}: {}, as {}",
                failure.check,
                failure.repo,
                failure.head_sha.short(),
                decision.action.as_str(),
                decision.reason
            );
        }
        // Decided otherwise later, as when another task was first, it is told anew.
        let key = match command {
            None => format!("{}-{}", failure.key(), decision.rule),
            Some(command) => format!("{}-{}", command.key, failure.key()),
        };
        self.carry_out(&context, &decision, &judged, failure, &key).await
    }

    /// Returns true if an earlier decision about this failure was meant for people.
    async fn was_reported(&self, failure: &FailedCheck) -> Result<bool, QueueError> {
        let decisions = self.plan_store.decisions(&failure.repo, &Subject::of(failure)).await?;
        let key = failure.key();
        Ok(decisions
            .iter()
            .any(|record| record.is_of(&key) && record.reporting != Reporting::Silent))
    }

    /// It comes again after a crash, and has passed meanwhile: what was begun gets its end. One
    /// that comes for the first time is not over, though: another check may have the same name.
    async fn report_passed_since(&self, failure: &FailedCheck) -> Result<(), HandlerError> {
        let subject = Subject::of(failure);
        let open_failures = self.open_failures.read(&failure.repo, &subject).await?;
        let known = open_failures.into_iter().find(|it| *it.check() == failure.check);
        let key = format!("{}-over", failure.key());
        if !known.as_ref().is_some_and(|it| it.is_changed_by(&key)) {
            let is_other = |it: OpenFailure| {
                it.failure.key() != failure.key() || it.stage == FailureStage::Green
            };
            if known.is_some_and(is_other) {
                return Ok(());
            }
            let mut open_failure = OpenFailure::new(failure);
            open_failure.mark_passed(&failure.head_sha, &key);
            self.open_failures.write(&open_failure).await?;
        }
        self.report(&failure.repo, &subject, &key).await
    }

    /// Returns the history that counts for a request by a person: without the limits on tries and
    /// re-runs.
    async fn usage_for_command(
        &self,
        failure: &FailedCheck,
        cause: &str,
        now: u64,
    ) -> Result<LimitUsage, QueueError> {
        let usage = self.plan_store.usage(failure, cause, now).await?;
        Ok(LimitUsage { rerun: false, attempts: 0, repair_off: None, notified: false, ..usage })
    }

    async fn carry_out(
        &self,
        context: &FailureContext,
        decision: &Decision,
        judged: &JudgedOrigin,
        failure: &FailedCheck,
        key: &str,
    ) -> Result<(), HandlerError> {
        let enqueued = self.enqueue(decision).await?;
        if let NextStep::Rerun(rerun) = &decision.action {
            self.rerun_failed_jobs(failure, rerun, key).await?;
        }
        if decision.action == NextStep::Escalate {
            self.notify_people(context, decision, failure, key).await?;
        }
        if decision.reporting == Reporting::Silent && decision.action != NextStep::Escalate {
            return Ok(());
        }
        let mut open_failure = OpenFailure {
            failure: failure.clone(),
            body: comment_text::failure_comment(context, decision, judged, failure),
            annotations: comment_text::annotations(context.log.diagnosis()),
            stage: stage(decision),
            task: None,
            changed_by: None,
        };
        match enqueued {
            EnqueueResult::Queued(task) => open_failure.task = Some(task.to_string()),
            EnqueueResult::Refused(why) => {
                open_failure.stage = FailureStage::Reported;
                open_failure.body.next = comment_text::refused(&why);
            }
            EnqueueResult::NoTask => {}
        }
        self.open_failures.write(&open_failure).await?;
        self.report(&failure.repo, &Subject::of(failure), key).await
    }

    async fn enqueue(&self, decision: &Decision) -> Result<EnqueueResult, HandlerError> {
        let Some(task) = task_of(decision, &self.prompts)? else {
            return Ok(EnqueueResult::NoTask);
        };
        let id = task.id().clone();
        Ok(match self.queue.enqueue(task).await? {
            EnqueueOutcome::Created { .. } => {
                info!(task.id = %id, "Task {id} is enqueued");
                EnqueueResult::Queued(id)
            }
            // Before a restart.
            EnqueueOutcome::Exists { .. } => EnqueueResult::Queued(id),
            EnqueueOutcome::Duplicate { of } => EnqueueResult::Queued(of),
            EnqueueOutcome::Refused { why } => {
                warn!(task.id = %id, "Task {id} was refused: {why}");
                EnqueueResult::Refused(why)
            }
        })
    }

    async fn rerun_failed_jobs(
        &self,
        failure: &FailedCheck,
        rerun: &RerunRequest,
        key: &str,
    ) -> Result<(), HandlerError> {
        let (run, attempt) = match failure.source {
            CheckSource::Job { run: Some(run), attempt: Some(attempt), .. } => (run, attempt),
            _ => self.attempt_of(failure, rerun).await?,
        };
        let action = ActionKind::Rerun { run, attempt };
        self.publish_action(&failure.repo, failure.pull.as_ref().map(|it| it.number), key, action)
            .await
    }

    pub(super) async fn attempt_of(
        &self,
        failure: &FailedCheck,
        rerun: &RerunRequest,
    ) -> Result<(RunId, u64), HandlerError> {
        let job = self.forge.job(&failure.repo, rerun.job).await?;
        Ok((job.run_id, job.run_attempt.max(1)))
    }

    async fn notify_people(
        &self,
        context: &FailureContext,
        decision: &Decision,
        failure: &FailedCheck,
        key: &str,
    ) -> Result<(), HandlerError> {
        let pull = failure.pull.as_ref().map(|pull| pull.number);
        if context.settings.settings.notify && self.publisher.can_notify() {
            let notification =
                comment_text::notification(decision, failure, context.log.diagnosis());
            self.publish_action(&failure.repo, pull, key, ActionKind::Notify { notification })
                .await?;
        }
        Ok(())
    }
}

/// The task that handles the failure.
enum EnqueueResult {
    /// This one, or another that has the same failure already.
    Queued(TaskId),
    /// The queue does not take it.
    Refused(String),
    /// None.
    NoTask,
}

fn stage(decision: &Decision) -> FailureStage {
    match &decision.action {
        NextStep::Nothing if decision.rule == DecisionRule::OpenTasks => FailureStage::Waiting,
        NextStep::Fix(_) | NextStep::Investigate(_) => FailureStage::Working,
        NextStep::Rerun(_) => FailureStage::Rerunning,
        NextStep::Escalate => FailureStage::NeedsPerson,
        NextStep::Nothing => FailureStage::Reported,
    }
}
