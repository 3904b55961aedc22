//! Orders actions: one after the other within a pull request, with back-off after failures.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex as Lock, PoisonError};
use std::time::Duration;

use greenline_runtime::clock::Clock;
use tokio::sync::{Mutex, OwnedMutexGuard};

use super::action::ActionLane;

const FIRST_WAIT: Duration = Duration::from_secs(2);
const LONGEST_WAIT: Duration = Duration::from_mins(2);

/// The lanes in which something was asked for of late.
pub(crate) struct ActionLanes {
    clock: Clock,
    lanes: Lock<HashMap<ActionLane, LaneState>>,
    /// Number of failures in a row.
    backlog_count: AtomicU64,
}

/// A moment among those at which something was kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(crate) struct BacklogVersion(u64);

#[derive(Default)]
struct LaneState {
    lock: Arc<Mutex<()>>,
    /// Something older is still open: what comes has to queue.
    backlog: bool,
    backlog_at: BacklogVersion,
    failures: u32,
    /// By the steady clock.
    not_before: Duration,
}

impl ActionLanes {
    pub(crate) fn new(clock: Clock) -> Self {
        Self { clock, lanes: Lock::default(), backlog_count: AtomicU64::default() }
    }

    /// Waits for one's turn.
    pub(crate) async fn enter(&self, lane: &ActionLane) -> OwnedMutexGuard<()> {
        let lock = self.with_state(lane, |state| state.lock.clone());
        lock.lock_owned().await
    }

    pub(crate) fn has_backlog(&self, lane: &ActionLane) -> bool {
        self.with_state(lane, |state| state.backlog)
    }

    /// Something of this lane stays open.
    pub(crate) fn add_backlog(&self, lane: &ActionLane) {
        let at = BacklogVersion(self.backlog_count.fetch_add(1, Ordering::SeqCst) + 1);
        self.with_state(lane, |state| (state.backlog, state.backlog_at) = (true, at));
    }

    /// Something of this lane was found open.
    pub(crate) fn restore_backlog(&self, lane: &ActionLane) {
        self.with_state(lane, |state| state.backlog = true);
    }

    /// Now. To be asked before it is read what is open.
    pub(crate) fn version(&self) -> BacklogVersion {
        BacklogVersion(self.backlog_count.load(Ordering::SeqCst))
    }

    /// It failed: how long to leave the lane alone.
    pub(crate) fn mark_failed(&self, lane: &ActionLane, at_least: Duration) {
        let now = self.clock.steady();
        self.with_state(lane, |state| {
            let doubled = FIRST_WAIT.saturating_mul(2_u32.saturating_pow(state.failures.min(16)));
            state.failures += 1;
            state.backlog = true;
            state.not_before = now + doubled.min(LONGEST_WAIT).max(at_least);
        });
    }

    pub(crate) fn is_due(&self, lane: &ActionLane) -> bool {
        let now = self.clock.steady();
        self.with_state(lane, |state| state.not_before <= now)
    }

    /// Nothing of this lane is open any more that was open at that moment. What was kept since is
    /// still to be queued behind.
    pub(crate) fn mark_cleared(&self, lane: &ActionLane, read_at: BacklogVersion) {
        self.with_state(lane, |state| {
            state.backlog = state.backlog_at > read_at;
            state.failures = 0;
            state.not_before = Duration::ZERO;
        });
    }

    /// Forgets lanes in which nothing is open and nobody waits.
    pub(crate) fn remove_idle(&self) {
        let mut lanes = self.lanes.lock().unwrap_or_else(PoisonError::into_inner);
        lanes.retain(|_, state| state.backlog || Arc::strong_count(&state.lock) > 1);
    }

    fn with_state<T>(&self, lane: &ActionLane, what: impl FnOnce(&mut LaneState) -> T) -> T {
        let mut lanes = self.lanes.lock().unwrap_or_else(PoisonError::into_inner);
        what(lanes.entry(lane.clone()).or_default())
    }
}
