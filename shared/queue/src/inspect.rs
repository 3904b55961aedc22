//! Reads tasks: one with its history, or lists of them.

use std::collections::{BTreeSet, HashMap};

use greenline_store::{Value, cmd, from_redis_value, pipe};
use serde::Serialize;

use crate::producer::list_of;
use crate::{Priority, Queue, QueueError, TaskId, TaskStatus};

/// A task's hash.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct TaskRecord {
    pub id: String,
    #[serde(rename = "type")]
    pub kind: String,
    /// As Redis stores it.
    pub status: String,
    pub priority: String,
    /// The producer's time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created_at: Option<String>,
    /// In ms.
    pub enqueued_at: Option<i64>,
    /// The last claim, in ms.
    pub claimed_at: Option<i64>,
    /// The last start, in ms.
    pub started_at: Option<i64>,
    /// In ms.
    pub finished_at: Option<i64>,
    /// The number of claims.
    pub attempt: u32,
    /// The number of retries used.
    pub retry_count: u32,
    /// The number of failed attempts.
    pub failures: u32,
    /// The number of workers that died while running it.
    pub crashes: u32,
    /// The number of its last claim.
    pub fence: String,
    /// The last worker.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub worker_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub route: Option<String>,
    /// As JSON.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub result: Option<String>,
    /// The reason why it did not succeed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// The reason of a requested cancellation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cancel_requested: Option<String>,
    /// The key that blocks it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub blocked_by: Option<String>,
    /// The ids of its parents.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub depends_on: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub traceparent: Option<String>,
    /// The task's JSON, byte for byte.
    #[serde(skip)]
    pub payload: String,
}

/// A task with its history.
#[derive(Debug, Clone, Serialize)]
pub struct TaskDetails {
    #[serde(flatten)]
    pub record: TaskRecord,
    /// The record of each attempt, oldest first: JSON, as the scripts wrote it.
    pub attempts: Vec<serde_json::Value>,
    /// The tasks that wait for it.
    pub children: Vec<String>,
    /// The holder of its lock.
    pub lock: Option<String>,
    /// In ms.
    pub lease_until: Option<i64>,
    /// The time at which it becomes pending, in ms.
    pub scheduled_for: Option<i64>,
    /// The parsed payload.
    pub task: serde_json::Value,
}

/// Conditions of a list of tasks.
#[derive(Debug, Clone, Default)]
pub struct TaskFilter {
    /// Empty for every status.
    pub statuses: BTreeSet<TaskStatus>,
    pub kind: Option<String>,
    pub priority: Option<Priority>,
    /// The beginning of the id.
    pub id_prefix: Option<String>,
    /// Text in the error or result.
    pub containing: Option<String>,
}

impl TaskFilter {
    fn fits(&self, record: &TaskRecord) -> bool {
        let holds = |text: &Option<String>, part: &str| {
            text.as_ref().is_some_and(|text| text.contains(part))
        };
        let status: Result<TaskStatus, _> = record.status.parse();
        (self.statuses.is_empty() || status.is_ok_and(|status| self.statuses.contains(&status)))
            && self.kind.as_ref().is_none_or(|kind| *kind == record.kind)
            && self.priority.is_none_or(|priority| priority.as_str() == record.priority)
            && self.id_prefix.as_ref().is_none_or(|prefix| record.id.starts_with(prefix.as_str()))
            && self
                .containing
                .as_ref()
                .is_none_or(|part| holds(&record.error, part) || holds(&record.result, part))
    }

    fn wants(&self, status: TaskStatus) -> bool {
        self.statuses.is_empty() || self.statuses.contains(&status)
    }
}

impl Queue {
    /// Returns a task's hash.
    pub async fn record(&self, id: &TaskId) -> Result<Option<TaskRecord>, QueueError> {
        let mut records = self.records(&[id.to_string()]).await?;
        Ok(records.pop().filter(|record| !record.status.is_empty()))
    }

