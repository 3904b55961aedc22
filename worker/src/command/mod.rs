//! Running a task's commands: the executor behind the task type `run_command`.
//!
//! Setup commands run first, then validation commands, each by `sh -c`, until one fails. They run
//! in a [`crate::workspace::Workspace`], with a clean environment, and under [`CommandLimits`].
//!
//! - However a run ends, every process that it started ends with it: also those that left their
//!   session, or were forked twice, or emptied their environment.
//! - No process of another task, and no other child of the worker, is ever signalled or reaped.
//! - Commands see none of the worker's variables and none of its open files.
//! - Commands never wait for whoever reads their output, and no run waits for a process that keeps
//!   an output open.
//! - The future returned by [`CommandRunner::run`] may be dropped: the processes end then too.
//!
//! On [`Confinement::Open`] a command may read what the worker's user may read, and reach the network;
//! what is not the operator's own runs in a [`crate::sandbox`]. There, everything that a command
//! started is ended before the next one begins. Nothing here knows the queue: what a report means
//! for the task, the caller decides.

mod cancellation;
mod cgroup;
mod command_list;
mod confinement;
mod environment;
mod human;
mod limits;
mod open_files;
mod output;
mod process_table;
mod process_tree;
mod pump;
mod report;
mod runner;
mod shell;
mod shortage;
mod tail;
mod watch;

pub use cancellation::{CancelReason, Cancellation};
pub use cgroup::{Delegation, entry as join_group};
pub use command_list::{CommandList, CommandListError, MAX_COMMAND_BYTES, MAX_COMMANDS, Phase};
pub use confinement::Confinement;
pub use environment::{DEFAULT_PATH, Environment, EnvironmentError};
pub use human::HumanBytes;
pub use limits::CommandLimits;
pub use output::{OutputEvent, OutputLog, OutputReader, OutputStream};
pub(crate) use process_tree::Tag;
pub use report::{CommandReport, CommandRun, ProcessExit, RunOutcome};
pub use runner::{CommandJob, CommandRunner, RunError, RunnerError};
