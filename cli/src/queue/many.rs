//! Doing the same to many tasks: in portions, with progress, and each outcome told.

use std::collections::BTreeMap;

use greenline_queue::{QueueError, TaskId};
use greenline_runtime::say;
use serde::Serialize;

use super::choose::Chosen;
use crate::ending::Ended;
use crate::print::Output;
use crate::progress::Progress;

/// How many tasks go in one portion.
const PORTION: usize = 500;

/// How many outcomes a person is shown one by one.
const SHOWN: usize = 20;

/// What became of one task.
pub(super) trait Outcome: Serialize {
    /// Whether it is what was asked for.
    fn is_done(&self) -> bool;
    /// In words, as the end of "ID: …".
    fn words(&self) -> String;
}

#[derive(Serialize)]
struct Line<'a, T> {
    task_id: &'a TaskId,
    #[serde(flatten)]
    outcome: &'a T,
}

/// Does `act` to the chosen tasks, and tells what became of each. The answer is no if tasks that
/// were named could not be had.
pub(super) async fn treat<T: Outcome>(
    out: Output,
    chosen: &Chosen,
    what: &'static str,
    act: impl AsyncFn(&[TaskId]) -> Result<Vec<T>, QueueError>,
) -> anyhow::Result<Ended> {
    if chosen.ids.is_empty() {
        out.note("No task fits: nothing to do.");
        return Ok(Ended::Done);
    }
    let outcomes = in_portions(out, &chosen.ids, what, act).await?;
    if out.json {
        for (task_id, outcome) in chosen.ids.iter().zip(&outcomes) {
            out.object(&Line { task_id, outcome })?;
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
    let refused = chosen.by_name && !outcomes.iter().all(Outcome::is_done);
    Ok(if refused { Ended::No } else { Ended::Done })
}

async fn in_portions<T>(
    out: Output,
    ids: &[TaskId],
    what: &'static str,
    act: impl AsyncFn(&[TaskId]) -> Result<Vec<T>, QueueError>,
) -> Result<Vec<T>, QueueError> {
    let total = ids.len() as u64;
    let mut progress = (ids.len() > PORTION).then(|| Progress::new(out, what, total));
    let mut outcomes = Vec::with_capacity(ids.len());
    for portion in ids.chunks(PORTION) {
        outcomes.extend(act(portion).await?);
        if let Some(progress) = &mut progress {
            progress.set(outcomes.len() as u64, total);
        }
    }
    Ok(outcomes)
}

/// One line for each kind of outcome, the most frequent first.
fn totals<T: Outcome>(outcomes: &[T]) -> String {
    let mut counts: BTreeMap<String, u64> = BTreeMap::new();
    for outcome in outcomes {
        *counts.entry(outcome.words()).or_default() += 1;
    }
    let mut counts: Vec<_> = counts.into_iter().collect();
    counts.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    let said: Vec<String> = counts
        .into_iter()
        .map(|(words, count)| format!("{}: {words}", say::count(count, "task", "tasks")))
        .collect();
    said.join("\n")
}
