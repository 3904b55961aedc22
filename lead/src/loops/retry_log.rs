//! Handles errors in a loop: logs each once, backs off, goes on.

use std::time::Duration;

use greenline_queue::QueueError;
use greenline_store::{Backoff, backoff};
use tracing::{debug, info, warn};

/// One loop's trouble. That Redis is away is said by the tick loop alone, so here it is not
/// said again; everything else is said when it is new.
pub(crate) struct RetryLog {
    activity: &'static str,
    logged: Option<String>,
    waits: Option<Backoff>,
}

impl RetryLog {
    /// For a loop that is `activity` something, such as "take note of what has ended".
    pub(crate) fn new(activity: &'static str) -> Self {
        Self { activity, logged: None, waits: None }
    }

    /// It went wrong; how long to wait before trying again.
    pub(crate) fn failed(&mut self, error: &QueueError) -> Duration {
        let text = error.to_string();
        if error.is_transient() {
            debug!(error = text, "Failed to {}, as Redis can't be used", self.activity);
        } else if self.logged.as_ref() != Some(&text) {
            warn!(error = text, "Failed to {}; trying again", self.activity);
            self.logged = Some(text);
        }
        next_wait(&mut self.waits)
    }

    /// It went well.
    pub(crate) fn succeeded(&mut self) {
        self.waits = None;
        if self.logged.take().is_some() {
            info!("Managed to {} again", self.activity);
        }
    }
}

/// The next wait of a row that begins with the first call after `None`.
pub(crate) fn next_wait(waits: &mut Option<Backoff>) -> Duration {
    const LONGEST: Duration = Duration::from_secs(3);
    waits.get_or_insert_with(backoff).next().unwrap_or(LONGEST)
}
