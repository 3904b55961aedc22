//! Leadership as this process may believe it.
//!
//! Redis stores who holds the lease. This module holds what the process may do by its own monotonic
//! clock. The time counts from before the lease was requested, less a margin, so this process stops
//! acting before another may take the lease. Every read checks the clock, so a process that was
//! suspended does not act on an old belief.

use std::time::Duration;

use greenline_queue::Epoch;
use greenline_runtime::clock::Clock;
use tokio::sync::watch;

/// The role of this lead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// It does not lead.
    Standby {
        /// The leader, if known.
        leader: Option<String>,
        /// The time, in ms since 1970, at which it first saw that one lead.
        since_ms: u64,
    },
    /// It leads.
    Leading {
        /// The number of this leadership.
        epoch: Epoch,
        /// Since when, in ms since 1970.
        since_ms: u64,
    },
}

/// The one place that knows it.
pub(crate) struct Office {
    clock: Clock,
    lease: Duration,
    held: watch::Sender<Held>,
    standing: watch::Sender<Standing>,
}

/// A leadership and until when, by the steady clock, it may be believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Held {
    epoch: Option<Epoch>,
    until: Duration,
}

impl Office {
    pub(crate) fn new(clock: Clock, lease: Duration) -> Self {
        let (held, _) = watch::channel(Held { epoch: None, until: Duration::ZERO });
        let (standing, _) = watch::channel(Standing::Standby { leader: None, since_ms: 0 });
        Self { clock, lease, held, standing }
    }

    /// The epoch under which this process may act now, if it may.
    pub(crate) fn epoch(&self) -> Option<Epoch> {
        let held = *self.held.borrow();
        held.epoch.filter(|_| self.clock.steady() < held.until)
    }

    /// Its standing, and news of it.
    pub(crate) fn standing(&self) -> watch::Receiver<Standing> {
        self.standing.subscribe()
    }

    /// Returns how long the leadership may still be believed, or `None` if this process does not
    /// lead.
    pub(crate) fn time_left(&self) -> Option<Duration> {
        let held = *self.held.borrow();
        held.epoch.map(|_| held.until.saturating_sub(self.clock.steady()))
    }

    /// Redis gave or renewed the lease that was asked for at `asked_at` (steady). Whether this
    /// process leads by it: an answer that took too long is worth nothing.
    pub(crate) fn hold(&self, epoch: Epoch, asked_at: Duration) -> bool {
        let until = asked_at + self.lease - self.lease / 10;
        if self.clock.steady() >= until {
            return false;
        }
        let before = self.held.send_replace(Held { epoch: Some(epoch), until });
        if before.epoch != Some(epoch) {
            let since_ms = self.clock.wall_ms();
            self.standing.send_replace(Standing::Leading { epoch, since_ms });
        }
        true
    }

    /// Another leads, or nobody does as far as we know.
    pub(crate) fn stand_by(&self, leader: Option<String>) {
        self.held.send_modify(|held| held.epoch = None);
        let since_ms = self.clock.wall_ms();
        self.standing.send_if_modified(|standing| {
            if matches!(standing, Standing::Standby { leader: known, .. } if *known == leader) {
                return false;
            }
            *standing = Standing::Standby { leader, since_ms };
            true
        });
    }
}

#[cfg(test)]
mod tests {
    use greenline_runtime::clock::ManualClock;

    use super::*;

    const LEASE: Duration = Duration::from_secs(10);

    fn office() -> (ManualClock, Office) {
        let manual = ManualClock::at(1_000);
        let office = Office::new(manual.clock(), LEASE);
        (manual, office)
    }

    #[test]
    fn it_ends_by_itself_before_the_lease_does() {
        let (manual, office) = office();
        assert!(office.hold(Epoch(7), Duration::ZERO));
        manual.advance(Duration::from_millis(8_999));
        assert_eq!(office.epoch(), Some(Epoch(7)));
        manual.advance(Duration::from_millis(1));
        assert_eq!(office.epoch(), None);
        assert_eq!(office.time_left(), Some(Duration::ZERO));
    }

    #[test]
    fn it_counts_from_before_the_question() {
        let (manual, office) = office();
        manual.advance(Duration::from_secs(9));
        assert!(!office.hold(Epoch(7), Duration::ZERO), "the answer took nine seconds");
        assert_eq!(office.epoch(), None);
    }

    #[test]
    fn a_wall_clock_that_is_set_changes_nothing() {
        let (manual, office) = office();
        assert!(office.hold(Epoch(7), Duration::ZERO));
        manual.set_wall(u64::MAX / 2);
        assert_eq!(office.epoch(), Some(Epoch(7)));
    }

    #[test]
    fn news_are_told_once() {
        let (manual, office) = office();
        let mut standing = office.standing();
        office.hold(Epoch(7), Duration::ZERO);
        assert!(standing.has_changed().unwrap());
        let first = standing.borrow_and_update().clone();
        assert_eq!(first, Standing::Leading { epoch: Epoch(7), since_ms: 1_000 });
        manual.advance(Duration::from_secs(3));
        office.hold(Epoch(7), Duration::from_secs(3));
        assert!(!standing.has_changed().unwrap());
        office.stand_by(Some("other".to_owned()));
        office.stand_by(Some("other".to_owned()));
        assert!(standing.has_changed().unwrap());
        let second = standing.borrow_and_update().clone();
        assert_eq!(second, Standing::Standby { leader: Some("other".to_owned()), since_ms: 4_000 });
    }
}
