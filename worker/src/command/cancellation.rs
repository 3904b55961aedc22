//! Requests to stop a run, with the reason.

use std::sync::{Arc, OnceLock};

use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;

/// The reason why a run was stopped before its end. Stored: the names outlive a release.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CancelReason {
    /// An operator cancelled the task.
    Operator,
    /// The worker stops and returns the task.
    WorkerStopping,
    /// Another worker may own the task: the report must not be used.
    LeaseLost,
}

/// A handle that stops a run. Clones stop the same run; the first reason counts.
#[derive(Debug, Clone, Default)]
pub struct Cancellation {
    token: CancellationToken,
    reason: Arc<OnceLock<CancelReason>>,
}

impl Cancellation {
    /// Creates a handle that has not been used.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Stops the run. The first reason stays.
    pub fn cancel(&self, reason: CancelReason) {
        self.reason.get_or_init(|| reason);
        self.token.cancel();
    }

    /// Returns the reason, if the run must stop.
    #[must_use]
    pub fn reason(&self) -> Option<CancelReason> {
        self.reason.get().copied()
    }

    /// Waits until the run must stop.
    pub async fn cancelled(&self) -> CancelReason {
        self.token.cancelled().await;
        *self.reason.get().expect("the reason is set before the token is cancelled")
    }
}
