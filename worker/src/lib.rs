//! The worker daemon: claims, runs and settles tasks.
//!
//! [`WorkerDaemon`] takes tasks from the queue and passes each to the [`Handler`] of its type:
//! [`RunCommand`] runs the operator's commands, [`reproduce::Reproduce`] checks whether a CI
//! failure occurs here too, inside the [`sandbox`].

#[cfg(not(target_os = "linux"))]
compile_error!("the worker runs commands with Linux's /proc, prctl and flock: build it for Linux");

mod active_claims;
mod claim_loop;
pub mod command;
mod daemon;
pub mod egress;
mod handler;
mod heartbeat;
mod log_relay;
mod redis_status;
pub mod reproduce;
mod run_command;
mod run_times;
pub mod sandbox;
mod settlement;
mod shutdown;
mod state;
pub mod task_user;
mod work_waiter;
pub mod workspace;

pub use daemon::{WorkerDaemon, WorkerOptions};
pub use handler::{Assignment, AttemptFuture, Handler, TaskLog, TaskOutcome};
pub use run_command::RunCommand;

/// Runs the first steps of a command, if that is what this process was started for. To be called
/// first in `main`, while there is one thread.
#[must_use]
pub fn entry() -> Option<std::process::ExitCode> {
    command::join_group().or_else(sandbox::entry)
}
