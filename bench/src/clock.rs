//! One clock for all processes of a benchmark.

use std::time::{SystemTime, UNIX_EPOCH};

/// Returns microseconds since the epoch.
pub(crate) fn now_us() -> u128 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_micros())
}
