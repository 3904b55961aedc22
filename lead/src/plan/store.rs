//! Counts of what decisions have used, and their log, kept in Redis so that a restart repeats
//! nothing.
//!
//! - A decision is [recorded](PlanStore::record_decision) before it is carried out. Recording it again changes
//!   nothing.
//! - [`PlanStore::usage`] leaves out records of the same failure. A lead that was stopped between
//!   recording and acting asks again, gets the same answer, and acts: ids are deterministic.
//! - The queue knows which tasks have ended. This module knows only which exist.
//!
//! Keys, all under `agent:lead:plan:{repo}:` (`␟` is U+001F; `{subject}` is a pull request's
//! number, or `branch:NAME`; `{cause}` a signature, or the check where there is none):
//!
//! | key | type | holds |
//! |---|---|---|
//! | `tries:{subject}␟{cause}` | SET | failures that had a task |
//! | `open:{subject}` | HASH | task → commit |
//! | `reruns:{sha}` | HASH | check → the failure that it was run again for |
//! | `day:{day}` | ZSET | task → dollars |
//! | `notified:{subject}␟{cause}` | STRING | the failure that people were told of, for 7 days |
//! | `off:{subject}` | STRING | the reason why repairs are off there |
//!
//! and `agent:lead:decisions:{repo}:{subject}`, a LIST of the last 200 decisions: see [`DecisionRecord`].

use std::collections::HashMap;

use greenline_forge::{PullNumber, RepoName};
use greenline_queue::{Queue, QueueError, TaskId, TaskStatus};
use greenline_store::{FromRedisValue, Script, Value, cmd, from_redis_value, pipe};

use super::decision::Decision;
use super::decision_record::DecisionRecord;
use super::situation::{LimitUsage, OpenTask, RepairOff};
use super::subject::{Subject, cause};
use crate::check::FailedCheck;
use crate::history::strip_control;

const DAY_MS: u64 = 24 * 3600 * 1000;
const OFF_FOR_S: u64 = 90 * 24 * 3600;

/// Counts of what decisions have used, and their log. Cheap to clone.
#[derive(Clone)]
pub struct PlanStore {
    queue: Queue,
    record_decision: Script,
}

impl PlanStore {
    /// The ledger in a queue's store.
    #[must_use]
    pub fn new(queue: Queue) -> Self {
        Self {
            queue,
            record_decision: Script::new(
                "record_decision",
                include_str!("../lua/record_decision.lua"),
            ),
        }
    }

    /// Returns the past of a failure, without the records of that failure itself. `now` gives the
    /// day.
    ///
    /// # Errors
    ///
    /// When Redis does not answer.
    pub async fn usage(
        &self,
        failure: &FailedCheck,
        cause: &str,
        now: u64,
    ) -> Result<LimitUsage, QueueError> {
        let (key, subject) = (failure.key(), Subject::of(failure));
        let name = |what: &str| self.key(&failure.repo, what);
        let mut call = pipe();
        call.cmd("SMEMBERS").arg(name(&format!("tries:{subject}\u{1f}{cause}")));
        call.cmd("HGET").arg(name(&format!("reruns:{}", failure.head_sha)));
        call.arg(strip_control(failure.check.as_str()));
        call.cmd("ZRANGE").arg(name(&format!("day:{}", now / DAY_MS))).arg(0).arg(-1);
        call.arg("WITHSCORES");
        call.cmd("GET").arg(name(&format!("off:{subject}")));
        call.cmd("GET").arg(name(&format!("notified:{subject}\u{1f}{cause}")));
        let mut answers = self.queue.store().pipeline(&call).await?.into_iter();
        let tries: Vec<String> = next(&mut answers);
        let rerun: Option<String> = next(&mut answers);
        let day: Vec<(String, f64)> = next(&mut answers);
        let off: Option<String> = next(&mut answers);
        let notified: Option<String> = next(&mut answers);

        let mut open = self.open_tasks(&failure.repo, &subject).await?;
        open.retain(|task| !task.id.as_str().ends_with(&key));
        let is_other = |one: &String| *one != key;
        let today = day.iter().filter(|(task, _)| !task.ends_with(&key));
        Ok(LimitUsage {
            rerun: rerun.as_ref().is_some_and(is_other),
            attempts: number(tries.iter().filter(|one| is_other(one)).count()),
            open,
            tasks_today: number(today.clone().count()),
            dollars_today: today.map(|(_, dollars)| dollars).sum(),
            repair_off: off.and_then(|text| RepairOff::parse(&text)),
            notified: notified.as_ref().is_some_and(is_other),
        })
    }

