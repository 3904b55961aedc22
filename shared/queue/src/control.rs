//! Operator actions on tasks: cancel, retry, pause, limit, purge.

use std::collections::BTreeMap;
use std::fmt;

use greenline_store::cmd;
use serde::{Deserialize, Serialize};

use crate::adopt::QuarantinedEntry;
use crate::{NameError, Queue, QueueError, Route, TaskId, TaskStatus, TaskType};

/// Tasks per call, so that no call blocks Redis for long.
const MOST_AT_ONCE: usize = 500;

/// The result of cancelling a task.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum CancelOutcome {
    /// The task will not run.
    Done,
    /// The task is running; its worker learns of it at its next heartbeat.
    Asked,
    /// The task had already ended.
    HadEnded {
        status: TaskStatus,
    },
    Unknown,
}

/// The result of retrying a task.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum RetryOutcome {
    /// The task will run.
    Done {
        /// The new status.
        status: TaskStatus,
    },
    /// The task has not ended, or it succeeded: there is nothing to retry.
    NotFailed {
        status: TaskStatus,
    },
    /// Another live task holds its `dedup_key`.
    Duplicate {
        /// The task that holds the key.
        of: TaskId,
    },
    /// It waited for a task that did not succeed: retry that one first, or both at once.
    Orphan {
        parent: TaskId,
    },
    Unknown,
}

/// The result of purging a task.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum PurgeOutcome {
    /// The task is deleted.
    Done,
    /// The task has not ended: cancel it first.
    Live {
        status: TaskStatus,
    },
    /// The lead has not processed its end yet.
    Unacknowledged,
    /// A task that has not ended depends on it.
    Needed {
        by: TaskId,
    },
    Unknown,
}

/// The scope of a pause.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum PauseTarget {
    All,
    Type(TaskType),
    Route(Route),
}

impl fmt::Display for PauseTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All => f.write_str("all"),
            Self::Type(kind) => write!(f, "type:{kind}"),
            Self::Route(route) => write!(f, "route:{}", route.as_str()),
        }
    }
}

impl std::str::FromStr for PauseTarget {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        match text.split_once(':') {
            Some(("type", kind)) => Ok(Self::Type(kind.parse()?)),
            Some(("route", route)) => Ok(Self::Route(Route::stored(route))),
            _ if text == "all" => Ok(Self::All),
            _ => Ok(Self::Type(text.parse()?)),
        }
    }
}

/// A pause with its author, reason and time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PauseRecord {
    pub by: String,
    pub why: String,
    /// In ms.
    pub at: i64,
}

impl Queue {
    /// Cancels tasks. A single task is removed from its list at once; of many, the waiting ones are
    /// marked, and the next claim drops them.
    pub async fn cancel(
        &self,
        ids: &[TaskId],
        why: &str,
    ) -> Result<Vec<CancelOutcome>, QueueError> {
        let core = self.core();
        let how = if ids.len() == 1 { "remove" } else { "mark" };
        let mut outcomes = Vec::with_capacity(ids.len());
        for some in ids.chunks(MOST_AT_ONCE) {
            let mut call = core.call(&core.scripts.cancel, 2 + some.len(), 64 * some.len());
            call.arg(why).arg(how);
            for id in some {
                call.arg(id.as_str());
            }
            let answers: Vec<String> = core.run(&core.scripts.cancel, &call).await?;
            for answer in &answers {
                outcomes.push(read_cancelled(answer)?);
            }
        }
        Ok(outcomes)
    }

    /// Retries tasks that ended without success, with all their retries. `with_children` also
    /// restores the tasks that were cancelled with them.
    pub async fn retry(
        &self,
        ids: &[TaskId],
        who: &str,
        with_children: bool,
    ) -> Result<Vec<RetryOutcome>, QueueError> {
        let core = self.core();
        let mut outcomes = Vec::with_capacity(ids.len());
        for some in ids.chunks(MOST_AT_ONCE) {
            let mut call = core.call(&core.scripts.retry, 2 + some.len(), 64 * some.len());
            call.arg(who).arg(u8::from(with_children));
            for id in some {
                call.arg(id.as_str());
            }
            let answers: Vec<String> = core.run(&core.scripts.retry, &call).await?;
            for answer in &answers {
                outcomes.push(read_retried(answer)?);
            }
        }
        Ok(outcomes)
    }

    /// Deletes ended tasks with their logs. `unacknowledged` also deletes tasks that the lead has
    /// not processed.
    pub async fn purge(
        &self,
        ids: &[TaskId],
        unacknowledged: bool,
    ) -> Result<Vec<PurgeOutcome>, QueueError> {
        let core = self.core();
        let mut outcomes = Vec::with_capacity(ids.len());
        for some in ids.chunks(MOST_AT_ONCE) {
            let mut call = core.call(&core.scripts.purge, 1 + some.len(), 64 * some.len());
            call.arg(u8::from(unacknowledged));
            for id in some {
                call.arg(id.as_str());
            }
            let answers: Vec<String> = core.run(&core.scripts.purge, &call).await?;
            for answer in &answers {
                outcomes.push(read_purged(answer)?);
            }
        }
        Ok(outcomes)
    }

    /// Starts no more tasks of a scope. Running tasks continue.
    pub async fn pause(&self, what: &PauseTarget, by: &str, why: &str) -> Result<(), QueueError> {
        let core = self.core();
        let pause = PauseRecord { by: by.to_owned(), why: why.to_owned(), at: core.now_ms() };
        let pause = serde_json::to_string(&pause).expect("strings and a number are JSON");
        let mut call = core.call(&core.scripts.pause, 2, 256);
        call.arg(what.to_string()).arg(pause);
        let _added: i64 = core.run(&core.scripts.pause, &call).await?;
        Ok(())
    }

