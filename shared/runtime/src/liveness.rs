//! Signs of life, and a watchdog.
//!
//! - A [`Beacon`] is a small file that a daemon rewrites in every iteration of its main loop. A
//!   worker has no port, so its container's health check is [`check`], which reads that file.
//! - A [`Watchdog`] ends a stuck process: Docker Compose does not restart an unhealthy container,
//!   only one that has ended. When the main loop has not [beaten](Pulse::beat) for too long, the
//!   watchdog reports it, and its caller ends the process.
//!
//! A process that was suspended as a whole (SIGSTOP, a sleeping laptop) is not stuck: the watchdog
//! notices that it slept as well and grants a full new period.

mod beacon;
mod watchdog;

pub use beacon::{Beacon, BeaconError, Health, check};
pub use watchdog::{Pulse, Stuck, Watchdog};
