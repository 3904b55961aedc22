//! Logs whether Redis answers: once when it goes away, once when it is back.

use std::sync::atomic::{AtomicBool, Ordering};

use greenline_queue::QueueError;

/// The state of Redis that all loops of a worker share.
#[derive(Debug, Default)]
pub(crate) struct RedisStatus {
    away: AtomicBool,
}

impl RedisStatus {
    /// Records a successful call.
    pub(crate) fn up(&self) {
        if self.away.swap(false, Ordering::Relaxed) {
            tracing::info!("Redis is back");
        }
    }

    /// Records a failed call. An error that does not pass by itself is logged each time.
    pub(crate) fn down(&self, doing: &str, error: &QueueError) {
        if !error.is_transient() {
            tracing::error!(%error, "Failed to {doing}");
        } else if !self.away.swap(true, Ordering::Relaxed) {
            tracing::warn!(%error, "Redis is away, trying again until it is back");
        }
    }
}
