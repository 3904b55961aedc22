//! The lead's metrics: their names, help and labels.
//!
//! Labels are words of short, fixed lists: a type that is not built in is `other`. Numbers of
//! the queue as a whole are the same on every lead; take their maximum, not their sum.

use greenline_queue::{Epoch, TaskRecord, TickReport};
use greenline_runtime::metrics::{Metric, describe};
use metrics::{counter, gauge, histogram};

use crate::http::snapshot::Snapshot;
use crate::publish;

macro_rules! lead_metrics {
    ($($name:ident: $kind:ident $text:literal, $help:literal;)+) => {
        $(const $name: Metric = Metric::$kind($text, $help);)+
        const ALL: &[Metric] = &[$($name),+];
    };
}

lead_metrics! {
    PENDING: gauge "greenline_tasks_pending", "Runnable tasks, by priority.";
    RUNNING: gauge "greenline_tasks_running", "Tasks that workers have.";
    SCHEDULED: gauge "greenline_tasks_scheduled", "Tasks that will run later.";
    WAITING: gauge "greenline_tasks_waiting", "Tasks that wait for parents.";
    BLOCKED: gauge "greenline_tasks_blocked", "Tasks behind another of their key, or of a paused type.";
    AWAITING_APPROVAL: gauge "greenline_tasks_awaiting_approval", "Tasks that wait for a person.";
    DEAD: gauge "greenline_tasks_dead", "Tasks that failed for good and are kept.";
    QUARANTINE: gauge "greenline_quarantine_entries", "Entries of the queue that could not be read.";
    OUTBOX: gauge "greenline_outbox_tasks", "Ended tasks that no lead has taken note of yet.";
    OLDEST_PENDING: gauge "greenline_oldest_pending_seconds", "How long the oldest runnable task has been waiting; 0 if there is none.";
    WORKERS: gauge "greenline_workers_active", "Workers that are alive.";
    SLOTS: gauge "greenline_slots", "Tasks that all live workers together can run at once.";
    BUSY_SLOTS: gauge "greenline_slots_busy", "Tasks that all live workers together run now.";
    PAUSED: gauge "greenline_pauses", "Pauses in force: of everything, of a type, of a route.";
    FINISHED: counter "greenline_tasks_finished_total", "Ended tasks that this lead took note of, by status and type.";
    DURATION: histogram "greenline_task_duration_seconds", "How long the last attempt of an ended task ran, by type.";
    WAIT: histogram "greenline_task_wait_seconds", "How long an ended task had waited from being enqueued to its last claim, by type.";
    LEADER: gauge "greenline_leader", "1 if this lead leads, 0 if it stands by.";
    LEADER_EPOCH: gauge "greenline_leader_epoch", "The number of this lead's last leadership.";
    LEADER_CHANGES: counter "greenline_leader_changes_total", "How often this lead saw another leader than before.";
    OPEN_INTENTS: gauge "greenline_open_intents", "Outside actions that were begun and not ended.";
    TICKS: counter "greenline_ticks_total", "Ticks of this lead that took effect; other processes tick too.";
    TICK_TASKS: counter "greenline_tick_tasks_total", "Tasks that this lead's ticks dealt with: reaped, due, expired, trimmed, repaired.";
    REDIS_UP: gauge "greenline_redis_up", "1 if Redis did this lead's last tick, 0 if not; then the queue's numbers are the last known.";
    REDIS_MEMORY: gauge "greenline_redis_memory_bytes", "Memory that Redis uses.";
    REDIS_MAXMEMORY: gauge "greenline_redis_maxmemory_bytes", "Memory that Redis may use; 0 is no limit.";
    REDIS_LOG_WRITTEN: gauge "greenline_redis_aof_ok", "1 if Redis's last write to its append-only file worked.";
    REDIS_SNAPSHOT_WRITTEN: gauge "greenline_redis_snapshot_ok", "1 if Redis's last snapshot worked.";
    REDIS_MAY_EVICT: gauge "greenline_redis_may_evict", "1 if Redis's maxmemory-policy lets it drop tasks.";
    REPRODUCTIONS: counter "greenline_reproductions_total", "Tasks about failures that ended, by whether the worker saw the failure too.";
    REQUESTS: counter "greenline_http_requests_total", "HTTP requests answered, by route and status.";
}

/// A task about a failure has ended.
pub(crate) fn reproduction_ended(outcome: &'static str) {
    counter!(REPRODUCTIONS.name, "outcome" => outcome).increment(1);
}

/// Gives all of them their help text.
pub(crate) fn describe_all() {
    describe(ALL);
    describe(crate::history::METRICS);
    publish::describe_metrics();
    greenline_forge::describe_metrics();
    // From the start, so that a rate over them begins at zero.
    set_leading(false);
    counter!(LEADER_CHANGES.name).absolute(0);
    counter!(TICKS.name).absolute(0);
}

