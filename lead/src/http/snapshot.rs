//! The queue at a moment, read at most about once a second however many ask.
//!
//! Those who ask while it is being read wait for that one reading. If reading is slow, because
//! the queue is long or Redis busy, it is read less often: it takes at most a tenth of the time.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use greenline_queue::{Epoch, Intent, PauseRecord, Queue, QueueError, QueueStats, TaskRecord};
use greenline_runtime::clock::Clock;
use greenline_store::ServerFacts;
use tokio::sync::Mutex;

use crate::publish::{Halt, halted};

/// Number of finished tasks shown.
pub(crate) const RECENT: usize = 20;

const FRESH: Duration = Duration::from_secs(1);

/// Longest time of a reading: less than an answer may take.
const READ_WITHIN: Duration = Duration::from_secs(8);

/// The queue at a moment.
pub(crate) struct Snapshot {
    pub(crate) taken_at_ms: u64,
    pub(crate) stats: QueueStats,
    pub(crate) recent: Vec<TaskRecord>,
    pub(crate) paused: BTreeMap<String, PauseRecord>,
    pub(crate) leader: Option<(String, Epoch)>,
    pub(crate) intents: Vec<Intent>,
    pub(crate) halt: Option<Halt>,
    pub(crate) redis: ServerFacts,
}

/// The reason why there is no snapshot. Cached like a snapshot, so that many requests don't wait
/// one by one for a Redis that is away.
#[derive(Debug, Clone, thiserror::Error)]
pub(crate) enum SnapshotError {
    #[error(transparent)]
    Failed(#[from] QueueError),
    #[error("Redis did not answer within {} s", READ_WITHIN.as_secs())]
    TooSlow,
}

/// The last snapshot, and whoever wants a newer one.
pub(crate) struct Snapshots {
    queue: Queue,
    clock: Clock,
    last: Mutex<Option<CachedSnapshot>>,
}

struct CachedSnapshot {
    fresh_until: Duration,
    snapshot: Result<Arc<Snapshot>, SnapshotError>,
}

impl Snapshots {
    pub(crate) fn new(queue: Queue, clock: Clock) -> Self {
        Self { queue, clock, last: Mutex::new(None) }
    }

    /// A snapshot that is fresh enough.
    pub(crate) async fn get(&self) -> Result<Arc<Snapshot>, SnapshotError> {
        let mut last = self.last.lock().await;
        let asked_at = self.clock.steady();
        if let Some(cached) = last.as_ref().filter(|cached| asked_at < cached.fresh_until) {
            return cached.snapshot.clone();
        }
        let snapshot = match tokio::time::timeout(READ_WITHIN, self.read()).await {
            Ok(cached) => cached.map(Arc::new).map_err(SnapshotError::Failed),
            Err(_) => Err(SnapshotError::TooSlow),
        };
        let now = self.clock.steady();
        let cost = now.saturating_sub(asked_at);
        // After a failure sooner, so that a Redis that is back is not missed for long.
        let pause = if snapshot.is_ok() { 10 * cost } else { cost };
        let fresh_until = now + pause.max(FRESH);
        *last = Some(CachedSnapshot { fresh_until, snapshot: snapshot.clone() });
        snapshot
    }

    async fn read(&self) -> Result<Snapshot, QueueError> {
        let queue = &self.queue;
        let facts = async { queue.store().facts().await.map_err(QueueError::from) };
        let halt = async { halted(queue.store()).await.map_err(QueueError::from) };
        let (stats, mut recent, paused, leader, intents, halt, redis) = tokio::try_join!(
            queue.stats(),
            queue.recent(RECENT),
            queue.paused(),
            queue.leader(),
            queue.open_intents(),
            halt,
            facts,
        )?;
        // Listed, and forgotten before its hash was read.
        recent.retain(|task| !task.status.is_empty());
        let taken_at_ms = self.clock.wall_ms();
        Ok(Snapshot { taken_at_ms, stats, recent, paused, leader, intents, halt, redis })
    }
}
