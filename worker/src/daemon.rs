//! The worker daemon: claims, runs and settles tasks until told to stop.
//!
//! - It claims as many tasks as it has free slots, and additional short ones. A prefetched task is
//!   marked as started before it runs.
//! - Every claim is renewed until it is settled. A lost claim is dropped without settling it,
//!   because another worker has the task.
//! - A settlement is repeated until Redis has answered it.
//! - On a stop it takes nothing more, returns unstarted tasks at once, and running ones after the
//!   grace period. That costs no attempt.
//!
//! A [`Handler`] knows what a task does.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use greenline_queue::{Label, Queue, TaskType, WorkerId, WorkerProfile};
use greenline_runtime::liveness::Pulse;
use greenline_runtime::shutdown::Shutdown;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::active_claims::ActiveClaims;
use crate::claim_loop::ClaimLoop;
use crate::handler::Handler;
use crate::redis_status::RedisStatus;
use crate::run_times::RunTimes;
use crate::state::WorkerState;
use crate::work_waiter::WorkWaiter;

/// The time to unregister.
const UNREGISTER_TIMEOUT: Duration = Duration::from_secs(2);

/// Options of a worker.
#[derive(Debug, Clone)]
pub struct WorkerOptions {
    /// Fresh for each process.
    pub id: WorkerId,
    /// Labels this worker offers. It claims a task only if it has all of the task's labels.
    pub labels: BTreeSet<Label>,
    /// The number of tasks that it runs at once.
    pub slots: usize,
    /// The number of short tasks that it takes beyond its slots.
    pub prefetch: usize,
    /// The interval at which it renews its claims.
    pub heartbeat: Duration,
    /// The time for running tasks to end on a stop.
    pub grace: Duration,
    /// The machine, for people.
    pub host: String,
}

/// A worker, ready to run.
pub struct WorkerDaemon {
    queue: Queue,
    options: WorkerOptions,
    handlers: BTreeMap<TaskType, Arc<dyn Handler>>,
    pulse: Option<Pulse>,
    on_heartbeat: Option<HeartbeatListener>,
}

/// Receives the worker's activity after each heartbeat.
pub(crate) type HeartbeatListener = Box<dyn Fn(&str) + Send + Sync>;

impl WorkerDaemon {
    /// Creates a worker without handlers.
    #[must_use]
    pub fn new(queue: Queue, options: WorkerOptions) -> Self {
        Self { queue, options, handlers: BTreeMap::new(), pulse: None, on_heartbeat: None }
    }

    /// Adds the handler of a type.
    #[must_use]
    pub fn handle(mut self, kind: TaskType, handler: impl Handler) -> Self {
        self.handlers.insert(kind, Arc::new(handler));
        self
    }

    /// Lets the claim loop beat this pulse.
    #[must_use]
    pub fn with_pulse(mut self, pulse: Pulse) -> Self {
        self.pulse = Some(pulse);
        self
    }

    /// Calls this with the worker's activity at each heartbeat.
    #[must_use]
    pub fn on_heartbeat(mut self, notify: impl Fn(&str) + Send + Sync + 'static) -> Self {
        self.on_heartbeat = Some(Box::new(notify));
        self
    }

    /// Works until told to stop. Redis may go away and come back meanwhile.
    ///
    /// # Errors
    ///
    /// When it has no handler.
    pub async fn run(self, stop: Shutdown) -> anyhow::Result<()> {
        anyhow::ensure!(!self.handlers.is_empty(), "this worker knows no type of task");
        let profile = WorkerProfile {
            id: self.options.id.clone(),
            types: self.handlers.keys().cloned().collect(),
            labels: self.options.labels.clone(),
            slots: self.options.slots,
            host: self.options.host.clone(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
        };
        let state = Arc::new(WorkerState {
            queue: self.queue,
            profile,
            options: self.options,
            handlers: self.handlers,
            active_claims: ActiveClaims::default(),
            redis_status: RedisStatus::default(),
            on_heartbeat: self.on_heartbeat,
        });
        let background = CancellationToken::new();
        let heartbeat = tokio::spawn(state.clone().heartbeat_loop(background.clone()));
        let ticker = tokio::spawn(state.clone().tick_loop(background.clone()));
        let (notify, events) = mpsc::unbounded_channel();
        let worker = state.queue.worker(state.profile.clone());
        let mut claim_loop = ClaimLoop {
            work_waiter: WorkWaiter::new(worker.waiter()),
            worker,
            state: state.clone(),
            pulse: self.pulse,
            notify,
            events,
            tasks: JoinSet::new(),
            prefetched: VecDeque::new(),
            run_times: RunTimes::default(),
            running: 0,
            settling: 0,
            alone: false,
        };
        claim_loop.work(&stop.drain).await;
        claim_loop.stop(&stop).await;
        background.cancel();
        let _both_ended = tokio::join!(heartbeat, ticker);
        // Unregistering must not delay the exit for long.
        state
            .retry_until(UNREGISTER_TIMEOUT, "say good-bye", || {
                state.queue.unregister(&state.profile.id)
            })
            .await;
        Ok(())
    }
}