/// A task has ended, and this lead takes note of it.
pub(crate) fn task_ended(task: &TaskRecord) {
    let kind = type_label(&task.kind);
    let status = task.status.clone();
    counter!(FINISHED.name, "status" => status, "type" => kind).increment(1);
    if let Some(seconds) = seconds_between(task.started_at, task.finished_at) {
        histogram!(DURATION.name, "type" => kind).record(seconds);
    }
    if let Some(seconds) = seconds_between(task.enqueued_at, task.claimed_at) {
        histogram!(WAIT.name, "type" => kind).record(seconds);
    }
}

fn type_label(kind: &str) -> &'static str {
    const OTHER: &str = "other";
    match kind {
        "fix_test_failure" => "fix_test_failure",
        "investigate_failure" => "investigate_failure",
        "run_command" => "run_command",
        "run_scenarios" => "run_scenarios",
        "review_patch" => "review_patch",
        "deploy_step" => "deploy_step",
        _ => OTHER,
    }
}

fn seconds_between(from: Option<i64>, to: Option<i64>) -> Option<f64> {
    let ms = u64::try_from(to? - from?).ok()?;
    Some(std::time::Duration::from_millis(ms).as_secs_f64())
}

pub(crate) fn set_leading(leads: bool) {
    gauge!(LEADER.name).set(f64::from(u8::from(leads)));
}

/// This lead took over.
pub(crate) fn took_over(epoch: Epoch, open_intents: usize) {
    set_leading(true);
    gauge!(LEADER_EPOCH.name).set(float(epoch.0));
    gauge!(OPEN_INTENTS.name).set(float(open_intents as u64));
}

/// Another leads than before.
pub(crate) fn leader_changed() {
    counter!(LEADER_CHANGES.name).increment(1);
}

pub(crate) fn redis_up(up: bool) {
    gauge!(REDIS_UP.name).set(f64::from(u8::from(up)));
}

/// A tick took effect.
pub(crate) fn ticked(tick: &TickReport) {
    counter!(TICKS.name).increment(1);
    let results = [
        ("reaped", tick.reaped),
        ("due", tick.due),
        ("expired", tick.expired),
        ("trimmed", tick.trimmed),
        ("repaired", tick.repaired),
    ];
    for (result, tasks) in results {
        counter!(TICK_TASKS.name, "result" => result).increment(tasks);
    }
}

/// A request was answered.
pub(crate) fn request_answered(route: &str, status: u16) {
    let (route, status) = (route.to_owned(), status.to_string());
    counter!(REQUESTS.name, "route" => route, "status" => status).increment(1);
}

/// The queue in numbers.
pub(crate) fn set_gauges(snapshot: &Snapshot) {
    let stats = &snapshot.stats;
    for (priority, row) in &stats.by_priority {
        gauge!(PENDING.name, "priority" => priority.as_str()).set(float(row.pending));
    }
    let slots: u64 = stats.workers.iter().map(|worker| worker.slots).sum();
    let busy: u64 = stats.workers.iter().map(|worker| worker.running).sum();
    let counts = [
        (RUNNING, stats.running),
        (SCHEDULED, stats.scheduled),
        (WAITING, stats.waiting),
        (BLOCKED, stats.blocked),
        (AWAITING_APPROVAL, stats.awaiting_approval),
        (DEAD, stats.dead),
        (QUARANTINE, stats.quarantine),
        (OUTBOX, stats.outbox),
        (WORKERS, stats.workers.len() as u64),
        (SLOTS, slots),
        (BUSY_SLOTS, busy),
        (PAUSED, snapshot.paused.len() as u64),
        (OPEN_INTENTS, snapshot.intents.len() as u64),
        (REDIS_MEMORY, snapshot.redis.used_memory),
        (REDIS_MAXMEMORY, snapshot.redis.maxmemory),
        (REDIS_LOG_WRITTEN, snapshot.redis.append_only_healthy.into()),
        (REDIS_SNAPSHOT_WRITTEN, snapshot.redis.snapshots_healthy.into()),
        (REDIS_MAY_EVICT, snapshot.redis.policy_warning().is_some().into()),
    ];
    for (metric, value) in counts {
        gauge!(metric.name).set(float(value));
    }
    publish::show_halted(snapshot.halt.is_some());
    let oldest = seconds_between(Some(0), stats.oldest_pending_ms).unwrap_or(0.0);
    gauge!(OLDEST_PENDING.name).set(oldest);
}

#[expect(clippy::cast_precision_loss, reason = "counts and bytes stay far below 2^53")]
fn float(value: u64) -> f64 {
    value as f64
}

#[cfg(test)]
mod tests {
    use greenline_queue::TaskType;

    use super::*;

    #[test]
    fn every_built_in_type_has_its_label_and_all_others_share_one() {
        for kind in TaskType::built_in() {
            assert_eq!(type_label(kind.as_str()), kind.as_str());
        }
        assert_eq!(type_label("whatever-somebody-pushed"), "other");
    }

    #[test]
    fn no_time_is_measured_where_a_clock_ran_back() {
        assert_eq!(seconds_between(Some(1_000), Some(3_500)), Some(2.5));
        assert_eq!(seconds_between(Some(3_500), Some(1_000)), None);
        assert_eq!(seconds_between(None, Some(1_000)), None);
    }
}
