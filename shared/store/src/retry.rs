//! The one rhythm in which calls are repeated: fast at first, then every few
//! seconds, with jitter so that a fleet does not come back as one.

use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBuilder};

/// Endless delays, growing from 50 ms to 3 s, each with up to as much jitter.
pub type Backoff = backon::ExponentialBackoff;

/// A fresh [`Backoff`], to be dropped as soon as a call succeeds.
#[must_use]
pub fn backoff() -> Backoff {
    ExponentialBuilder::default()
        .with_min_delay(Duration::from_millis(50))
        .with_max_delay(Duration::from_secs(2))
        .with_jitter()
        .without_max_times()
        .build()
}
