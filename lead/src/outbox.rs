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
use greenline_queue::{Event, Events, QueueError, Status, TaskId, TaskRecord};
use serde::Deserialize;
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

use crate::daemon::Shared;
use crate::failure::CheckName;
use crate::numbers;
use crate::trouble::Trouble;
use crate::turns::Turning;
use crate::watch::{Funnel, Kept, Sighting, TaskEnded};

/// Bounds what one reading holds in memory: a record may be large.
const BATCH: usize = 200;

/// Interval of the fallback look for ended tasks whose event was lost.
const SLOW_LOOK: Duration = Duration::from_secs(2);

/// Takes note while this lead leads, until it is to stop.
pub(crate) async fn run(shared: Arc<Shared>, told: Option<Funnel>, stop: CancellationToken) {
    let mut standing = shared.office.standing();
    let mut events = shared.queue.events("$");
    let mut reader = Reader { shared, told, noted: Vec::new(), left: BTreeSet::new() };
    let mut reading = Trouble::new("take note of what has ended");
    let mut hearing = Trouble::new("follow the events");
    while !stop.is_cancelled() {
        reader.shared.turns.turned(Turning::Outbox);
        if reader.shared.office.epoch().is_none() {
            let news = tokio::time::timeout(SLOW_LOOK, standing.changed());
            stop.run_until_cancelled(news).await;
            continue;
        }
        // Not cancelled: a batch that was begun is brought to its end.
        match reader.batch().await {
            Ok(BATCH..) => reading.over(),
            Ok(_) => {
                reading.over();
                stop.run_until_cancelled(hint(&mut events, &mut hearing)).await;
            }
            Err(error) => {
                let wait = tokio::time::sleep(reading.met(&error));
                stop.run_until_cancelled(wait).await;
            }
        }
    }
}

/// Waits until something may have ended.
async fn hint(events: &mut Events, trouble: &mut Trouble) {
    let end = Instant::now() + SLOW_LOOK;
    loop {
        let left = end.saturating_duration_since(Instant::now());
        // To Redis, less than a millisecond means for ever.
        if left < Duration::from_millis(1) {
            return;
        }
        match events.next(left).await {
            Ok(heard) => {
                trouble.over();
                if heard.is_empty() || heard.iter().any(is_an_end) {
                    return;
                }
            }
            Err(error) => {
                trouble.met(&error);
                tokio::time::sleep(left).await;
                return;
            }
        }
    }
}

fn is_an_end(event: &Event) -> bool {
    event.what.parse().is_ok_and(Status::is_final)
}

/// A record as the outbox gave it.
enum Finding {
    /// It has ended: to be counted and acknowledged.
    Ended(TaskId, String),
    /// Its hash is gone: nothing to count, but to be acknowledged.
    Gone(TaskId, String),
    /// It has not ended, or its entry is no id: nothing that could be acknowledged.
    Unfit,
}

fn find(record: &TaskRecord) -> Finding {
    let Ok(id) = record.id.parse::<TaskId>() else { return Finding::Unfit };
    let fence = record.fence.clone();
    match record.status.parse::<Status>() {
        Ok(status) if status.is_final() => Finding::Ended(id, fence),
        Err(_) if record.status.is_empty() => Finding::Gone(id, fence),
        Ok(_) | Err(_) => Finding::Unfit,
    }
}

struct Reader {
    shared: Arc<Shared>,
    /// Receives ends of tasks about a failure.
    told: Option<Funnel>,
    /// Counted, and not acknowledged as far as we know.
    noted: Vec<(TaskId, String)>,
    /// In the outbox, and can't be acknowledged: passed over.
    left: BTreeSet<String>,
}

impl Reader {
    /// Reads, counts and acknowledges once; how many it counted.
    async fn batch(&mut self) -> Result<usize, QueueError> {
        self.acknowledge().await?;
        let records = self.shared.queue.outbox(BATCH + self.left.len()).await?;
        let passed_over = std::mem::take(&mut self.left);
        for record in &records {
            match find(record) {
                Finding::Ended(id, fence) => {
                    if self.tell(record).await? == Kept::NotNow {
                        continue;
                    }
                    note(record);
                    self.noted.push((id, fence));
                }
                Finding::Gone(id, fence) => self.noted.push((id, fence)),
                Finding::Unfit => {
                    if !passed_over.contains(&record.id) {
                        debug!(
                            task.id = record.id,
                            "Task {} in the outbox has not ended", record.id
                        );
                    }
                    self.left.insert(record.id.clone());
                }
            }
        }
        let count = self.noted.len();
        self.acknowledge().await?;
        Ok(count)
    }

    /// Tells the end of a task about a failure, before it is forgotten here.
    async fn tell(&self, record: &TaskRecord) -> Result<Kept, QueueError> {
        match (&self.told, of_failure(record)) {
            (Some(funnel), Some(ended)) => Ok(funnel.tell(Sighting::TaskEnded(ended)).await?),
            _ => Ok(Kept::Yes),
        }
    }

    async fn acknowledge(&mut self) -> Result<(), QueueError> {
        match self.shared.queue.acknowledge(&self.noted).await {
            Ok(_) => {}
            Err(error) if error.is_passing() => return Err(error),
            // One broken key must not hold up the others.
            Err(_) => self.acknowledge_one_by_one().await?,
        }
        self.noted.clear();
        Ok(())
    }

    async fn acknowledge_one_by_one(&mut self) -> Result<(), QueueError> {
        for one in &self.noted {
            match self.shared.queue.acknowledge(std::slice::from_ref(one)).await {
                Ok(_) => {}
                Err(error) if error.is_passing() => return Err(error),
                Err(error) => {
                    let (id, _) = one;
                    if self.left.insert(id.to_string()) {
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
struct About {
    repo: RepoName,
    pr_number: Option<PullNumber>,
    branch: String,
    check: CheckName,
}

#[derive(Deserialize)]
struct Payload {
    inputs: About,
}

/// The end of a task about a failure; none of other tasks, or where it does not say what it is about.
fn of_failure(record: &TaskRecord) -> Option<TaskEnded> {
    if !["fix_test_failure", "investigate_failure"].contains(&record.kind.as_str()) {
        return None;
    }
    let Payload { inputs } = serde_json::from_str(&record.payload).ok()?;
    Some(TaskEnded {
        repo: inputs.repo,
        pull: inputs.pr_number,
        branch: inputs.branch,
        check: inputs.check,
        task: record.id.clone(),
        fence: record.fence.clone(),
    })
}

fn note(record: &TaskRecord) {
    numbers::ended(record);
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
            assert!(matches!(find(&record("a", status)), Finding::Ended(_, fence) if fence == "7"));
        }
        for status in ["running", "pending", "scheduled", "nonsense"] {
            assert!(matches!(find(&record("a", status)), Finding::Unfit), "{status}");
        }
        assert!(matches!(find(&record("a", "")), Finding::Gone(..)));
        assert!(matches!(find(&record("not an id", "success")), Finding::Unfit));
    }
}
