//! Detects a main loop that no longer iterates.

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::thread;
use std::time::Duration;

use crate::clock::Clock;
use crate::human;

/// The main loop's side: it beats in every iteration. Dropping the last clone ends the watch.
#[derive(Debug, Clone)]
pub struct Pulse(Arc<PulseState>);

#[derive(Debug)]
struct PulseState {
    last_beat_ms: AtomicU64,
    clock: Clock,
}

impl Pulse {
    /// Records an iteration. Cheap enough for every one.
    pub fn beat(&self) {
        self.0.last_beat_ms.store(steady_ms(&self.0.clock), Ordering::Relaxed);
    }
}

/// A main loop that has not iterated for too long.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the main loop of {what} has not turned for {}, {} is allowed", human::duration(*.silent), human::duration(*.allowed))]
pub struct StalledLoop {
    /// The name of the loop.
    pub what: String,
    /// The time since the last beat.
    pub silent: Duration,
    /// The longest allowed time between beats.
    pub allowed: Duration,
}

/// Watches one [`Pulse`].
#[derive(Debug)]
pub struct Watchdog {
    what: String,
    allowed: Duration,
    heart: Weak<PulseState>,
    clock: Clock,
    last_look: Duration,
}

impl Watchdog {
    /// Creates a watchdog over the loop called `what`, and the pulse that keeps it quiet. The first
    /// period begins now.
    pub fn new(what: impl Into<String>, allowed: Duration, clock: Clock) -> (Self, Pulse) {
        let now = clock.steady();
        let pulse = Pulse(Arc::new(PulseState {
            last_beat_ms: AtomicU64::new(steady_ms(&clock)),
            clock: clock.clone(),
        }));
        let heart = Arc::downgrade(&pulse.0);
        (Self { what: what.into(), allowed, heart, clock, last_look: now }, pulse)
    }

    /// Resolves when the loop is stuck, or with `None` when its pulse was dropped. The caller
    /// decides what to do.
    ///
    /// On the loop's own thread this detects a loop that waits forever, but not one that blocks the
    /// thread: use [`Watchdog::on_own_thread`] for that.
    pub async fn stalled(mut self) -> Option<StalledLoop> {
        loop {
            tokio::time::sleep(self.pause()).await;
            match self.look() {
                WatchdogCheck::Fine => {}
                WatchdogCheck::Over => return None,
                WatchdogCheck::Stuck(stalled) => return Some(stalled),
            }
        }
    }

    /// Watches from a separate thread, which a blocked runtime can't hold up, and passes a stuck
    /// loop to `act`. The thread ends when the pulse is dropped.
    ///
    /// # Errors
    ///
    /// When the system can't start a thread.
    pub fn on_own_thread(
        mut self,
        act: impl FnOnce(StalledLoop) + Send + 'static,
    ) -> io::Result<()> {
        let watch = move || {
            loop {
                thread::sleep(self.pause());
                match self.look() {
                    WatchdogCheck::Fine => {}
                    WatchdogCheck::Over => return,
                    WatchdogCheck::Stuck(stalled) => return act(stalled),
                }
            }
        };
        thread::Builder::new().name("watchdog".to_owned()).spawn(watch).map(|_| ())
    }

    fn pause(&self) -> Duration {
        (self.allowed / 8).clamp(Duration::from_millis(1), Duration::from_secs(1))
    }

    fn look(&mut self) -> WatchdogCheck {
        let Some(heart) = self.heart.upgrade() else { return WatchdogCheck::Over };
        let now = self.clock.steady();
        let slept = now.saturating_sub(self.last_look);
        self.last_look = now;
        if slept > self.allowed / 2 {
            // The watchdog itself was suspended, so the whole process was: start a new period.
            heart.last_beat_ms.store(steady_ms(&self.clock), Ordering::Relaxed);
            return WatchdogCheck::Fine;
        }
        let last_beat = Duration::from_millis(heart.last_beat_ms.load(Ordering::Relaxed));
        let silent = now.saturating_sub(last_beat);
        if silent <= self.allowed {
            return WatchdogCheck::Fine;
        }
        WatchdogCheck::Stuck(StalledLoop { what: self.what.clone(), silent, allowed: self.allowed })
    }
}

