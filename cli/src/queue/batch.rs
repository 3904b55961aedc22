//! Applies an action to many tasks: in portions, with progress, and with a result for each.

use std::collections::BTreeMap;

use greenline_queue::{QueueError, TaskId};
use greenline_runtime::human;
use serde::Serialize;

use super::selection::SelectedTasks;
use crate::error::ExitStatus;
use crate::print::Output;
use crate::progress::Progress;

/// The number of tasks in one portion.
const BATCH: usize = 500;

/// The number of results to show one by one.
const SHOWN: usize = 20;

/// The result of one task.
pub(super) trait BatchOutcome: Serialize {
    /// Returns `true` if the action succeeded.
    fn is_done(&self) -> bool;
    /// Describes it, as the end of "ID: …".
    fn words(&self) -> String;
}

#[derive(Serialize)]
struct BatchLine<'a, T> {
    task_id: &'a TaskId,
    #[serde(flatten)]
    outcome: &'a T,
}

/// Applies `act` to the selected tasks, and prints each result. Returns "no" if it failed for tasks
/// that were named.
pub(super) async fn run_batch<T: BatchOutcome>(
    out: Output,
    chosen: &SelectedTasks,
    what: &'static str,
    act: impl AsyncFn(&[TaskId]) -> Result<Vec<T>, QueueError>,
) -> anyhow::Result<ExitStatus> {
    if chosen.ids.is_empty() {
        out.note("No task fits: nothing to do.");
        return Ok(ExitStatus::Success);
    }
    let outcomes = in_batches(out, &chosen.ids, what, act).await?;
    if out.json {
        for (task_id, outcome) in chosen.ids.iter().zip(&outcomes) {
            out.object(&BatchLine { task_id, outcome })?;
        }
    } else if outcomes.len() <= SHOWN {
        for (id, outcome) in chosen.ids.iter().zip(&outcomes) {
            out.line(format_args!("{id}: {}", outcome.words()))?;
        }
    } else {
        out.line(totals(&outcomes))?;
    }
    if chosen.cut {
        out.note("There are more: run it again for the next ones.");
    }
    let refused = chosen.by_name && !outcomes.iter().all(BatchOutcome::is_done);
    Ok(if refused { ExitStatus::Negative } else { ExitStatus::Success })
}

async fn in_batches<T>(
    out: Output,
    ids: &[TaskId],
    what: &'static str,
    act: impl AsyncFn(&[TaskId]) -> Result<Vec<T>, QueueError>,
) -> Result<Vec<T>, QueueError> {
    let total = ids.len() as u64;
    let mut progress = (ids.len() > BATCH).then(|| Progress::new(out, what, total));
    let mut outcomes = Vec::with_capacity(ids.len());
    for batch in ids.chunks(BATCH) {
        outcomes.extend(act(batch).await?);
        if let Some(progress) = &mut progress {
            progress.set(outcomes.len() as u64, total);
        }
    }
    Ok(outcomes)
}

/// Formats one line per kind of result, the most frequent first.
fn totals<T: BatchOutcome>(outcomes: &[T]) -> String {
    let mut counts: BTreeMap<String, u64> = BTreeMap::new();
    for outcome in outcomes {
        *counts.entry(outcome.words()).or_default() += 1;
    }
    let mut counts: Vec<_> = counts.into_iter().collect();
    counts.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    let rows: Vec<String> = counts
        .into_iter()
        .map(|(words, count)| format!("{}: {words}", human::count(count, "task", "tasks")))
        .collect();
    rows.join("\n")
}
