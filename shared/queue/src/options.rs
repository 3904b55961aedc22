//! Options of a queue.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use crate::TaskKeys;

/// Options of a queue. The defaults are those of the documentation.
#[derive(Clone)]
pub struct QueueOptions {
    /// The time for which a claim holds without renewal.
    pub lease: Duration,
    /// The number of retries after a task's own failures.
    pub max_retries: u32,
    /// The number of worker deaths after which a task fails for good.
    pub max_crashes: u32,
    /// The wait before the first retry; it doubles with each.
    pub retry_delay: Duration,
    /// The longest wait before a retry.
    pub retry_delay_most: Duration,
    /// The size limit of a task's JSON in bytes.
    pub payload_most: usize,
    /// The number of finished tasks to keep.
    pub keep_count: u64,
    /// The time to keep finished tasks.
    pub keep_age: Duration,
    /// The minimum time to keep a finished task, whatever the count.
    pub keep_at_least: Duration,
    /// The time for a person's approval.
    pub approval_expiry: Duration,
    /// The keys that tasks are signed and checked with.
    pub task_keys: TaskKeys,
    /// The offset of the queue's clock; zero outside of tests.
    pub clock: ClockShift,
}

impl Default for QueueOptions {
    fn default() -> Self {
        Self {
            lease: Duration::from_secs(15),
            max_retries: 2,
            max_crashes: 3,
            retry_delay: Duration::from_secs(10),
            retry_delay_most: Duration::from_secs(600),
            payload_most: 256 * 1024,
            keep_count: 10_000,
            keep_age: Duration::from_hours(7 * 24),
            keep_at_least: Duration::from_mins(10),
            approval_expiry: Duration::from_hours(7 * 24),
            task_keys: TaskKeys::default(),
            clock: ClockShift::default(),
        }
    }
}

impl QueueOptions {
    /// Returns the wait before retry number `used + 1`. `jitter` is between 0 and 1 and subtracts
    /// up to a quarter, so that tasks that failed together spread out.
    pub(crate) fn delay_before_retry(&self, used: u32, jitter: f64) -> Duration {
        let doubled = self.retry_delay.saturating_mul(2_u32.saturating_pow(used));
        doubled.min(self.retry_delay_most).mul_f64(1.0 - 0.25 * jitter.clamp(0.0, 1.0))
    }
}

/// The offset of the queue's clock from Redis's. Tests move it instead of waiting; clones share it.
#[derive(Debug, Clone, Default)]
pub struct ClockShift(Arc<AtomicI64>);

impl ClockShift {
    pub fn advance(&self, by: Duration) {
        let ms = i64::try_from(by.as_millis()).unwrap_or(i64::MAX);
        self.0.fetch_add(ms, Ordering::SeqCst);
    }

    pub fn set_back(&self, by: Duration) {
        let ms = i64::try_from(by.as_millis()).unwrap_or(i64::MAX);
        self.0.fetch_sub(ms, Ordering::SeqCst);
    }

    pub(crate) fn ms(&self) -> i64 {
        self.0.load(Ordering::SeqCst)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retries_wait_longer_each_time_up_to_a_limit() {
        let options = QueueOptions::default();
        let waits: Vec<u64> =
            (0..8).map(|used| options.delay_before_retry(used, 0.0).as_secs()).collect();
        assert_eq!(waits, [10, 20, 40, 80, 160, 320, 600, 600]);
        assert_eq!(options.delay_before_retry(0, 1.0).as_millis(), 7500);
        assert_eq!(options.delay_before_retry(u32::MAX, 0.0).as_secs(), 600);
    }
}
