//! Retries: the number of attempts and the total wait of one call.
//!
//! - Only repeatable calls are retried after a failure on the network. A call that a limit refused
//!   had no effect, so it may always be retried.
//! - Pauses double and have jitter, so that a fleet does not return in step.
//! - A wait that would exceed the total is not begun: the caller receives the time at once.

use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBackoff, ExponentialBuilder};

use crate::config::RetryLimits;

#[derive(Debug)]
pub(crate) struct RetryBudget {
    pauses: ExponentialBackoff,
    left: usize,
    may_wait: Duration,
}

impl RetryBudget {
    /// Creates a counter whose jitter comes from `seed`.
    pub(crate) fn new(retry_limits: &RetryLimits, seed: u64) -> Self {
        let pauses = ExponentialBuilder::default()
            .with_min_delay(retry_limits.first_pause)
            .with_max_delay(retry_limits.longest_pause)
            .with_jitter()
            .with_jitter_seed(seed)
            .without_max_times()
            .build();
        Self { pauses, left: retry_limits.attempts.max(1), may_wait: retry_limits.longest_wait }
    }

    /// Counts a failed attempt. Returns the pause before the next one, or `None` if there is none.
    pub(crate) fn again(&mut self) -> Option<Duration> {
        self.left = self.left.saturating_sub(1);
        let pause = self.pauses.next()?;
        (self.left > 0 && self.wait(pause)).then_some(pause)
    }

    /// Counts an attempt that a limit refused. Returns `true` if another is left.
    pub(crate) fn refused(&mut self) -> bool {
        self.left = self.left.saturating_sub(1);
        self.left > 0
    }

    /// Subtracts `time` from the total wait. Returns `false` if less is left.
    pub(crate) fn wait(&mut self, time: Duration) -> bool {
        let left = self.may_wait.checked_sub(time);
        self.may_wait = left.unwrap_or(self.may_wait);
        left.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_with_jitter_and_end() {
        let retry_limits = RetryLimits::default();
        let mut tries = RetryBudget::new(&retry_limits, 7);
        let pauses: Vec<Duration> = std::iter::from_fn(|| tries.again()).collect();
        assert_eq!(pauses.len(), retry_limits.attempts - 1);
        for (pause, base) in pauses.iter().zip([500, 1_000, 2_000].map(Duration::from_millis)) {
            assert!((base..=2 * base).contains(pause), "{pause:?} for {base:?}");
        }
        let other: Vec<Duration> = {
            let mut tries = RetryBudget::new(&retry_limits, 8);
            std::iter::from_fn(|| tries.again()).collect()
        };
        assert_ne!(pauses, other);
    }

    #[test]
    fn waiting_has_an_end() {
        let retry_limits =
            RetryLimits { longest_wait: Duration::from_secs(10), ..RetryLimits::default() };
        let mut tries = RetryBudget::new(&retry_limits, 7);
        assert!(!tries.wait(Duration::from_secs(11)));
        assert!(tries.wait(Duration::from_secs(10)));
        assert!(!tries.wait(Duration::from_millis(1)));
        assert_eq!(tries.again(), None);
    }
}
