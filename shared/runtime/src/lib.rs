//! What every Greenline process needs, and nothing about what it does.
//!
//! - [`settings`]: the one loader of settings, and the table it reads them by.
//! - [`logging`]: one line an event, on stderr.
//! - [`metrics`]: the numbers a process shows, with help text for each.
//! - [`shutdown`]: drain at the first signal, interrupt at the second.
//! - [`privacy`]: a process that other processes of its user can't look into.
//! - [`clock`]: what time it is, and a clock that tests move by hand.
//! - [`hosts`]: hosts that sandboxed commands may reach, as operators and repositories list them.
//! - [`liveness`]: how a process shows that it is alive, and ends itself when it is not.
//! - [`say`]: durations, sizes and counts as people say them.
//! - [`user_range`]: the user ids that tasks are given.
//!
//! Nothing here knows Redis, the queue, the lead or the worker, and nothing here is global except
//! what its library makes global: the log subscriber and the metrics recorder.

pub mod clock;
pub mod hosts;
pub mod human;
pub mod liveness;
pub mod logging;
pub mod metrics;
pub mod privacy;
pub mod settings;
pub mod shutdown;
pub mod user_range;

mod role;

pub use role::ProcessRole;
