//! Settles an attempt, until the queue has answered.

use std::time::Duration;

use greenline_queue::{Claim, Failure, QueueError, Settled};
use greenline_store::backoff;
use tokio::time::sleep;

use crate::command::{CancelReason, Cancellation};
use crate::daemon::Life;
use crate::handler::Verdict;

/// Settles a claim. Repeats a call without a reply: the queue accepts it once.
///
/// A lost claim is not settled at all. If Redis is away while the worker stops, this continues
/// until the worker is dropped; the lease then expires by itself.
pub(crate) async fn settle(
    life: &Life,
    claim: &Claim,
    verdict: Verdict,
    cancellation: &Cancellation,
    took: Duration,
) {
    if cancellation.reason() == Some(CancelReason::LeaseLost) {
        return;
    }
    let mut patience = backoff();
    loop {
        match say(life, claim, &verdict).await {
            Ok(settled) => {
                life.weather.fair();
                return tell(claim, &verdict, settled, took);
            }
            Err(error) => {
                life.weather.foul("settle a task", &error);
                sleep(patience.next().unwrap_or(Duration::from_secs(2))).await;
            }
        }
    }
}

async fn say(life: &Life, claim: &Claim, verdict: &Verdict) -> Result<Settled, QueueError> {
    let worker = &life.profile.id;
    match verdict {
        Verdict::Done(result) => life.queue.complete(worker, claim, result.clone()).await,
        Verdict::Failed { error, retryable, result } => {
            let (error, retryable, result) = (error.clone(), *retryable, result.clone());
            life.queue.fail(worker, claim, &Failure { error, retryable, result }).await
        }
        Verdict::HandedBack => {
            let given = life.queue.release(worker, &[claim], "the worker stops").await?;
            Ok(given.into_iter().next().unwrap_or(Settled::Lost))
        }
    }
}

/// Logs the result in one line; a failure with its reason.
fn tell(claim: &Claim, verdict: &Verdict, settled: Settled, took: Duration) {
    let id = &claim.id;
    let (attempt, duration_ms) = (claim.attempt, took.as_millis());
    match (settled, verdict) {
        (Settled::Accepted, Verdict::HandedBack) => {
            tracing::info!(task.id = %id, task.attempt = attempt, duration_ms, "Handed task {id} back");
        }
        (Settled::Accepted | Settled::Already, Verdict::Done(_)) => {
            tracing::info!(task.id = %id, task.attempt = attempt, duration_ms, "Finished task {id} as success");
        }
        (Settled::WillRetry, Verdict::Failed { error, .. }) => {
            tracing::warn!(task.id = %id, task.attempt = attempt, duration_ms, error, "Task {id} failed, and will be tried again");
        }
        (Settled::Failed, Verdict::Failed { error, .. }) => {
            tracing::warn!(task.id = %id, task.attempt = attempt, duration_ms, error, "Finished task {id} as failed");
        }
        (Settled::Cancelled, _) => {
            tracing::info!(task.id = %id, task.attempt = attempt, duration_ms, "Finished task {id} as cancelled");
        }
        (Settled::Lost, _) => {
            tracing::warn!(task.id = %id, task.attempt = attempt, duration_ms, "Lost the lease on task {id} before its end was told");
        }
        _ => {
            tracing::info!(task.id = %id, task.attempt = attempt, duration_ms, "Settled task {id} before");
        }
    }
}
