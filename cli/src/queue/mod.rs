//! `greenline queue …`: enqueue, inspect and change tasks.

mod batch;
mod cancel;
mod dead;
mod drain;
mod enqueue;
mod limit;
mod list;
mod log;
mod pause;
mod purge;
mod quarantine;
mod retry;
mod selection;
mod show;
mod stats;
mod task_files;
mod task_result;
mod timeline;
mod why_not_running;
mod workers;

pub(crate) use selection::resolve;

use clap::Subcommand;

use crate::error::ExitStatus;
use crate::global::Global;
use crate::session::Session;

#[derive(Debug, Subcommand)]
pub(crate) enum QueueCommand {
    /// Enqueue tasks from files, stdin or a command
    Enqueue(enqueue::Args),
    /// Show the queue in numbers
    Stats,
    /// List tasks
    List(list::Args),
    /// Show a task with its history
    Show(show::Args),
    /// Print a task's output, or follow it
    Log(log::Args),
    /// Retry tasks that ended without success
    Retry(retry::Args),
    /// Cancel tasks
    Cancel(cancel::Args),
    /// Pause the start of tasks: all, of a type, or of a route
    Pause(pause::PauseArgs),
    /// Resume paused tasks
    Resume(pause::ResumeQueueArgs),
    /// Limit how many tasks of a type start per minute
    Limit(limit::Args),
    /// Delete ended tasks
    Purge(purge::Args),
    /// List tasks that failed for good
    Dead(dead::Args),
    /// List, requeue or delete entries that could not be read
    Quarantine(quarantine::Args),
    /// Wait until nothing is left to do
    Drain(drain::Args),
    /// List the registered workers
    Workers,
}

impl QueueCommand {
    pub(crate) fn run(self, global: &Global) -> anyhow::Result<ExitStatus> {
        let session = Session::client(global)?;
        match self {
            Self::Enqueue(args) => session.run(async |it| enqueue::run(&it, args).await),
            Self::Stats => session.run(async |it| stats::run(&it).await),
            Self::List(args) => session.run(async |it| list::run(&it, &args).await),
            Self::Show(args) => session.run(async |it| show::run(&it, &args).await),
            Self::Log(args) => session.run(async |it| log::run(&it, &args).await),
            Self::Retry(args) => session.run(async |it| retry::run(&it, &args).await),
            Self::Cancel(args) => session.run(async |it| cancel::run(&it, &args).await),
            Self::Pause(args) => session.run(async |it| pause::pause(&it, &args).await),
            Self::Resume(args) => session.run(async |it| pause::resume(&it, &args).await),
            Self::Limit(args) => session.run(async |it| limit::run(&it, &args).await),
            Self::Purge(args) => session.run(async |it| purge::run(&it, &args).await),
            Self::Dead(args) => session.run(async |it| dead::run(&it, &args).await),
            Self::Quarantine(args) => session.run(async |it| quarantine::run(&it, &args).await),
            Self::Drain(args) => session.run(async |it| drain::run(&it, &args).await),
            Self::Workers => session.run(async |it| workers::run(&it).await),
        }
    }
}
