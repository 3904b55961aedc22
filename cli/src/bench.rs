//! `greenline bench`.

use std::time::Duration;

use anyhow::Context;
use greenline_bench::worker::WorkerLoad;
use greenline_bench::{BenchOptions, ContractPart};
use greenline_queue::Scripts;
use indicatif::{ProgressBar, ProgressStyle};

use crate::error::{CliError, ExitStatus};
use crate::global::Global;
use crate::print::Output;

/// Measure the queue on this machine, beside its Redis's limit
///
/// Starts its own Redis and worker processes, and leaves nothing behind. Figures of one run belong
/// together: on a shared machine compare ratios, not runs.
#[derive(Debug, clap::Args)]
#[command(
    args_conflicts_with_subcommands = true,
    after_long_help = "Examples:
  greenline bench                    a few minutes, everything
  greenline bench --quick --rounds 1 under a minute
  greenline bench --json             for a program
  make bench-peers                   beside BullMQ and others, in one run"
)]
pub(crate) struct Args {
    #[command(subcommand)]
    part: Option<BenchPart>,
    /// Tasks of the backlog to drain
    #[arg(long, default_value_t = 50_000, value_name = "N")]
    tasks: usize,
    /// Tasks that a worker runs at once
    #[arg(long, default_value_t = 100, value_name = "N")]
    slots: usize,
    /// Rounds; the median counts
    #[arg(long, default_value_t = 3, value_name = "N")]
    rounds: usize,
    /// Skip the slow parts: recovery, AOF, a large backlog, costs of the contract
    #[arg(long)]
    quick: bool,
    /// Tasks of the large backlog
    #[arg(long, default_value_t = 1_000_000, value_name = "N")]
    large_backlog: usize,
    /// Use this empty Redis instead of starting one
    #[arg(long, value_name = "URL")]
    url: Option<String>,
}

#[derive(Debug, clap::Subcommand)]
enum BenchPart {
    /// A worker process of the benchmark
    #[command(hide = true)]
    Worker {
        #[arg(long)]
        url: String,
        #[arg(long)]
        slots: usize,
        #[arg(long)]
        task_ms: u64,
        #[arg(long)]
        report_lateness: bool,
        #[arg(long)]
        without: Option<String>,
    },
}

pub(crate) fn run(global: &Global, args: Args) -> anyhow::Result<ExitStatus> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    match args.part {
        Some(BenchPart::Worker { url, slots, task_ms, report_lateness, without }) => {
            let load = WorkerLoad { task: Duration::from_millis(task_ms), report_lateness };
            let scripts = match without {
                Some(name) => ContractPart::named(&name)
                    .ok_or_else(|| CliError::usage(format!("there is no part {name:?}")))?
                    .left_out(),
                None => Scripts::default(),
            };
            runtime.block_on(greenline_bench::worker::work(&url, slots, load, scripts))?;
        }
        None => runtime.block_on(measure(Output { json: global.json }, args))?,
    }
    Ok(ExitStatus::Success)
}

async fn measure(out: Output, args: Args) -> anyhow::Result<()> {
    let options = BenchOptions {
        program: std::env::current_exe().context("failed to find this program's own file")?,
        url: args.url,
        tasks: args.tasks.max(100),
        slots: args.slots.max(1),
        rounds: args.rounds.max(1),
        thorough: !args.quick,
        large_backlog: args.large_backlog.max(100),
    };
    let spinner = ProgressBar::new_spinner()
        .with_style(ProgressStyle::with_template("{spinner} {msg} ({elapsed})")?);
    spinner.enable_steady_tick(Duration::from_millis(120));
    let hidden = spinner.is_hidden();
    let say = |doing: &str| {
        spinner.set_message(doing.to_owned());
        if hidden {
            out.note(doing);
        }
    };
    let measured = tokio::select! {
        report = greenline_bench::run(&options, say) => Some(report?),
        _ = tokio::signal::ctrl_c() => None,
    };
    spinner.finish_and_clear();
    let report = measured.ok_or_else(|| CliError::external("stopped before the end"))?;
    if out.json { out.object(&report) } else { Ok(out.block(&report)?) }
}