    /// Returns a task with its history.
    pub async fn details(&self, id: &TaskId) -> Result<Option<TaskDetails>, QueueError> {
        let core = self.core();
        let Some(record) = self.record(id).await? else { return Ok(None) };
        let key = |rest: &str| core.task_key(&format!("{id}:{rest}"));
        let mut calls = pipe();
        calls.cmd("LRANGE").arg(key("attempts")).arg(0).arg(-1);
        calls.cmd("SMEMBERS").arg(key("children"));
        calls.cmd("GET").arg(key("lock"));
        calls.cmd("ZSCORE").arg(core.key("tasks:leases")).arg(id.as_str());
        calls.cmd("ZSCORE").arg(core.key("tasks:scheduled")).arg(id.as_str());
        let mut answers = core.store.pipeline(&calls).await?.into_iter();
        let attempts: Vec<String> = next(&mut answers);
        let read = |text: &String| {
            serde_json::from_str(text).unwrap_or(serde_json::Value::String(text.clone()))
        };
        let task = read(&record.payload);
        Ok(Some(TaskDetails {
            attempts: attempts.iter().map(read).collect(),
            children: next(&mut answers),
            lock: next(&mut answers),
            lease_until: next::<Option<f64>>(&mut answers).map(as_ms),
            scheduled_for: next::<Option<f64>>(&mut answers).map(as_ms),
            record,
            task,
        }))
    }

    /// Finds the only task whose id begins with `text`.
    pub async fn find(&self, text: &str) -> Result<TaskLookup, QueueError> {
        if let Ok(id) = text.parse::<TaskId>()
            && self.record(&id).await?.is_some()
        {
            return Ok(TaskLookup::One(id));
        }
        // No character of an id is special in a pattern.
        let Ok(prefix) = text.parse::<TaskId>() else { return Ok(TaskLookup::None) };
        let core = self.core();
        let pattern = core.task_key(&format!("{prefix}*"));
        let start = core.task_key("").len();
        let mut found = BTreeSet::new();
        let mut cursor = 0_u64;
        loop {
            let mut call = cmd("SCAN");
            call.arg(cursor).arg("MATCH").arg(&pattern).arg("COUNT").arg(2_000);
            let (next, keys): (u64, Vec<String>) = core.store.command(&call).await?;
            let ids = keys.iter().filter_map(|key| key.get(start..)?.parse::<TaskId>().ok());
            found.extend(ids);
            cursor = next;
            if cursor == 0 || found.len() > 8 {
                break;
            }
        }
        let mut found: Vec<TaskId> = found.into_iter().collect();
        Ok(match found.len() {
            0 => TaskLookup::None,
            1 => TaskLookup::One(found.remove(0)),
            _ => TaskLookup::Several(found),
        })
    }

    /// Lists at most `most` matching tasks: of each status the next or latest ones.
    pub async fn list(
        &self,
        filter: &TaskFilter,
        most: usize,
    ) -> Result<Vec<TaskRecord>, QueueError> {
        let mut listed = Vec::new();
        let mut seen = BTreeSet::new();
        for index in self.indexes(filter).await? {
            let mut from = 0;
            while listed.len() < most {
                let ids = self.page(&index, from).await?;
                if ids.is_empty() {
                    break;
                }
                from += ids.len();
                let mut records = self.records(&ids).await?;
                records.retain(|record| filter.fits(record) && seen.insert(record.id.clone()));
                listed.extend(records);
            }
        }
        listed.truncate(most);
        Ok(listed)
    }

    /// Returns the hashes of tasks in the order of `ids`. A deleted task has no status.
    pub(crate) async fn records(&self, ids: &[String]) -> Result<Vec<TaskRecord>, QueueError> {
        let core = self.core();
        let mut records = Vec::with_capacity(ids.len());
        for some in ids.chunks(500) {
            let mut calls = pipe();
            for id in some {
                calls.cmd("HGETALL").arg(core.task_key(id));
            }
            let answers = core.store.pipeline(&calls).await?;
            for (id, answer) in some.iter().zip(answers) {
                // A key of the wrong type is not a task; `doctor` names it.
                let fields = from_redis_value(answer).unwrap_or_default();
                records.push(read_record(id, fields));
            }
        }
        Ok(records)
    }

