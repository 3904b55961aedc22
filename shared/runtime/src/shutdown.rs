//! Two-step shutdown.
//!
//! The first SIGTERM, SIGINT or SIGHUP asks to *drain*: take no new work, finish what runs. A second
//! SIGTERM or SIGINT asks to *interrupt*: return running work and exit. A closing terminal may send
//! SIGHUP twice, so that one never interrupts; a process that nohup started ignores it. The daemon
//! that holds the [`Shutdown`] acts on each step; nothing here is global or ends the process.

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

    /// Takes over SIGTERM, SIGINT and SIGHUP, and returns the future that turns each signal into a step. It
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
        let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
        let mut hangup = match ignores_hangup(&status) {
            true => None,
            false => Some(signal(SignalKind::hangup())?),
        };
        let stop = self.clone();
        Ok(async move {
            loop {
                let interrupts = tokio::select! {
                    _ = term.recv() => true,
                    _ = int.recv() => true,
                    () = next(hangup.as_mut()) => false,
                };
                if interrupts || !stop.drain.is_cancelled() {
                    on_step(stop.step());
                }
            }
        })
    }
}

async fn next(signal: Option<&mut Signal>) {
    match signal {
        Some(signal) => {
            let _none_follows = signal.recv().await;
        }
        None => std::future::pending().await,
    }
}

/// Whether a process with this `/proc/self/status` was started to outlive its terminal.
fn ignores_hangup(status: &str) -> bool {
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let ignored = ignored.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    // The lowest bit is signal 1, SIGHUP.
    ignored.is_some_and(|mask| mask & 1 == 1)
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
    fn nohup_is_seen_in_the_mask_of_ignored_signals() {
        assert!(ignores_hangup("SigBlk:\t0000000000000000\nSigIgn:\t0000000000001001\n"));
        assert!(!ignores_hangup("SigBlk:\t0000000000000001\nSigIgn:\t0000000000001000\n"));
        assert!(!ignores_hangup(""));
    }

    #[test]
    fn an_interrupt_is_also_a_drain() {
        let stop = Shutdown::new();
        stop.interrupt_now();
        assert!(stop.drain.is_cancelled() && stop.interrupt.is_cancelled());
    }
}
