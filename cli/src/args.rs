//! The command line.

use clap::{Parser, Subcommand};

use crate::error::ExitStatus;
use crate::global::Global;
use crate::{
    approvals, bench, completions, demo, diagnose, doctor, flaky, halt, health, keys, lead, man,
    queue, sarif, settings, up, why, worker,
};

/// Keep CI green: one Redis, one lead, as many workers as you like
#[derive(Debug, Parser)]
#[command(
    name = "greenline",
    version,
    disable_help_subcommand = true,
    max_term_width = 100,
    after_long_help = "Examples:
  greenline demo                                 see it all work, without a token
  greenline up                                   everything, on this machine
  greenline queue enqueue --command 'cargo test' give it something to do
  greenline queue show cmd-x7                    how it went
  greenline diagnose job.log                     why a job of CI failed
  greenline doctor                               what is wrong here, and how to mend it

Settings come from flags, then the environment, then greenline.toml:
`greenline settings` shows each with where it comes from.

Exit codes: 0 done, 1 the answer is no, 2 wrong usage or settings,
3 something outside failed."
)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: CliCommand,
    #[command(flatten)]
    pub(crate) global: Global,
}

#[derive(Debug, Subcommand)]
enum CliCommand {
    /// Run everything on this machine: a Redis if none is set, one lead, workers
    Up(up::Args),
    /// Watch it work: a local fake GitHub, a red pull request, and what Greenline does
    Demo(demo::Args),
    /// Run the lead: leader election, GitHub, HTTP
    Lead(lead::Args),
    /// Run a worker: claim tasks and run them
    Worker(worker::Args),
    /// Check whether a daemon on this machine is alive, for containers
    Health(health::Args),
    /// Find problems on this machine, with a remedy for each
    Doctor(doctor::Args),
    /// Explain why a job failed, with the evidence
    Diagnose(diagnose::Args),
    /// List tests that fail and pass without a change
    Flaky(flaky::Args),
    /// Explain what Greenline did on a pull request
    Why(why::Args),
    /// Check SARIF files as GitHub's code scanning reads them
    #[command(subcommand)]
    Sarif(sarif::SarifCommand),
    /// Enqueue, inspect and change tasks
    #[command(subcommand)]
    Queue(queue::QueueCommand),
    /// List what needs your approval, and answer
    Approvals(approvals::Args),
    /// Stop all outside actions: comments, commits, merges, re-runs
    Halt(halt::HaltArgs),
    /// Let the lead act outside again, from where it was stopped
    Resume(halt::ResumeActionsArgs),
    /// Measure the queue on this machine, beside its Redis's limit
    Bench(bench::Args),
    /// Show all settings, and the source of each
    Settings(settings::Args),
    /// Make a key pair that tasks are signed with
    Keys(keys::Args),
    /// Print completions for a shell
    Completions(completions::Args),
    /// Print the manual, or write all of its pages
    Man(man::Args),
}

impl Args {
    pub(crate) fn run(self) -> anyhow::Result<ExitStatus> {
        let global = &self.global;
        match self.command {
            CliCommand::Up(args) => up::run(global, &args),
            CliCommand::Demo(args) => demo::run(global, &args),
            CliCommand::Lead(args) => lead::run(global, &args),
            CliCommand::Worker(args) => worker::run(global, &args),
            CliCommand::Health(args) => health::run(global, &args),
            CliCommand::Doctor(args) => doctor::run(global, &args),
            CliCommand::Diagnose(args) => diagnose::run(global, &args),
            CliCommand::Flaky(args) => flaky::run(global, &args),
            CliCommand::Why(args) => why::run(global, &args),
            CliCommand::Sarif(command) => command.run(global),
            CliCommand::Queue(command) => command.run(global),
            CliCommand::Approvals(args) => approvals::run(global, args),
            CliCommand::Halt(args) => halt::halt(global, &args),
            CliCommand::Resume(args) => halt::resume(global, &args),
            CliCommand::Bench(args) => bench::run(global, args),
            CliCommand::Settings(args) => settings::run(global, &args),
            CliCommand::Keys(args) => keys::run(global, &args),
            CliCommand::Completions(args) => completions::run(&args),
            CliCommand::Man(args) => man::run(&args),
        }
    }
}
