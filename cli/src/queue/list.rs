//! `greenline queue list`.

use greenline_queue::{Priority, TaskRecord, TaskType};

use super::selection::FilterArgs;
use crate::error::ExitStatus;
use crate::print::Output;
use crate::print::style::of_status;
use crate::print::table::{Align, Cell, Table};
use crate::print::{text, when};
use crate::session::Session;

/// List tasks
///
/// Running tasks come first, then waiting ones in their order, then ended ones, the latest first.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "Examples:
  greenline queue list
  greenline queue list --status running,pending --type run_command
  greenline queue list --status dead --containing 'No space left'
  greenline queue list --json | jq -r 'select(.attempt > 1) | .id'")]
pub(crate) struct Args {
    #[command(flatten)]
    filter: FilterArgs,
    /// Show at most this many
    #[arg(long, value_name = "N", default_value_t = 50)]
    limit: usize,
}

pub(super) async fn run(session: &Session, args: &Args) -> anyhow::Result<ExitStatus> {
    let queue = session.queue().await?;
    let found = queue.list(&args.filter.with_default(&[]), args.limit.saturating_add(1)).await?;
    show(session.out, &found, args.limit, "No task fits. `greenline queue enqueue` makes one.")
}

/// Prints tasks; `found` holds one more than the limit if there are more.
pub(super) fn show(
    out: Output,
    found: &[TaskRecord],
    limit: usize,
    when_empty: &str,
) -> anyhow::Result<ExitStatus> {
    let shown = &found[..found.len().min(limit)];
    if out.json {
        for record in shown {
            out.object(record)?;
        }
        return Ok(ExitStatus::Success);
    }
    if shown.is_empty() {
        out.note(when_empty);
        return Ok(ExitStatus::Success);
    }
    out.block(table(shown, out.width(), when::now_ms()))?;
    if found.len() > limit {
        out.note(format_args!("There are more: --limit {} shows them.", limit.saturating_mul(4)));
    }
    Ok(ExitStatus::Success)
}

fn table(records: &[TaskRecord], width: Option<usize>, now_ms: i64) -> Table {
    let columns = [
        ("id", Align::Left),
        ("status", Align::Left),
        ("priority", Align::Left),
        ("since", Align::Right),
        ("try", Align::Right),
        ("detail", Align::Left),
    ];
    let mut table = Table::new(&columns, width);
    for record in records {
        let since = since(record).map_or(String::new(), |at| when::age(at, now_ms));
        table.row([
            Cell::from(&record.id),
            Cell::styled(status(record), of_status(&record.status)),
            Cell::from(text::known::<Priority>(&record.priority)),
            Cell::from(since),
            Cell::from(record.attempt),
            Cell::from(detail(record)),
        ]);
    }
    table
}

/// An index may name a task whose hash was deleted by hand.
fn status(record: &TaskRecord) -> &str {
    if record.status.is_empty() { "gone" } else { &record.status }
}

fn since(record: &TaskRecord) -> Option<i64> {
    match record.status.as_str() {
        "running" => record.started_at.or(record.claimed_at),
        "success" | "failed" | "cancelled" => record.finished_at,
        _ => record.enqueued_at,
    }
}

fn detail(record: &TaskRecord) -> String {
    let behind = record.blocked_by.as_ref().filter(|_| record.status == "blocked");
    let kind = text::known::<TaskType>(&record.kind);
    match (&record.error, behind, &record.route, &record.worker_id) {
        (_, Some(key), _, _) => format!("behind {}", key.trim_start_matches('@')),
        (Some(error), _, _, _) => error.clone(),
        (_, _, _, Some(worker)) if record.status == "running" => {
            format!("{kind} on {worker}")
        }
        (_, _, Some(route), _) => route.clone(),
        _ => kind,
    }
}
