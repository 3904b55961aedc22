//! The clock.
//!
//! A [`Clock`] has two readings. The *wall* time counts milliseconds since 1970 and can jump when
//! someone sets the machine's clock: use it for stored and displayed times. The *steady* time only
//! grows: use it to measure durations. Sleeping belongs to `tokio::time`.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// A clock that is passed to its users. Clones show the same time.
#[derive(Debug, Clone)]
pub enum Clock {
    /// The machine's clock; the steady time counts from this instant.
    System(Instant),
    /// A clock that stands still until a test moves it.
    Manual(ManualClock),
}

impl Clock {
    /// Creates a clock on the machine's time.
    pub fn system() -> Self {
        Self::System(Instant::now())
    }

    /// Returns milliseconds since 1970, UTC.
    pub fn wall_ms(&self) -> u64 {
        match self {
            Self::System(_) => {
                let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
                u64::try_from(since_epoch.as_millis()).unwrap_or(u64::MAX)
            }
            Self::Manual(manual) => manual.hands.wall_ms.load(Ordering::SeqCst),
        }
    }

    /// Returns the time since a fixed point of this clock; never smaller than before.
    pub fn steady(&self) -> Duration {
        match self {
            Self::System(start) => start.elapsed(),
            Self::Manual(manual) => {
                Duration::from_millis(manual.hands.steady_ms.load(Ordering::SeqCst))
            }
        }
    }
}

/// Moves a [`Clock::Manual`] in a test.
#[derive(Debug, Clone, Default)]
pub struct ManualClock {
    hands: Arc<ClockHands>,
}

#[derive(Debug, Default)]
struct ClockHands {
    wall_ms: AtomicU64,
    steady_ms: AtomicU64,
}

impl ManualClock {
    /// Creates a clock that shows `wall_ms` until it is moved.
    pub fn at(wall_ms: u64) -> Self {
        let manual = Self::default();
        manual.set_wall(wall_ms);
        manual
    }

    /// Returns the clock for the code under test.
    pub fn clock(&self) -> Clock {
        Clock::Manual(self.clone())
    }

    /// Advances both readings.
    pub fn advance(&self, by: Duration) {
        let ms = u64::try_from(by.as_millis()).unwrap_or(u64::MAX);
        self.hands.wall_ms.fetch_add(ms, Ordering::SeqCst);
        self.hands.steady_ms.fetch_add(ms, Ordering::SeqCst);
    }

    /// Sets the wall time alone, like a person who corrects the machine's clock.
    pub fn set_wall(&self, wall_ms: u64) {
        self.hands.wall_ms.store(wall_ms, Ordering::SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manual_clock_moves_only_by_hand() {
        let manual = ManualClock::at(1_000);
        let clock = manual.clock();
        manual.advance(Duration::from_secs(2));
        assert_eq!((clock.wall_ms(), clock.steady()), (3_000, Duration::from_secs(2)));
    }

    #[test]
    fn setting_the_wall_clock_back_leaves_the_steady_hand() {
        let manual = ManualClock::at(5_000);
        let clock = manual.clock();
        manual.advance(Duration::from_secs(1));
        manual.set_wall(0);
        assert_eq!((clock.wall_ms(), clock.steady()), (0, Duration::from_secs(1)));
    }

    #[test]
    fn the_system_clock_shows_this_century_and_does_not_run_back() {
        let clock = Clock::system();
        let first = clock.steady();
        assert!(clock.wall_ms() > 1_577_836_800_000);
        assert!(clock.steady() >= first);
    }
}
