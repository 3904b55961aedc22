//! Stopping in two steps.
//!
//! The first SIGTERM or SIGINT asks to *drain*: take no new work, finish what runs. The second
//! asks to *interrupt*: hand back what still runs and leave. What each of these means is up to
//! the daemon that holds the [`Stop`]; nothing here is global, and nothing here ends the process.

use std::convert::Infallible;
use std::future::Future;
use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// The two tokens of one process (or of one daemon in it). Clones are the same tokens.
#[derive(Debug, Clone, Default)]
pub struct Stop {
    /// Cancelled when no new work should begin.
    pub drain: CancellationToken,
    /// Cancelled when running work should be given back. Never before `drain`.
    pub interrupt: CancellationToken,
}

impl Stop {
    /// Tokens that nothing has cancelled yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes one more step towards the end: drain first, then interrupt.
    pub fn step(&self) -> Step {
        if self.drain.is_cancelled() {
            self.interrupt.cancel();
            Step::Interrupt
        } else {
            self.drain.cancel();
            Step::Drain
        }
    }

    /// Goes straight to the second step.
    pub fn interrupt_now(&self) {
        self.drain.cancel();
        self.interrupt.cancel();
    }

    /// Takes over SIGTERM and SIGINT at once, and returns the future that turns each of them into
    /// a step. It tells `heard` about each step, so that the caller can say what happens next,
    /// and never ends: run it beside the daemon and drop it with the daemon.
    ///
    /// # Errors
    ///
    /// When the operating system refuses the handlers. Must be called within a tokio runtime.
    pub fn on_signals<F: FnMut(Step)>(
        &self,
        mut heard: F,
    ) -> io::Result<impl Future<Output = Infallible> + use<F>> {
        let mut term = signal(SignalKind::terminate())?;
        let mut int = signal(SignalKind::interrupt())?;
        let stop = self.clone();
        Ok(async move {
            loop {
                next(&mut term, &mut int).await;
                heard(stop.step());
            }
        })
    }
}

async fn next(term: &mut Signal, int: &mut Signal) {
    tokio::select! {
        _ = term.recv() => {}
        _ = int.recv() => {}
    }
}

/// What a signal asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Take no new work, finish what runs.
    Drain,
    /// Hand back what still runs.
    Interrupt,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_step_drains_and_the_second_interrupts() {
        let stop = Stop::new();
        assert_eq!(stop.step(), Step::Drain);
        assert!(!stop.interrupt.is_cancelled());
        assert_eq!(stop.step(), Step::Interrupt);
        assert!(stop.interrupt.is_cancelled());
    }

    #[test]
    fn an_interrupt_is_also_a_drain() {
        let stop = Stop::new();
        stop.interrupt_now();
        assert!(stop.drain.is_cancelled() && stop.interrupt.is_cancelled());
    }
}
