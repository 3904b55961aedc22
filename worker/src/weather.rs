//! Whether Redis answers: said once when it goes, once when it is back.

use std::sync::atomic::{AtomicBool, Ordering};

use greenline_queue::QueueError;

/// What all loops of a worker know of Redis.
#[derive(Debug, Default)]
pub(crate) struct Weather {
    away: AtomicBool,
}

impl Weather {
    /// A call worked.
    pub(crate) fn fair(&self) {
        if self.away.swap(false, Ordering::Relaxed) {
            tracing::info!("Redis is back");
        }
    }

    /// A call failed. What does not pass by itself is said each time it is met.
    pub(crate) fn foul(&self, doing: &str, error: &QueueError) {
        if !error.is_passing() {
            tracing::error!(%error, "Failed to {doing}");
        } else if !self.away.swap(true, Ordering::Relaxed) {
            tracing::warn!(%error, "Redis is away, trying again until it is back");
        }
    }
}
