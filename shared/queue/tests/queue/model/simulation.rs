//! What the model knows of its tasks, and which changes it allows.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use chrono::Utc;
use greenline_queue::{Claim, ClockShift, Queue, QueueOptions, Settlement, TaskSpec};
use greenline_store::{Store, StoreConfig, Value, cmd, from_redis_value, pipe};
use greenline_testbed::ManualWorker;

/// The lease of the default options.
pub(super) const LEASE_MS: i64 = 15_000;

/// A task's state as its hash tells it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Row {
    pub(super) status: String,
    pub(super) fence: u64,
    pub(super) attempt: u64,
    pub(super) crashes: u64,
    pub(super) retry_count: u64,
    pub(super) cancel_requested: bool,
}

impl Row {
    pub(super) fn is_final(&self) -> bool {
        matches!(self.status.as_str(), "success" | "failed" | "cancelled")
    }
}

/// What is being done, as far as it says which changes may follow.
#[derive(Debug)]
pub(super) enum Deed {
    Enqueue(Vec<String>),
    Claim(Vec<(String, u64)>),
    Settle(String),
    Tick,
    Cancel(Vec<String>),
    Retry,
    Purge(Vec<String>),
    Answer(String),
    /// Nothing that changes a task but perhaps frees one that is blocked.
    Other,
}

/// A worker, and what it believes to hold.
pub(super) struct Crew {
    pub(super) manual_worker: ManualWorker,
    pub(super) claims: Vec<Claim>,
}

/// One seed's queue and everything that the model knows of it.
pub(super) struct Simulation {
    pub(super) seed: u64,
    pub(super) queue: Queue,
    pub(super) prefix: String,
    pub(super) rng: fastrand::Rng,
    pub(super) clock: ClockShift,
    pub(super) shift_ms: i64,
    pub(super) trace: Vec<String>,
    pub(super) crews: Vec<Crew>,
    pub(super) crews_made: usize,
    /// Claims of workers that crashed, and ones that were settled.
    pub(super) stale: Vec<(greenline_queue::WorkerId, Claim)>,
    pub(super) specs: BTreeMap<String, TaskSpec>,
    pub(super) rows: BTreeMap<String, Row>,
    /// Until when each claim holds at least; none where somebody deleted it.
    pub(super) leases: BTreeMap<String, i64>,
    pub(super) settled: HashSet<(String, u64)>,
    /// Claims that the queue takes for started: only they can have crashed.
    pub(super) started: HashSet<(String, u64)>,
    /// Tasks that an operator has locked.
    pub(super) locked: HashSet<String>,
    pub(super) approved: HashSet<String>,
    /// Tasks whose time had come once, whatever the clock did since.
    pub(super) was_due: HashSet<String>,
    pub(super) pushed: BTreeSet<String>,
    pub(super) bad_pushes: usize,
    pub(super) last_tick: Option<i64>,
    /// Whether lists are tampered with, so that their lengths say little.
    pub(super) rough: bool,
}

impl Simulation {
    pub(super) async fn new(url: &str, seed: u64) -> Self {
        let namespace = format!("s{seed}");
        let prefix = format!("{namespace}:");
        let clock = ClockShift::default();
        let config = StoreConfig::at(url).in_namespace(namespace.parse().unwrap());
        let store = Store::lazy(config).unwrap();
        let options = QueueOptions { clock: clock.clone(), ..QueueOptions::default() };
        let queue = Queue::open(store, options).await.unwrap();
        let mut simulation = Self {
            seed,
            queue,
            prefix,
            rng: fastrand::Rng::with_seed(seed),
            clock,
            shift_ms: 0,
            trace: vec![],
            crews: vec![],
            crews_made: 0,
            stale: vec![],
            specs: BTreeMap::new(),
            rows: BTreeMap::new(),
            leases: BTreeMap::new(),
            settled: HashSet::new(),
            started: HashSet::new(),
            locked: HashSet::new(),
            approved: HashSet::new(),
            was_due: HashSet::new(),
            pushed: BTreeSet::new(),
            bad_pushes: 0,
            last_tick: None,
            rough: seed % 2 == 1,
        };
        for _ in 0..3 {
            simulation.hire().await;
        }
        simulation.tick().await;
        simulation
    }

    pub(super) fn now(&self) -> i64 {
        Utc::now().timestamp_millis() + self.shift_ms
    }

    /// Panics with all that is needed to see it again.
    #[track_caller]
    pub(super) fn fail(&self, why: &str) -> ! {
        let trace = self.trace.join("\n  ");
        panic!("{why}\nMODEL_SEED={} after\n  {trace}", self.seed);
    }

    #[track_caller]
    pub(super) fn expect(&self, holds: bool, why: impl FnOnce() -> String) {
        if !holds {
            self.fail(&why());
        }
    }

