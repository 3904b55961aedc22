//! A worker's side of the queue: registering, claiming, keeping claims.

use std::collections::BTreeSet;
use std::time::Duration;

use greenline_store::{Blocking, Value, cmd, from_redis_value};
use serde::Serialize;
use tokio::sync::watch;

use crate::{Label, Queue, QueueError, Route, Task, TaskError, TaskId, TaskType, WorkerId};

/// How often an idle worker looks whether there are new routes.
const IDLE_ROUND: Duration = Duration::from_secs(5);

/// A number that only grows with each claim of a task: what is said under an
/// older one comes too late.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
pub struct Fence(pub(crate) String);

impl Fence {
    /// As Redis has it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A worker's hold on a task, until it is settled or its lease ends.
#[derive(Debug, Clone)]
pub struct Claim {
    /// The task.
    pub id: TaskId,
    /// The number of this hold.
    pub fence: Fence,
    /// Which attempt this is, counted over everything that ever claimed it.
    pub attempt: u32,
    /// How many retries were used.
    pub retry_count: u32,
    /// How many workers died of it.
    pub crashes: u32,
    /// Its type.
    pub kind: TaskType,
    /// Whether the queue takes it for started. A prefetched one is not: say
    /// [`Queue::start`] before it runs.
    pub started: bool,
    /// Whether it runs alone on its worker: it may have killed others.
    pub alone: bool,
    /// When it was claimed, in ms of Redis's clock.
    pub claimed_at: i64,
    /// Its hash says that a yes is bound to it.
    pub(crate) had_gate: bool,
    signature: String,
    payload: Vec<u8>,
    task: Result<Task, TaskError>,
}

impl Claim {
    /// What is to be done. An error here means that somebody wrote into the
    /// task's hash by hand; no retry will help.
    pub fn task(&self) -> Result<Task, TaskError> {
        self.task.clone()
    }

    /// What is to be done, without a copy.
    pub(crate) fn read(&self) -> Result<&Task, &TaskError> {
        self.task.as_ref()
    }

    /// The payload as Redis gave it: what runs.
    pub(crate) fn payload(&self) -> &[u8] {
        &self.payload
    }

    /// The signature that came with it; empty if none did.
    pub(crate) fn signature(&self) -> &str {
        &self.signature
    }
}

fn read_payload(payload: &[u8]) -> Result<Task, TaskError> {
    let text = std::str::from_utf8(payload).map_err(|error| TaskError::Malformed {
        field: "payload: ".to_owned(),
        why: error.to_string(),
    })?;
    Task::from_json(text)
}

/// What a worker tells of itself.
#[derive(Debug, Clone)]
pub struct WorkerProfile {
    /// A fresh id for each process.
    pub id: WorkerId,
    /// The types of task that it can run.
    pub types: BTreeSet<TaskType>,
    /// What it has: it takes tasks that want these, or none.
    pub labels: BTreeSet<Label>,
    /// How many tasks it runs at once.
    pub slots: usize,
    /// The machine, for people.
    pub host: String,
    /// The program's version, for people.
    pub version: String,
}

/// How many tasks a worker wants.
#[derive(Debug, Clone, Copy)]
pub struct Appetite<'a> {
    /// How many it starts at once.
    pub start: usize,
    /// How many more it takes of the types in `short`.
    pub prefetch: usize,
    /// Types whose measured run is short.
    pub short: &'a BTreeSet<TaskType>,
    /// How many it runs now.
    pub running: usize,
}

/// What a claim gave.
#[derive(Debug, Default)]
pub struct Claimed {
    /// The tasks, the first ones started.
    pub tasks: Vec<Claim>,
    /// Whether there may be more: ask again at once.
    pub more: bool,
    /// Whether a task waits that runs alone: come back with nothing running.
    pub come_alone: bool,
}

/// What a heartbeat says of a claim.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Beat {
    /// It holds.
    Held,
    /// Another may have the task by now: drop the work, say nothing.
    Lost,
    /// It holds, and somebody asked to call it off: stop, then settle it.
    CancelAsked(String),
}

/// What the start of a prefetched task came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start {
    /// It may run.
    Go,
    /// Its lease was lost while it waited: drop it.
    Lost,
}

/// A worker's handle on the queue. One claim is in flight at a time.
pub struct Worker {
    queue: Queue,
    profile: WorkerProfile,
    sequence: u64,
    place: usize,
    routes: watch::Sender<Vec<Route>>,
    /// How many routes there were when they were read last.
    routes_known: Option<usize>,
}

