//! The results of a run, as JSON and for people.

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;

/// The results of a run: medians over its rounds.
#[derive(Debug, Clone, Default, Serialize)]
pub struct BenchReport {
    /// The queue's version.
    pub version: String,
    /// The server's product and version.
    pub redis: String,
    /// The number of the machine's processors.
    pub cores: usize,
    /// Tasks of the backlog.
    pub tasks: usize,
    /// Tasks that a worker runs at once.
    pub slots: usize,
    pub rounds: usize,
    /// Figures by name, sorted; the peers' have the same names.
    pub figures: BTreeMap<&'static str, f64>,
    /// Calls per second of `redis-benchmark`.
    pub redis_itself: BTreeMap<String, f64>,
    /// µs of Redis per task that each part of the contract costs.
    pub contract_us: BTreeMap<&'static str, f64>,
}

/// The presentation of figures: name, words, digits, unit.
const SHOWN: [(&str, &str, usize, &str); 16] = [
    ("enqueue_bulk_per_s", "enqueue, in bulk", 0, "tasks/s"),
    ("enqueue_single_per_s", "enqueue, ten callers one by one", 0, "tasks/s"),
    ("drain1_per_s", "drain, one worker", 0, "tasks/s"),
    ("drain2_per_s", "drain, two workers", 0, "tasks/s"),
    ("drain_backlog_per_s", "drain, of the large backlog", 0, "tasks/s"),
    ("drain_aof_per_s", "drain, with AOF everysec", 0, "tasks/s"),
    ("aof_cost_percent", "AOF costs", 0, "% of the drain"),
    ("pickup_p50_ms", "pick-up, half of the tasks", 2, "ms"),
    ("pickup_p99_ms", "pick-up, 99 of 100", 2, "ms"),
    ("recovery_s", "recovery from SIGKILL", 1, "s"),
    ("rss_mb", "memory of a worker", 1, "MB"),
    ("redis_us_per_task", "Redis, claim and settle", 1, "µs per task"),
    ("redis_share_percent", "Redis's thread was busy", 0, "% of the drain"),
    ("redis_commands_per_task", "Redis, commands", 1, "per task"),
    ("redis_bytes_per_task", "Redis keeps of a finished task", 0, "bytes"),
    ("redis_bytes_per_queued_task", "Redis keeps of a queued task", 0, "bytes"),
];

impl fmt::Display for BenchReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "greenline {} on {}, {} cores; {} tasks of 1 KiB, {} slots, median of {} rounds\n",
            self.version, self.redis, self.cores, self.tasks, self.slots, self.rounds
        )?;
        for (name, words, digits, unit) in SHOWN {
            if let Some(value) = self.figures.get(name) {
                writeln!(f, "{words:<34}{value:>12.digits$} {unit}")?;
            }
        }
        if !self.redis_itself.is_empty() {
            writeln!(f, "\nThis Redis itself (redis-benchmark, 50 connections)")?;
            for (name, rate) in &self.redis_itself {
                writeln!(f, "{:<34}{rate:>12.0} calls/s", name.replace('_', " "))?;
            }
        }
        if !self.contract_us.is_empty() {
            writeln!(f, "\nWhat a drain costs Redis less without one part of the contract")?;
            for (part, us) in &self.contract_us {
                writeln!(f, "{part:<34}{us:>12.1} µs per task")?;
            }
        }
        Ok(())
    }
}
