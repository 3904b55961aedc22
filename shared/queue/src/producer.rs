//! Enqueueing tasks.

use std::fmt;
use std::sync::Arc;

use futures_util::{StreamExt, stream};
use greenline_store::{Cmd, StoreError};
use serde::Serialize;

use crate::core::Core;
use crate::signature::content_hash;
use crate::{Priority, Queue, QueueError, Task, TaskError, TaskId, TaskStatus};

/// The most tasks of one call.
pub(crate) const MOST_AT_ONCE: usize = 500;

/// The most bytes of tasks in one call, so that no call blocks Redis for long.
const MOST_BYTES_AT_ONCE: usize = 1024 * 1024;

/// The result of enqueueing a task.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum EnqueueOutcome {
    /// The task is new.
    Created { status: TaskStatus },
    /// A task of this id exists already; nothing changed.
    Exists { status: TaskStatus },
    /// A live task holds its `dedup_key`; nothing changed.
    Duplicate { of: TaskId },
    /// The task was refused: correct it and enqueue it again.
    Refused {
        /// The reason and the remedy.
        why: String,
    },
}

impl EnqueueOutcome {
    /// Returns `true` if the task, or another in its place, is in the queue now.
    #[must_use]
    pub fn is_accepted(&self) -> bool {
        !matches!(self, Self::Refused { .. })
    }

    fn from_answer(answer: &str) -> Result<Self, QueueError> {
        if let Ok(status) = answer.parse() {
            return Ok(Self::Created { status });
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

impl fmt::Display for EnqueueOutcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Created { status } => write!(f, "{status}"),
            Self::Exists { status } => write!(f, "was there already ({status})"),
            Self::Duplicate { of } => write!(f, "duplicate of {of}"),
            Self::Refused { why } => write!(f, "refused: {why}"),
        }
    }
}

/// A task as the scripts take it.
pub(crate) struct EncodedTask {
    task: Task,
    route: String,
    /// The fields of its hash that most tasks don't have.
    optional: Vec<(&'static str, String)>,
}

impl Queue {
    /// Enqueues one task. Concurrent callers share round trips.
    ///
    /// If the reply is lost, enqueue it again: the same id is stored once.
    pub async fn enqueue(&self, task: Task) -> Result<EnqueueOutcome, QueueError> {
        let encoded = self.encoded(task)?;
        self.enqueues.call(encoded).await
    }

    /// Enqueues many tasks and returns the result for each, in order. Parents come before their
    /// children. The next call is built while one is in flight.
    pub async fn enqueue_many(&self, tasks: Vec<Task>) -> Result<Vec<EnqueueOutcome>, QueueError> {
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

    fn encoded(&self, task: Task) -> Result<EncodedTask, QueueError> {
        self.core().encoded(task)
    }
}

/// Tasks in batches that fit into one call.
struct Batches<'a> {
    core: &'a Core,
    tasks: std::vec::IntoIter<Task>,
}

impl Iterator for Batches<'_> {
    type Item = Result<Vec<EncodedTask>, QueueError>;

    fn next(&mut self) -> Option<Self::Item> {
        let mut bytes = 0;
        let mut batch = Vec::new();
        while batch.len() < MOST_AT_ONCE && bytes < MOST_BYTES_AT_ONCE {
            let Some(task) = self.tasks.next() else { break };
            bytes += task.payload().len();
            match self.core.encoded(task) {
                Ok(encoded) => batch.push(encoded),
                Err(error) => return Some(Err(error)),
            }
        }
        (!batch.is_empty()).then_some(Ok(batch))
    }
}

/// Stores one batch of the coalescer, split if it is too large for one call.
pub(crate) async fn insert(
    core: Arc<Core>,
    tasks: Vec<EncodedTask>,
) -> Result<Vec<EnqueueOutcome>, QueueError> {
    let mut outcomes = Vec::with_capacity(tasks.len());
    let mut rest = tasks.as_slice();
    while !rest.is_empty() {
        let mut bytes = 0;
        let fits = rest.iter().take_while(|encoded| {
            let first = bytes == 0;
            bytes += encoded.task.payload().len();
            first || bytes <= MOST_BYTES_AT_ONCE
        });
        let (now, later) = rest.split_at(fits.count());
        outcomes.extend(insert_each(&core, now).await?);
        rest = later;
    }
    Ok(outcomes)
}

/// Unrelated callers that share a call do not share a broken key: then each task gets its own call,
/// and the others' tasks are stored.
async fn insert_each(
    core: &Core,
    tasks: &[EncodedTask],
) -> Result<Vec<EnqueueOutcome>, QueueError> {
    let whole = core.enqueue(tasks).await;
    if tasks.len() == 1 || !matches!(whole, Err(QueueError::Store(StoreError::WrongType(_)))) {
        return whole;
    }
    let mut outcomes = Vec::with_capacity(tasks.len());
    for encoded in tasks {
        match core.enqueue(std::slice::from_ref(encoded)).await {
            Ok(one) => outcomes.extend(one),
            Err(QueueError::Store(error @ StoreError::WrongType(_))) => {
                outcomes.push(EnqueueOutcome::refused(error.to_string()));
            }
            Err(error) => return Err(error),
        }
    }
    Ok(outcomes)
}

