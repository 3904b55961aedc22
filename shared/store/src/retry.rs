//! The one retry schedule: fast at first, then every few seconds, with jitter so that a fleet does
//! not return in step.

use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBuilder};

/// Endless delays, growing from 50 ms to 3 s, each with up to as much jitter.
pub type Backoff = backon::ExponentialBackoff;

/// Creates a [`Backoff`]; drop it as soon as a call succeeds.
#[must_use]
pub fn backoff() -> Backoff {
    ExponentialBuilder::default()
        .with_min_delay(Duration::from_millis(50))
        .with_max_delay(Duration::from_secs(2))
        .with_jitter()
        .without_max_times()
        .build()
}
