//! The answer of `/api/v1/status`. The names are public: dashboards and scripts read them.

use std::collections::BTreeMap;
use std::time::Duration;

use chrono::{DateTime, SecondsFormat};
use greenline_queue::{
    Intent, PauseRecord, Priority, PriorityStats, RouteStats, TaskRecord, TaskStatus, WorkerInfo,
};
use serde::Serialize;

use crate::http::snapshot::Snapshot;
use crate::leadership::LeaderStatus;
use crate::publish::Halt;

/// Most characters of a task's error that are shown; `queue show` has all of it.
const ERROR_CHARS: usize = 500;

#[derive(Debug, Serialize)]
pub(crate) struct StatusResponse {
    pending_tasks: u64,
    running_tasks: u64,
    scheduled: u64,
    waiting: u64,
    blocked: u64,
    awaiting_approval: u64,
    dead: u64,
    done: u64,
    quarantine: u64,
    outbox: u64,
    oldest_pending_ms: Option<i64>,
    active_workers: usize,
    slots: u64,
    busy_slots: u64,
    success_rate: Option<f64>,
    recent_tasks: Vec<RecentTask>,
    by_priority: BTreeMap<Priority, PriorityStats>,
    routes: Vec<RouteStats>,
    workers: Vec<WorkerStatus>,
    paused: BTreeMap<String, ActivePause>,
    leader: Option<LeaderSummary>,
    lead: ThisLead,
    open_intents: Vec<OpenIntent>,
    /// The halt of outside actions: its author, reason and time.
    halted: Option<ActivePause>,
    redis: RedisSummary,
    /// True if there are too many tasks to count all of them by priority.
    partial: bool,
    taken_at: Option<String>,
}

#[derive(Debug, Serialize)]
struct RecentTask {
    id: String,
    #[serde(rename = "type")]
    kind: String,
    status: String,
    duration_ms: Option<i64>,
    finished_at: Option<String>,
    error: Option<String>,
}

#[derive(Debug, Serialize)]
struct WorkerStatus {
    #[serde(flatten)]
    info: WorkerInfo,
    seen_at_iso: Option<String>,
}

#[derive(Debug, Serialize)]
struct ActivePause {
    by: String,
    why: String,
    since: Option<String>,
}

/// The leader, as stored in Redis.
#[derive(Debug, Serialize)]
struct LeaderSummary {
    id: String,
    epoch: u64,
    /// Since when, as far as the lead that answers knows.
    since: Option<String>,
}

/// The lead that answers.
#[derive(Debug, Serialize)]
struct ThisLead {
    id: String,
    leading: bool,
    version: &'static str,
    uptime_s: u64,
}

#[derive(Debug, Serialize)]
struct OpenIntent {
    action: String,
    epoch: u64,
    begun_at: Option<String>,
    /// As JSON if it is JSON, else as text.
    about: serde_json::Value,
}

#[derive(Debug, Serialize)]
struct RedisSummary {
    product: String,
    version: String,
    used_memory: u64,
    maxmemory: u64,
    warning: Option<String>,
}

/// The answering lead's view of itself.
pub(crate) struct LeadIdentity<'a> {
    pub(crate) id: &'a str,
    pub(crate) leader_status: &'a LeaderStatus,
    pub(crate) leading: bool,
    pub(crate) uptime: Duration,
}

impl StatusResponse {
    pub(crate) fn of(snapshot: &Snapshot, identity: &LeadIdentity<'_>) -> Self {
        let stats = &snapshot.stats;
        Self {
            pending_tasks: stats.pending,
            running_tasks: stats.running,
            scheduled: stats.scheduled,
            waiting: stats.waiting,
            blocked: stats.blocked,
            awaiting_approval: stats.awaiting_approval,
            dead: stats.dead,
            done: stats.done,
            quarantine: stats.quarantine,
            outbox: stats.outbox,
            oldest_pending_ms: stats.oldest_pending_ms,
            active_workers: stats.workers.len(),
            slots: stats.workers.iter().map(|worker| worker.slots).sum(),
            busy_slots: stats.workers.iter().map(|worker| worker.running).sum(),
            success_rate: success_rate(&snapshot.recent),
            recent_tasks: snapshot.recent.iter().map(recent).collect(),
            by_priority: stats.by_priority.clone(),
            routes: stats.routes.clone(),
            workers: stats.workers.iter().map(worker).collect(),
            paused: snapshot.paused.iter().map(|(what, by)| (what.clone(), pause(by))).collect(),
            leader: leader(snapshot, identity),
            lead: ThisLead {
                id: identity.id.to_owned(),
                leading: identity.leading,
                version: env!("CARGO_PKG_VERSION"),
                uptime_s: identity.uptime.as_secs(),
            },
            open_intents: snapshot.intents.iter().map(intent).collect(),
            halted: snapshot.halt.as_ref().map(halted),
            redis: RedisSummary {
                product: snapshot.redis.product.clone(),
                version: snapshot.redis.version.clone(),
                used_memory: snapshot.redis.used_memory,
                maxmemory: snapshot.redis.maxmemory,
                warning: snapshot.redis.policy_warning().map(|warning| warning.to_string()),
            },
            partial: stats.partial,
            taken_at: i64::try_from(snapshot.taken_at_ms).ok().and_then(iso),
        }
    }
}