enum WatchdogCheck {
    Fine,
    Over,
    Stuck(StalledLoop),
}

fn steady_ms(clock: &Clock) -> u64 {
    u64::try_from(clock.steady().as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;
    use crate::clock::ManualClock;

    const ALLOWED: Duration = Duration::from_secs(30);

    /// Advances the clock in steps in which the watchdog looks.
    fn pass(manual: &ManualClock, dog: &mut Watchdog, seconds: u64) -> Option<StalledLoop> {
        for _ in 0..seconds {
            manual.advance(Duration::from_secs(1));
            if let WatchdogCheck::Stuck(stalled) = dog.look() {
                return Some(stalled);
            }
        }
        None
    }

    #[test]
    fn a_loop_that_beats_is_left_alone_and_a_silent_one_is_not() {
        let manual = ManualClock::default();
        let (mut dog, pulse) = Watchdog::new("the worker", ALLOWED, manual.clock());
        assert_eq!(pass(&manual, &mut dog, 29), None);
        pulse.beat();
        assert_eq!(pass(&manual, &mut dog, 30), None);
        let stalled = pass(&manual, &mut dog, 30).unwrap();
        assert_eq!(
            stalled.to_string(),
            "the main loop of the worker has not turned for 31 s, 30 s is allowed"
        );
    }

    #[test]
    fn a_process_that_was_stopped_as_a_whole_gets_a_new_period() {
        let manual = ManualClock::default();
        let (mut dog, _pulse) = Watchdog::new("the worker", ALLOWED, manual.clock());
        manual.advance(Duration::from_secs(600));
        assert_eq!(pass(&manual, &mut dog, 29), None);
        assert!(pass(&manual, &mut dog, 30).is_some());
    }

    #[test]
    fn a_clock_that_is_set_does_not_disturb_it() {
        let manual = ManualClock::at(1_000);
        let (mut dog, _pulse) = Watchdog::new("the lead", ALLOWED, manual.clock());
        manual.set_wall(u64::MAX / 2);
        assert_eq!(pass(&manual, &mut dog, 29), None);
    }

    #[tokio::test(start_paused = true)]
    async fn the_future_resolves_when_the_loop_is_stuck() {
        let manual = ManualClock::default();
        let (dog, _pulse) = Watchdog::new("the lead", ALLOWED, manual.clock());
        let time = async {
            loop {
                tokio::time::sleep(Duration::from_secs(1)).await;
                manual.advance(Duration::from_secs(1));
            }
        };
        tokio::select! {
            stalled = dog.stalled() => assert_eq!(stalled.unwrap().what, "the lead"),
            () = time => unreachable!("time does not end"),
        }
    }

    #[tokio::test(start_paused = true)]
    async fn the_watch_ends_with_the_loop() {
        let (dog, pulse) = Watchdog::new("the lead", ALLOWED, ManualClock::default().clock());
        drop(pulse);
        assert_eq!(dog.stalled().await, None);
    }

    #[test]
    fn a_blocked_thread_is_noticed_from_another_one() {
        let allowed = Duration::from_millis(300);
        let (dog, pulse) = Watchdog::new("a blocked loop", allowed, Clock::system());
        let (tell, told) = mpsc::channel();
        dog.on_own_thread(move |stalled| tell.send(stalled).unwrap()).unwrap();
        // This thread blocks like a loop that waits for something that never comes.
        let stalled = told.recv_timeout(Duration::from_secs(60)).unwrap();
        assert!(stalled.silent > allowed);
        drop(pulse);
    }
}
