//! The claim loop: takes as many tasks as there are free slots, and starts them.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use greenline_queue::{
    Claim, ClaimRequest, ClaimedTasks, QueueError, StartReply, TaskType, WakeReason, Worker,
};
use greenline_runtime::liveness::Pulse;
use greenline_store::{Backoff, backoff};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use crate::run_times::RunTimes;
use crate::state::WorkerState;
use crate::work_waiter::WorkWaiter;

/// The interval at which an idle claim loop shows that it lives.
pub(crate) const PULSE_INTERVAL: Duration = Duration::from_secs(5);

/// An event of a task for the claim loop.
pub(crate) enum TaskProgress {
    /// Its handler has ended: a slot is free.
    Ran { kind: TaskType, took: Duration },
    /// The queue has stored the result.
    Settled,
}

/// The claim loop.
pub(crate) struct ClaimLoop {
    pub(crate) state: Arc<WorkerState>,
    pub(crate) worker: Worker,
    pub(crate) work_waiter: WorkWaiter,
    pub(crate) pulse: Option<Pulse>,
    pub(crate) notify: mpsc::UnboundedSender<TaskProgress>,
    pub(crate) events: mpsc::UnboundedReceiver<TaskProgress>,
    pub(crate) tasks: JoinSet<()>,
    /// Prefetched and not started.
    pub(crate) prefetched: VecDeque<Claim>,
    pub(crate) run_times: RunTimes,
    pub(crate) running: usize,
    /// Tasks that have run and are not settled yet.
    pub(crate) settling: usize,
    /// The running task, or the next one, must run alone.
    pub(crate) alone: bool,
}

impl ClaimLoop {
    /// Takes work until told to stop. A stop interrupts only waiting: a claim that is interrupted
    /// would block its tasks until the lease expires.
    pub(crate) async fn work(&mut self, drain: &CancellationToken) {
        let mut backoff_delays = backoff();
        while !drain.is_cancelled() {
            self.beat();
            self.drain_events();
            match self.start_prefetched().await {
                Ok(0) => {}
                // Some claims may have been lost: then there are free slots.
                Ok(_) => {
                    backoff_delays = backoff();
                    continue;
                }
                Err(error) => {
                    self.back_off("start tasks", &error, &mut backoff_delays, drain).await;
                    continue;
                }
            }
            if self.is_full() {
                self.wait_for_slot(drain).await;
                continue;
            }
            match self.claim().await {
                Ok(claimed) => {
                    backoff_delays = backoff();
                    let nothing = claimed.tasks.is_empty() && !claimed.more;
                    self.take(claimed);
                    if nothing && !self.is_full() {
                        self.wait_for_work(drain, &mut backoff_delays).await;
                    }
                }
                Err(error) => {
                    self.back_off("claim tasks", &error, &mut backoff_delays, drain).await;
                }
            }
        }
    }

    fn slots(&self) -> usize {
        self.state.options.slots
    }

    fn is_full(&self) -> bool {
        !self.prefetched.is_empty()
            || self.running >= self.slots()
            || self.settling > 2 * self.slots()
            || (self.alone && self.busy() > 0)
    }

    pub(crate) fn busy(&self) -> usize {
        self.running + self.settling
    }

    async fn claim(&mut self) -> Result<ClaimedTasks, QueueError> {
        // Claims half of the free slots: while Redis answers for one half, the other runs.
        let half = self.slots().div_ceil(2);
        let start = (self.slots() - self.running).min(half);
        let prefetch =
            if self.run_times.short().is_empty() { 0 } else { self.state.options.prefetch };
        let short = self.run_times.short();
        self.worker.claim(ClaimRequest { start, prefetch, short, running: self.busy() }).await
    }

    fn take(&mut self, claimed: ClaimedTasks) {
        self.state.redis_status.up();
        self.alone = claimed.come_alone || claimed.tasks.iter().any(|claim| claim.alone);
        for claim in claimed.tasks {
            self.state.active_claims.add(&claim);
            if claim.started {
                self.spawn(claim);
            } else {
                self.prefetched.push_back(claim);
            }
        }
    }

    fn spawn(&mut self, claim: Claim) {
        self.running += 1;
        self.tasks.spawn(self.state.clone().run(claim, self.notify.clone()));
    }

    /// Starts prefetched tasks as far as there are free slots, after marking them as started.
    /// Returns their number.
    async fn start_prefetched(&mut self) -> Result<usize, QueueError> {
        let free = self.slots().saturating_sub(self.running).min(self.prefetched.len());
        if free == 0 {
            return Ok(0);
        }
        let starting: Vec<_> = self
            .prefetched
            .iter()
            .take(free)
            .map(|one| (one.id.clone(), one.fence.clone()))
            .collect();
        let starts = self.state.queue.start(&starting).await?;
        for (claim, start) in
            self.prefetched.drain(..free).collect::<Vec<_>>().into_iter().zip(starts)
        {
            match start {
                StartReply::Go => self.spawn(claim),
                StartReply::Lost => self.state.active_claims.remove(&claim),
            }
        }
        Ok(free)
    }

    pub(crate) fn drain_events(&mut self) {
        while let Ok(event) = self.events.try_recv() {
            self.apply_event(&event);
        }
        while self.tasks.try_join_next().is_some() {}
    }

    pub(crate) fn apply_event(&mut self, event: &TaskProgress) {
        match event {
            TaskProgress::Ran { kind, took } => {
                self.running -= 1;
                self.settling += 1;
                self.run_times.record(kind, *took);
            }
            TaskProgress::Settled => self.settling -= 1,
        }
    }

    async fn wait_for_slot(&mut self, drain: &CancellationToken) {
        tokio::select! {
            Some(event) = self.events.recv() => self.apply_event(&event),
            () = drain.cancelled() => {}
            () = sleep(PULSE_INTERVAL) => {}
        }
    }

    async fn wait_for_work(&mut self, drain: &CancellationToken, backoff_delays: &mut Backoff) {
        loop {
            let woken = tokio::select! {
                woken = self.work_waiter.wait() => woken,
                // A freed slot does not mean that there is work, but a worker that must come alone
                // has to notice when it is idle.
                Some(event) = self.events.recv() => {
                    self.apply_event(&event);
                    if self.alone { return } else { continue }
                }
                () = drain.cancelled() => return,
            };
            self.beat();
            let work = match woken {
                Ok(WakeReason::Work) => return,
                Ok(WakeReason::Timeout) => self.worker.refresh_routes().await,
                Err(error) => Err(error),
            };
            match work {
                Ok(true) => return,
                Ok(false) => {}
                Err(error) => {
                    return self.back_off("wait for tasks", &error, backoff_delays, drain).await;
                }
            }
        }
    }

    async fn back_off(
        &mut self,
        doing: &str,
        error: &QueueError,
        backoff_delays: &mut Backoff,
        drain: &CancellationToken,
    ) {
        self.state.redis_status.down(doing, error);
        let pause = backoff_delays.next().unwrap_or(PULSE_INTERVAL);
        let _cut_short = drain.run_until_cancelled(sleep(pause)).await;
    }

    pub(crate) fn beat(&self) {
        if let Some(pulse) = &self.pulse {
            pulse.beat();
        }
    }
}
