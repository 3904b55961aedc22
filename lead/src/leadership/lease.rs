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
pub enum LeaderStatus {
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
pub(crate) struct LeaderLease {
    clock: Clock,
    lease: Duration,
    held: watch::Sender<HeldLease>,
    leader_status: watch::Sender<LeaderStatus>,
}

/// A leadership and until when, by the steady clock, it may be believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct HeldLease {
    epoch: Option<Epoch>,
    until: Duration,
}

impl LeaderLease {
    pub(crate) fn new(clock: Clock, lease: Duration) -> Self {
        let (held, _) = watch::channel(HeldLease { epoch: None, until: Duration::ZERO });
        let (leader_status, _) =
            watch::channel(LeaderStatus::Standby { leader: None, since_ms: 0 });
        Self { clock, lease, held, leader_status }
    }

    /// The epoch under which this process may act now, if it may.
    pub(crate) fn epoch(&self) -> Option<Epoch> {
        let held = *self.held.borrow();
        held.epoch.filter(|_| self.clock.steady() < held.until)
    }

    /// Its standing, and news of it.
    pub(crate) fn leader_status(&self) -> watch::Receiver<LeaderStatus> {
        self.leader_status.subscribe()
    }

    /// Returns how long the leadership may still be believed, or `None` if this process does not
    /// lead.
    pub(crate) fn time_left(&self) -> Option<Duration> {
        let held = *self.held.borrow();
        held.epoch.map(|_| held.until.saturating_sub(self.clock.steady()))
    }

    /// Redis gave or renewed the lease that was asked for at `asked_at` (steady). Whether this
    /// process leads by it: an answer that took too long is worth nothing.
    pub(crate) fn renewed(&self, epoch: Epoch, asked_at: Duration) -> bool {
        let until = asked_at + self.lease - self.lease / 10;
        if self.clock.steady() >= until {
            return false;
        }
        let before = self.held.send_replace(HeldLease { epoch: Some(epoch), until });
        if before.epoch != Some(epoch) {
            let since_ms = self.clock.wall_ms();
            self.leader_status.send_replace(LeaderStatus::Leading { epoch, since_ms });
        }
        true
    }

    /// Another leads, or nobody does as far as we know.
    pub(crate) fn lost(&self, leader: Option<String>) {
        self.held.send_modify(|held| held.epoch = None);
        let since_ms = self.clock.wall_ms();
        self.leader_status.send_if_modified(|leader_status| {
            if matches!(leader_status, LeaderStatus::Standby { leader: known, .. } if *known == leader) {
                return false;
            }
            *leader_status = LeaderStatus::Standby { leader, since_ms };
            true
        });
    }
}

#[cfg(test)]
mod tests {
    use greenline_runtime::clock::ManualClock;

    use super::*;

    const LEASE: Duration = Duration::from_secs(10);

    fn leadership() -> (ManualClock, LeaderLease) {
        let manual = ManualClock::at(1_000);
        let leadership = LeaderLease::new(manual.clock(), LEASE);
        (manual, leadership)
    }

    #[test]
    fn it_ends_by_itself_before_the_lease_does() {
        let (manual, leadership) = leadership();
        assert!(leadership.renewed(Epoch(7), Duration::ZERO));
        manual.advance(Duration::from_millis(8_999));
        assert_eq!(leadership.epoch(), Some(Epoch(7)));
        manual.advance(Duration::from_millis(1));
        assert_eq!(leadership.epoch(), None);
        assert_eq!(leadership.time_left(), Some(Duration::ZERO));
    }

    #[test]
    fn it_counts_from_before_the_question() {
        let (manual, leadership) = leadership();
        manual.advance(Duration::from_secs(9));
        assert!(!leadership.renewed(Epoch(7), Duration::ZERO), "the answer took nine seconds");
        assert_eq!(leadership.epoch(), None);
    }

    #[test]
    fn a_wall_clock_that_is_set_changes_nothing() {
        let (manual, leadership) = leadership();
        assert!(leadership.renewed(Epoch(7), Duration::ZERO));
        manual.set_wall(u64::MAX / 2);
        assert_eq!(leadership.epoch(), Some(Epoch(7)));
    }

    #[test]
    fn news_are_told_once() {
        let (manual, leadership) = leadership();
        let mut leader_status = leadership.leader_status();
        leadership.renewed(Epoch(7), Duration::ZERO);
        assert!(leader_status.has_changed().unwrap());
        let first = leader_status.borrow_and_update().clone();
        assert_eq!(first, LeaderStatus::Leading { epoch: Epoch(7), since_ms: 1_000 });
        manual.advance(Duration::from_secs(3));
        leadership.renewed(Epoch(7), Duration::from_secs(3));
        assert!(!leader_status.has_changed().unwrap());
        leadership.lost(Some("other".to_owned()));
        leadership.lost(Some("other".to_owned()));
        assert!(leader_status.has_changed().unwrap());
        let second = leader_status.borrow_and_update().clone();
        assert_eq!(
            second,
            LeaderStatus::Standby { leader: Some("other".to_owned()), since_ms: 4_000 }
        );
    }
}
