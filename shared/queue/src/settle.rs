//! Ends attempts: complete, fail, release. Each claim is settled once; a repeated call is answered
//! with "already", a late one with "lost".

use std::sync::Arc;
use std::time::Duration;

use crate::core::Core;
use crate::core::ms;
use crate::{Claim, Fence, Queue, QueueError, TaskId, WorkerId};

/// The most settlements of one call.
pub(crate) const MOST_AT_ONCE: usize = 500;

/// The result of a settlement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Settlement {
    /// The settlement counts.
    Accepted,
    /// The task failed and will be retried.
    WillRetry,
    /// The task failed for good.
    Failed,
    /// The task was cancelled meanwhile, and has ended as cancelled.
    Cancelled,
    /// This claim was settled before: nothing changed.
    Already,
    /// The claim was lost before: nothing changed, and another worker may hold the task.
    Lost,
}

/// A success to report.
pub(crate) struct Completion {
    worker: WorkerId,
    id: TaskId,
    fence: Fence,
    result: String,
    record: String,
}

impl Completion {
    /// Returns `true` if both tasks were claimed in one call and for the same attempt: then their
    /// records are the same text, which is sent once.
    fn is_like(&self, other: &Self) -> bool {
        self.fence == other.fence && self.record == other.record
    }
}

/// The reason why a task did not succeed.
#[derive(Debug, Clone)]
pub struct TaskFailure {
    /// For people.
    pub error: String,
    /// A retry may help. It never helps a task that can't be parsed.
    pub retryable: bool,
    /// The result despite the failure, as JSON.
    pub result: Option<String>,
}

impl Queue {
    /// Completes a task. `result` is JSON. Concurrent callers share round trips.
    pub async fn complete(
        &self,
        worker: &WorkerId,
        claim: &Claim,
        result: String,
    ) -> Result<Settlement, QueueError> {
        let (worker, id, fence) = (worker.clone(), claim.id.clone(), claim.fence.clone());
        let record = record_of_success(&worker, claim);
        self.completions.call(Completion { worker, id, fence, result, record }).await
    }

    /// Fails a task: it is scheduled again, or it has failed for good.
    pub async fn fail(
        &self,
        worker: &WorkerId,
        claim: &Claim,
        failure: &TaskFailure,
    ) -> Result<Settlement, QueueError> {
        let core = self.core();
        let delay = core.options.delay_before_retry(claim.retry_count, fastrand::f64());
        self.fail_after(worker, claim, failure, delay).await
    }

    /// Fails a task with a given wait before the retry.
    pub async fn fail_after(
        &self,
        worker: &WorkerId,
        claim: &Claim,
        failure: &TaskFailure,
        delay: Duration,
    ) -> Result<Settlement, QueueError> {
        let core = self.core();
        let mut call = core.call(&core.scripts.fail, 9, 1024);
        call.arg(worker.as_str()).arg(core.options.max_retries);
        call.arg(claim.id.as_str()).arg(claim.fence.as_str());
        call.arg(&failure.error).arg(json_text(&failure.error));
        call.arg(u8::from(failure.retryable)).arg(ms(delay));
        call.arg(failure.result.as_deref().unwrap_or(""));
        let answers: Vec<String> = core.run(&core.scripts.fail, &call).await?;
        first(&answers)
    }

    /// Returns tasks to the queue: they go where the next claim looks, and it costs them nothing.
    pub async fn release(
        &self,
        worker: &WorkerId,
        claims: &[&Claim],
        why: &str,
    ) -> Result<Vec<Settlement>, QueueError> {
        if claims.is_empty() {
            return Ok(vec![]);
        }
        let core = self.core();
        let mut call = core.call(&core.scripts.release, 2 + 2 * claims.len(), 64 * claims.len());
        call.arg(worker.as_str()).arg(json_text(why));
        for claim in claims {
            call.arg(claim.id.as_str()).arg(claim.fence.as_str());
        }
        let answers: Vec<String> = core.run(&core.scripts.release, &call).await?;
        answers.iter().map(|answer| read(answer)).collect()
    }
}

/// Settles one batch of the coalescer: nearly always of one worker, because a process usually has
/// one.
pub(crate) async fn complete(
    core: Arc<Core>,
    completions: Vec<Completion>,
) -> Result<Vec<Settlement>, QueueError> {
    let mut settled = Vec::with_capacity(completions.len());
    for group in completions.chunk_by(|one, other| one.worker == other.worker) {
        let bytes: usize = group.iter().map(|one| one.result.len() + 320).sum();
        let mut call = core.call(&core.scripts.complete, 1 + 5 * group.len(), bytes);
        call.arg(group[0].worker.as_str());
        for alike in group.chunk_by(Completion::is_like) {
            call.arg(alike[0].fence.as_str()).arg(&alike[0].record).arg(alike.len());
            for one in alike {
                call.arg(one.id.as_str()).arg(&one.result);
            }
        }
        let answers: Vec<String> = core.run(&core.scripts.complete, &call).await?;
        for answer in &answers {
            settled.push(read(answer)?);
        }
    }
    Ok(settled)
}

/// Returns the record of an attempt up to its end, as `lua/parts/claim_check.lua` writes it. Empty for a
/// prefetched task, because only the queue knows its start.
fn record_of_success(worker: &WorkerId, claim: &Claim) -> String {
    let Claim { attempt, fence, claimed_at, .. } = claim;
    if !claim.started {
        return String::new();
    }
    format!(
        r#"{{"attempt":{attempt},"fence":{},"outcome":"success","worker":"{worker}","claimed_at":{claimed_at},"started_at":{claimed_at},"ended_at":"#,
        fence.as_str()
    )
}

fn first(answers: &[String]) -> Result<Settlement, QueueError> {
    read(answers.first().map_or("", String::as_str))
}

fn read(answer: &str) -> Result<Settlement, QueueError> {
    match answer {
        "ok" => Ok(Settlement::Accepted),
        "scheduled" => Ok(Settlement::WillRetry),
        "failed" => Ok(Settlement::Failed),
        "cancelled" => Ok(Settlement::Cancelled),
        "already" => Ok(Settlement::Already),
        "lost" => Ok(Settlement::Lost),
        _ => Err(QueueError::unreadable("the answer to a settlement", answer)),
    }
}

/// Encodes a text as JSON: Lua puts it into a record without parsing it.
fn json_text(text: &str) -> String {
    serde_json::to_string(text).expect("a string is JSON")
}
