//! Polls for the effect of another process, up to a deadline.

use std::time::{Duration, Instant};

/// The deadline: far longer than any awaited effect takes.
const DEADLINE: Duration = Duration::from_secs(30);

/// Polls until `done` returns `true`.
///
/// # Panics
///
/// If it does not within half a minute; `what` names the awaited effect.
pub async fn eventually(what: &str, mut done: impl AsyncFnMut() -> bool) {
    let end = Instant::now() + DEADLINE;
    while !done().await {
        assert!(Instant::now() < end, "waited in vain: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
