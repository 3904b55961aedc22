//! Enqueueing tasks.

use std::fmt;
use std::sync::Arc;

use futures_util::{StreamExt, stream};
use greenline_store::{Cmd, StoreError};
use serde::Serialize;

use crate::queue::Core;
use crate::signature::content_hash;
use crate::{Priority, Queue, QueueError, Status, Task, TaskError, TaskId};

/// The most tasks of one call.
pub(crate) const MOST_AT_ONCE: usize = 500;

/// The most bytes of tasks in one call, so that no call blocks Redis for long.
const MOST_BYTES_AT_ONCE: usize = 1024 * 1024;

/// The result of enqueueing a task.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum Enqueued {
    /// The task is new.
    Filed { status: Status },
    /// A task of this id exists already; nothing changed.
    Exists { status: Status },
    /// A live task holds its `dedup_key`; nothing changed.
    Duplicate { of: TaskId },
    /// The task was refused: correct it and enqueue it again.
    Refused {
        /// The reason and the remedy.
        why: String,
    },
}

impl Enqueued {
    /// Returns `true` if the task, or another in its place, is in the queue now.
    #[must_use]
    pub fn is_accepted(&self) -> bool {
        !matches!(self, Self::Refused { .. })
    }

    fn from_answer(answer: &str) -> Result<Self, QueueError> {
        if let Ok(status) = answer.parse() {
            return Ok(Self::Filed { status });
        }
        let (what, detail) = answer.split_once(':').unwrap_or((answer, ""));
        match what {
            "exists" => Ok(Self::Exists { status: detail.parse()? }),
            "duplicate" => Ok(Self::Duplicate { of: detail.parse()? }),
            "orphan" => Ok(Self::refused(format!(
                "depends_on names {detail}, and there is no such task: enqueue parents first"
            ))),
            "taken" => Ok(Self::refused(
                "another task has this id: give it one of its own, or purge that task",
            )),
            "routes" => Ok(Self::refused(
                "there are 256 combinations of type and labels already: use fewer labels",
            )),
            "wrongtype" => Ok(Self::refused(
                "the task's key in Redis holds something that is no task: delete that key",
            )),
            _ => Err(QueueError::unreadable("the answer to an enqueue", answer)),
        }
    }

    fn refused(why: impl Into<String>) -> Self {
        Self::Refused { why: why.into() }
    }
}

impl fmt::Display for Enqueued {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Filed { status } => write!(f, "{status}"),
            Self::Exists { status } => write!(f, "was there already ({status})"),
            Self::Duplicate { of } => write!(f, "duplicate of {of}"),
            Self::Refused { why } => write!(f, "refused: {why}"),
        }
    }
}

/// A task as the scripts take it.
pub(crate) struct Filing {
    task: Task,
    route: String,
    /// The fields of its hash that most tasks don't have.
    rare: Vec<(&'static str, String)>,
}

impl Queue {
    /// Enqueues one task. Concurrent callers share round trips.
    ///
    /// If the reply is lost, enqueue it again: the same id is stored once.
    pub async fn enqueue(&self, task: Task) -> Result<Enqueued, QueueError> {
        let filing = self.filing(task)?;
        self.enqueues.call(filing).await
    }

    /// Enqueues many tasks and returns the result for each, in order. Parents come before their
    /// children. The next call is built while one is in flight.
    pub async fn enqueue_many(&self, tasks: Vec<Task>) -> Result<Vec<Enqueued>, QueueError> {
        let mut outcomes = Vec::with_capacity(tasks.len());
        let mut batches = Batches { core: self.core(), tasks: tasks.into_iter() };
        // The first call goes alone: if Redis does not know the script yet, the order is kept.
        if let Some(first) = batches.next() {
            outcomes.extend(self.core().enqueue(&first?).await?);
        }
        let calls = batches.map(|batch| async move { self.core().enqueue(&batch?).await });
        let mut answers = stream::iter(calls).buffered(2);
        while let Some(answer) = answers.next().await {
            outcomes.extend(answer?);
        }
        Ok(outcomes)
    }

