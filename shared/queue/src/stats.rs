//! Statistics of the queue: backlog, workers, recent ends.

use std::collections::{BTreeMap, HashMap};

use greenline_store::{Value, cmd, from_redis_value, pipe};
use serde::Serialize;

use crate::producer::list_of;
use crate::{Label, Priority, Queue, QueueError, Route, TaskRecord, TaskType};

/// The most tasks to read of one index; beyond it, figures by priority cover a part.
const MOST_READ: usize = 20_000;

const HOUR_MS: i64 = 3_600_000;

/// Statistics of the queue.
#[derive(Debug, Clone, Default, Serialize)]
pub struct QueueStats {
    pub by_priority: BTreeMap<Priority, PriorityStats>,
    /// Runnable tasks: all lists and routes, without those marked as cancelled.
    pub pending: u64,
    /// Tasks that workers hold.
    pub running: u64,
    /// Tasks that run later.
    pub scheduled: u64,
    /// Tasks that wait for parents.
    pub waiting: u64,
    /// Tasks that need a person's approval.
    pub awaiting_approval: u64,
    /// Tasks behind another of their key, or of a paused type.
    pub blocked: u64,
    /// Tasks that failed for good and are kept.
    pub dead: u64,
    /// Tasks that ended otherwise and are kept.
    pub done: u64,
    /// Ended tasks that the lead has not acknowledged.
    pub outbox: u64,
    /// Unreadable entries.
    pub quarantine: u64,
    /// Entries that are being read.
    pub adopting: u64,
    /// The waiting time of the oldest runnable task, in ms.
    pub oldest_pending_ms: Option<i64>,
    /// Registered workers.
    pub workers: Vec<WorkerInfo>,
    /// Routes with runnable tasks, and the workers that could take them.
    pub routes: Vec<RouteStats>,
    /// Priorities cover a part only, because there are too many tasks.
    pub partial: bool,
}

/// Statistics of one priority.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct PriorityStats {
    pub pending: u64,
    pub running: u64,
    pub scheduled: u64,
    /// Waits for parents or an approval.
    pub waiting: u64,
    /// Failed for good.
    pub dead: u64,
    /// Ended within the hour.
    pub done_1h: u64,
    /// The median wait for a worker of tasks that ended within the hour, in ms.
    pub wait_p50_ms: Option<i64>,
    /// The 95th percentile of their run time, in ms.
    pub run_p95_ms: Option<i64>,
}

/// A registered worker.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct WorkerInfo {
    pub id: String,
    pub host: String,
    pub version: String,
    /// The labels that it offers.
    pub labels: Vec<String>,
    /// The task types that it runs.
    pub types: Vec<String>,
    /// The number of tasks that it runs at once.
    pub slots: u64,
    pub running: u64,
    /// The time of its last heartbeat, in ms.
    pub seen_at: i64,
}

/// A route with runnable tasks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RouteStats {
    pub route: String,
    pub pending: u64,
    /// The number of registered workers that could take them.
    pub workers: usize,
}

impl Queue {
    /// Returns the statistics of the queue.
    pub async fn stats(&self) -> Result<QueueStats, QueueError> {
        let mut stats = QueueStats::default();
        for priority in Priority::ALL {
            stats.by_priority.insert(priority, PriorityStats::default());
        }
        stats.workers = self.workers().await?;
        self.count_lists(&mut stats).await?;
        self.count_indexes(&mut stats).await?;
        self.time_finished(&mut stats).await?;
        Ok(stats)
    }

    /// Returns the registered workers.
    pub async fn workers(&self) -> Result<Vec<WorkerInfo>, QueueError> {
        let core = self.core();
        let ids: Vec<String> =
            core.store.command(cmd("ZRANGE").arg(core.key("workers")).arg(0).arg(-1)).await?;
        let mut calls = pipe();
        for id in &ids {
            calls.cmd("HGETALL").arg(core.key(&format!("worker:{id}")));
        }
        if ids.is_empty() {
            return Ok(vec![]);
        }
        let answers = core.store.pipeline(&calls).await?;
        let read = |(id, answer): (&String, Value)| read_worker(id, from_redis_value(answer).ok()?);
        Ok(ids.iter().zip(answers).filter_map(read).collect())
    }

    /// Returns the last `most` ended tasks, newest first.
    pub async fn recent(&self, most: usize) -> Result<Vec<TaskRecord>, QueueError> {
        let core = self.core();
        let mut ended: Vec<(String, f64)> = Vec::new();
        for index in ["tasks:done", "tasks:dead"] {
            let mut call = cmd("ZREVRANGE");
            call.arg(core.key(index)).arg(0).arg(most.saturating_sub(1)).arg("WITHSCORES");
            ended.extend(core.store.command::<Vec<(String, f64)>>(&call).await?);
        }
        ended.sort_by(|one, other| other.1.total_cmp(&one.1));
        ended.truncate(most);
        let ids: Vec<String> = ended.into_iter().map(|(id, _)| id).collect();
        self.records(&ids).await
    }

