//! What all parts of a worker share, and the run of one task: from its claim to its settlement.

use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::FutureExt;
use greenline_queue::{Claim, Queue, QueueError, TaskType, WorkerProfile};
use greenline_store::backoff;
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};

use crate::active_claims::ActiveClaims;
use crate::claim_loop::TaskProgress;
use crate::daemon::{HeartbeatListener, WorkerOptions};
use crate::handler::{Assignment, Handler, TaskLog, TaskOutcome};
use crate::redis_status::RedisStatus;
use crate::settlement::settle;

/// The state that all parts of a worker share.
pub(crate) struct WorkerState {
    pub(crate) queue: Queue,
    pub(crate) profile: WorkerProfile,
    pub(crate) options: WorkerOptions,
    pub(crate) handlers: BTreeMap<TaskType, Arc<dyn Handler>>,
    pub(crate) active_claims: ActiveClaims,
    pub(crate) redis_status: RedisStatus,
    pub(crate) on_heartbeat: Option<HeartbeatListener>,
}

impl WorkerState {
    /// Repeats a call until it succeeds, because the connection may have broken since the last one.
    /// Gives up at the deadline.
    pub(crate) async fn retry_until<T, Reply: Future<Output = Result<T, QueueError>>>(
        &self,
        within: Duration,
        doing: &str,
        call: impl Fn() -> Reply,
    ) {
        let answered = async {
            let mut backoff_delays = backoff();
            while let Err(error) = call().await {
                self.redis_status.down(doing, &error);
                sleep(backoff_delays.next().unwrap_or(within)).await;
            }
        };
        // Leases and registration then expire by themselves.
        let _best_effort = timeout(within, answered).await;
    }

    /// Runs one claimed task and settles it. Its slot is free once it has run: the next task need
    /// not wait until Redis has stored this result.
    pub(crate) async fn run(
        self: Arc<Self>,
        claim: Claim,
        events: mpsc::UnboundedSender<TaskProgress>,
    ) {
        let begun = Instant::now();
        let cancellation = self.active_claims.cancellation(&claim);
        let outcome = self.attempt(&claim, &cancellation).await;
        let took = begun.elapsed();
        // The claim loop may have ended: then no one counts any more.
        let _counted = events.send(TaskProgress::Ran { kind: claim.kind.clone(), took });
        settle(&self, &claim, outcome, &cancellation, took).await;
        self.active_claims.remove(&claim);
        let _counted = events.send(TaskProgress::Settled);
    }

    async fn attempt(
        &self,
        claim: &Claim,
        cancellation: &crate::command::Cancellation,
    ) -> TaskOutcome {
        let never = |error: String| TaskOutcome::Failed { error, retryable: false, result: None };
        let task = match claim.task() {
            Ok(task) => task,
            Err(error) => return never(format!("the task can't be read: {error}")),
        };
        let Some(handler) = self.handlers.get(&claim.kind).cloned() else {
            return never(format!("this worker does not know the type {}", claim.kind));
        };
        let Ok(fence) = claim.fence.as_str().parse() else {
            return never(format!("the claim's fence {:?} is no number", claim.fence.as_str()));
        };
        let assignment = Assignment {
            log: TaskLog::new(self.queue.clone(), claim.id.clone(), claim.attempt),
            task,
            attempt: claim.attempt,
            fence,
            cancellation: cancellation.clone(),
        };
        let attempt = AssertUnwindSafe(handler.run(assignment)).catch_unwind();
        attempt.await.unwrap_or_else(|panic| {
            let error = format!("the handler panicked: {}", panic_message(panic.as_ref()));
            TaskOutcome::Failed { error, retryable: true, result: None }
        })
    }
}

/// Returns the message of a panic.
pub(crate) fn panic_message(panic: &(dyn std::any::Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("nothing")
}
