//! The practice world: what Greenline trains and is tested on, and what `greenline demo` shows.
//!
//! - [`github`] is a GitHub that keeps state: real git repositories, pull requests, checks, logs,
//!   comments, Apps, limits, webhooks. It misbehaves when it is told to.
//! - [`project`] is a tiny repository whose pull request is red for one of several reasons.
//!
//! Everything listens on loopback and is gone with its handle. It knows nothing of Greenline's
//! own crates but the clock, so that what is tested here was not written to please itself.

pub mod github;
pub mod project;
