//! Takes note of what has ended; the leader alone does.
//!
//! The outbox is the truth: what is in it is read, counted, and acknowledged with the fence as it
//! was read, so that a task that ran again meanwhile stays in. Events only wake this loop up; a
//! slow look every two seconds finds what they did not tell.
//!
//! Within one process each end is counted once, also when an acknowledgement or its answer is
//! lost. A leader that dies between the two leaves it to the next one, which counts it once more.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use greenline_forge::{PullNumber, RepoName};
use greenline_queue::{QueueError, QueueEvent, QueueEvents, TaskId, TaskRecord, TaskStatus};
use serde::Deserialize;
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

use crate::check::CheckName;
use crate::loops::loop_health::LeadLoop;
use crate::loops::retry_log::RetryLog;
use crate::metrics;
use crate::state::LeadState;
use crate::watch::{Admission, EventStore, RepoEvent, TaskEnded};

/// Bounds what one reading holds in memory: a record may be large.
const BATCH: usize = 200;

/// Interval of the fallback look for ended tasks whose event was lost.
const SLOW_LOOK: Duration = Duration::from_secs(2);

/// Takes note while this lead leads, until it is to stop.
pub(crate) async fn run(
    shared: Arc<LeadState>,
    event_store: Option<EventStore>,
    stop: CancellationToken,
) {
    let mut leader_status = shared.leadership.leader_status();
    let mut events = shared.queue.events("$");
    let mut reader =
        OutboxReader { shared, event_store, processed: Vec::new(), skipped: BTreeSet::new() };
    let mut outbox_errors = RetryLog::new("take note of what has ended");
    let mut event_errors = RetryLog::new("follow the events");
    while !stop.is_cancelled() {
        reader.shared.loop_health.progressed(LeadLoop::Outbox);
        if reader.shared.leadership.epoch().is_none() {
            let changed = tokio::time::timeout(SLOW_LOOK, leader_status.changed());
            stop.run_until_cancelled(changed).await;
            continue;
        }
        // Not cancelled: a batch that was begun is brought to its end.
        match reader.batch().await {
            Ok(BATCH..) => outbox_errors.succeeded(),
            Ok(_) => {
                outbox_errors.succeeded();
                stop.run_until_cancelled(wait_for_event(&mut events, &mut event_errors)).await;
            }
            Err(error) => {
                let wait = tokio::time::sleep(outbox_errors.failed(&error));
                stop.run_until_cancelled(wait).await;
            }
        }
    }
}

/// Waits until something may have ended.
async fn wait_for_event(events: &mut QueueEvents, errors: &mut RetryLog) {
    let end = Instant::now() + SLOW_LOOK;
    loop {
        let remaining = end.saturating_duration_since(Instant::now());
        // To Redis, less than a millisecond means for ever.
        if remaining < Duration::from_millis(1) {
            return;
        }
        match events.next(remaining).await {
            Ok(received) => {
                errors.succeeded();
                if received.is_empty() || received.iter().any(is_task_end) {
                    return;
                }
            }
            Err(error) => {
                errors.failed(&error);
                tokio::time::sleep(remaining).await;
                return;
            }
        }
    }
}

fn is_task_end(event: &QueueEvent) -> bool {
    event.what.parse().is_ok_and(TaskStatus::is_final)
}

/// A record as the outbox gave it.
enum OutboxEntry {
    /// It has ended: to be counted and acknowledged.
    Ended(TaskId, String),
    /// Its hash is gone: nothing to count, but to be acknowledged.
    Gone(TaskId, String),
    /// It has not ended, or its entry is no id: nothing that could be acknowledged.
    NotEnded,
}

fn classify(record: &TaskRecord) -> OutboxEntry {
    let Ok(id) = record.id.parse::<TaskId>() else { return OutboxEntry::NotEnded };
    let fence = record.fence.clone();
    match record.status.parse::<TaskStatus>() {
        Ok(status) if status.is_final() => OutboxEntry::Ended(id, fence),
        Err(_) if record.status.is_empty() => OutboxEntry::Gone(id, fence),
        Ok(_) | Err(_) => OutboxEntry::NotEnded,
    }
}

struct OutboxReader {
    shared: Arc<LeadState>,
    /// Receives ends of tasks about a failure.
    event_store: Option<EventStore>,
    /// Counted, and not acknowledged as far as we know.
    processed: Vec<(TaskId, String)>,
    /// In the outbox, and can't be acknowledged: passed over.
    skipped: BTreeSet<String>,
}

