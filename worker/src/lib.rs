//! The worker daemon: claims, runs and settles tasks.
//!
//! [`WorkerDaemon`] takes tasks from the queue and passes each to the [`Handler`] of its type:
//! [`RunCommand`] runs the operator's commands, [`reproduce::Reproduce`] checks whether a CI
//! failure occurs here too, inside the [`sandbox`].

#[cfg(not(target_os = "linux"))]
compile_error!("the worker runs commands with Linux's /proc, prctl and flock: build it for Linux");

mod alarm;
pub mod command;
mod daemon;
pub mod egress;
mod handler;
mod holdings;
mod pace;
mod relay;
pub mod reproduce;
mod run_command;
pub mod sandbox;
mod settle;
pub mod task_user;
mod weather;
pub mod workspace;

pub use daemon::{WorkerDaemon, WorkerOptions};
pub use handler::{Assignment, Attempt, Handler, TaskLog, Verdict};
pub use run_command::RunCommand;

/// Runs the first steps of a command, if that is what this process was started for. To be called
/// first in `main`, while there is one thread.
#[must_use]
pub fn entry() -> Option<std::process::ExitCode> {
    command::join_group().or_else(sandbox::entry)
}
