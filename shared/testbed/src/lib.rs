//! The one test bed: a private Redis for each test, so that tests run in parallel and may kill
//! their own server.
//!
//! A [`TestBed`] is a redis-server on its own socket, a queue in it, and the queue's clock, which
//! tests move instead of waiting. A [`Hand`] is a worker without a program: it claims and settles
//! on the test's command. A [`Proxy`] stands between a queue and its Redis and injects faults, and
//! [`Sentinels`] watch a master and its replica. A [`Program`] is the real one, in processes that a
//! test may stop and kill. A [`GitServer`] serves a repository over HTTP.
//!
//! Nothing here replaces the project's own code: queue, scripts and Redis are real.

#![expect(clippy::panic, reason = "a bed that can't be made is the end of its test")]

mod bed;
mod git_server;
mod hand;
mod patience;
mod processes;
mod proxy;
mod sentinels;

pub use bed::{Ground, TestBed};
pub use git_server::GitServer;
pub use hand::Hand;
pub use patience::eventually;
pub use processes::{Program, Running};
pub use proxy::{Proxy, Weather};
pub use sentinels::{Sentinels, free_port};