    /// Counts the lists of runnable tasks.
    async fn count_lists(&self, stats: &mut QueueStats) -> Result<(), QueueError> {
        let core = self.core();
        let routes: Vec<String> =
            core.store.command(cmd("HKEYS").arg(core.key("tasks:routes"))).await?;
        let marked: HashMap<String, i64> =
            core.store.command(cmd("HGETALL").arg(core.key("tasks:marked"))).await?;
        let mut lists = Vec::new();
        for route in std::iter::once("").chain(routes.iter().map(String::as_str)) {
            lists.extend(Priority::ALL.map(|priority| (priority, route, list_of(priority, route))));
        }
        let mut calls = pipe();
        for (_, _, list) in &lists {
            calls.cmd("LLEN").arg(core.key(&format!("tasks:{list}")));
            calls.cmd("LINDEX").arg(core.key(&format!("tasks:{list}"))).arg(-1);
        }
        let answers = core.store.pipeline(&calls).await?;
        let mut heads = Vec::new();
        let mut by_route: BTreeMap<&str, u64> = BTreeMap::new();
        for ((priority, route, list), answer) in lists.iter().zip(answers.chunks_exact(2)) {
            let length: i64 = from_redis_value(answer[0].clone()).unwrap_or(0);
            let dropped = marked.get(list).copied().unwrap_or(0).max(0);
            let length = u64::try_from(length - dropped).unwrap_or(0);
            stats.pending += length;
            stats.by_priority.entry(*priority).or_default().pending += length;
            *by_route.entry(*route).or_default() += length;
            heads.extend(from_redis_value::<Option<String>>(answer[1].clone()).ok().flatten());
        }
        stats.oldest_pending_ms = self.oldest(&heads).await?;
        by_route.remove("");
        by_route.retain(|_, pending| *pending > 0);
        stats.routes = by_route
            .into_iter()
            .map(|(route, pending)| {
                let able = stats.workers.iter().filter(|worker| worker.suits(route)).count();
                RouteStats { route: route.to_owned(), pending, workers: able }
            })
            .collect();
        Ok(())
    }

    async fn oldest(&self, heads: &[String]) -> Result<Option<i64>, QueueError> {
        let ids: Vec<String> = heads.iter().filter(|id| id.len() <= 128).cloned().collect();
        let now = self.core().now_ms();
        let records = self.records(&ids).await?;
        Ok(records.iter().filter_map(|record| record.enqueued_at).map(|at| now - at).max())
    }

    /// Counts all tasks that are not runnable.
    async fn count_indexes(&self, stats: &mut QueueStats) -> Result<(), QueueError> {
        let core = self.core();
        let mut calls = pipe();
        for index in ["leases", "scheduled", "waiting", "dead", "done", "outbox"] {
            calls.cmd("ZCARD").arg(core.key(&format!("tasks:{index}")));
        }
        for list in ["quarantine", "adopting"] {
            calls.cmd("LLEN").arg(core.key(&format!("tasks:{list}")));
        }
        let counts: Vec<u64> = core
            .store
            .pipeline(&calls)
            .await?
            .into_iter()
            .map(|answer| from_redis_value(answer).unwrap_or(0))
            .collect();
        stats.running = counts[0];
        stats.scheduled = counts[1];
        (stats.dead, stats.done, stats.outbox) = (counts[3], counts[4], counts[5]);
        (stats.quarantine, stats.adopting) = (counts[6], counts[7]);
        let waiting_in_all = counts[2];

        let keys: Vec<String> =
            core.store.command(cmd("SMEMBERS").arg(core.key("tasks:blocked"))).await?;
        for key in keys {
            let list = core.key(&format!("tasks:blocked:{key}"));
            stats.blocked += core.store.command::<u64>(cmd("LLEN").arg(list)).await?;
        }

        for index in ["leases", "scheduled", "waiting", "dead"] {
            for [priority, status] in self.priorities_and_statuses(index, stats).await? {
                let Ok(priority) = priority.parse::<Priority>() else { continue };
                let row = stats.by_priority.entry(priority).or_default();
                match index {
                    "leases" => row.running += 1,
                    "scheduled" => row.scheduled += 1,
                    "dead" => row.dead += 1,
                    _ => {
                        row.waiting += 1;
                        stats.awaiting_approval += u64::from(status == "awaiting_approval");
                    }
                }
            }
        }
        stats.waiting = waiting_in_all.saturating_sub(stats.awaiting_approval);
        Ok(())
    }

