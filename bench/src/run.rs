//! A whole run: rounds of each measurement, medians, one report.

use std::collections::BTreeMap;
use std::path::PathBuf;

use greenline_store::Persistence;

use crate::baseline::redis_itself;
use crate::contract::ContractPart;
use crate::drain::{Drained, WorkerCommand, drain};
use crate::pickup::pick_up;
use crate::produce::{bulk, single};
use crate::recovery::recover;
use crate::report::BenchReport;
use crate::server::BenchServer;

/// Options of a run.
#[derive(Debug, Clone)]
pub struct BenchOptions {
    /// The program with the subcommand `bench worker`.
    pub program: PathBuf,
    /// An empty Redis of the caller's; without it, a private one is started.
    pub url: Option<String>,
    /// Tasks of the backlog.
    pub tasks: usize,
    /// Tasks that a worker runs at once.
    pub slots: usize,
    /// Rounds; the report has medians.
    pub rounds: usize,
    /// Also measures what takes longer: recovery, AOF, a large backlog, the parts of the contract,
    /// Redis itself.
    pub thorough: bool,
    /// Tasks of the large backlog.
    pub large_backlog: usize,
}

/// Figures of several rounds, by name.
#[derive(Default)]
struct Rounds(BTreeMap<&'static str, Vec<f64>>);

impl Rounds {
    fn add(&mut self, name: &'static str, value: f64) {
        self.0.entry(name).or_default().push(value);
    }

    fn add_drain(&mut self, name: &'static str, drained: &Drained) {
        self.add(name, drained.per_second);
        if name == "drain1_per_s" {
            self.add("redis_us_per_task", drained.redis_us);
            self.add("redis_share_percent", 100.0 * drained.redis_share);
            self.add("redis_commands_per_task", drained.commands);
            self.add("rss_mb", drained.rss / 1e6);
            self.add("redis_bytes_per_task", drained.bytes_finished);
            self.add("redis_bytes_per_queued_task", drained.bytes_queued);
        }
    }

    fn median(&self, name: &str) -> Option<f64> {
        self.0.get(name).map(|values| median(values))
    }
}

fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let (low, high) = (sorted[(sorted.len() - 1) / 2], sorted[sorted.len() / 2]);
    f64::midpoint(low, high)
}

/// Runs the benchmark. `say` receives the name of each measurement.
///
/// # Errors
///
/// When Redis or a worker can't be started, or does not finish.
pub async fn run(options: &BenchOptions, mut say: impl FnMut(&str)) -> anyhow::Result<BenchReport> {
    let server = match &options.url {
        Some(url) => BenchServer::at(url).await?,
        None => BenchServer::start(Persistence::None).await?,
    };
    let command = WorkerCommand {
        program: options.program.clone(),
        slots: options.slots,
        task_ms: 0,
        report_lateness: false,
        without: None,
    };
    let mut rounds = Rounds::default();
    for round in 1..=options.rounds.max(1) {
        let of = |what: &str| format!("round {round} of {}: {what}", options.rounds);
        say(&of("enqueue"));
        server.empty().await?;
        rounds.add("enqueue_bulk_per_s", bulk(&server, options.tasks).await?);
        server.empty().await?;
        rounds.add("enqueue_single_per_s", single(&server, options.tasks.min(20_000)).await?);
        for (workers, name) in [(1, "drain1_per_s"), (2, "drain2_per_s")] {
            say(&of(&format!("drain with {workers} worker")));
            let tasks = options.tasks;
            let drained = drain(&server, &command, workers, tasks, tasks).await?;
            rounds.add_drain(name, &drained);
        }
        say(&of("pick-up"));
        let picked = pick_up(&server, &command, 10).await?;
        rounds.add("pickup_p50_ms", picked.p50_ms);
        rounds.add("pickup_p99_ms", picked.p99_ms);
    }
    let mut report = BenchReport {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        redis: server.version().await?,
        cores: std::thread::available_parallelism().map_or(0, usize::from),
        tasks: options.tasks,
        slots: options.slots,
        rounds: options.rounds,
        ..BenchReport::default()
    };
    if options.thorough {
        thorough(options, &server, &command, &mut rounds, &mut report, &mut say).await?;
    }
    server.empty().await?;
    for name in rounds.0.keys().copied().collect::<Vec<_>>() {
        report.figures.extend(rounds.median(name).map(|value| (name, value)));
    }
    Ok(report)
}

async fn thorough(
    options: &BenchOptions,
    server: &BenchServer,
    command: &WorkerCommand,
    rounds: &mut Rounds,
    report: &mut BenchReport,
    say: &mut impl FnMut(&str),
) -> anyhow::Result<()> {
    let tasks = options.tasks;
    say("recovery from SIGKILL");
    rounds.add("recovery_s", recover(server, command).await?);

    say("a large backlog");
    let measured = tasks.min(options.large_backlog);
    let large = drain(server, command, 1, options.large_backlog, measured).await?;
    rounds.add("drain_backlog_per_s", large.per_second);

    // Runs with and without alternate, so that both see the same machine.
    let durable = BenchServer::start(Persistence::EverySecond).await?;
    for round in 1..=options.rounds.max(1) {
        say(&format!("AOF everysec, round {round} of {}", options.rounds));
        let without = drain(server, command, 1, tasks, tasks).await?.per_second;
        let with = drain(&durable, command, 1, tasks, tasks).await?.per_second;
        rounds.add("drain_aof_per_s", with);
        rounds.add("aof_cost_percent", 100.0 * (1.0 - with / without));
    }
    drop(durable);

    let mut costs: BTreeMap<&'static str, Vec<f64>> = BTreeMap::new();
    for round in 1..=options.rounds.max(1) {
        say(&format!("parts of the contract, round {round} of {}", options.rounds));
        let whole = drain(server, command, 1, tasks, tasks).await?.redis_us;
        for part in ContractPart::ALL {
            let lean = WorkerCommand { without: Some(part), ..command.clone() };
            let us = drain(server, &lean, 1, tasks, tasks).await?.redis_us;
            costs.entry(part.name()).or_default().push(whole - us);
        }
    }
    report.contract_us = costs.iter().map(|(part, us)| (*part, median(us))).collect();

    say("Redis itself");
    server.empty().await?;
    report.redis_itself = redis_itself(server.port()).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_median_is_in_the_middle() {
        assert!((median(&[3.0, 1.0, 2.0]) - 2.0).abs() < f64::EPSILON);
        assert!((median(&[4.0, 1.0, 2.0, 3.0]) - 2.5).abs() < f64::EPSILON);
    }
}