    /// Writes a decision down; whether it was new.
    ///
    /// # Errors
    ///
    /// When Redis does not do it; the same call may be repeated.
    pub async fn record_decision(
        &self,
        failure: &FailedCheck,
        decision: &Decision,
        record: &DecisionRecord,
        now: u64,
    ) -> Result<bool, QueueError> {
        let draft = decision.action.task();
        let cost = draft.map_or(0.0, |draft| draft.max_cost_usd);
        let entry = serde_json::to_string(record).unwrap_or_default();
        let mut call = self.record_decision.call(13, entry.len() + 1_024);
        call.arg(self.key(&failure.repo, ""))
            .arg(self.decisions_key(&failure.repo, &Subject::of(failure)));
        call.arg(failure.key()).arg(decision.action.as_str());
        call.arg(Subject::of(failure).to_string());
        call.arg(cause(failure, record.signature.as_deref()))
            .arg(strip_control(failure.check.as_str()));
        call.arg(failure.head_sha.as_str()).arg(record.task_id.as_deref().unwrap_or_default());
        call.arg(cost).arg(now / DAY_MS).arg(record.begins_with()).arg(entry);
        Ok(self.queue.store().run::<i64>(&self.record_decision, &call).await? == 1)
    }

    /// A task has ended and cost this: the day on which it was noted is corrected.
    ///
    /// # Errors
    ///
    /// When Redis does not do it.
    pub async fn record_cost(
        &self,
        repo: &RepoName,
        task: &TaskId,
        dollars: f64,
        now: u64,
    ) -> Result<(), QueueError> {
        let today = now / DAY_MS;
        let mut call = pipe();
        for day in today.saturating_sub(2)..=today {
            let key = self.key(repo, &format!("day:{day}"));
            call.cmd("ZADD").arg(key).arg("XX").arg(dollars).arg(task.as_str());
        }
        self.queue.store().pipeline(&call).await?;
        Ok(())
    }

    /// From now on nothing is repaired on this pull request, or with none, again.
    ///
    /// # Errors
    ///
    /// When Redis does not do it.
    pub async fn set_repairs_off(
        &self,
        repo: &RepoName,
        pull: PullNumber,
        off: Option<RepairOff>,
    ) -> Result<(), QueueError> {
        let key = self.key(repo, &format!("off:{}", Subject::Pull(pull)));
        let mut call = cmd(if off.is_some() { "SET" } else { "DEL" });
        call.arg(&key);
        if let Some(why) = off {
            call.arg(why.as_str()).arg("EX").arg(OFF_FOR_S);
        }
        let _done: Value = self.queue.store().command(&call).await?;
        Ok(())
    }

    /// The story of a pull request or branch, oldest first.
    ///
    /// # Errors
    ///
    /// When Redis does not answer.
    pub async fn decisions(
        &self,
        repo: &RepoName,
        subject: &Subject,
    ) -> Result<Vec<DecisionRecord>, QueueError> {
        let mut call = cmd("LRANGE");
        call.arg(self.decisions_key(repo, subject)).arg(0).arg(-1);
        let entries: Vec<String> = self.queue.store().command(&call).await?;
        // An entry of a newer release is left out rather than losing the story.
        Ok(entries.iter().filter_map(|text| serde_json::from_str(text).ok()).collect())
    }

    /// Tasks of a subject that the queue says have not ended; those that have are forgotten.
    ///
    /// # Errors
    ///
    /// When Redis does not answer.
    pub async fn open_tasks(
        &self,
        repo: &RepoName,
        subject: &Subject,
    ) -> Result<Vec<OpenTask>, QueueError> {
        let key = self.key(repo, &format!("open:{subject}"));
        let recorded: HashMap<String, String> =
            self.queue.store().command(cmd("HGETALL").arg(&key)).await?;
        let mut open = Vec::new();
        for (id, sha) in recorded {
            let (Ok(task), Ok(head_sha)) = (id.parse::<TaskId>(), sha.parse()) else { continue };
            let record = self.queue.record(&task).await?;
            let status = record.and_then(|record| record.status.parse::<TaskStatus>().ok());
            if status.is_some_and(|status| !status.is_final()) {
                open.push(OpenTask { id: task, head_sha });
            } else {
                let _gone: i64 = self.queue.store().command(cmd("HDEL").arg(&key).arg(&id)).await?;
            }
        }
        open.sort_by(|one, other| one.id.cmp(&other.id));
        Ok(open)
    }

    fn key(&self, repo: &RepoName, what: &str) -> String {
        let namespace = self.queue.store().namespace().prefix();
        format!("{namespace}agent:lead:plan:{}:{what}", repo.folded())
    }

    fn decisions_key(&self, repo: &RepoName, subject: &Subject) -> String {
        let namespace = self.queue.store().namespace().prefix();
        format!("{namespace}agent:lead:decisions:{}:{subject}", repo.folded())
    }
}

impl RepairOff {
    fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|why| why.as_str() == text)
    }
}

/// The next answer. A key that somebody else has made says nothing.
fn next<T: FromRedisValue + Default>(answers: &mut impl Iterator<Item = Value>) -> T {
    answers.next().and_then(|value| from_redis_value(value).ok()).unwrap_or_default()
}

fn number(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}
