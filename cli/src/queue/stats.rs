//! `greenline queue stats`.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::time::Duration;

use greenline_queue::{PauseRecord, PriorityStats, QueueStats};
use greenline_runtime::human;

use super::pause::sentence;
use crate::error::ExitStatus;
use crate::print::style::WARN;
use crate::print::table::{Align, Cell, Table};
use crate::session::Session;

pub(super) async fn run(session: &Session) -> anyhow::Result<ExitStatus> {
    let queue = session.queue().await?;
    let stats = queue.stats().await?;
    let paused = queue.paused().await?;
    if session.out.json {
        let mut value = serde_json::to_value(&stats)?;
        value["paused"] = serde_json::to_value(&paused)?;
        session.out.object(&value)?;
    } else {
        session.out.block(table(&stats))?;
        session.out.block(words(&stats, &paused))?;
    }
    Ok(ExitStatus::Success)
}

fn table(stats: &QueueStats) -> Table {
    let columns = [
        ("", Align::Left),
        ("pending", Align::Right),
        ("running", Align::Right),
        ("scheduled", Align::Right),
        ("waiting", Align::Right),
        ("dead", Align::Right),
        ("done 1 h", Align::Right),
        ("p50 wait", Align::Right),
        ("p95 run", Align::Right),
    ];
    let mut table = Table::new(&columns, None);
    for (priority, row) in &stats.by_priority {
        let PriorityStats { pending, running, scheduled, waiting, dead, done_1h, .. } = row;
        let counts = [*pending, *running, *scheduled, *waiting, *dead, *done_1h];
        let times = [row.wait_p50_ms, row.run_p95_ms].map(|ms| ms.map_or(String::new(), length));
        let counts = counts.map(|count| Cell::from(human::number(count)));
        table.row([Cell::from(priority)].into_iter().chain(counts).chain(times.map(Cell::from)));
    }
    table
}

/// Describes what the table does not show.
fn words(stats: &QueueStats, paused: &BTreeMap<String, PauseRecord>) -> String {
    let mut line = Vec::new();
    if let Some(oldest) = stats.oldest_pending_ms {
        line.push(format!("oldest pending {}", length(oldest)));
    }
    line.push(workers(stats));
    if stats.blocked > 0 {
        line.push(format!("{} behind another", human::number(stats.blocked)));
    }
    if stats.awaiting_approval > 0 {
        let tasks = human::count(stats.awaiting_approval, "task waits", "tasks wait");
        line.push(format!("{tasks} for approval: greenline approvals"));
    }
    let mut text = line.join(" · ");
    text.push('\n');
    for concern in concerns(stats, paused) {
        // Writing to a `String` can't fail.
        let _infallible = writeln!(text, "{WARN}{concern}{WARN:#}");
    }
    text
}

fn workers(stats: &QueueStats) -> String {
    if stats.workers.is_empty() {
        return "no worker is alive".to_owned();
    }
    let busy: u64 = stats.workers.iter().map(|worker| worker.running).sum();
    let slots: u64 = stats.workers.iter().map(|worker| worker.slots).sum();
    let count = human::count(stats.workers.len() as u64, "worker", "workers");
    format!("{count}, {busy} of {} busy", human::count(slots, "slot", "slots"))
}

/// Describes what keeps tasks from running, or was lost.
fn concerns(stats: &QueueStats, paused: &BTreeMap<String, PauseRecord>) -> Vec<String> {
    let mut lines: Vec<String> = paused.iter().map(|(what, pause)| sentence(what, pause)).collect();
    for route in stats.routes.iter().filter(|route| route.workers == 0) {
        let tasks = human::count(route.pending, "task wants", "tasks want");
        lines.push(format!("{tasks} a worker for {}, and none is alive", route.route));
    }
    if stats.quarantine > 0 {
        let entries = human::count(stats.quarantine, "entry", "entries");
        lines.push(format!("{entries} in quarantine: greenline queue quarantine"));
    }
    if stats.partial {
        lines.push("so many tasks: what is told by priority is of a part".to_owned());
    }
    lines
}

fn length(ms: i64) -> String {
    match u64::try_from(ms).unwrap_or(0) {
        0 => "0 ms".to_owned(),
        ms => human::duration(Duration::from_millis(ms)),
    }
}