    fn filing(&self, task: Task) -> Result<Filing, QueueError> {
        self.core().filing(task)
    }
}

/// Tasks in batches that fit into one call.
struct Batches<'a> {
    core: &'a Core,
    tasks: std::vec::IntoIter<Task>,
}

impl Iterator for Batches<'_> {
    type Item = Result<Vec<Filing>, QueueError>;

    fn next(&mut self) -> Option<Self::Item> {
        let mut bytes = 0;
        let mut batch = Vec::new();
        while batch.len() < MOST_AT_ONCE && bytes < MOST_BYTES_AT_ONCE {
            let Some(task) = self.tasks.next() else { break };
            bytes += task.payload().len();
            match self.core.filing(task) {
                Ok(filing) => batch.push(filing),
                Err(error) => return Some(Err(error)),
            }
        }
        (!batch.is_empty()).then_some(Ok(batch))
    }
}

/// Stores one batch of the coalescer, split if it is too large for one call.
pub(crate) async fn file(
    core: Arc<Core>,
    filings: Vec<Filing>,
) -> Result<Vec<Enqueued>, QueueError> {
    let mut outcomes = Vec::with_capacity(filings.len());
    let mut rest = filings.as_slice();
    while !rest.is_empty() {
        let mut bytes = 0;
        let fits = rest.iter().take_while(|filing| {
            let first = bytes == 0;
            bytes += filing.task.payload().len();
            first || bytes <= MOST_BYTES_AT_ONCE
        });
        let (now, later) = rest.split_at(fits.count());
        outcomes.extend(file_each(&core, now).await?);
        rest = later;
    }
    Ok(outcomes)
}

/// Unrelated callers that share a call do not share a broken key: then each task gets its own call,
/// and the others' tasks are stored.
async fn file_each(core: &Core, filings: &[Filing]) -> Result<Vec<Enqueued>, QueueError> {
    let whole = core.enqueue(filings).await;
    if filings.len() == 1 || !matches!(whole, Err(QueueError::Store(StoreError::WrongType(_)))) {
        return whole;
    }
    let mut outcomes = Vec::with_capacity(filings.len());
    for filing in filings {
        match core.enqueue(std::slice::from_ref(filing)).await {
            Ok(one) => outcomes.extend(one),
            Err(QueueError::Store(error @ StoreError::WrongType(_))) => {
                outcomes.push(Enqueued::refused(error.to_string()));
            }
            Err(error) => return Err(error),
        }
    }
    Ok(outcomes)
}

impl Core {
    /// Checks a task's size, signs it if there is a key, and sets the term of
    /// its approval if it needs one.
    pub(crate) fn filing(&self, task: Task) -> Result<Filing, QueueError> {
        let (bytes, most) = (task.payload().len(), self.options.payload_most);
        if bytes > most {
            return Err(TaskError::TooLarge { bytes, most }.into());
        }
        let signature = self.options.task_keys.sign(task.id(), task.payload());
        Ok(self.described(task, signature))
    }

    /// A task with the signature that it came with, or none.
    pub(crate) fn described(&self, task: Task, signature: Option<String>) -> Filing {
        let expiry = i64::try_from(self.options.approval_expiry.as_millis()).unwrap_or(i64::MAX);
        let approval_expires =
            task.spec().requires_approval.then(|| self.now_ms().saturating_add(expiry));
        let route = task.spec().route().map_or_else(String::new, |route| route.as_str().to_owned());
        let rare = rare_fields(&task, &route, signature, approval_expires);
        Filing { task, route, rare }
    }

    /// Returns this machine's time, with the queue clock's offset: accurate enough for expiries in
    /// days.
    pub(crate) fn now_ms(&self) -> i64 {
        chrono::Utc::now().timestamp_millis() + self.options.clock.ms()
    }

    async fn enqueue(&self, filings: &[Filing]) -> Result<Vec<Enqueued>, QueueError> {
        let bytes: usize = filings.iter().map(|filing| filing.task.payload().len() + 400).sum();
        let mut call = self.call(&self.scripts.enqueue, filings.len() * 16, bytes);
        for alike in filings.chunk_by(Filing::is_like) {
            describe(alike, &mut call);
        }
        let answers: Vec<String> = self.run(&self.scripts.enqueue, &call).await?;
        answers.iter().map(|answer| Enqueued::from_answer(answer)).collect()
    }

