//! Telling a run to stop, and why.

use std::sync::{Arc, OnceLock};

use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;

/// Why a run was told to stop before its end. Stored: the names outlive a release.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CancelReason {
    /// An operator cancelled the task.
    Operator,
    /// The worker stops and hands the task back.
    WorkerStopping,
    /// Another worker may own the task by now: the report must not be used.
    LeaseLost,
}

/// A handle by which a run is stopped. Clones stop the same run; the first reason counts.
#[derive(Debug, Clone, Default)]
pub struct Cancellation {
    token: CancellationToken,
    reason: Arc<OnceLock<CancelReason>>,
}

impl Cancellation {
    /// A handle that nobody has used yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Stops the run. What came first stays the reason.
    pub fn cancel(&self, reason: CancelReason) {
        self.reason.get_or_init(|| reason);
        self.token.cancel();
    }

    /// Why the run is to stop, if it is.
    #[must_use]
    pub fn reason(&self) -> Option<CancelReason> {
        self.reason.get().copied()
    }

    /// Waits until the run is to stop.
    pub async fn cancelled(&self) -> CancelReason {
        self.token.cancelled().await;
        *self.reason.get().expect("the reason is set before the token is cancelled")
    }
}
