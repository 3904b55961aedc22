//! What an operator does to tasks: cancel, retry, pause, limit, purge.

use std::collections::BTreeMap;
use std::fmt;

use greenline_store::cmd;
use serde::{Deserialize, Serialize};

use crate::foreign::Quarantined;
use crate::{NameError, Queue, QueueError, Route, Status, TaskId, TaskType};

/// How many tasks go in one call, so that no call holds Redis long.
const MOST_AT_ONCE: usize = 500;

/// What became of a wish to call a task off.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum Cancelled {
    /// It will not run.
    Done,
    /// It runs; its worker learns at its next heartbeat.
    Asked,
    /// It had ended already.
    HadEnded {
        /// As what.
        status: Status,
    },
    /// There is no such task.
    Unknown,
}

/// What became of a wish to run a task once more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum Retried {
    /// It will run; it has this status now.
    Done {
        /// Its status.
        status: Status,
    },
    /// It has not ended, or it succeeded: nothing to retry.
    NotFailed {
        /// Its status.
        status: Status,
    },
    /// Another live task has its `dedup_key` by now.
    Duplicate {
        /// That task.
        of: TaskId,
    },
    /// It waited for a task that did not succeed: retry that one first, or both
    /// at once.
    Orphan {
        /// That task.
        parent: TaskId,
    },
    /// There is no such task.
    Unknown,
}

/// What became of a wish to forget a task.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum Purged {
    /// It is forgotten.
    Done,
    /// It has not ended: cancel it first.
    Live {
        /// Its status.
        status: Status,
    },
    /// The lead has not taken note of its end yet.
    Unacknowledged,
    /// A task that has not ended has it for a parent.
    Needed {
        /// That task.
        by: TaskId,
    },
    /// There is no such task.
    Unknown,
}

/// What a pause holds back.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Pausable {
    /// Everything.
    All,
    /// Tasks of a type.
    Type(TaskType),
    /// Tasks of a route.
    Route(Route),
}

impl fmt::Display for Pausable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All => f.write_str("all"),
            Self::Type(kind) => write!(f, "type:{kind}"),
            Self::Route(route) => write!(f, "route:{}", route.as_str()),
        }
    }
}

impl std::str::FromStr for Pausable {
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

/// Who paused something, why and when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pause {
    /// Who.
    pub by: String,
    /// Why.
    pub why: String,
    /// When, in ms.
    pub at: i64,
}

impl Queue {
    /// Calls tasks off. One is taken out of its list at once; of many, those
    /// that wait are marked, and the next claim drops them.
    pub async fn cancel(&self, ids: &[TaskId], why: &str) -> Result<Vec<Cancelled>, QueueError> {
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

    /// Runs tasks once more that ended without success, with all their tries.
    /// `with_children` brings back those that were cancelled with them.
    pub async fn retry(
        &self,
        ids: &[TaskId],
        who: &str,
        with_children: bool,
    ) -> Result<Vec<Retried>, QueueError> {
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

    /// Forgets tasks that have ended, with their logs. `unacknowledged` forgets
    /// also what the lead has not seen.
    pub async fn purge(
        &self,
        ids: &[TaskId],
        unacknowledged: bool,
    ) -> Result<Vec<Purged>, QueueError> {
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

    /// Starts no more tasks of a kind. Those that run go on.
    pub async fn pause(&self, what: &Pausable, by: &str, why: &str) -> Result<(), QueueError> {
        let core = self.core();
        let pause = Pause { by: by.to_owned(), why: why.to_owned(), at: core.now_ms() };
        let pause = serde_json::to_string(&pause).expect("strings and a number are JSON");
        let mut call = core.call(&core.scripts.pause, 2, 256);
        call.arg(what.to_string()).arg(pause);
        let _added: i64 = core.run(&core.scripts.pause, &call).await?;
        Ok(())
    }

    /// Takes a pause back; whether there was one.
    pub async fn resume(&self, what: &Pausable) -> Result<bool, QueueError> {
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

    /// What is paused.
    pub async fn paused(&self) -> Result<BTreeMap<String, Pause>, QueueError> {
        let core = self.core();
        let key = core.key("tasks:paused");
        let found: BTreeMap<String, String> = core.store.command(cmd("HGETALL").arg(key)).await?;
        // Somebody may have set one by hand: it holds, whatever they wrote.
        let read = |text: &str| {
            serde_json::from_str(text).unwrap_or_else(|_| Pause {
                by: "someone, by hand".to_owned(),
                why: text.to_owned(),
                at: 0,
            })
        };
        Ok(found.into_iter().map(|(what, text)| (what, read(&text))).collect())
    }

    /// Lets at most `per_minute` tasks of a type start in any minute; `None`
    /// takes the limit away.
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

    /// The limits that are set, in tasks per minute.
    pub async fn limits(&self) -> Result<BTreeMap<String, u32>, QueueError> {
        let core = self.core();
        let key = core.key("tasks:limits");
        Ok(core.store.command(cmd("HGETALL").arg(key)).await?)
    }

    /// What stands in quarantine, newest first; entries that this program did
    /// not write are shown as they are.
    pub async fn quarantined(&self) -> Result<Vec<Quarantined>, QueueError> {
        Ok(self.raw_quarantine().await?.iter().map(|raw| read_quarantined(raw)).collect())
    }

    /// Takes entries out of quarantine that `chosen` chooses, to be read once
    /// more (`again`) or to be rid of them. Returns how many.
    pub async fn clear_quarantine(
        &self,
        again: bool,
        chosen: impl Fn(&Quarantined) -> bool,
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

fn read_quarantined(raw: &[u8]) -> Quarantined {
    serde_json::from_slice(raw).unwrap_or_else(|_| Quarantined {
        at: 0,
        reason: "put here by hand".to_owned(),
        entry: String::from_utf8_lossy(raw).into_owned(),
    })
}

fn read_cancelled(answer: &str) -> Result<Cancelled, QueueError> {
    match answer.split_once(':') {
        Some(("final", status)) => Ok(Cancelled::HadEnded { status: status.parse()? }),
        _ if answer == "cancelled" => Ok(Cancelled::Done),
        _ if answer == "requested" => Ok(Cancelled::Asked),
        _ if answer == "unknown" => Ok(Cancelled::Unknown),
        _ => Err(QueueError::unreadable("the answer to a cancel", answer)),
    }
}

fn read_retried(answer: &str) -> Result<Retried, QueueError> {
    match answer.split_once(':') {
        Some(("final" | "live", status)) => Ok(Retried::NotFailed { status: status.parse()? }),
        Some(("duplicate", of)) => Ok(Retried::Duplicate { of: of.parse()? }),
        Some(("orphan", parent)) => Ok(Retried::Orphan { parent: parent.parse()? }),
        _ if answer == "unknown" => Ok(Retried::Unknown),
        _ => Ok(Retried::Done { status: answer.parse()? }),
    }
}

fn read_purged(answer: &str) -> Result<Purged, QueueError> {
    match answer.split_once(':') {
        Some(("live", status)) => Ok(Purged::Live { status: status.parse()? }),
        Some(("needed", by)) => Ok(Purged::Needed { by: by.parse()? }),
        _ if answer == "purged" => Ok(Purged::Done),
        _ if answer == "unacknowledged" => Ok(Purged::Unacknowledged),
        _ if answer == "unknown" => Ok(Purged::Unknown),
        _ => Err(QueueError::unreadable("the answer to a purge", answer)),
    }
}