    /// Stores an entry that was pushed by hand. Returns `None` if another process has handled it.
    pub(crate) async fn adopt(
        &self,
        entry: &[u8],
        filing: &Filing,
    ) -> Result<Option<Enqueued>, QueueError> {
        let mut call = self.call(&self.scripts.adopt, 40, 2 * entry.len() + 400);
        call.arg(entry).arg("");
        describe(std::slice::from_ref(filing), &mut call);
        let answer: String = self.run(&self.scripts.adopt, &call).await?;
        if answer == "gone" { Ok(None) } else { Enqueued::from_answer(&answer).map(Some) }
    }

    /// Quarantines an entry that can't be read.
    pub(crate) async fn reject(&self, entry: &[u8], record: &str) -> Result<(), QueueError> {
        let mut call = self.call(&self.scripts.adopt, 4, entry.len() + record.len());
        call.arg(entry).arg(record);
        let _gone_or_done: String = self.run(&self.scripts.adopt, &call).await?;
        Ok(())
    }
}

/// Writes a group of tasks as `lua/parts/file.lua` expects it.
fn describe(alike: &[Filing], call: &mut Cmd) {
    let Some(Filing { task, route, rare }) = alike.first() else { return };
    let spec = task.spec();
    call.arg(list_of(spec.priority, route)).arg(route);
    call.arg(spec.kind.as_str()).arg(spec.priority.as_str());
    call.arg(spec.timeout_minutes).arg(spec.retry_count).arg(2 * rare.len()).arg(alike.len());
    for Filing { task, rare, .. } in alike {
        call.arg(task.spec().task_id.as_str()).arg(task.payload());
        for (name, value) in rare {
            call.arg(*name).arg(value);
        }
    }
}

impl Filing {
    /// Returns `true` if both share the fields of a group header: each argument that is sent once
    /// instead of 500 times saves Redis about 2 % of the call.
    fn is_like(&self, other: &Self) -> bool {
        let (one, two) = (self.task.spec(), other.task.spec());
        self.route == other.route
            && one.kind == two.kind
            && one.priority == two.priority
            && one.timeout_minutes == two.timeout_minutes
            && one.retry_count == two.retry_count
            && self.rare.len() == other.rare.len()
    }
}

/// Returns the fields of a task's hash that most tasks don't have.
fn rare_fields(
    task: &Task,
    route: &str,
    signature: Option<String>,
    approval_expires: Option<i64>,
) -> Vec<(&'static str, String)> {
    let spec = task.spec();
    let mut rare = Vec::new();
    let mut add = |name, value: Option<String>| rare.extend(value.map(|value| (name, value)));
    add("created_at", spec.created_at.map(|time| time.to_rfc3339()));
    add("route", (!route.is_empty()).then(|| route.to_owned()));
    add("not_before", spec.not_before.map(|time| time.timestamp_millis().to_string()));
    add("dedup_key", spec.dedup_key.as_ref().map(ToString::to_string));
    add("concurrency_key", spec.concurrency_key.as_ref().map(ToString::to_string));
    if spec.dedup_key.is_some() || spec.concurrency_key.is_some() {
        add("links", Some("1".to_owned()));
    }
    if !spec.depends_on.is_empty() {
        let parents: Vec<&str> = spec.depends_on.iter().map(TaskId::as_str).collect();
        add("depends_on", Some(parents.join(" ")));
    }
    if let Some(expires) = approval_expires {
        add("approval_expires", Some(expires.to_string()));
        add("approval_hash", Some(content_hash(task.payload().as_bytes())));
    }
    add("traceparent", spec.traceparent.clone());
    add("signature", signature);
    rare
}

/// Returns the list for tasks of this priority and route.
pub(crate) fn list_of(priority: Priority, route: &str) -> String {
    let mut list = "pending".to_owned();
    if priority != Priority::Normal {
        list.push(':');
        list.push_str(priority.as_str());
    }
    if !route.is_empty() {
        list.push('@');
        list.push_str(route);
    }
    list
}