    /// Reads all tasks, and checks every change against the contract.
    pub(super) async fn check(&mut self, deed: Deed) {
        let after = self.read().await;
        let ids: BTreeSet<String> = self.rows.keys().chain(after.keys()).cloned().collect();
        for id in &ids {
            let (before, after_one) = (self.rows.get(id), after.get(id));
            match (before, after_one) {
                (None, Some(now)) => {
                    self.check_birth(id, &deed);
                    let early = now.status != "scheduled" && runnable(now) && !self.is_due(id);
                    self.expect(!early, || format!("{id} is {now:?} before its time"));
                }
                (Some(_), None) => {
                    let purged = matches!(&deed, Deed::Purge(purged) if purged.contains(id));
                    self.expect(purged, || format!("{id} is gone after {deed:?}"));
                }
                (Some(before), Some(now)) if before != now => {
                    self.check_change(id, before, now, &after, &deed);
                }
                _ => {}
            }
        }
        self.check_keys(&after);
        for (id, row) in &after {
            if row.status != "running" {
                self.leases.remove(id);
            }
            if row.status == "pending" || row.is_final() {
                self.was_due.insert(id.clone());
            }
        }
        self.rows = after;
    }

    fn check_birth(&self, id: &str, deed: &Deed) {
        let named = matches!(deed, Deed::Enqueue(new) if new.iter().any(|one| one == id));
        let adopted = matches!(deed, Deed::Claim(_) | Deed::Tick) && self.pushed.contains(id);
        self.expect(named || adopted, || format!("{id} was born of {deed:?}"));
    }

    fn check_change(
        &self,
        id: &str,
        before: &Row,
        now: &Row,
        all: &BTreeMap<String, Row>,
        deed: &Deed,
    ) {
        let reported = || format!("{id}: {before:?} became {now:?} by {deed:?}");
        let given =
            matches!(deed, Deed::Claim(given) if given.contains(&(id.to_owned(), now.fence)));
        let reaped = matches!(deed, Deed::Tick) && before.status == "running";
        self.expect(now.fence >= before.fence, reported);
        self.expect(now.fence == before.fence || given || reaped, reported);
        self.expect(now.attempt == before.attempt + u64::from(given), reported);
        let crashed = reaped && self.started.contains(&(id.to_owned(), before.fence));
        let retried = matches!(deed, Deed::Retry) && now.crashes == 0;
        self.expect(now.crashes == before.crashes + u64::from(crashed) || retried, reported);
        self.expect(!given || !self.locked.contains(id), reported);
        if before.status == now.status {
            return;
        }
        let parents = self.parents(id, all);
        let parents_won = parents.iter().all(|status| status == "success");
        let parents_lost =
            parents.iter().any(|status| matches!(status.as_str(), "failed" | "cancelled" | ""));
        let runnable = runnable(now);
        let may = match (before.status.as_str(), now.status.as_str()) {
            ("pending" | "blocked", "running") => given && parents_won && self.may_run(id),
            ("pending", "scheduled" | "blocked") => matches!(deed, Deed::Claim(_)),
            ("blocked", "scheduled" | "pending") => true,
            ("scheduled", "pending" | "blocked") => {
                matches!(deed, Deed::Tick) && (self.was_due.contains(id) || self.is_due(id))
            }
            ("waiting", _) if runnable => parents_won,
            ("awaiting_approval", _) if runnable || now.status == "waiting" => {
                matches!(deed, Deed::Answer(answered) if answered == id)
            }
            ("running", _) if matches!(deed, Deed::Settle(settled) if settled == id) => true,
            ("running", "pending" | "failed" | "cancelled") => reaped && self.lease_ended(id),
            ("success" | "failed" | "cancelled", _) => matches!(deed, Deed::Retry),
            (_, "cancelled") => {
                matches!(deed, Deed::Cancel(named) if named.iter().any(|one| one == id))
                    || matches!(deed, Deed::Answer(answered) if answered == id)
                    || parents_lost
            }
            _ => false,
        };
        self.expect(may, reported);
    }

    fn parents(&self, id: &str, all: &BTreeMap<String, Row>) -> Vec<String> {
        let spec = &self.specs[id];
        let status = |parent: &greenline_queue::TaskId| {
            all.get(parent.as_str()).map(|row| row.status.clone()).unwrap_or_default()
        };
        spec.depends_on.iter().map(status).collect()
    }

    /// Whether a person allows it, where one is asked.
    fn may_run(&self, id: &str) -> bool {
        !self.specs[id].requires_approval || self.approved.contains(id)
    }

    /// Whether the time has come that its producer named.
    fn is_due(&self, id: &str) -> bool {
        self.specs[id].not_before.is_none_or(|at| at.timestamp_millis() <= self.now())
    }