impl Queue {
    /// A worker's handle. Its first heartbeat registers it.
    #[must_use]
    pub fn worker(&self, profile: WorkerProfile) -> Worker {
        Worker {
            queue: self.clone(),
            profile,
            // Should a process take an id over, its claims are not its predecessor's.
            sequence: chrono::Utc::now().timestamp_micros().unsigned_abs(),
            place: 0,
            routes: watch::Sender::new(vec![]),
            routes_known: None,
        }
    }

    /// Renews claims, and the registration of their worker with `words` about
    /// it (field and value, one after the other). What it says of each, in order.
    pub async fn heartbeat(
        &self,
        profile: &WorkerProfile,
        words: &[(&str, String)],
        claims: &[(TaskId, Fence)],
    ) -> Result<Vec<Beat>, QueueError> {
        let core = self.core();
        let labels: Vec<&str> = profile.labels.iter().map(Label::as_str).collect();
        let types: Vec<&str> = profile.types.iter().map(TaskType::as_str).collect();
        let mut call = core.call(&core.scripts.heartbeat, 32 + 2 * claims.len(), 512);
        call.arg(profile.id.as_str()).arg(ms(core.options.lease));
        call.arg(ms(registration(core.options.lease)));
        call.arg(2 * (5 + words.len()));
        call.arg("host").arg(&profile.host).arg("version").arg(&profile.version);
        call.arg("labels").arg(labels.join(" ")).arg("types").arg(types.join(" "));
        call.arg("slots").arg(profile.slots);
        for (name, value) in words {
            call.arg(*name).arg(value);
        }
        for (id, fence) in claims {
            call.arg(id.as_str()).arg(fence.as_str());
        }
        let answers: Vec<String> = core.run(&core.scripts.heartbeat, &call).await?;
        Ok(answers.into_iter().map(beat).collect())
    }

    /// Ends a worker's registration.
    pub async fn leave(&self, worker: &WorkerId) -> Result<(), QueueError> {
        let core = self.core();
        let mut call = core.call(&core.scripts.leave, 1, 64);
        call.arg(worker.as_str());
        let _one: i64 = core.run(&core.scripts.leave, &call).await?;
        Ok(())
    }

    /// Says which prefetched tasks start now, before they do.
    pub async fn start(&self, claims: &[(TaskId, Fence)]) -> Result<Vec<Start>, QueueError> {
        let core = self.core();
        let mut call = core.call(&core.scripts.start, 2 * claims.len(), 64 * claims.len());
        for (id, fence) in claims {
            call.arg(id.as_str()).arg(fence.as_str());
        }
        let answers: Vec<String> = core.run(&core.scripts.start, &call).await?;
        let read = |answer: String| if answer == "ok" { Start::Go } else { Start::Lost };
        Ok(answers.into_iter().map(read).collect())
    }
}

impl Worker {
    /// What this worker tells of itself.
    #[must_use]
    pub fn profile(&self) -> &WorkerProfile {
        &self.profile
    }

    /// Claims tasks. After an error, the same call asks for the same answer:
    /// tasks that were claimed for an answer that got lost come with the next.
    pub async fn claim(&mut self, appetite: Appetite<'_>) -> Result<Claimed, QueueError> {
        if self.routes_known.is_none() {
            self.refresh_routes().await?;
        }
        let queue = self.queue.clone();
        let core = queue.core();
        let mut call = core.call(&core.scripts.claim, 40, 512);
        call.arg(self.profile.id.as_str()).arg(self.sequence);
        call.arg(appetite.start).arg(appetite.prefetch);
        call.arg(ms(core.options.lease)).arg(appetite.running).arg(self.place % 15);
        call.arg(ms(registration(core.options.lease)));
        call.arg(u8::from(core.options.task_keys.check_signatures()));
        call.arg(self.profile.types.len());
        for kind in &self.profile.types {
            call.arg(kind.as_str());
        }
        call.arg(appetite.short.len());
        for kind in appetite.short {
            call.arg(kind.as_str());
        }
        call.arg(self.routes.borrow().len());
        for route in self.routes.borrow().iter() {
            call.arg(route.as_str());
        }
        type Answer = (u8, usize, u8, Vec<Vec<u8>>, Vec<Vec<Value>>, i64);
        let (more, routes, alone, foreign, tasks, now): Answer =
            core.run(&core.scripts.claim, &call).await?;
        let tasks = core.trusted(&self.profile.id, read_claims(tasks, now)?).await?;
        // From here on nothing may fail: what was claimed would be forgotten.
        self.sequence += 1;
        self.place = (self.place + tasks.len().max(1)) % 15;
        let had_foreign = !foreign.is_empty();
        if let Err(error) = core.adopt_all(foreign).await {
            // They stay in `adopting`, and the next tick hands them out again.
            tracing::warn!(%error, "Entries pushed by hand are read later");
        }
        let new_routes = Some(routes) != self.routes_known && self.has_new_routes().await;
        let more = more == 1 || (tasks.is_empty() && (had_foreign || new_routes));
        Ok(Claimed { tasks, more, come_alone: alone == 1 })
    }

