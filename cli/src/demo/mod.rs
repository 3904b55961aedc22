//! `greenline demo`: everything that `greenline up` runs, on a local fake GitHub.
//!
//! - It uses nothing of the user's: no token, no key, no network, no settings, no Redis. Everything
//!   listens on loopback or on a socket in a temporary folder.
//! - Lead and worker are the real ones; settings give them GitHub's address, as always.
//! - Every printed step was read from the queue, the lead's state and the fake GitHub, after a hint
//!   that something has changed: there are no sleeps.
//! - It leaves nothing behind, even after an error or Ctrl-C.

mod comment;
mod event;
mod output;
mod scenario;
mod setup;
mod watch;

use std::convert::Infallible;
use std::fs::File;
use std::time::Duration;

use anyhow::Context;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use greenline_fake_github::project::Story;
use greenline_runtime::logging::{self, LogColor};
use greenline_runtime::settings::{LogFormat, LogSettings};
use greenline_runtime::shutdown::Shutdown;
use greenline_store::server_program;
use serde_json::json;
use tempfile::TempDir;
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::confirm;
use crate::error::{CliError, ExitStatus};
use crate::global::Global;
use crate::print::Output;
use crate::print::style::{BOLD, DIM};
use output::DemoOutput;
use setup::DemoEnvironment;
use watch::{Interrupted, StoryTimeout};

/// The number of log lines to show when a story is stuck.
const LAST_LINES: usize = 8;

/// Watch it work: a local fake GitHub, a red pull request, and what Greenline does
///
/// Starts a fake GitHub, a Redis, a lead and a worker on this machine, opens a pull request there
/// whose CI fails, and prints each step. Needs no token, no key and no network; ignores your own
/// settings, and leaves nothing behind.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "Examples:
  greenline demo
  greenline demo --list
  greenline demo --story flaky
  greenline demo --yes --json | jq -r .event

Exit codes: 0 the story ended well, 1 it did not, 3 something is missing here.")]
pub(crate) struct Args {
    /// Why the pull request is red
    #[arg(long, value_name = "NAME", default_value = Story::Assertion.name(), value_parser = stories())]
    story: Story,
    /// List the stories, and start nothing
    #[arg(long)]
    list: bool,
    /// Begin without asking
    #[arg(long)]
    yes: bool,
    /// Keep the folder with the logs of lead and worker
    #[arg(long)]
    keep: bool,
}

fn stories() -> impl TypedValueParser<Value = Story> {
    PossibleValuesParser::new(Story::ALL.map(Story::name))
        .try_map(|name| Story::named(&name).ok_or("no story has this name"))
}

pub(crate) fn run(global: &Global, args: &Args) -> anyhow::Result<ExitStatus> {
    let out = Output { json: global.json };
    if args.list {
        return list(out);
    }
    global.refuse_settings("the demo has its own settings and its own Redis")?;
    look_for_programs()?;
    let what = "This starts a fake GitHub, a Redis, a lead and a worker on this machine,\n\
                and removes them again. It needs no token, no key and no network.";
    if !args.yes && !confirm::offer(what)? {
        out.note("Nothing was started.");
        return Ok(ExitStatus::Negative);
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    // The story's own stop: the daemons are stopped when it is over. Installed before there is
    // anything that could be left behind.
    let stop = Shutdown::new();
    let (signals, hangup) = {
        let _inside = runtime.enter();
        let signals = stop.on_signals(|_| {}).context("failed to listen for signals")?;
        (signals, signal(SignalKind::hangup()).context("failed to listen for signals")?)
    };
    let folder = tempfile::Builder::new().prefix("greenline-demo-").tempdir();
    let folder = folder.context("failed to make a temporary folder")?;
    let log = log_to(&folder)?;
    let ended = runtime.block_on(async {
        tokio::select! {
            ended = run_story(out, args.story, &folder, &stop) => ended,
            never = signals => match never {},
            never = hung_up(hangup, &stop) => match never {},
        }
    });
    runtime.shutdown_timeout(Duration::from_secs(1));
    let ended = ended.map_err(|error| explained(error, &log, args.keep));
    if args.keep {
        out.note(format_args!("Logs and data are kept in {}", folder.keep().display()));
    } else {
        folder.close().context("failed to remove the temporary folder")?;
    }
    let ended = ended?;
    DemoOutput::farewell(out, args.keep)?;
    Ok(ended)
}

/// A closed terminal means the same as Ctrl-C.
async fn hung_up(mut hangup: Signal, stop: &Shutdown) -> Infallible {
    loop {
        hangup.recv().await;
        stop.interrupt_now();
    }
}

fn list(out: Output) -> anyhow::Result<ExitStatus> {
    for story in Story::ALL {
        if out.json {
            out.object(&json!({"story": story.name(), "about": story.about()}))?;
        } else {
            out.line(format_args!("{BOLD}{:<14}{BOLD:#}  {}", story.name(), story.about()))?;
        }
    }
    if !out.json {
        out.note(format_args!("{DIM}greenline demo --story NAME shows one.{DIM:#}"));
    }
    Ok(ExitStatus::Success)
}

/// Checks for the programs that the fake GitHub needs.
fn look_for_programs() -> anyhow::Result<()> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let has = |name: &str| std::env::split_paths(&path).any(|folder| folder.join(name).is_file());
    let missing = |what: &str, hint: &str| {
        let hint = format!("{hint}; `make demo` does that");
        Err(CliError::external(format!("{what} is not installed")).hint(hint).into())
    };
    if !has("git") {
        return missing("git", "install the package git");
    }
    if server_program().is_none() {
        return missing("redis-server", "install the package redis-server (or valkey-server)");
    }
    Ok(())
}

