//! A worker without a program: it does what the test says, when it says so.

use std::collections::BTreeSet;
use std::time::Duration;

use greenline_queue::{
    Appetite, Beat, Claim, Claimed, Failure, Fence, Queue, QueueError, Settled, TaskId, TaskType,
    Worker, WorkerId,
};

/// A worker without a program. What Redis refuses is the test's end, but for
/// [`Hand::try_claim`].
pub struct Hand {
    queue: Queue,
    /// The worker itself.
    pub worker: Worker,
    /// How many tasks it says that it runs.
    pub running: usize,
}

impl Hand {
    /// A hand that works for `queue`.
    #[must_use]
    pub fn of(queue: Queue, worker: Worker) -> Self {
        Self { queue, worker, running: 0 }
    }

    /// Its id.
    #[must_use]
    pub fn id(&self) -> WorkerId {
        self.worker.profile().id.clone()
    }

    /// Claims up to `n` tasks, all to be started at once.
    ///
    /// # Panics
    ///
    /// If the queue refuses.
    pub async fn claim(&mut self, n: usize) -> Vec<Claim> {
        self.try_claim(n, 0).await.expect("a claim").tasks
    }

    /// Claims the one task that there is for it.
    ///
    /// # Panics
    ///
    /// If there is none.
    pub async fn claim_one(&mut self) -> Claim {
        self.claim(1).await.pop().expect("a task to claim")
    }

    /// Claims `start` tasks to be started and `prefetch` more; all types that it
    /// knows are taken for short.
    pub async fn try_claim(
        &mut self,
        start: usize,
        prefetch: usize,
    ) -> Result<Claimed, QueueError> {
        let all: BTreeSet<TaskType> = self.worker.profile().types.clone();
        let none = BTreeSet::new();
        let short = if prefetch > 0 { &all } else { &none };
        let running = self.running;
        self.worker.claim(Appetite { start, prefetch, short, running }).await
    }

    /// Says that a task succeeded.
    ///
    /// # Panics
    ///
    /// If the queue refuses.
    pub async fn complete(&self, claim: &Claim) -> Settled {
        let result = r#"{"ok":true}"#.to_owned();
        self.queue.complete(&self.id(), claim, result).await.expect("a settlement")
    }

    /// Says that a task failed and may be tried again in ten seconds.
    ///
    /// # Panics
    ///
    /// If the queue refuses.
    pub async fn fail(&self, claim: &Claim) -> Settled {
        self.fail_as(claim, true).await
    }

    /// Says that a task failed and never will succeed.
    ///
    /// # Panics
    ///
    /// If the queue refuses.
    pub async fn give_up(&self, claim: &Claim) -> Settled {
        self.fail_as(claim, false).await
    }

    async fn fail_as(&self, claim: &Claim, retryable: bool) -> Settled {
        let failure = Failure { error: "it says \"no\"".to_owned(), retryable, result: None };
        let delay = Duration::from_secs(10);
        self.queue.fail_after(&self.id(), claim, &failure, delay).await.expect("a settlement")
    }

    /// Hands a task back.
    ///
    /// # Panics
    ///
    /// If the queue refuses.
    pub async fn release(&self, claim: &Claim) -> Settled {
        let settled = self.queue.release(&self.id(), &[claim], "it stops").await;
        settled.expect("a settlement")[0]
    }

    /// Renews claims; what the queue says of each.
    ///
    /// # Panics
    ///
    /// If the queue refuses.
    pub async fn beat(&self, claims: &[&Claim]) -> Vec<Beat> {
        let held: Vec<(TaskId, Fence)> =
            claims.iter().map(|claim| (claim.id.clone(), claim.fence.clone())).collect();
        self.queue.heartbeat(self.worker.profile(), &[], &held).await.expect("a heartbeat")
    }
}