    fn lease_ended(&self, id: &str) -> bool {
        self.leases.get(id).is_none_or(|until| *until <= self.now())
    }

    /// One running task for each `concurrency_key`, one live for each `dedup_key`.
    fn check_keys(&self, rows: &BTreeMap<String, Row>) {
        let (mut running, mut live) = (BTreeMap::new(), BTreeMap::new());
        for (id, row) in rows {
            let spec = &self.specs[id];
            if let Some(key) = spec.concurrency_key.as_ref().filter(|_| row.status == "running") {
                let other = running.insert(key.to_string(), id);
                self.expect(other.is_none(), || format!("{id} and {other:?} run under {key}"));
            }
            if let Some(key) = spec.dedup_key.as_ref().filter(|_| !row.is_final()) {
                let other = live.insert(key.to_string(), id);
                self.expect(other.is_none(), || format!("{id} and {other:?} live under {key}"));
            }
        }
    }

    /// What the contract promises to a settlement of this claim.
    pub(super) fn promise(&self, claim: &Claim) -> Promise {
        let fence: u64 = claim.fence.as_str().parse().unwrap();
        let id = claim.id.as_str();
        let holds = |row: &Row| row.status == "running" && row.fence == fence;
        match self.rows.get(id) {
            Some(row) if holds(row) => Promise::Counts(row.clone()),
            Some(_) if self.settled.contains(&(id.to_owned(), fence)) => Promise::Already,
            _ => Promise::Lost,
        }
    }

    /// Notes that a settlement counted; each claim's does once.
    pub(super) fn note_settled(&mut self, claim: &Claim, settled: Settlement) {
        if matches!(settled, Settlement::Already | Settlement::Lost) {
            return;
        }
        let fence = claim.fence.as_str().parse().unwrap();
        let first = self.settled.insert((claim.id.to_string(), fence));
        self.expect(first, || format!("{} was settled twice under {fence}", claim.id));
    }

    /// The hashes of all tasks that may be there.
    async fn read(&self) -> BTreeMap<String, Row> {
        let ids: Vec<&String> = self.specs.keys().collect();
        let mut calls = pipe();
        for id in &ids {
            calls.cmd("HMGET").arg(format!("{}agent:task:{id}", self.prefix)).arg(&[
                "status",
                "fence",
                "attempt",
                "crashes",
                "retry_count",
                "cancel_requested",
            ]);
        }
        if ids.is_empty() {
            return BTreeMap::new();
        }
        let answers = self.queue.store().pipeline(&calls).await.unwrap();
        let mut rows = BTreeMap::new();
        for (id, answer) in ids.into_iter().zip(answers) {
            let fields: Vec<Option<String>> = from_redis_value(answer).unwrap();
            let number = |at: usize| -> u64 {
                fields[at].as_deref().map_or(0, |text: &str| text.parse().unwrap())
            };
            let Some(status) = fields[0].clone() else { continue };
            rows.insert(
                id.clone(),
                Row {
                    status,
                    fence: number(1),
                    attempt: number(2),
                    crashes: number(3),
                    retry_count: number(4),
                    cancel_requested: fields[5].is_some(),
                },
            );
        }
        rows
    }

    /// Stats have to say what the hashes say; where lists are tampered with,
    /// they are only read.
    pub(super) async fn check_stats(&self) {
        let stats = self.queue.stats().await.unwrap();
        if self.rough {
            return;
        }
        let count =
            |status: &str| self.rows.values().filter(|row| row.status == status).count() as u64;
        for (name, reported, counted) in [
            ("pending", stats.pending, count("pending")),
            ("running", stats.running, count("running")),
            ("scheduled", stats.scheduled, count("scheduled")),
            ("waiting", stats.waiting, count("waiting")),
            ("blocked", stats.blocked, count("blocked")),
            ("awaiting_approval", stats.awaiting_approval, count("awaiting_approval")),
            ("dead", stats.dead, count("failed")),
            ("done", stats.done, count("success") + count("cancelled")),
        ] {
            self.expect(reported == counted, || {
                format!("stats tell {reported} {name}, not {counted}")
            });
        }
    }

    /// A plain command, as an operator would type it.
    pub(super) async fn type_in(&self, line: &str) -> Value {
        let words: Vec<&str> = line.split(' ').collect();
        let mut call = cmd(words[0]);
        call.arg(format!("{}agent:{}", self.prefix, words[1])).arg(&words[2..]);
        self.queue.store().command(&call).await.unwrap()
    }
}

fn runnable(row: &Row) -> bool {
    matches!(row.status.as_str(), "pending" | "blocked" | "scheduled")
}

/// What the contract promises to a settlement.
#[derive(Debug)]
pub(super) enum Promise {
    /// It counts; the task was so before.
    Counts(Row),
    /// It was settled before.
    Already,
    /// The claim is another's by now, or nobody's.
    Lost,
}
