//! The one test bed: a private Redis for each test, so that tests run in parallel and may kill
//! their own server.
//!
//! A [`TestBed`] is a redis-server on its own socket, a queue in it, and the queue's clock, which
//! tests move instead of waiting. A [`ManualWorker`] is a worker without a program: it claims and settles
//! on the test's command. A [`FaultyProxy`] stands between a queue and its Redis and injects faults, and
//! [`Sentinels`] watch a master and its replica. A [`Program`] is the real one, in processes that a
//! test may stop and kill. A [`GitServer`] serves a repository over HTTP.
//!
//! Nothing here replaces the project's own code: queue, scripts and Redis are real.

#![expect(clippy::panic, reason = "a bed that can't be made is the end of its test")]

mod eventually;
mod git_server;
mod manual_worker;
mod processes;
mod proxy;
mod sentinels;
mod test_bed;

pub use eventually::eventually;
pub use git_server::GitServer;
pub use manual_worker::ManualWorker;
pub use processes::{Program, Running};
pub use proxy::{FaultyProxy, InjectedFault};
pub use sentinels::{Sentinels, free_port};
pub use test_bed::{BedOptions, TestBed};
