//! A worker without a program, driven by the test.

use std::collections::BTreeSet;
use std::time::Duration;

use greenline_queue::{
    Claim, ClaimRequest, ClaimedTasks, Fence, HeartbeatReply, Queue, QueueError, Settlement,
    TaskFailure, TaskId, TaskType, Worker, WorkerId,
};

/// A worker that the test drives. An error of Redis fails the test, except in [`ManualWorker::try_claim`].
pub struct ManualWorker {
    queue: Queue,
    pub worker: Worker,
    /// The number of tasks that it reports as running.
    pub running: usize,
}

impl ManualWorker {
    /// Wraps a worker of `queue`.
    #[must_use]
    pub fn of(queue: Queue, worker: Worker) -> Self {
        Self { queue, worker, running: 0 }
    }

    #[must_use]
    pub fn id(&self) -> WorkerId {
        self.worker.profile().id.clone()
    }

    /// Claims up to `n` tasks, all of them started.
    ///
    /// # Panics
    ///
    /// If the queue refuses.
    pub async fn claim(&mut self, n: usize) -> Vec<Claim> {
        self.try_claim(n, 0).await.expect("a claim").tasks
    }

    /// Claims its only task.
    ///
    /// # Panics
    ///
    /// If there is none.
    pub async fn claim_one(&mut self) -> Claim {
        self.claim(1).await.pop().expect("a task to claim")
    }

    /// Claims `start` started tasks and `prefetch` more; every known type counts as short.
    pub async fn try_claim(
        &mut self,
        start: usize,
        prefetch: usize,
    ) -> Result<ClaimedTasks, QueueError> {
        let all: BTreeSet<TaskType> = self.worker.profile().types.clone();
        let none = BTreeSet::new();
        let short = if prefetch > 0 { &all } else { &none };
        let running = self.running;
        self.worker.claim(ClaimRequest { start, prefetch, short, running }).await
    }

    /// Completes a task.
    ///
    /// # Panics
    ///
    /// If the queue refuses.
    pub async fn complete(&self, claim: &Claim) -> Settlement {
        let result = r#"{"ok":true}"#.to_owned();
        self.queue.complete(&self.id(), claim, result).await.expect("a settlement")
    }

    /// Fails a task that may be retried in ten seconds.
    ///
    /// # Panics
    ///
    /// If the queue refuses.
    pub async fn fail(&self, claim: &Claim) -> Settlement {
        self.fail_as(claim, true).await
    }

    /// Fails a task for good.
    ///
    /// # Panics
    ///
    /// If the queue refuses.
    pub async fn give_up(&self, claim: &Claim) -> Settlement {
        self.fail_as(claim, false).await
    }

    async fn fail_as(&self, claim: &Claim, retryable: bool) -> Settlement {
        let failure = TaskFailure { error: "it says \"no\"".to_owned(), retryable, result: None };
        let delay = Duration::from_secs(10);
        self.queue.fail_after(&self.id(), claim, &failure, delay).await.expect("a settlement")
    }

    /// Releases a task.
    ///
    /// # Panics
    ///
    /// If the queue refuses.
    pub async fn release(&self, claim: &Claim) -> Settlement {
        let settled = self.queue.release(&self.id(), &[claim], "it stops").await;
        settled.expect("a settlement")[0]
    }

    /// Renews claims and returns the queue's reply for each.
    ///
    /// # Panics
    ///
    /// If the queue refuses.
    pub async fn beat(&self, claims: &[&Claim]) -> Vec<HeartbeatReply> {
        let held: Vec<(TaskId, Fence)> =
            claims.iter().map(|claim| (claim.id.clone(), claim.fence.clone())).collect();
        self.queue.heartbeat(self.worker.profile(), &[], &held).await.expect("a heartbeat")
    }
}