impl Core {
    /// Checks a task's size, signs it if there is a key, and sets the term of
    /// its approval if it needs one.
    pub(crate) fn encoded(&self, task: Task) -> Result<EncodedTask, QueueError> {
        let (bytes, most) = (task.payload().len(), self.options.payload_most);
        if bytes > most {
            return Err(TaskError::TooLarge { bytes, most }.into());
        }
        let signature = self.options.task_keys.sign(task.id(), task.payload());
        Ok(self.encode(task, signature))
    }

    /// A task with the signature that it came with, or none.
    pub(crate) fn encode(&self, task: Task, signature: Option<String>) -> EncodedTask {
        let expiry = i64::try_from(self.options.approval_expiry.as_millis()).unwrap_or(i64::MAX);
        let approval_expires =
            task.spec().requires_approval.then(|| self.now_ms().saturating_add(expiry));
        let route = task.spec().route().map_or_else(String::new, |route| route.as_str().to_owned());
        let optional = optional_fields(&task, &route, signature, approval_expires);
        EncodedTask { task, route, optional }
    }

    /// Returns this machine's time, with the queue clock's offset: accurate enough for expiries in
    /// days.
    pub(crate) fn now_ms(&self) -> i64 {
        chrono::Utc::now().timestamp_millis() + self.options.clock.ms()
    }

    async fn enqueue(&self, tasks: &[EncodedTask]) -> Result<Vec<EnqueueOutcome>, QueueError> {
        let bytes: usize = tasks.iter().map(|encoded| encoded.task.payload().len() + 400).sum();
        let mut call = self.call(&self.scripts.enqueue, tasks.len() * 16, bytes);
        for group in tasks.chunk_by(EncodedTask::is_like) {
            write_arguments(group, &mut call);
        }
        let answers: Vec<String> = self.run(&self.scripts.enqueue, &call).await?;
        answers.iter().map(|answer| EnqueueOutcome::from_answer(answer)).collect()
    }

    /// Stores an entry that was pushed by hand. Returns `None` if another process has handled it.
    pub(crate) async fn adopt(
        &self,
        entry: &[u8],
        encoded: &EncodedTask,
    ) -> Result<Option<EnqueueOutcome>, QueueError> {
        let mut call = self.call(&self.scripts.adopt, 40, 2 * entry.len() + 400);
        call.arg(entry).arg("");
        write_arguments(std::slice::from_ref(encoded), &mut call);
        let answer: String = self.run(&self.scripts.adopt, &call).await?;
        if answer == "gone" { Ok(None) } else { EnqueueOutcome::from_answer(&answer).map(Some) }
    }

    /// Quarantines an entry that can't be read.
    pub(crate) async fn reject(&self, entry: &[u8], record: &str) -> Result<(), QueueError> {
        let mut call = self.call(&self.scripts.adopt, 4, entry.len() + record.len());
        call.arg(entry).arg(record);
        let _gone_or_done: String = self.run(&self.scripts.adopt, &call).await?;
        Ok(())
    }
}

/// Writes a group of tasks as `lua/parts/insert.lua` expects it.
fn write_arguments(group: &[EncodedTask], call: &mut Cmd) {
    let Some(EncodedTask { task, route, optional }) = group.first() else { return };
    let spec = task.spec();
    call.arg(list_of(spec.priority, route)).arg(route);
    call.arg(spec.kind.as_str()).arg(spec.priority.as_str());
    call.arg(spec.timeout_minutes).arg(spec.retry_count).arg(2 * optional.len()).arg(group.len());
    for EncodedTask { task, optional, .. } in group {
        call.arg(task.spec().task_id.as_str()).arg(task.payload());
        for (name, value) in optional {
            call.arg(*name).arg(value);
        }
    }
}

impl EncodedTask {
    /// Returns `true` if both share the fields of a group header: each argument that is sent once
    /// instead of 500 times saves Redis about 2 % of the call.
    fn is_like(&self, other: &Self) -> bool {
        let (one, two) = (self.task.spec(), other.task.spec());
        self.route == other.route
            && one.kind == two.kind
            && one.priority == two.priority
            && one.timeout_minutes == two.timeout_minutes
            && one.retry_count == two.retry_count
            && self.optional.len() == other.optional.len()
    }
}

/// Returns the fields of a task's hash that most tasks don't have.
fn optional_fields(
    task: &Task,
    route: &str,
    signature: Option<String>,
    approval_expires: Option<i64>,
) -> Vec<(&'static str, String)> {
    let spec = task.spec();
    let mut optional = Vec::new();
    let mut add = |name, value: Option<String>| optional.extend(value.map(|value| (name, value)));
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
    optional
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
