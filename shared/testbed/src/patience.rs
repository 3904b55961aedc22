//! Waiting for what another process does: by looking, with an end.

use std::time::{Duration, Instant};

/// How long something may take that a test waits for: far longer than it does.
const PATIENCE: Duration = Duration::from_secs(30);

/// Looks until `done` says yes.
///
/// # Panics
///
/// If it does not within half a minute; `what` says what was waited for.
pub async fn eventually(what: &str, mut done: impl AsyncFnMut() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !done().await {
        assert!(Instant::now() < end, "waited in vain: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
