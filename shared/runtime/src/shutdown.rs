//! Two-step shutdown.
//!
//! The first SIGTERM or SIGINT asks to *drain*: take no new work, finish what runs. The second asks
//! to *interrupt*: return running work and exit. The daemon that holds the [`Shutdown`] acts on each
//! step; nothing here is global or ends the process.

use std::convert::Infallible;
use std::future::Future;
use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// The two tokens of one process, or of one daemon in it. Clones share the tokens.
#[derive(Debug, Clone, Default)]
pub struct Shutdown {
    /// Cancelled when no new work may begin.
    pub drain: CancellationToken,
    /// Cancelled when running work must be returned. Never before `drain`.
    pub interrupt: CancellationToken,
}

impl Shutdown {
    /// Creates tokens that are not cancelled.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the next step: drain first, then interrupt.
    pub fn step(&self) -> ShutdownStep {
        if self.drain.is_cancelled() {
            self.interrupt.cancel();
            ShutdownStep::Interrupt
        } else {
            self.drain.cancel();
            ShutdownStep::Drain
        }
    }

    /// Takes the second step at once.
    pub fn interrupt_now(&self) {
        self.drain.cancel();
        self.interrupt.cancel();
    }

    /// Takes over SIGTERM and SIGINT, and returns the future that turns each signal into a step. It
    /// calls `on_step` with each step, so that the caller can print what happens next. The future
    /// never ends: run it beside the daemon and drop it with the daemon.
    ///
    /// # Errors
    ///
    /// When the operating system refuses the handlers. Must be called within a Tokio runtime.
    pub fn on_signals<F: FnMut(ShutdownStep)>(
        &self,
        mut on_step: F,
    ) -> io::Result<impl Future<Output = Infallible> + use<F>> {
        let mut term = signal(SignalKind::terminate())?;
        let mut int = signal(SignalKind::interrupt())?;
        let stop = self.clone();
        Ok(async move {
            loop {
                next(&mut term, &mut int).await;
                on_step(stop.step());
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

/// The step that a signal requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ShutdownStep {
    /// Take no new work, finish running work.
    Drain,
    /// Return running work.
    Interrupt,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_step_drains_and_the_second_interrupts() {
        let stop = Shutdown::new();
        assert_eq!(stop.step(), ShutdownStep::Drain);
        assert!(!stop.interrupt.is_cancelled());
        assert_eq!(stop.step(), ShutdownStep::Interrupt);
        assert!(stop.interrupt.is_cancelled());
    }

    #[test]
    fn an_interrupt_is_also_a_drain() {
        let stop = Shutdown::new();
        stop.interrupt_now();
        assert!(stop.drain.is_cancelled() && stop.interrupt.is_cancelled());
    }
}
