//! Signs of life, and a watchdog.
//!
//! - A [`HeartbeatFile`] is a small file that a daemon rewrites in every iteration of its main loop. A
//!   worker has no port, so its container's health check is [`check`], which reads that file.
//! - A [`Watchdog`] ends a stuck process: Docker Compose does not restart an unhealthy container,
//!   only one that has ended. When the main loop has not [beaten](Pulse::beat) for too long, the
//!   watchdog reports it, and its caller ends the process.
//!
//! A process that was suspended as a whole (SIGSTOP, a sleeping laptop) is not stuck: the watchdog
//! notices that it slept as well and grants a full new period.

mod heartbeat_file;
mod watchdog;

pub use heartbeat_file::{Health, HeartbeatFile, HeartbeatFileError, check};
pub use watchdog::{Pulse, StalledLoop, Watchdog};
