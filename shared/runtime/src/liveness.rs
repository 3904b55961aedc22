//! How a process shows that it is alive, and ends itself when it is not.
//!
//! - A [`Beacon`] is a small file that a daemon rewrites at every turn of its main loop. A worker
//!   has no port, so its container's healthcheck is [`check`], which reads that file.
//! - A [`Watchdog`] is for what comes after: Docker Compose does not restart what is unhealthy,
//!   it restarts what has ended. When the main loop has not [beaten](Pulse::beat) for too long,
//!   the watchdog says so, and its caller ends the process.
//!
//! A process that was stopped as a whole (SIGSTOP, a sleeping laptop) is not stuck: the watchdog
//! notices that it slept as well and grants a full new period.

mod beacon;
mod watchdog;

pub use beacon::{Beacon, BeaconError, Health, check};
pub use watchdog::{Pulse, Stuck, Watchdog};
