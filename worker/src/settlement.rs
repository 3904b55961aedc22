//! Settles an attempt, until the queue has answered.

use std::time::Duration;

use greenline_queue::{Claim, QueueError, Settlement, TaskFailure};
use greenline_store::backoff;
use tokio::time::sleep;

use crate::command::{CancelReason, Cancellation};
use crate::handler::TaskOutcome;
use crate::state::WorkerState;

/// Settles a claim. Repeats a call without a reply: the queue accepts it once.
///
/// A lost claim is not settled at all. If Redis is away while the worker stops, this continues
/// until the worker is dropped; the lease then expires by itself.
pub(crate) async fn settle(
    state: &WorkerState,
    claim: &Claim,
    outcome: TaskOutcome,
    cancellation: &Cancellation,
    took: Duration,
) {
    if cancellation.reason() == Some(CancelReason::LeaseLost) {
        return;
    }
    let mut backoff_delays = backoff();
    loop {
        match send(state, claim, &outcome).await {
            Ok(settled) => {
                state.redis_status.up();
                return log_settled(claim, &outcome, settled, took);
            }
            Err(error) => {
                state.redis_status.down("settle a task", &error);
                sleep(backoff_delays.next().unwrap_or(Duration::from_secs(2))).await;
            }
        }
    }
}

async fn send(
    state: &WorkerState,
    claim: &Claim,
    outcome: &TaskOutcome,
) -> Result<Settlement, QueueError> {
    let worker = &state.profile.id;
    match outcome {
        TaskOutcome::Done(result) => state.queue.complete(worker, claim, result.clone()).await,
        TaskOutcome::Failed { error, retryable, result } => {
            let (error, retryable, result) = (error.clone(), *retryable, result.clone());
            state.queue.fail(worker, claim, &TaskFailure { error, retryable, result }).await
        }
        TaskOutcome::HandedBack { reason } => {
            let given = state.queue.release(worker, &[claim], reason).await?;
            Ok(given.into_iter().next().unwrap_or(Settlement::Lost))
        }
    }
}

/// Logs the result in one line; a failure with its reason.
fn log_settled(claim: &Claim, outcome: &TaskOutcome, settled: Settlement, took: Duration) {
    let id = &claim.id;
    let (attempt, duration_ms) = (claim.attempt, took.as_millis());
    match (settled, outcome) {
        (Settlement::Accepted, TaskOutcome::HandedBack { .. }) => {
            tracing::info!(task.id = %id, task.attempt = attempt, duration_ms, "Handed task {id} back");
        }
        (Settlement::Accepted | Settlement::Already, TaskOutcome::Done(_)) => {
            tracing::info!(task.id = %id, task.attempt = attempt, duration_ms, "Finished task {id} as success");
        }
        (Settlement::WillRetry, TaskOutcome::Failed { error, .. }) => {
            tracing::warn!(task.id = %id, task.attempt = attempt, duration_ms, error, "Task {id} failed, and will be tried again");
        }
        (Settlement::Failed, TaskOutcome::Failed { error, .. }) => {
            tracing::warn!(task.id = %id, task.attempt = attempt, duration_ms, error, "Finished task {id} as failed");
        }
        (Settlement::Cancelled, _) => {
            tracing::info!(task.id = %id, task.attempt = attempt, duration_ms, "Finished task {id} as cancelled");
        }
        (Settlement::Lost, _) => {
            tracing::warn!(task.id = %id, task.attempt = attempt, duration_ms, "Lost the lease on task {id} before its end was told");
        }
        _ => {
            tracing::info!(task.id = %id, task.attempt = attempt, duration_ms, "Settled task {id} before");
        }
    }
}
