//! The command line.

use std::path::PathBuf;

use anstream::ColorChoice;
use clap::builder::PossibleValue;
use clap::{Parser, Subcommand, ValueEnum};
use greenline_runtime::settings::Flags;

use crate::ending::{Complaint, Ended};
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
    command: Command,
    #[command(flatten)]
    pub(crate) global: Global,
}

/// Options of every command.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Everywhere")]
pub(crate) struct Global {
    /// Print data as JSON: one object, or one per line
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// Read settings from this file instead of greenline.toml
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Use this Redis instead of REDIS_URL
    #[arg(long, global = true, value_name = "URL")]
    redis: Option<String>,
    /// Prefix every key and channel with this name
    #[arg(long, global = true, value_name = "NAME")]
    namespace: Option<String>,
    /// Use color: auto, always or never
    #[arg(
        long,
        global = true,
        value_name = "WHEN",
        default_value = "auto",
        hide_possible_values = true
    )]
    pub(crate) color: Color,
}

impl Global {
    /// Returns these options as settings.
    pub(crate) fn flags(&self) -> Flags {
        let config = self.config.as_ref().map(|path| path.display().to_string());
        Flags::none()
            .with("config", "--config", config)
            .with("redis.url", "--redis", self.redis.clone())
            .with("redis.namespace", "--namespace", self.namespace.clone())
    }

    /// Returns an error for options that a command without settings would ignore.
    pub(crate) fn refuse_settings(&self, why: &str) -> Result<(), Complaint> {
        let given = [
            ("--config", self.config.is_some()),
            ("--redis", self.redis.is_some()),
            ("--namespace", self.namespace.is_some()),
        ];
        match given.into_iter().find(|(_, given)| *given) {
            None => Ok(()),
            Some((flag, _)) => {
                let says = format!("{flag} can't be used here: {why}");
                Err(Complaint::wrong(says).mend("leave it out"))
            }
        }
    }
}

/// The `--color` option.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Color(ColorChoice);

impl Color {
    /// Applies to the whole process from now on.
    pub(crate) fn write_global(self) {
        self.0.write_global();
    }
}

impl ValueEnum for Color {
    fn value_variants<'a>() -> &'a [Self] {
        &[Self(ColorChoice::Auto), Self(ColorChoice::Always), Self(ColorChoice::Never)]
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        Some(match self.0 {
            ColorChoice::Always | ColorChoice::AlwaysAnsi => {
                PossibleValue::new("always").help("colour wherever it goes")
            }
            ColorChoice::Never => PossibleValue::new("never").help("plain text"),
            ColorChoice::Auto => {
                PossibleValue::new("auto").help("colour on a terminal, unless NO_COLOR is set")
            }
        })
    }
}

#[derive(Debug, Subcommand)]
enum Command {
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
    Sarif(sarif::Command),
    /// Enqueue, inspect and change tasks
    #[command(subcommand)]
    Queue(queue::Command),
    /// List what needs your approval, and answer
    Approvals(approvals::Args),
    /// Stop all outside actions: comments, commits, merges, re-runs
    Halt(halt::HaltArgs),
    /// Let the lead act outside again, from where it was stopped
    Resume(halt::ResumeArgs),
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
    pub(crate) fn run(self) -> anyhow::Result<Ended> {
        let global = &self.global;
        match self.command {
            Command::Up(args) => up::run(global, &args),
            Command::Demo(args) => demo::run(global, &args),
            Command::Lead(args) => lead::run(global, &args),
            Command::Worker(args) => worker::run(global, &args),
            Command::Health(args) => health::run(global, &args),
            Command::Doctor(args) => doctor::run(global, &args),
            Command::Diagnose(args) => diagnose::run(global, &args),
            Command::Flaky(args) => flaky::run(global, &args),
            Command::Why(args) => why::run(global, &args),
            Command::Sarif(command) => command.run(global),
            Command::Queue(command) => command.run(global),
            Command::Approvals(args) => approvals::run(global, args),
            Command::Halt(args) => halt::halt(global, &args),
            Command::Resume(args) => halt::resume(global, &args),
            Command::Bench(args) => bench::run(global, args),
            Command::Settings(args) => settings::run(global, &args),
            Command::Keys(args) => keys::run(global, &args),
            Command::Completions(args) => completions::run(&args),
            Command::Man(args) => man::run(&args),
        }
    }
}
