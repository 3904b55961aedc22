//! A red check: what it means, what is done about it, and what people are told.

use greenline_forge::RunId;
use greenline_queue::{Enqueued, QueueError, TaskId};
use tracing::{info, warn};

use super::book::{Finding, Stage};
use super::facts::Facts;
use super::trouble::Trouble;
use super::{Casework, words};
use crate::failure::{FailedCheck, Source};
use crate::history::{Judged, Observation, origin, telling_signature};
use crate::plan::{
    Action, Decision, Past, Repairs, Rerun, Rule, Say, Situation, Subject, Told, cause, decide,
    task_of,
};
use crate::publish::Deed;

/// Somebody has asked for it.
#[derive(Debug, Clone)]
pub(super) struct Asked {
    /// The same for the same wish.
    pub(super) key: String,
}

impl Casework {
    /// Deals with a failure; `asked` says that a person wants it tried now.
    pub(super) async fn failed(
        &self,
        failure: &FailedCheck,
        asked: Option<&Asked>,
    ) -> Result<(), Trouble> {
        if failure.check.is_ours() {
            return Ok(());
        }
        let facts = self.facts(failure).await?;
        let now = self.clock.wall_ms();
        let author = facts.pull.as_ref().map_or("", |pull| &pull.author);
        let seen = Observation::of_failure(failure, facts.log.diagnosis(), author, now);
        let known = self.history.observe(&seen).await?;
        if asked.is_none()
            && known.is_green_since(&seen.name, seen.at)
            && self.was_told(failure).await?
        {
            return self.green_since(failure).await;
        }
        let judged = origin(&seen, &known);
        let cause = cause(failure, facts.log.diagnosis().and_then(telling_signature));
        let past = match asked {
            None => self.ledger.past(failure, &cause, now).await?,
            Some(_) => self.past_of_a_wish(failure, &cause, now).await?,
        };
        let situation = Situation {
            failure,
            pull: facts.pull.as_ref(),
            clone_url: &facts.clone_url,
            log: facts.log.as_log(),
            judged: &judged,
            settings: &facts.settings.settings,
            commands: &facts.commands,
            changed_files: facts.changed_files.as_deref(),
            own_commit: facts.own_commit,
            past: &past,
            // Without a model's key a task shows the failure and stops there.
            repairs: Repairs::On,
            asked: asked.map(|asked| asked.key.as_str()),
        };
        let decision = decide(&situation);
        let told = Told::of(&situation, &decision, now);
        if self.ledger.note(failure, &decision, &told, now).await? {
            info!(
                repo = %failure.repo,
                check = %failure.check,
                head_sha = failure.head_sha.short(),
                pull = failure.pull.as_ref().map(|pull| pull.number.0),
                category = told.category.map(|category| category.as_str()),
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
        let occasion = match asked {
            None => format!("{}-{}", failure.key(), decision.rule),
            Some(asked) => format!("{}-{}", asked.key, failure.key()),
        };
        self.carry_out(&facts, &decision, &judged, failure, &occasion).await
    }

    /// Returns true if an earlier decision about this failure was meant for people.
    async fn was_told(&self, failure: &FailedCheck) -> Result<bool, QueueError> {
        let story = self.ledger.story(&failure.repo, &Subject::of(failure)).await?;
        let key = failure.key();
        Ok(story.iter().any(|told| told.is_of(&key) && told.say != Say::Silent))
    }

    /// It comes again after a crash, and has passed meanwhile: what was begun gets its end. One
    /// that comes for the first time is not over, though: another check may have the same name.
    async fn green_since(&self, failure: &FailedCheck) -> Result<(), Trouble> {
        let subject = Subject::of(failure);
        let findings = self.book.read(&failure.repo, &subject).await?;
        let known = findings.into_iter().find(|it| *it.check() == failure.check);
        let occasion = format!("{}-over", failure.key());
        if !known.as_ref().is_some_and(|it| it.is_changed_by(&occasion)) {
            let is_other =
                |it: Finding| it.failure.key() != failure.key() || it.stage == Stage::Green;
            if known.is_some_and(is_other) {
                return Ok(());
            }
            let mut finding = Finding::new(failure);
            finding.turn_green(&failure.head_sha, &occasion);
            self.book.write(&finding).await?;
        }
        self.tell(&failure.repo, &subject, &occasion).await
    }

    /// Returns the history that counts for a request by a person: without the limits on tries and
    /// re-runs.
    async fn past_of_a_wish(
        &self,
        failure: &FailedCheck,
        cause: &str,
        now: u64,
    ) -> Result<Past, QueueError> {
        let past = self.ledger.past(failure, cause, now).await?;
        Ok(Past { rerun: false, attempts: 0, repair_off: None, told: false, ..past })
    }

    async fn carry_out(
        &self,
        facts: &Facts,
        decision: &Decision,
        judged: &Judged,
        failure: &FailedCheck,
        occasion: &str,
    ) -> Result<(), Trouble> {
        let given = self.enqueue(decision).await?;
        if let Action::Rerun(rerun) = &decision.action {
            self.run_again(failure, rerun, occasion).await?;
        }
        if decision.action == Action::Escalate {
            self.call_people(facts, decision, failure, occasion).await?;
        }
        if decision.say == Say::Silent && decision.action != Action::Escalate {
            return Ok(());
        }
        let mut finding = Finding {
            failure: failure.clone(),
            page: words::page(facts, decision, judged, failure),
            remarks: words::remarks(facts.log.diagnosis()),
            stage: stage(decision),
            task: None,
            changed_by: None,
        };
        match given {
            Given::To(task) => finding.task = Some(task.to_string()),
            Given::Refused(why) => {
                finding.stage = Stage::Told;
                finding.page.next = words::refused(&why);
            }
            Given::Nothing => {}
        }
        self.book.write(&finding).await?;
        self.tell(&failure.repo, &Subject::of(failure), occasion).await
    }

    async fn enqueue(&self, decision: &Decision) -> Result<Given, Trouble> {
        let Some(task) = task_of(decision, &self.prompts)? else { return Ok(Given::Nothing) };
        let id = task.id().clone();
        Ok(match self.queue.enqueue(task).await? {
            Enqueued::Filed { .. } => {
                info!(task.id = %id, "Task {id} is enqueued");
                Given::To(id)
            }
            // Before a restart.
            Enqueued::Exists { .. } => Given::To(id),
            Enqueued::Duplicate { of } => Given::To(of),
            Enqueued::Refused { why } => {
                warn!(task.id = %id, "Task {id} was refused: {why}");
                Given::Refused(why)
            }
        })
    }

    async fn run_again(
        &self,
        failure: &FailedCheck,
        rerun: &Rerun,
        occasion: &str,
    ) -> Result<(), Trouble> {
        let (run, attempt) = match failure.source {
            Source::Job { run: Some(run), attempt: Some(attempt), .. } => (run, attempt),
            _ => self.attempt_of(failure, rerun).await?,
        };
        let deed = Deed::Rerun { run, attempt };
        self.act(&failure.repo, failure.pull.as_ref().map(|it| it.number), occasion, deed).await
    }

    pub(super) async fn attempt_of(
        &self,
        failure: &FailedCheck,
        rerun: &Rerun,
    ) -> Result<(RunId, u64), Trouble> {
        let job = self.forge.job(&failure.repo, rerun.job).await?;
        Ok((job.run_id, job.run_attempt.max(1)))
    }

    async fn call_people(
        &self,
        facts: &Facts,
        decision: &Decision,
        failure: &FailedCheck,
        occasion: &str,
    ) -> Result<(), Trouble> {
        let pull = failure.pull.as_ref().map(|pull| pull.number);
        if facts.settings.settings.notify && self.publisher.can_call() {
            let call = words::call(decision, failure, facts.log.diagnosis());
            self.act(&failure.repo, pull, occasion, Deed::Notify { call }).await?;
        }
        Ok(())
    }
}

/// The task that handles the failure.
enum Given {
    /// This one, or another that has the same failure already.
    To(TaskId),
    /// The queue does not take it.
    Refused(String),
    /// None.
    Nothing,
}

fn stage(decision: &Decision) -> Stage {
    match &decision.action {
        Action::Nothing if decision.rule == Rule::OpenTasks => Stage::Waiting,
        Action::Fix(_) | Action::Investigate(_) => Stage::Working,
        Action::Rerun(_) => Stage::Rerunning,
        Action::Escalate => Stage::NeedsPerson,
        Action::Nothing => Stage::Told,
    }
}