/// Returns the percentage of successes, with at most two decimals.
fn success_rate(recent: &[TaskRecord]) -> Option<f64> {
    let all = u32::try_from(recent.len()).ok().filter(|all| *all > 0)?;
    let succeeded = recent.iter().filter(|task| task.status == TaskStatus::Success.as_str());
    let succeeded = u32::try_from(succeeded.count()).ok()?;
    Some((f64::from(succeeded) * 10_000.0 / f64::from(all)).round() / 100.0)
}

fn recent(task: &TaskRecord) -> RecentTask {
    RecentTask {
        id: task.id.clone(),
        kind: task.kind.clone(),
        status: task.status.clone(),
        duration_ms: task.started_at.zip(task.finished_at).map(|(from, to)| (to - from).max(0)),
        finished_at: task.finished_at.and_then(iso),
        error: task.error.as_deref().map(shortened),
    }
}

fn shortened(text: &str) -> String {
    match text.char_indices().nth(ERROR_CHARS) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

fn worker(info: &WorkerInfo) -> WorkerStatus {
    WorkerStatus { info: info.clone(), seen_at_iso: iso(info.seen_at) }
}

fn pause(pause: &PauseRecord) -> ActivePause {
    ActivePause { by: pause.by.clone(), why: pause.why.clone(), since: iso(pause.at) }
}

fn halted(halt: &Halt) -> ActivePause {
    ActivePause { by: halt.by.clone(), why: halt.why.clone(), since: iso(halt.at) }
}

fn leader(snapshot: &Snapshot, identity: &LeadIdentity<'_>) -> Option<LeaderSummary> {
    let (id, epoch) = snapshot.leader.as_ref()?;
    let since_ms = match identity.leader_status {
        LeaderStatus::Leading { since_ms, .. } if id == identity.id => Some(*since_ms),
        LeaderStatus::Standby { leader: Some(leader), since_ms } if leader == id => Some(*since_ms),
        LeaderStatus::Leading { .. } | LeaderStatus::Standby { .. } => None,
    };
    let since = since_ms.and_then(|ms| i64::try_from(ms).ok()).and_then(iso);
    Some(LeaderSummary { id: id.clone(), epoch: epoch.0, since })
}

fn intent(intent: &Intent) -> OpenIntent {
    let about = serde_json::from_str(&intent.about)
        .unwrap_or_else(|_| serde_json::Value::String(intent.about.clone()));
    let (action, epoch) = (intent.action.clone(), intent.epoch.0);
    OpenIntent { action, epoch, begun_at: iso(intent.begun_at), about }
}

fn iso(ms: i64) -> Option<String> {
    let time = DateTime::from_timestamp_millis(ms)?;
    Some(time.to_rfc3339_opts(SecondsFormat::Millis, true))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ended(status: &str) -> TaskRecord {
        TaskRecord { status: status.to_owned(), ..TaskRecord::default() }
    }

    #[test]
    fn the_success_rate_is_a_percentage_of_what_ended() {
        assert_eq!(success_rate(&[]), None);
        assert_eq!(success_rate(&[ended("success")]), Some(100.0));
        let mixed = [ended("success"), ended("failed"), ended("cancelled")];
        assert_eq!(success_rate(&mixed), Some(33.33));
        assert_eq!(success_rate(&[ended("failed")]), Some(0.0));
    }

    #[test]
    fn a_long_error_is_cut_between_characters() {
        let long = "ä".repeat(ERROR_CHARS + 1);
        let short = shortened(&long);
        assert_eq!(short.chars().count(), ERROR_CHARS + 1);
        assert!(short.ends_with("ä…"));
        assert_eq!(shortened("no"), "no");
    }

    #[test]
    fn a_task_that_never_started_has_no_duration() {
        let task = TaskRecord { finished_at: Some(1_700_000_000_123), ..ended("cancelled") };
        let shown = recent(&task);
        assert_eq!(shown.duration_ms, None);
        assert_eq!(shown.finished_at.as_deref(), Some("2023-11-14T22:13:20.123Z"));
    }
}