    async fn has_new_routes(&mut self) -> bool {
        self.refresh_routes().await.unwrap_or_else(|error| {
            tracing::debug!(%error, "Routes are read at the next claim");
            self.routes_known = None;
            false
        })
    }

    /// What waits for work on this worker's behalf, beside it.
    #[must_use]
    pub fn waiter(&self) -> Waiter {
        Waiter { queue: self.queue.clone(), routes: self.routes.subscribe(), connection: None }
    }

    /// Reads which routes there are; whether any of them is new to this worker,
    /// so that it should claim.
    pub async fn refresh_routes(&mut self) -> Result<bool, QueueError> {
        let core = self.queue.core();
        let all: Vec<String> =
            core.store.command(cmd("HKEYS").arg(core.key("tasks:routes"))).await?;
        self.routes_known = Some(all.len());
        let mut mine: Vec<Route> = all.iter().map(|word| Route::stored(word)).collect();
        mine.retain(|route| route.suits(&self.profile.types, &self.profile.labels));
        mine.sort();
        let new = mine.iter().any(|route| !self.routes.borrow().contains(route));
        self.routes.send_replace(mine);
        Ok(new)
    }
}

/// Waits for work on a worker's behalf, on a connection of its own.
///
/// Each new task lays a token, and whoever waits longest takes it: so one idle
/// worker comes for it, and not a thousand.
pub struct Waiter {
    queue: Queue,
    routes: watch::Receiver<Vec<Route>>,
    connection: Option<Blocking>,
}

/// What waiting came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Woken {
    /// There may be a task: claim.
    ForWork,
    /// Nothing for a while: see whether there are new routes.
    ByTime,
}

impl Waiter {
    /// Waits until there may be a task. Not to be dropped half-way: a token
    /// that was taken and not heeded leaves its task to the next tick.
    pub async fn wait(&mut self) -> Result<Woken, QueueError> {
        let core = self.queue.core();
        let wake = core.key("tasks:wake");
        let mut keys = vec![wake.clone()];
        keys.extend(self.routes.borrow().iter().map(|route| format!("{wake}@{}", route.as_str())));
        let mut call = cmd("BLPOP");
        call.arg(keys).arg(IDLE_ROUND.as_secs());
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => core.store.blocking().await?,
        };
        let token: Option<(String, String)> = connection.command(&call, IDLE_ROUND).await?;
        self.connection = Some(connection);
        Ok(if token.is_some() { Woken::ForWork } else { Woken::ByTime })
    }
}

/// How long a registration lives without a heartbeat.
fn registration(lease: Duration) -> Duration {
    lease * 4
}

pub(crate) fn ms(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

fn beat(answer: String) -> Beat {
    match answer.as_str() {
        "ok" => Beat::Held,
        "lost" => Beat::Lost,
        _ => Beat::CancelAsked(answer.trim_start_matches("cancel:").to_owned()),
    }
}

fn read_claims(tasks: Vec<Vec<Value>>, claimed_at: i64) -> Result<Vec<Claim>, QueueError> {
    tasks.into_iter().map(|task| read_claim(task, claimed_at)).collect()
}

/// A task of the answer, as `lua/claim.lua` gives it.
fn read_claim(task: Vec<Value>, claimed_at: i64) -> Result<Claim, QueueError> {
    let mut parts = task.into_iter();
    let mut bytes = || -> Vec<u8> {
        parts.next().and_then(|part| from_redis_value(part).ok()).unwrap_or_default()
    };
    let mut text = || String::from_utf8_lossy(&bytes()).into_owned();
    let (id, kind, words, retry_count) = (text(), text(), text(), text());
    let payload = bytes();
    let had_gate = !bytes().is_empty();
    let signature = String::from_utf8_lossy(&bytes()).into_owned();
    let words: Vec<&str> = words.split(' ').collect();
    let [fence, attempt, crashes, started] = words[..] else {
        return Err(QueueError::unreadable("a claim", "cut short"));
    };
    Ok(Claim {
        id: id.parse()?,
        fence: Fence(fence.to_owned()),
        attempt: attempt.parse().unwrap_or(0),
        retry_count: retry_count.parse().unwrap_or(0),
        crashes: crashes.parse().unwrap_or(0),
        kind: kind.parse()?,
        started: started != "0",
        alone: started == "2",
        claimed_at,
        signature,
        had_gate,
        task: read_payload(&payload),
        payload,
    })
}
