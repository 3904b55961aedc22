//! The worker's life: claim, run, settle, until told to stop.
//!
//! - It claims as many tasks as it has free slots, and some more of types that
//!   are short; what is prefetched is started with a word to the queue first.
//! - Every claim is renewed until it is settled. A claim that was lost is
//!   dropped without a word: another has the task.
//! - A settlement is repeated until Redis has answered it.
//! - Told to stop, it takes nothing more, gives back what it has not begun,
//!   and after the grace period what still runs. That costs no attempt.
//!
//! What tasks do is not known here: see [`Handler`].

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

/// How long runs have to end once they were told to.
const LAST_WORD: Duration = Duration::from_secs(10);

/// How long giving back what was not begun may take.
const GIVING_BACK: Duration = Duration::from_secs(5);

/// How long a good-bye may take.
const GOODBYE: Duration = Duration::from_secs(2);

/// How often the claim loop shows that it lives when nothing happens.
const PULSE: Duration = Duration::from_secs(5);

/// What a worker is told once.
#[derive(Debug, Clone)]
pub struct WorkerOptions {
    /// A fresh id for each process.
    pub id: WorkerId,
    /// What it has: it takes tasks that want these, or none.
    pub labels: BTreeSet<Label>,
    /// How many tasks it runs at once.
    pub slots: usize,
    /// How many short tasks it takes beyond its slots.
    pub prefetch: usize,
    /// How often it renews its claims.
    pub heartbeat: Duration,
    /// How long running tasks have when it is told to stop.
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

/// Told after each heartbeat what the worker is doing.
type OnBeat = Box<dyn Fn(&str) + Send + Sync>;

impl WorkerDaemon {
    /// A worker that can't run anything yet.
    #[must_use]
    pub fn new(queue: Queue, options: WorkerOptions) -> Self {
        Self { queue, options, handlers: BTreeMap::new(), pulse: None, on_beat: None }
    }

    /// Teaches it a type.
    #[must_use]
    pub fn handle(mut self, kind: TaskType, handler: impl Handler) -> Self {
        self.handlers.insert(kind, Arc::new(handler));
        self
    }

    /// Has the claim loop beat this pulse.
    #[must_use]
    pub fn with_pulse(mut self, pulse: Pulse) -> Self {
        self.pulse = Some(pulse);
        self
    }

    /// Has this told, at each heartbeat, what the worker is doing.
    #[must_use]
    pub fn on_beat(mut self, tell: impl Fn(&str) + Send + Sync + 'static) -> Self {
        self.on_beat = Some(Box::new(tell));
        self
    }

    /// Works until told to stop. Redis may go and come back meanwhile.
    ///
    /// # Errors
    ///
    /// When it knows no type of task.
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
        // Nobody waits long for a worker that says good-bye.
        life.insist(GOODBYE, "say good-bye", || life.queue.leave(&life.profile.id)).await;
        Ok(())
    }
}

/// What all parts of a worker share.
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

    /// Lets time take effect in the queue, about once a second. Most calls find
    /// that somebody else just did, and then this one is in less of a hurry.
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

    /// Repeats a call until it has an answer: the connection may have broken
    /// since the last one. Gives up when its time is over.
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
        // The leases and the registration then end by themselves.
        let _best_effort = timeout(within, answered).await;
    }

    /// Runs one claimed task and settles it. Its slot is free once it has run:
    /// the next one need not wait until Redis has heard of this one.
    async fn run(self: Arc<Self>, claim: Claim, news: mpsc::UnboundedSender<News>) {
        let begun = Instant::now();
        let cancellation = self.holdings.cancellation(&claim);
        let verdict = self.attempt(&claim, &cancellation).await;
        let took = begun.elapsed();
        // The shift may have ended: then nobody counts any more.
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

/// What a panic said.
fn said(panic: &(dyn std::any::Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("nothing")
}

/// What the claim loop hears of a task.
enum News {
    /// Its handler has ended: a slot is free.
    Ran { kind: TaskType, took: Duration },
    /// The queue knows how.
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
    /// Have run, and the queue does not know yet.
    settling: usize,
    /// Whether the one task that runs, or the next one, is to be alone.
    alone: bool,
}

impl Shift {
    /// Takes work until told not to. Only waiting is cut short: a claim that is
    /// cut in half would sit out its lease.
    async fn work(&mut self, drain: &CancellationToken) {
        let mut patience = backoff();
        while !drain.is_cancelled() {
            self.beat();
            self.hear();
            match self.start_waiting().await {
                Ok(0) => {}
                // Some may have been lost: then there are slots for others.
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
        // Half of them at once: while Redis answers for one half, the other runs.
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

    /// Starts prefetched tasks as far as there are slots, after saying so; of
    /// how many it said so.
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
                // A slot that frees up says nothing about work; but a worker that
                // was asked to come alone has to see when it is.
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

    /// Gives back what has not begun, waits for what has, then gives that back.
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