    /// Returns priority and status of the tasks of an index.
    async fn priorities_and_statuses(
        &self,
        index: &str,
        stats: &mut QueueStats,
    ) -> Result<Vec<[String; 2]>, QueueError> {
        let core = self.core();
        let mut call = cmd("ZRANGE");
        call.arg(core.key(&format!("tasks:{index}"))).arg(0).arg(MOST_READ);
        let mut ids: Vec<String> = core.store.command(&call).await?;
        stats.partial |= ids.len() > MOST_READ;
        ids.truncate(MOST_READ);
        let rows = self.fields_of(&ids, ["priority", "status"]).await?;
        Ok(rows.into_iter().map(|row| row.map(Option::unwrap_or_default)).collect())
    }

    /// Measures waits and run times of tasks that ended within the hour.
    async fn time_finished(&self, stats: &mut QueueStats) -> Result<(), QueueError> {
        let core = self.core();
        let since = core.now_ms() - HOUR_MS;
        let mut ids: Vec<String> = Vec::new();
        for index in ["done", "dead"] {
            let mut call = cmd("ZREVRANGEBYSCORE");
            call.arg(core.key(&format!("tasks:{index}"))).arg("+inf").arg(since);
            call.arg("LIMIT").arg(0).arg(MOST_READ);
            ids.extend(core.store.command::<Vec<String>>(&call).await?);
        }
        stats.partial |= ids.len() >= MOST_READ;
        let names = ["priority", "enqueued_at", "claimed_at", "started_at", "finished_at"];
        let mut times: BTreeMap<Priority, (Vec<i64>, Vec<i64>)> = BTreeMap::new();
        for row in self.fields_of(&ids, names).await? {
            let Some(priority) = row[0].as_deref().and_then(|text| text.parse().ok()) else {
                continue;
            };
            let time = |at: usize| row[at].as_deref().and_then(|text| text.parse::<i64>().ok());
            stats.by_priority.entry(priority).or_default().done_1h += 1;
            let (waits, runs) = times.entry(priority).or_default();
            waits.extend(time(2).zip(time(1)).map(|(claimed, enqueued)| claimed - enqueued));
            runs.extend(time(4).zip(time(3)).map(|(finished, started)| finished - started));
        }
        for (priority, (mut waits, mut runs)) in times {
            let row = stats.by_priority.entry(priority).or_default();
            row.wait_p50_ms = percentile(&mut waits, 50);
            row.run_p95_ms = percentile(&mut runs, 95);
        }
        Ok(())
    }

    /// Returns some fields of many tasks.
    async fn fields_of<const N: usize>(
        &self,
        ids: &[String],
        names: [&str; N],
    ) -> Result<Vec<[Option<String>; N]>, QueueError> {
        let core = self.core();
        let mut rows = Vec::with_capacity(ids.len());
        for some in ids.chunks(1_000) {
            let mut calls = pipe();
            for id in some {
                calls.cmd("HMGET").arg(core.task_key(id)).arg(&names[..]);
            }
            for answer in core.store.pipeline(&calls).await? {
                let row: Vec<Option<String>> = from_redis_value(answer).unwrap_or_default();
                rows.push(row.try_into().unwrap_or_else(|_| std::array::from_fn(|_| None)));
            }
        }
        Ok(rows)
    }
}

impl WorkerInfo {
    /// Returns `true` if it could take the tasks of a route.
    #[must_use]
    pub fn suits(&self, route: &str) -> bool {
        let types = self.types.iter().filter_map(|word| word.parse::<TaskType>().ok()).collect();
        let labels = self.labels.iter().filter_map(|word| word.parse::<Label>().ok()).collect();
        Route::stored(route).suits(&types, &labels)
    }
}

fn read_worker(id: &str, fields: HashMap<String, String>) -> Option<WorkerInfo> {
    let text = |name: &str| fields.get(name).cloned().unwrap_or_default();
    let words = |name: &str| text(name).split_whitespace().map(str::to_owned).collect();
    Some(WorkerInfo {
        id: id.to_owned(),
        host: text("host"),
        version: text("version"),
        labels: words("labels"),
        types: words("types"),
        slots: text("slots").parse().unwrap_or(0),
        running: text("running").parse().unwrap_or(0),
        seen_at: fields.get("seen_at")?.parse().ok()?,
    })
}

/// Returns a percentile of the values.
fn percentile(values: &mut [i64], percent: usize) -> Option<i64> {
    values.sort_unstable();
    let at = (values.len() * percent).div_ceil(100).saturating_sub(1);
    values.get(at).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_values_that_were_there() {
        assert_eq!(percentile(&mut [], 50), None);
        assert_eq!(percentile(&mut [7], 95), Some(7));
        assert_eq!(percentile(&mut [4, 1, 3, 2], 50), Some(2));
        assert_eq!(percentile(&mut (1..=100).collect::<Vec<_>>(), 95), Some(95));
    }
}
