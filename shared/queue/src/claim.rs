//! A worker's side of the queue: registering, claiming, renewing claims.

use std::collections::BTreeSet;
use std::time::Duration;

use greenline_store::{BlockingConnection, Value, cmd, from_redis_value};
use serde::Serialize;
use tokio::sync::watch;

use crate::core::ms;
use crate::{Label, Queue, QueueError, Route, Task, TaskError, TaskId, TaskType, WorkerId};

/// The interval at which an idle worker looks for new routes.
const IDLE_ROUND: Duration = Duration::from_secs(5);

/// A number that grows with each claim of a task. A change under an older fence is refused.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
pub struct Fence(pub(crate) String);

impl Fence {
    /// Returns the fence as Redis stores it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A worker's hold on a task, until it is settled or its lease expires.
#[derive(Debug, Clone)]
pub struct Claim {
    pub id: TaskId,
    /// The number of this claim.
    pub fence: Fence,
    /// Counts every claim of the task, from 1.
    pub attempt: u32,
    /// The number of retries used.
    pub retry_count: u32,
    /// The number of workers that died while running it.
    pub crashes: u32,
    pub kind: TaskType,
    /// The queue counts it as started. A prefetched task is not: call [`Queue::start`] before it
    /// runs.
    pub started: bool,
    /// It runs alone on its worker, because it may have killed others.
    pub alone: bool,
    /// In ms of Redis's clock.
    pub claimed_at: i64,
    /// Its hash says that a yes is bound to it.
    pub(crate) had_gate: bool,
    signature: String,
    payload: Vec<u8>,
    task: Result<Task, TaskError>,
}

impl Claim {
    /// Parses the task. An error means that someone edited the task's hash by hand; no retry helps.
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

/// A worker's registration.
#[derive(Debug, Clone)]
pub struct WorkerProfile {
    /// Fresh for each process.
    pub id: WorkerId,
    /// The task types that it can run.
    pub types: BTreeSet<TaskType>,
    /// Labels this worker offers. It claims a task only if it has all of the task's labels.
    pub labels: BTreeSet<Label>,
    /// The number of tasks that it runs at once.
    pub slots: usize,
    /// The machine, for people.
    pub host: String,
    /// The program's version, for people.
    pub version: String,
}

/// The number of tasks that a worker requests.
#[derive(Debug, Clone, Copy)]
pub struct ClaimRequest<'a> {
    /// Tasks to start at once.
    pub start: usize,
    /// Additional tasks of the types in `short`.
    pub prefetch: usize,
    /// Types whose measured run is short.
    pub short: &'a BTreeSet<TaskType>,
    /// Tasks that are running now.
    pub running: usize,
}

/// The result of a claim.
#[derive(Debug, Default)]
pub struct ClaimedTasks {
    /// The started tasks first.
    pub tasks: Vec<Claim>,
    /// There may be more: claim again at once.
    pub more: bool,
    /// A task waits that must run alone: claim again when nothing runs.
    pub come_alone: bool,
}

/// The queue's reply to a heartbeat for one claim.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HeartbeatReply {
    /// The claim holds.
    Held,
    /// Another worker may own the task: drop the work without settling it.
    Lost,
    /// The claim holds, and a cancellation was requested: stop, then settle the task.
    CancelAsked(String),
}

/// The result of starting a prefetched task.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StartReply {
    /// The task may run.
    Go,
    /// Its lease expired while it waited: drop it.
    Lost,
}

/// A worker's handle on the queue. One claim is in flight at a time.
pub struct Worker {
    queue: Queue,
    profile: WorkerProfile,
    sequence: u64,
    priority_offset: usize,
    routes: watch::Sender<Vec<Route>>,
    /// The number of routes at the last read.
    routes_known: Option<usize>,
}

impl Queue {
    /// Creates a worker's handle. The first heartbeat registers the worker.
    #[must_use]
    pub fn worker(&self, profile: WorkerProfile) -> Worker {
        Worker {
            queue: self.clone(),
            profile,
            // If a process reuses an id, its claims differ from its predecessor's.
            sequence: chrono::Utc::now().timestamp_micros().unsigned_abs(),
            priority_offset: 0,
            routes: watch::Sender::new(vec![]),
            routes_known: None,
        }
    }

    /// Renews claims, and the registration of their worker with `words` about it (field and value,
    /// alternating). Returns the reply for each claim, in order.
    pub async fn heartbeat(
        &self,
        profile: &WorkerProfile,
        words: &[(&str, String)],
        claims: &[(TaskId, Fence)],
    ) -> Result<Vec<HeartbeatReply>, QueueError> {
        let core = self.core();
        let labels: Vec<&str> = profile.labels.iter().map(Label::as_str).collect();
        let types: Vec<&str> = profile.types.iter().map(TaskType::as_str).collect();
        let mut call = core.call(&core.scripts.heartbeat, 32 + 2 * claims.len(), 512);
        call.arg(profile.id.as_str()).arg(ms(core.options.lease));
        call.arg(ms(registration_ttl(core.options.lease)));
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
        Ok(answers.into_iter().map(read_heartbeat_reply).collect())
    }

