//! `greenline queue drain`.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use greenline_queue::{PauseRecord, Queue, QueueStats, TaskFilter, TaskStatus};
use greenline_runtime::human;
use serde_json::json;

use crate::error::ExitStatus;
use crate::print::Output;
use crate::progress::Progress;
use crate::session::Session;

/// The interval of checks, if a check is quick.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// The most blocked tasks to check one by one.
const MOST_BLOCKED: usize = 10_000;

/// Wait until nothing is left to do
///
/// Waits for running, pending, scheduled and blocked tasks, but not for tasks that need a person's
/// approval or are paused: with everything paused, only for running ones.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "Examples:
  greenline queue drain
  greenline queue drain --timeout 10m || greenline queue list
  greenline queue pause --reason upgrade && greenline queue drain

Exit code 1 if the time is up first.")]
pub(crate) struct Args {
    /// Wait no longer than this, such as 90s or 10m
    #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration)]
    timeout: Option<Duration>,
}

/// The remaining tasks, and those that no one works on.
#[derive(Debug, Default, PartialEq, Eq)]
struct RemainingWork {
    running: u64,
    to_come: u64,
    approvals: u64,
    paused: u64,
}

impl RemainingWork {
    fn total(&self) -> u64 {
        self.running + self.to_come
    }
}

pub(super) async fn run(session: &Session, args: &Args) -> anyhow::Result<ExitStatus> {
    let queue = session.queue().await?;
    let began = Instant::now();
    let mut hints = DrainHints::default();
    let mut left = look(&queue, session.out, &mut hints).await?;
    let mut total = left.total();
    let mut progress = (total > 0).then(|| Progress::new(session.out, "draining", total));
    while left.total() > 0 {
        let time_is_up = args.timeout.is_some_and(|timeout| began.elapsed() >= timeout);
        if time_is_up {
            drop(progress);
            return print_result(session.out, &left, began.elapsed(), ExitStatus::Negative);
        }
        let looked = Instant::now();
        total = total.max(left.total());
        if let Some(progress) = &mut progress {
            progress.set(total - left.total(), total);
        }
        // A check costs the queue time if there is much to count.
        let rest =
            args.timeout.map_or(LOOK_EVERY, |timeout| timeout.saturating_sub(began.elapsed()));
        tokio::time::sleep(LOOK_EVERY.min(rest).max(hints.cost * 20)).await;
        left = look(&queue, session.out, &mut hints).await?;
        hints.cost = looked.elapsed().saturating_sub(LOOK_EVERY).min(Duration::from_secs(1));
    }
    drop(progress);
    print_result(session.out, &left, began.elapsed(), ExitStatus::Success)
}

/// The hints printed so far, and the cost of a check.
#[derive(Default)]
struct DrainHints {
    shown: bool,
    cost: Duration,
}

async fn look(queue: &Queue, out: Output, hints: &mut DrainHints) -> anyhow::Result<RemainingWork> {
    let stats = queue.stats().await?;
    let paused = queue.paused().await?;
    let left = left(&stats, &paused, held_by_pauses(queue, &stats, &paused).await?);
    if left.total() > 0 && !hints.shown {
        hints.shown = true;
        hints_of(&stats, &left).iter().for_each(|hint| out.note(hint));
    }
    Ok(left)
}

/// Returns the number of tasks behind the pause of their type.
async fn held_by_pauses(
    queue: &Queue,
    stats: &QueueStats,
    paused: &BTreeMap<String, PauseRecord>,
) -> anyhow::Result<u64> {
    if stats.blocked == 0 || !paused.keys().any(|what| what.starts_with("type:")) {
        return Ok(0);
    }
    let filter = TaskFilter { statuses: [TaskStatus::Blocked].into(), ..TaskFilter::default() };
    let blocked = queue.list(&filter, MOST_BLOCKED).await?;
    let held = blocked.iter().filter(|task| {
        let behind = task.blocked_by.as_deref().and_then(|key| key.strip_prefix('@'));
        behind.is_some_and(|what| paused.contains_key(what))
    });
    Ok(held.count() as u64)
}

fn left(stats: &QueueStats, paused: &BTreeMap<String, PauseRecord>, held: u64) -> RemainingWork {
    let runnable = stats.pending + stats.scheduled + stats.blocked;
    let in_routes =
        stats.routes.iter().filter(|route| paused.contains_key(&format!("route:{}", route.route)));
    let held = held + in_routes.map(|route| route.pending).sum::<u64>();
    let held = if paused.contains_key("all") { runnable } else { held.min(runnable) };
    RemainingWork {
        running: stats.running,
        to_come: runnable - held,
        approvals: stats.awaiting_approval,
        paused: held,
    }
}

fn hints_of(stats: &QueueStats, left: &RemainingWork) -> Vec<String> {
    let mut hints = Vec::new();
    if stats.workers.is_empty() {
        hints.push(
            "No worker is alive: `greenline up` or `greenline worker` starts one.".to_owned(),
        );
    }
    for route in stats.routes.iter().filter(|route| route.workers == 0 && left.to_come > 0) {
        let tasks = human::count(route.pending, "task wants", "tasks want");
        hints.push(format!("{tasks} a worker for {}, and none is alive.", route.route));
    }
    hints
}

fn print_result(
    out: Output,
    left: &RemainingWork,
    took: Duration,
    ended: ExitStatus,
) -> anyhow::Result<ExitStatus> {
    let RemainingWork { running, to_come, approvals, paused } = left;
    if out.json {
        out.object(&json!({
            "drained": ended == ExitStatus::Success, "running": running, "to_come": to_come,
            "awaiting_approval": approvals, "paused": paused,
        }))?;
        return Ok(ended);
    }
    let took = human::duration(took);
    out.line(match ended {
        ExitStatus::Success => format!("Nothing is left to do, after {took}."),
        ExitStatus::Negative => format!(
            "After {took}, {} and {} to come.",
            human::count(*running, "task runs", "tasks run"),
            human::count(*to_come, "task is", "tasks are")
        ),
    })?;
    if *approvals > 0 {
        let tasks = human::count(*approvals, "task waits", "tasks wait");
        out.note(format_args!("{tasks} for approval: greenline approvals"));
    }
    if *paused > 0 {
        let tasks = human::count(*paused, "task is", "tasks are");
        out.note(format_args!("{tasks} paused: greenline queue resume"));
    }
    Ok(ended)
}

#[cfg(test)]
mod tests {
    use greenline_queue::RouteStats;

    use super::*;

    fn pause(what: &str) -> BTreeMap<String, PauseRecord> {
        let pause = PauseRecord { by: "ada".to_owned(), why: String::new(), at: 0 };
        BTreeMap::from([(what.to_owned(), pause)])
    }

    #[test]
    fn what_is_paused_is_not_waited_for() {
        let stats = QueueStats {
            pending: 5,
            running: 2,
            scheduled: 1,
            blocked: 3,
            routes: vec![RouteStats { route: "t+gpu".to_owned(), pending: 4, workers: 1 }],
            ..QueueStats::default()
        };
        assert_eq!(left(&stats, &BTreeMap::new(), 0).total(), 11);
        assert_eq!(left(&stats, &pause("route:t+gpu"), 0).total(), 7);
        assert_eq!(left(&stats, &pause("type:t"), 3).total(), 8);
        let all = left(&stats, &pause("all"), 0);
        assert_eq!((all.total(), all.paused), (2, 9));
    }
}
