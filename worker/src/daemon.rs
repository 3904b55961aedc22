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
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::FutureExt;
use greenline_queue::{
    Appetite, Claim, Claimed, Label, Queue, QueueError, Start, TaskType, Woken, Worker, WorkerId,
    WorkerProfile,
};
use greenline_runtime::liveness::Pulse;
use greenline_runtime::stopping::Stop;
use greenline_store::{Backoff, backoff};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};
use tokio_util::sync::CancellationToken;

use crate::alarm::Alarm;
use crate::handler::{Assignment, Handler, TaskLog, Verdict};
use crate::holdings::Holdings;
use crate::pace::Pace;
use crate::settle::settle;
use crate::weather::Weather;

/// The time for runs to end once they were told to.
const LAST_WORD: Duration = Duration::from_secs(10);

/// The time to return unstarted tasks.
const GIVING_BACK: Duration = Duration::from_secs(5);

/// The time to unregister.
const GOODBYE: Duration = Duration::from_secs(2);

/// The interval at which an idle claim loop shows that it lives.
const PULSE: Duration = Duration::from_secs(5);

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
    on_beat: Option<OnBeat>,
}

/// Receives the worker's activity after each heartbeat.
type OnBeat = Box<dyn Fn(&str) + Send + Sync>;

impl WorkerDaemon {
    /// Creates a worker without handlers.
    #[must_use]
    pub fn new(queue: Queue, options: WorkerOptions) -> Self {
        Self { queue, options, handlers: BTreeMap::new(), pulse: None, on_beat: None }
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
    pub fn on_beat(mut self, tell: impl Fn(&str) + Send + Sync + 'static) -> Self {
        self.on_beat = Some(Box::new(tell));
        self
    }

    /// Works until told to stop. Redis may go away and come back meanwhile.
    ///
    /// # Errors
    ///
    /// When it has no handler.
    pub async fn run(self, stop: Stop) -> anyhow::Result<()> {
        anyhow::ensure!(!self.handlers.is_empty(), "this worker knows no type of task");
        let profile = WorkerProfile {
            id: self.options.id.clone(),
            types: self.handlers.keys().cloned().collect(),
            labels: self.options.labels.clone(),
            slots: self.options.slots,
            host: self.options.host.clone(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
        };
        let life = Arc::new(Life {
            queue: self.queue,
            profile,
            options: self.options,
            handlers: self.handlers,
            holdings: Holdings::default(),
            weather: Weather::default(),
            on_beat: self.on_beat,
        });
        let beside = CancellationToken::new();
        let heart = tokio::spawn(life.clone().keep_claims(beside.clone()));
        let ticker = tokio::spawn(life.clone().let_time_pass(beside.clone()));
        let (tell, news) = mpsc::unbounded_channel();
        let worker = life.queue.worker(life.profile.clone());
        let mut shift = Shift {
            alarm: Alarm::new(worker.waiter()),
            worker,
            life: life.clone(),
            pulse: self.pulse,
            tell,
            news,
            tasks: JoinSet::new(),
            waiting: VecDeque::new(),
            pace: Pace::default(),
            running: 0,
            settling: 0,
            alone: false,
        };
        shift.work(&stop.drain).await;
        shift.stop(&stop).await;
        beside.cancel();
        let _both_ended = tokio::join!(heart, ticker);
        // Unregistering must not delay the exit for long.
        life.insist(GOODBYE, "say good-bye", || life.queue.leave(&life.profile.id)).await;
        Ok(())
    }
}

/// The state that all parts of a worker share.
pub(crate) struct Life {
    pub(crate) queue: Queue,
    pub(crate) profile: WorkerProfile,
    options: WorkerOptions,
    handlers: BTreeMap<TaskType, Arc<dyn Handler>>,
    pub(crate) holdings: Holdings,
    pub(crate) weather: Weather,
    on_beat: Option<OnBeat>,
}

impl Life {
    /// Renews the worker's registration and all claims, until told to end.
    async fn keep_claims(self: Arc<Self>, end: CancellationToken) {
        let mut beats = interval(self.options.heartbeat);
        beats.set_missed_tick_behavior(MissedTickBehavior::Delay);
        while end.run_until_cancelled(beats.tick()).await.is_some() {
            let mut patience = backoff();
            while let Err(error) = self.beat().await {
                self.weather.foul("renew claims", &error);
                let pause = sleep(patience.next().unwrap_or(PULSE));
                if end.run_until_cancelled(pause).await.is_none() {
                    return;
                }
            }
        }
    }

    async fn beat(&self) -> Result<(), QueueError> {
        let claims = self.holdings.claims();
        let words = [("running", claims.len().to_string())];
        let said = self.queue.heartbeat(&self.profile, &words, &claims).await;
        if let Some(tell) = &self.on_beat {
            let away = if said.is_err() { ", Redis is away" } else { "" };
            tell(&format!("{} of {} slots busy{away}", claims.len(), self.options.slots));
        }
        self.holdings.heed(&claims, &said?);
        self.weather.fair();
        Ok(())
    }

    /// Ticks the queue about once a second. If another process just did, it waits a little longer.
    async fn let_time_pass(self: Arc<Self>, end: CancellationToken) {
        let mut wait = Duration::from_secs(1);
        while end.run_until_cancelled(sleep(wait)).await.is_some() {
            let jitter = fastrand::u64(0..500);
            wait = match self.queue.tick().await {
                Ok(tick) if tick.took_effect => Duration::from_secs(1),
                Ok(_) => Duration::from_millis(1_500 + jitter),
                Err(error) => {
                    self.weather.foul("let time take effect", &error);
                    Duration::from_secs(1)
                }
            };
        }
    }

    /// Repeats a call until it succeeds, because the connection may have broken since the last one.
    /// Gives up at the deadline.
    async fn insist<T, Answer: Future<Output = Result<T, QueueError>>>(
        &self,
        within: Duration,
        doing: &str,
        call: impl Fn() -> Answer,
    ) {
        let answered = async {
            let mut patience = backoff();
            while let Err(error) = call().await {
                self.weather.foul(doing, &error);
                sleep(patience.next().unwrap_or(within)).await;
            }
        };
        // Leases and registration then expire by themselves.
        let _best_effort = timeout(within, answered).await;
    }

    /// Runs one claimed task and settles it. Its slot is free once it has run: the next task need
    /// not wait until Redis has stored this result.
    async fn run(self: Arc<Self>, claim: Claim, news: mpsc::UnboundedSender<News>) {
        let begun = Instant::now();
        let cancellation = self.holdings.cancellation(&claim);
        let verdict = self.attempt(&claim, &cancellation).await;
        let took = begun.elapsed();
        // The claim loop may have ended: then no one counts any more.
        let _counted = news.send(News::Ran { kind: claim.kind.clone(), took });
        settle(&self, &claim, verdict, &cancellation, took).await;
        self.holdings.remove(&claim);
        let _counted = news.send(News::Settled);
    }

    async fn attempt(&self, claim: &Claim, cancellation: &crate::command::Cancellation) -> Verdict {
        let never = |error: String| Verdict::Failed { error, retryable: false, result: None };
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
            let error = format!("the handler panicked: {}", said(panic.as_ref()));
            Verdict::Failed { error, retryable: true, result: None }
        })
    }
}