/// Sends the events of lead and worker to a file, so that they don't interrupt the story.
fn log_to(folder: &TempDir) -> anyhow::Result<std::path::PathBuf> {
    let path = folder.path().join("demo.log");
    let file = File::create(&path).context("failed to make the log")?;
    let filter = "info".parse().map_err(|_| anyhow::anyhow!("info is a level"))?;
    let settings = LogSettings { format: LogFormat::Text, filter, no_color: true };
    let subscriber = logging::subscriber(&settings, LogColor::Plain, file);
    tracing::subscriber::set_global_default(subscriber)?;
    Ok(path)
}

async fn run_story(
    out: Output,
    story: Story,
    folder: &TempDir,
    stop: &Shutdown,
) -> anyhow::Result<ExitStatus> {
    let mut output = DemoOutput::new(out);
    output.begins(story)?;
    let ended = set_up_and_run(story, folder, &mut output, stop).await;
    match ended {
        // Ctrl-C at a terminal also ends the child programs: their errors are no news.
        Err(_) if is_interrupted(stop).await => Err(Interrupted.into()),
        ended => ended,
    }
}

/// Returns `true` if the end was requested. A signal reaches this process and its children at the
/// same time: a child's end may be noticed before the signal itself.
async fn is_interrupted(stop: &Shutdown) -> bool {
    const HEARD_WITHIN: Duration = Duration::from_millis(300);
    tokio::time::timeout(HEARD_WITHIN, stop.drain.cancelled()).await.is_ok()
}

async fn set_up_and_run(
    story: Story,
    folder: &TempDir,
    output: &mut DemoOutput,
    stop: &Shutdown,
) -> anyhow::Result<ExitStatus> {
    let environment = DemoEnvironment::set(folder.path()).await?;
    let ended = match output.environment(&environment) {
        Ok(()) => scenario::run(&environment, story, output, stop).await,
        Err(error) => Err(error),
    };
    let torn_down = environment.tear_down().await;
    let ended = ended?;
    torn_down?;
    Ok(ended)
}

/// Adds the log's last lines to an error.
fn explained(error: anyhow::Error, log: &std::path::Path, kept: bool) -> anyhow::Error {
    if error.is::<Interrupted>() {
        return CliError::negative("stopped before the story ended; nothing is left of it").into();
    }
    let Some(stuck) = error.downcast_ref::<StoryTimeout>() else { return error };
    let text = std::fs::read_to_string(log).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    let last = lines[lines.len().saturating_sub(LAST_LINES)..].join("\n");
    let hint = if kept { "" } else { "\n--keep keeps all of it" };
    CliError::negative(stuck.to_string()).hint(format!("the log ends with:\n{last}{hint}")).into()
}