impl OutboxReader {
    /// Reads, counts and acknowledges once; how many it counted.
    async fn batch(&mut self) -> Result<usize, QueueError> {
        self.acknowledge().await?;
        let records = self.shared.queue.outbox(BATCH + self.skipped.len()).await?;
        let passed_over = std::mem::take(&mut self.skipped);
        for record in &records {
            match classify(record) {
                OutboxEntry::Ended(id, fence) => {
                    if self.insert_event(record).await? == Admission::Full {
                        continue;
                    }
                    record_end(record);
                    self.processed.push((id, fence));
                }
                OutboxEntry::Gone(id, fence) => self.processed.push((id, fence)),
                OutboxEntry::NotEnded => {
                    if !passed_over.contains(&record.id) {
                        debug!(
                            task.id = record.id,
                            "Task {} in the outbox has not ended", record.id
                        );
                    }
                    self.skipped.insert(record.id.clone());
                }
            }
        }
        let count = self.processed.len();
        self.acknowledge().await?;
        Ok(count)
    }

    /// Tells the end of a task about a failure, before it is forgotten here.
    async fn insert_event(&self, record: &TaskRecord) -> Result<Admission, QueueError> {
        match (&self.event_store, task_ended_event(record)) {
            (Some(event_store), Some(ended)) => {
                Ok(event_store.insert(RepoEvent::TaskEnded(ended)).await?)
            }
            _ => Ok(Admission::Stored),
        }
    }

    async fn acknowledge(&mut self) -> Result<(), QueueError> {
        match self.shared.queue.acknowledge(&self.processed).await {
            Ok(_) => {}
            Err(error) if error.is_transient() => return Err(error),
            // One broken key must not hold up the others.
            Err(_) => self.acknowledge_one_by_one().await?,
        }
        self.processed.clear();
        Ok(())
    }

    async fn acknowledge_one_by_one(&mut self) -> Result<(), QueueError> {
        for one in &self.processed {
            match self.shared.queue.acknowledge(std::slice::from_ref(one)).await {
                Ok(_) => {}
                Err(error) if error.is_transient() => return Err(error),
                Err(error) => {
                    let (id, _) = one;
                    if self.skipped.insert(id.to_string()) {
                        warn!(task.id = %id, error = %error, "Task {id} can't be acknowledged");
                    }
                }
            }
        }
        Ok(())
    }
}

/// The part of a task's inputs that names its failure.
#[derive(Deserialize)]
struct FailureTaskSubject {
    repo: RepoName,
    pr_number: Option<PullNumber>,
    branch: String,
    check: CheckName,
}

#[derive(Deserialize)]
struct FailureTaskPayload {
    inputs: FailureTaskSubject,
}

/// The end of a task about a failure; none of other tasks, or where it does not say what it is about.
fn task_ended_event(record: &TaskRecord) -> Option<TaskEnded> {
    if !["fix_test_failure", "investigate_failure"].contains(&record.kind.as_str()) {
        return None;
    }
    let FailureTaskPayload { inputs } = serde_json::from_str(&record.payload).ok()?;
    Some(TaskEnded {
        repo: inputs.repo,
        pull: inputs.pr_number,
        branch: inputs.branch,
        check: inputs.check,
        task: record.id.clone(),
        fence: record.fence.clone(),
    })
}

fn record_end(record: &TaskRecord) {
    metrics::task_ended(record);
    debug!(
        task.id = record.id,
        task.status = record.status,
        task.attempt = record.attempt,
        "Task {} ended as {}",
        record.id,
        record.status
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(id: &str, status: &str) -> TaskRecord {
        let (id, status) = (id.to_owned(), status.to_owned());
        TaskRecord { id, status, fence: "7".to_owned(), ..TaskRecord::default() }
    }

    #[test]
    fn only_what_has_ended_is_counted() {
        for status in ["success", "failed", "cancelled"] {
            assert!(
                matches!(classify(&record("a", status)), OutboxEntry::Ended(_, fence) if fence == "7")
            );
        }
        for status in ["running", "pending", "scheduled", "nonsense"] {
            assert!(matches!(classify(&record("a", status)), OutboxEntry::NotEnded), "{status}");
        }
        assert!(matches!(classify(&record("a", "")), OutboxEntry::Gone(..)));
        assert!(matches!(classify(&record("not an id", "success")), OutboxEntry::NotEnded));
    }
}