    /// Returns the indexes that list tasks of the wanted statuses.
    async fn indexes(&self, filter: &TaskFilter) -> Result<Vec<TaskIndex>, QueueError> {
        let core = self.core();
        let mut indexes = Vec::new();
        if filter.wants(TaskStatus::Running) {
            indexes.push(TaskIndex::Oldest(core.key("tasks:leases")));
        }
        // Tasks that are only marked as cancelled are still in these lists.
        if filter.wants(TaskStatus::Pending) {
            let routes: Vec<String> =
                core.store.command(cmd("HKEYS").arg(core.key("tasks:routes"))).await?;
            for priority in Priority::ALL {
                for route in std::iter::once("").chain(routes.iter().map(String::as_str)) {
                    let list = list_of(priority, route);
                    indexes.push(TaskIndex::ListFromEnd(core.key(&format!("tasks:{list}"))));
                }
            }
        }
        if filter.wants(TaskStatus::Scheduled) {
            indexes.push(TaskIndex::Oldest(core.key("tasks:scheduled")));
        }
        if filter.wants(TaskStatus::Waiting) || filter.wants(TaskStatus::AwaitingApproval) {
            indexes.push(TaskIndex::Oldest(core.key("tasks:waiting")));
        }
        if filter.wants(TaskStatus::Blocked) {
            let keys: Vec<String> =
                core.store.command(cmd("SMEMBERS").arg(core.key("tasks:blocked"))).await?;
            let lists = keys.iter().map(|key| core.key(&format!("tasks:blocked:{key}")));
            indexes.extend(lists.map(TaskIndex::List));
        }
        if filter.wants(TaskStatus::Failed) {
            indexes.push(TaskIndex::Newest(core.key("tasks:dead")));
        }
        if filter.wants(TaskStatus::Success) || filter.wants(TaskStatus::Cancelled) {
            indexes.push(TaskIndex::Newest(core.key("tasks:done")));
        }
        Ok(indexes)
    }

    async fn page(&self, index: &TaskIndex, from: usize) -> Result<Vec<String>, QueueError> {
        let last = from + PAGE - 1;
        let call = match index {
            TaskIndex::Oldest(key) => cmd("ZRANGE").arg(key).arg(from).arg(last).clone(),
            TaskIndex::Newest(key) => cmd("ZREVRANGE").arg(key).arg(from).arg(last).clone(),
            TaskIndex::List(key) => cmd("LRANGE").arg(key).arg(from).arg(last).clone(),
            TaskIndex::ListFromEnd(key) => {
                let (first, last) = (-1 - last.cast_signed(), -1 - from.cast_signed());
                cmd("LRANGE").arg(key).arg(first).arg(last).clone()
            }
        };
        let mut ids: Vec<String> = self.core().store.command(&call).await?;
        if matches!(index, TaskIndex::ListFromEnd(_)) {
            ids.reverse();
        }
        ids.retain(|id| id.len() <= 128);
        Ok(ids)
    }
}

/// The tasks that a shortened id matches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TaskLookup {
    None,
    One(TaskId),
    /// Some of several matches.
    Several(Vec<TaskId>),
}

const PAGE: usize = 500;

enum TaskIndex {
    Oldest(String),
    Newest(String),
    List(String),
    ListFromEnd(String),
}

fn next<T: greenline_store::FromRedisValue + Default>(
    answers: &mut impl Iterator<Item = Value>,
) -> T {
    answers.next().and_then(|answer| from_redis_value(answer).ok()).unwrap_or_default()
}

#[expect(clippy::cast_possible_truncation, reason = "scores are ms, far below 2^53")]
fn as_ms(score: f64) -> i64 {
    score as i64
}

fn read_record(id: &str, mut fields: HashMap<String, String>) -> TaskRecord {
    let number = |name: &str| fields.get(name).and_then(|text| text.parse::<i64>().ok());
    let count = |name: &str| number(name).and_then(|n| u32::try_from(n).ok()).unwrap_or(0);
    let (enqueued_at, claimed_at) = (number("enqueued_at"), number("claimed_at"));
    let (started_at, finished_at) = (number("started_at"), number("finished_at"));
    let (attempt, retry_count) = (count("attempt"), count("retry_count"));
    let (failures, crashes) = (count("failures"), count("crashes"));
    let mut text = |name: &str| fields.remove(name).filter(|text| !text.is_empty());
    let depends_on = text("depends_on").unwrap_or_default();
    TaskRecord {
        id: id.to_owned(),
        kind: text("type").unwrap_or_default(),
        status: text("status").unwrap_or_default(),
        priority: text("priority").unwrap_or_default(),
        created_at: text("created_at"),
        enqueued_at,
        claimed_at,
        started_at,
        finished_at,
        attempt,
        retry_count,
        failures,
        crashes,
        fence: text("fence").unwrap_or_default(),
        worker_id: text("worker_id"),
        route: text("route"),
        result: text("result"),
        error: text("error"),
        cancel_requested: text("cancel_requested"),
        blocked_by: text("blocked_by"),
        depends_on: depends_on.split_whitespace().map(str::to_owned).collect(),
        traceparent: text("traceparent"),
        payload: text("payload").unwrap_or_default(),
    }
}
