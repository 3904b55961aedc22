//! Tracks that the lead's loops make progress.
//!
//! Each loop reports every turn. The process's heartbeat continues only while all of them do, so
//! one stuck loop is enough for the watchdog to end the process, and `/health` names it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use greenline_runtime::clock::Clock;
use greenline_runtime::liveness::Pulse;
use greenline_runtime::say;

/// Longer than any turn takes with Redis away: calls give up after a few seconds.
const ALLOWED: Duration = Duration::from_secs(30);

/// The loops that have to turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Turning {
    Election,
    Ticks,
    Outbox,
}

impl Turning {
    const ALL: [Self; 3] = [Self::Election, Self::Ticks, Self::Outbox];

    fn name(self) -> &'static str {
        match self {
            Self::Election => "election",
            Self::Ticks => "tick",
            Self::Outbox => "outbox",
        }
    }
}

/// A loop that does not turn.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the {name} loop has not turned for {}", say::duration(*.silent))]
pub(crate) struct Stuck {
    name: &'static str,
    silent: Duration,
}

/// When each loop last turned.
pub(crate) struct Turns {
    clock: Clock,
    pulse: Pulse,
    last_ms: [AtomicU64; Turning::ALL.len()],
}

impl Turns {
    /// All loops have turned just now.
    pub(crate) fn new(clock: Clock, pulse: Pulse) -> Self {
        let now = steady_ms(&clock);
        Self { clock, pulse, last_ms: std::array::from_fn(|_| AtomicU64::new(now)) }
    }

    /// A loop has turned.
    pub(crate) fn turned(&self, turning: Turning) {
        self.last_ms[turning as usize].store(steady_ms(&self.clock), Ordering::Relaxed);
        if self.check().is_ok() {
            self.pulse.beat();
        }
    }

    /// The first loop that is stuck, if one is.
    pub(crate) fn check(&self) -> Result<(), Stuck> {
        let now = steady_ms(&self.clock);
        for turning in Turning::ALL {
            let last = self.last_ms[turning as usize].load(Ordering::Relaxed);
            let silent = Duration::from_millis(now.saturating_sub(last));
            if silent > ALLOWED {
                return Err(Stuck { name: turning.name(), silent });
            }
        }
        Ok(())
    }
}

fn steady_ms(clock: &Clock) -> u64 {
    u64::try_from(clock.steady().as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use greenline_runtime::clock::ManualClock;
    use greenline_runtime::liveness::Watchdog;

    use super::*;

    #[test]
    fn one_loop_that_stops_is_noticed_and_named() {
        let manual = ManualClock::default();
        let (_dog, pulse) = Watchdog::new("a lead", ALLOWED, manual.clock());
        let turns = Turns::new(manual.clock(), pulse);
        manual.advance(Duration::from_secs(20));
        turns.turned(Turning::Election);
        turns.turned(Turning::Ticks);
        assert_eq!(turns.check(), Ok(()));
        manual.advance(Duration::from_secs(11));
        turns.turned(Turning::Ticks);
        let stuck = turns.check().unwrap_err();
        assert_eq!(stuck.to_string(), "the outbox loop has not turned for 31 s");
        turns.turned(Turning::Outbox);
        assert_eq!(turns.check(), Ok(()));
    }
}
