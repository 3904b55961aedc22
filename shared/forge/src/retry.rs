//! How often one call is tried, and how long it may wait in all.
//!
//! - Only what may be done twice is tried again after it failed on the way. What a limit refused
//!   has not been done, so it may always be tried again.
//! - Pauses double and are jittered, so that a fleet does not come back as one.
//! - A wait that would go over the whole is not begun: the caller hears at once until when.

use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBackoff, ExponentialBuilder};

use crate::config::Patience;

#[derive(Debug)]
pub(crate) struct Tries {
    pauses: ExponentialBackoff,
    left: usize,
    may_wait: Duration,
}

impl Tries {
    /// Fresh tries, whose jitter comes from `seed`.
    pub(crate) fn new(patience: &Patience, seed: u64) -> Self {
        let pauses = ExponentialBuilder::default()
            .with_min_delay(patience.first_pause)
            .with_max_delay(patience.longest_pause)
            .with_jitter()
            .with_jitter_seed(seed)
            .without_max_times()
            .build();
        Self { pauses, left: patience.attempts.max(1), may_wait: patience.longest_wait }
    }

    /// Counts a try that failed. How long to wait before the next one, if there is one.
    pub(crate) fn again(&mut self) -> Option<Duration> {
        self.left = self.left.saturating_sub(1);
        let pause = self.pauses.next()?;
        (self.left > 0 && self.wait(pause)).then_some(pause)
    }

    /// Counts a try that a limit refused. Whether there is another.
    pub(crate) fn refused(&mut self) -> bool {
        self.left = self.left.saturating_sub(1);
        self.left > 0
    }

    /// Takes `time` from what may be waited, if that much is left.
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
        let patience = Patience::default();
        let mut tries = Tries::new(&patience, 7);
        let pauses: Vec<Duration> = std::iter::from_fn(|| tries.again()).collect();
        assert_eq!(pauses.len(), patience.attempts - 1);
        for (pause, base) in pauses.iter().zip([500, 1_000, 2_000].map(Duration::from_millis)) {
            assert!((base..=2 * base).contains(pause), "{pause:?} for {base:?}");
        }
        let other: Vec<Duration> = {
            let mut tries = Tries::new(&patience, 8);
            std::iter::from_fn(|| tries.again()).collect()
        };
        assert_ne!(pauses, other);
    }

    #[test]
    fn waiting_has_an_end() {
        let patience = Patience { longest_wait: Duration::from_secs(10), ..Patience::default() };
        let mut tries = Tries::new(&patience, 7);
        assert!(!tries.wait(Duration::from_secs(11)));
        assert!(tries.wait(Duration::from_secs(10)));
        assert!(!tries.wait(Duration::from_millis(1)));
        assert_eq!(tries.again(), None);
    }
}