/// Returns the message of a panic.
fn said(panic: &(dyn std::any::Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("nothing")
}

/// An event of a task for the claim loop.
enum News {
    /// Its handler has ended: a slot is free.
    Ran { kind: TaskType, took: Duration },
    /// The queue has stored the result.
    Settled,
}

/// The claim loop.
struct Shift {
    life: Arc<Life>,
    worker: Worker,
    alarm: Alarm,
    pulse: Option<Pulse>,
    tell: mpsc::UnboundedSender<News>,
    news: mpsc::UnboundedReceiver<News>,
    tasks: JoinSet<()>,
    /// Prefetched and not started.
    waiting: VecDeque<Claim>,
    pace: Pace,
    running: usize,
    /// Tasks that have run and are not settled yet.
    settling: usize,
    /// The running task, or the next one, must run alone.
    alone: bool,
}

impl Shift {
    /// Takes work until told to stop. A stop interrupts only waiting: a claim that is interrupted
    /// would block its tasks until the lease expires.
    async fn work(&mut self, drain: &CancellationToken) {
        let mut patience = backoff();
        while !drain.is_cancelled() {
            self.beat();
            self.hear();
            match self.start_waiting().await {
                Ok(0) => {}
                // Some claims may have been lost: then there are free slots.
                Ok(_) => {
                    patience = backoff();
                    continue;
                }
                Err(error) => {
                    self.back_off("start tasks", &error, &mut patience, drain).await;
                    continue;
                }
            }
            if self.is_full() {
                self.wait_for_a_slot(drain).await;
                continue;
            }
            match self.claim().await {
                Ok(claimed) => {
                    patience = backoff();
                    let nothing = claimed.tasks.is_empty() && !claimed.more;
                    self.take(claimed);
                    if nothing && !self.is_full() {
                        self.wait_for_work(drain, &mut patience).await;
                    }
                }
                Err(error) => self.back_off("claim tasks", &error, &mut patience, drain).await,
            }
        }
    }

    fn slots(&self) -> usize {
        self.life.options.slots
    }

    fn is_full(&self) -> bool {
        !self.waiting.is_empty()
            || self.running >= self.slots()
            || self.settling > 2 * self.slots()
            || (self.alone && self.busy() > 0)
    }

    fn busy(&self) -> usize {
        self.running + self.settling
    }

    async fn claim(&mut self) -> Result<Claimed, QueueError> {
        // Claims half of the free slots: while Redis answers for one half, the other runs.
        let half = self.slots().div_ceil(2);
        let start = (self.slots() - self.running).min(half);
        let prefetch = if self.pace.short().is_empty() { 0 } else { self.life.options.prefetch };
        let short = self.pace.short();
        self.worker.claim(Appetite { start, prefetch, short, running: self.busy() }).await
    }

    fn take(&mut self, claimed: Claimed) {
        self.life.weather.fair();
        self.alone = claimed.come_alone || claimed.tasks.iter().any(|claim| claim.alone);
        for claim in claimed.tasks {
            self.life.holdings.add(&claim);
            if claim.started {
                self.spawn(claim);
            } else {
                self.waiting.push_back(claim);
            }
        }
    }

    fn spawn(&mut self, claim: Claim) {
        self.running += 1;
        self.tasks.spawn(self.life.clone().run(claim, self.tell.clone()));
    }

    /// Starts prefetched tasks as far as there are free slots, after marking them as started.
    /// Returns their number.
    async fn start_waiting(&mut self) -> Result<usize, QueueError> {
        let free = self.slots().saturating_sub(self.running).min(self.waiting.len());
        if free == 0 {
            return Ok(0);
        }
        let starting: Vec<_> =
            self.waiting.iter().take(free).map(|one| (one.id.clone(), one.fence.clone())).collect();
        let starts = self.life.queue.start(&starting).await?;
        for (claim, start) in self.waiting.drain(..free).collect::<Vec<_>>().into_iter().zip(starts)
        {
            match start {
                Start::Go => self.spawn(claim),
                Start::Lost => self.life.holdings.remove(&claim),
            }
        }
        Ok(free)
    }

    fn hear(&mut self) {
        while let Ok(news) = self.news.try_recv() {
            self.count(&news);
        }
        while self.tasks.try_join_next().is_some() {}
    }

    fn count(&mut self, news: &News) {
        match news {
            News::Ran { kind, took } => {
                self.running -= 1;
                self.settling += 1;
                self.pace.note(kind, *took);
            }
            News::Settled => self.settling -= 1,
        }
    }

    async fn wait_for_a_slot(&mut self, drain: &CancellationToken) {
        tokio::select! {
            Some(news) = self.news.recv() => self.count(&news),
            () = drain.cancelled() => {}
            () = sleep(PULSE) => {}
        }
    }

    async fn wait_for_work(&mut self, drain: &CancellationToken, patience: &mut Backoff) {
        loop {
            let rung = tokio::select! {
                rung = self.alarm.ring() => rung,
                // A freed slot does not mean that there is work, but a worker that must come alone
                // has to notice when it is idle.
                Some(news) = self.news.recv() => {
                    self.count(&news);
                    if self.alone { return } else { continue }
                }
                () = drain.cancelled() => return,
            };
            self.beat();
            let work = match rung {
                Ok(Woken::ForWork) => return,
                Ok(Woken::ByTime) => self.worker.refresh_routes().await,
                Err(error) => Err(error),
            };
            match work {
                Ok(true) => return,
                Ok(false) => {}
                Err(error) => {
                    return self.back_off("wait for tasks", &error, patience, drain).await;
                }
            }
        }
    }

    async fn back_off(
        &mut self,
        doing: &str,
        error: &QueueError,
        patience: &mut Backoff,
        drain: &CancellationToken,
    ) {
        self.life.weather.foul(doing, error);
        let pause = patience.next().unwrap_or(PULSE);
        let _cut_short = drain.run_until_cancelled(sleep(pause)).await;
    }

    fn beat(&self) {
        if let Some(pulse) = &self.pulse {
            pulse.beat();
        }
    }

    /// Returns unstarted tasks, waits for running ones, then returns those.
    async fn stop(&mut self, stop: &Stop) {
        self.give_back_waiting().await;
        self.hear();
        if self.busy() > 0 {
            tracing::info!(tasks = self.busy(), "Waiting for tasks to end");
        }
        let grace = self.life.options.grace;
        let ended = timeout(grace, stop.interrupt.run_until_cancelled(self.all_ended())).await;
        if !matches!(ended, Ok(Some(()))) {
            self.hear();
            tracing::warn!(tasks = self.busy(), "Handing tasks back that did not end in time");
            self.life.holdings.stop_all();
            if timeout(LAST_WORD, self.all_ended()).await.is_err() {
                tracing::warn!(
                    tasks = self.busy(),
                    "Left tasks behind; their leases end by themselves"
                );
            }
        }
        self.tasks.shutdown().await;
    }

    async fn all_ended(&mut self) {
        while self.busy() > 0 {
            self.beat();
            if let Ok(Some(news)) = timeout(PULSE, self.news.recv()).await {
                self.count(&news);
            }
        }
    }

    async fn give_back_waiting(&mut self) {
        let claims: Vec<Claim> = self.waiting.drain(..).collect();
        let given: Vec<&Claim> = claims.iter().collect();
        let life = &self.life;
        let give = || life.queue.release(&life.profile.id, &given, "the worker stops");
        life.insist(GIVING_BACK, "give tasks back", give).await;
        for claim in &claims {
            self.life.holdings.remove(claim);
        }
    }
}
