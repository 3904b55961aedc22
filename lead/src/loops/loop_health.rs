//! Tracks that the lead's loops make progress.
//!
//! Each loop reports every turn. The process's heartbeat continues only while all of them do, so
//! one stuck loop is enough for the watchdog to end the process, and `/health` names it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use greenline_runtime::clock::Clock;
use greenline_runtime::human;
use greenline_runtime::liveness::Pulse;

/// Longer than any turn takes with Redis away: calls give up after a few seconds.
const ALLOWED: Duration = Duration::from_secs(30);

/// The loops that have to turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LeadLoop {
    Election,
    Ticks,
    Outbox,
}

impl LeadLoop {
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
#[error("the {name} loop has not turned for {}", human::duration(*.stalled_for))]
pub(crate) struct StuckLoop {
    name: &'static str,
    stalled_for: Duration,
}

/// When each loop last turned.
pub(crate) struct LoopHealth {
    clock: Clock,
    pulse: Pulse,
    last_ms: [AtomicU64; LeadLoop::ALL.len()],
}

impl LoopHealth {
    /// All loops have turned just now.
    pub(crate) fn new(clock: Clock, pulse: Pulse) -> Self {
        let now = steady_ms(&clock);
        Self { clock, pulse, last_ms: std::array::from_fn(|_| AtomicU64::new(now)) }
    }

    /// A loop has turned.
    pub(crate) fn progressed(&self, lead_loop: LeadLoop) {
        self.last_ms[lead_loop as usize].store(steady_ms(&self.clock), Ordering::Relaxed);
        if self.check().is_ok() {
            self.pulse.beat();
        }
    }

    /// The first loop that is stuck, if one is.
    pub(crate) fn check(&self) -> Result<(), StuckLoop> {
        let now = steady_ms(&self.clock);
        for lead_loop in LeadLoop::ALL {
            let last = self.last_ms[lead_loop as usize].load(Ordering::Relaxed);
            let stalled_for = Duration::from_millis(now.saturating_sub(last));
            if stalled_for > ALLOWED {
                return Err(StuckLoop { name: lead_loop.name(), stalled_for });
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
        let loop_health = LoopHealth::new(manual.clock(), pulse);
        manual.advance(Duration::from_secs(20));
        loop_health.progressed(LeadLoop::Election);
        loop_health.progressed(LeadLoop::Ticks);
        assert_eq!(loop_health.check(), Ok(()));
        manual.advance(Duration::from_secs(11));
        loop_health.progressed(LeadLoop::Ticks);
        let stuck = loop_health.check().unwrap_err();
        assert_eq!(stuck.to_string(), "the outbox loop has not turned for 31 s");
        loop_health.progressed(LeadLoop::Outbox);
        assert_eq!(loop_health.check(), Ok(()));
    }
}