    /// Removes a worker's registration.
    pub async fn unregister(&self, worker: &WorkerId) -> Result<(), QueueError> {
        let core = self.core();
        let mut call = core.call(&core.scripts.unregister_worker, 1, 64);
        call.arg(worker.as_str());
        let _one: i64 = core.run(&core.scripts.unregister_worker, &call).await?;
        Ok(())
    }

    /// Marks prefetched tasks as started, before they run.
    pub async fn start(&self, claims: &[(TaskId, Fence)]) -> Result<Vec<StartReply>, QueueError> {
        let core = self.core();
        let mut call = core.call(&core.scripts.start, 2 * claims.len(), 64 * claims.len());
        for (id, fence) in claims {
            call.arg(id.as_str()).arg(fence.as_str());
        }
        let answers: Vec<String> = core.run(&core.scripts.start, &call).await?;
        let read = |answer: String| if answer == "ok" { StartReply::Go } else { StartReply::Lost };
        Ok(answers.into_iter().map(read).collect())
    }
}

impl Worker {
    #[must_use]
    pub fn profile(&self) -> &WorkerProfile {
        &self.profile
    }

    /// Claims tasks. After an error, the same call requests the same reply: tasks that were claimed
    /// for a lost reply come with the next one.
    pub async fn claim(&mut self, request: ClaimRequest<'_>) -> Result<ClaimedTasks, QueueError> {
        if self.routes_known.is_none() {
            self.refresh_routes().await?;
        }
        let queue = self.queue.clone();
        let core = queue.core();
        let mut call = core.call(&core.scripts.claim, 40, 512);
        call.arg(self.profile.id.as_str()).arg(self.sequence);
        call.arg(request.start).arg(request.prefetch);
        call.arg(ms(core.options.lease)).arg(request.running).arg(self.priority_offset % 15);
        call.arg(ms(registration_ttl(core.options.lease)));
        call.arg(u8::from(core.options.task_keys.check_signatures()));
        call.arg(self.profile.types.len());
        for kind in &self.profile.types {
            call.arg(kind.as_str());
        }
        call.arg(request.short.len());
        for kind in request.short {
            call.arg(kind.as_str());
        }
        call.arg(self.routes.borrow().len());
        for route in self.routes.borrow().iter() {
            call.arg(route.as_str());
        }
        type ClaimReply = (u8, usize, u8, Vec<Vec<u8>>, Vec<Vec<Value>>, i64);
        let (more, routes, alone, foreign, tasks, now): ClaimReply =
            core.run(&core.scripts.claim, &call).await?;
        let tasks = core.trusted(&self.profile, read_claims(tasks, now)?).await?;
        // Nothing may fail from here on: the claimed tasks would be forgotten.
        self.sequence += 1;
        self.priority_offset = (self.priority_offset + tasks.len().max(1)) % 15;
        let had_foreign = !foreign.is_empty();
        if let Err(error) = core.adopt_all(foreign).await {
            // They stay in `adopting`, and the next tick hands them out again.
            tracing::warn!(%error, "Entries pushed by hand are read later");
        }
        let new_routes = Some(routes) != self.routes_known && self.has_new_routes().await;
        let more = more == 1 || (tasks.is_empty() && (had_foreign || new_routes));
        Ok(ClaimedTasks { tasks, more, come_alone: alone == 1 })
    }

    async fn has_new_routes(&mut self) -> bool {
        self.refresh_routes().await.unwrap_or_else(|error| {
            tracing::debug!(%error, "Routes are read at the next claim");
            self.routes_known = None;
            false
        })
    }

    /// Returns a waiter that waits for work on this worker's behalf.
    #[must_use]
    pub fn waiter(&self) -> Waiter {
        Waiter { queue: self.queue.clone(), routes: self.routes.subscribe(), connection: None }
    }

    /// Reads the routes. Returns `true` if any of them is new to this worker, which should then
    /// claim.
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

/// Waits for work on a worker's behalf, on a separate connection.
///
/// Each new task adds a token, and the longest waiting worker takes it. So one idle worker wakes
/// up, not a thousand.
pub struct Waiter {
    queue: Queue,
    routes: watch::Receiver<Vec<Route>>,
    connection: Option<BlockingConnection>,
}

/// The reason why a wait ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WakeReason {
    /// There may be a task: claim.
    Work,
    /// The wait timed out: look for new routes.
    Timeout,
}

impl Waiter {
    /// Waits until there may be a task. Don't drop the future halfway: a token that was taken and
    /// not acted on leaves its task to the next tick.
    pub async fn wait(&mut self) -> Result<WakeReason, QueueError> {
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
        Ok(if token.is_some() { WakeReason::Work } else { WakeReason::Timeout })
    }
}

/// The lifetime of a registration without a heartbeat.
fn registration_ttl(lease: Duration) -> Duration {
    lease * 4
}

fn read_heartbeat_reply(answer: String) -> HeartbeatReply {
    match answer.as_str() {
        "ok" => HeartbeatReply::Held,
        "lost" => HeartbeatReply::Lost,
        _ => HeartbeatReply::CancelAsked(answer.trim_start_matches("cancel:").to_owned()),
    }
}

fn read_claims(tasks: Vec<Vec<Value>>, claimed_at: i64) -> Result<Vec<Claim>, QueueError> {
    tasks.into_iter().map(|task| read_claim(task, claimed_at)).collect()
}

/// Reads a task of the reply of `lua/claim.lua`.
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