    /// Ends a pause. Returns `false` if there was none.
    pub async fn resume(&self, what: &PauseTarget) -> Result<bool, QueueError> {
        let core = self.core();
        let mut was_paused = false;
        loop {
            let mut call = core.call(&core.scripts.resume, 1, 64);
            call.arg(what.to_string());
            let (was, parked): (i64, u64) = core.run(&core.scripts.resume, &call).await?;
            was_paused |= was == 1;
            if parked == 0 {
                return Ok(was_paused);
            }
        }
    }

    /// Returns the pauses.
    pub async fn paused(&self) -> Result<BTreeMap<String, PauseRecord>, QueueError> {
        let core = self.core();
        let key = core.key("tasks:paused");
        let found: BTreeMap<String, String> = core.store.command(cmd("HGETALL").arg(key)).await?;
        // A pause that someone set by hand holds, whatever its content.
        let read = |text: &str| {
            serde_json::from_str(text).unwrap_or_else(|_| PauseRecord {
                by: "someone, by hand".to_owned(),
                why: text.to_owned(),
                at: 0,
            })
        };
        Ok(found.into_iter().map(|(what, text)| (what, read(&text))).collect())
    }

    /// Lets at most `per_minute` tasks of a type start in any minute; `None` removes the limit.
    pub async fn limit(&self, kind: &TaskType, per_minute: Option<u32>) -> Result<(), QueueError> {
        let core = self.core();
        let key = core.key("tasks:limits");
        let _changed: i64 = match per_minute.filter(|limit| *limit > 0) {
            Some(limit) => {
                core.store.command(cmd("HSET").arg(key).arg(kind.as_str()).arg(limit)).await?
            }
            None => core.store.command(cmd("HDEL").arg(key).arg(kind.as_str())).await?,
        };
        Ok(())
    }

    /// Returns the limits in tasks per minute.
    pub async fn limits(&self) -> Result<BTreeMap<String, u32>, QueueError> {
        let core = self.core();
        let key = core.key("tasks:limits");
        Ok(core.store.command(cmd("HGETALL").arg(key)).await?)
    }

    /// Returns the quarantine, newest first. Entries that this program did not write are returned
    /// as they are.
    pub async fn quarantined(&self) -> Result<Vec<QuarantinedEntry>, QueueError> {
        Ok(self.raw_quarantine().await?.iter().map(|raw| read_quarantined(raw)).collect())
    }

    /// Removes the entries for which `chosen` holds from quarantine, and pushes them again if
    /// `again` is set. Returns their number.
    pub async fn clear_quarantine(
        &self,
        again: bool,
        chosen: impl Fn(&QuarantinedEntry) -> bool,
    ) -> Result<u64, QueueError> {
        let core = self.core();
        let mut count = 0;
        for raw in self.raw_quarantine().await? {
            let entry = read_quarantined(&raw);
            if !chosen(&entry) {
                continue;
            }
            let mut call = core.call(&core.scripts.requeue, 2, raw.len() + entry.entry.len());
            call.arg(&raw).arg(if again { entry.entry.as_str() } else { "" });
            count += core.run::<u64>(&core.scripts.requeue, &call).await?;
        }
        Ok(count)
    }

    async fn raw_quarantine(&self) -> Result<Vec<Vec<u8>>, QueueError> {
        let core = self.core();
        let key = core.key("tasks:quarantine");
        Ok(core.store.command(cmd("LRANGE").arg(key).arg(0).arg(-1)).await?)
    }
}

fn read_quarantined(raw: &[u8]) -> QuarantinedEntry {
    serde_json::from_slice(raw).unwrap_or_else(|_| QuarantinedEntry {
        at: 0,
        reason: "put here by hand".to_owned(),
        entry: String::from_utf8_lossy(raw).into_owned(),
    })
}

fn read_cancelled(answer: &str) -> Result<CancelOutcome, QueueError> {
    match answer.split_once(':') {
        Some(("final", status)) => Ok(CancelOutcome::HadEnded { status: status.parse()? }),
        _ if answer == "cancelled" => Ok(CancelOutcome::Done),
        _ if answer == "requested" => Ok(CancelOutcome::Asked),
        _ if answer == "unknown" => Ok(CancelOutcome::Unknown),
        _ => Err(QueueError::unreadable("the answer to a cancel", answer)),
    }
}

fn read_retried(answer: &str) -> Result<RetryOutcome, QueueError> {
    match answer.split_once(':') {
        Some(("final" | "live", status)) => Ok(RetryOutcome::NotFailed { status: status.parse()? }),
        Some(("duplicate", of)) => Ok(RetryOutcome::Duplicate { of: of.parse()? }),
        Some(("orphan", parent)) => Ok(RetryOutcome::Orphan { parent: parent.parse()? }),
        _ if answer == "unknown" => Ok(RetryOutcome::Unknown),
        _ => Ok(RetryOutcome::Done { status: answer.parse()? }),
    }
}

fn read_purged(answer: &str) -> Result<PurgeOutcome, QueueError> {
    match answer.split_once(':') {
        Some(("live", status)) => Ok(PurgeOutcome::Live { status: status.parse()? }),
        Some(("needed", by)) => Ok(PurgeOutcome::Needed { by: by.parse()? }),
        _ if answer == "purged" => Ok(PurgeOutcome::Done),
        _ if answer == "unacknowledged" => Ok(PurgeOutcome::Unacknowledged),
        _ if answer == "unknown" => Ok(PurgeOutcome::Unknown),
        _ => Err(QueueError::unreadable("the answer to a purge", answer)),
    }
}
