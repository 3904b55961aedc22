//! Worker processes, and the rate at which they drain a backlog.

use std::path::PathBuf;
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::Context;
use greenline_queue::{PauseTarget, Queue};
use tokio::process::{Child, Command};
use tokio::time::sleep;

use crate::contract::ContractPart;
use crate::server::{BenchServer, Usage};

/// The time after which a drain counts as stuck.
const DEADLINE: Duration = Duration::from_secs(300);

/// The command line of worker processes.
#[derive(Debug, Clone)]
pub(crate) struct WorkerCommand {
    /// The program with the subcommand `bench worker`.
    pub(crate) program: PathBuf,
    /// The number of tasks that each process runs at once.
    pub(crate) slots: usize,
    /// The duration of each task in ms.
    pub(crate) task_ms: u64,
    /// The worker prints the delay of each pick-up.
    pub(crate) report_lateness: bool,
    /// The part to remove from its scripts.
    pub(crate) without: Option<ContractPart>,
}

impl WorkerCommand {
    /// Starts a process that ends with its handle.
    pub(crate) fn spawn(&self, url: &str) -> anyhow::Result<Child> {
        let mut command = Command::new(&self.program);
        command.args(["bench", "worker", "--url", url]);
        command.args(["--slots", &self.slots.to_string()]);
        command.args(["--task-ms", &self.task_ms.to_string()]);
        if self.report_lateness {
            command.arg("--report-lateness");
        }
        if let Some(part) = self.without {
            command.args(["--without", part.name()]);
        }
        command.stdin(Stdio::null()).stderr(Stdio::null());
        command.stdout(if self.report_lateness { Stdio::piped() } else { Stdio::null() });
        command.kill_on_drop(true).spawn().context("a worker process could not be started")
    }
}

/// The result of a drain.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Drained {
    /// Tasks per second.
    pub(crate) per_second: f64,
    /// Redis's processor time per task in µs.
    pub(crate) redis_us: f64,
    /// The share of the time in which Redis's one thread was busy.
    pub(crate) redis_share: f64,
    /// Commands per task, including those inside scripts.
    pub(crate) commands: f64,
    /// Resident memory of a worker at its end, in bytes.
    pub(crate) rss: f64,
    /// Bytes that Redis keeps of a finished task.
    pub(crate) bytes_finished: f64,
    /// Bytes that Redis keeps of a queued task.
    pub(crate) bytes_queued: f64,
}

/// Enqueues a backlog and drains it. Measures from the moment that all connected workers may start
/// until Redis has `measured` finished tasks.
pub(crate) async fn drain(
    server: &BenchServer,
    command: &WorkerCommand,
    workers: usize,
    backlog: usize,
    measured: usize,
) -> anyhow::Result<Drained> {
    server.empty().await?;
    let empty = server.usage().await?;
    crate::produce::bulk(server, backlog).await?;
    let queue = server.queue().await?;
    let queued = server.usage().await?;
    let mut children = stand_by(server, &queue, command, workers).await?;

    let before = server.usage().await?;
    let begun = Instant::now();
    queue.resume(&PauseTarget::All).await?;
    wait_until_finished(server, measured as u64).await?;
    let took = begun.elapsed().as_secs_f64();
    let after = server.usage().await?;

    let rss = children.first().and_then(|child| resident(child.id()?)).unwrap_or(0.0);
    for child in &mut children {
        child.start_kill()?;
        child.wait().await?;
    }
    let count = measured as f64;
    let cpu = after.cpu_us - before.cpu_us;
    Ok(Drained {
        per_second: count / took,
        redis_us: cpu / count,
        redis_share: cpu / 1e6 / took,
        commands: (after.commands - before.commands) / count,
        rss,
        bytes_finished: per(&after, &empty, backlog),
        bytes_queued: per(&queued, &empty, backlog),
    })
}

fn per(later: &Usage, earlier: &Usage, count: usize) -> f64 {
    (later.memory - earlier.memory) / count as f64
}

/// Starts workers behind a pause, and waits until all have registered.
pub(crate) async fn stand_by(
    server: &BenchServer,
    queue: &Queue,
    command: &WorkerCommand,
    workers: usize,
) -> anyhow::Result<Vec<Child>> {
    queue.pause(&PauseTarget::All, "the benchmark", "until all workers are up").await?;
    let children =
        (0..workers).map(|_| command.spawn(server.url())).collect::<Result<Vec<_>, _>>()?;
    let end = Instant::now() + Duration::from_secs(30);
    while queue.workers().await?.len() < workers {
        anyhow::ensure!(Instant::now() < end, "the worker processes did not come up within 30 s");
        sleep(Duration::from_millis(10)).await;
    }
    Ok(children)
}

/// Polls every 5 ms, as for the peers.
pub(crate) async fn wait_until_finished(server: &BenchServer, count: u64) -> anyhow::Result<()> {
    let end = Instant::now() + DEADLINE;
    while server.finished().await? < count {
        anyhow::ensure!(Instant::now() < end, "the backlog was not drained within 5 minutes");
        sleep(Duration::from_millis(5)).await;
    }
    Ok(())
}

/// Returns the resident memory of a process in bytes.
fn resident(pid: u32) -> Option<f64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: f64 = line.trim().trim_end_matches(" kB").trim().parse().ok()?;
    Some(kib * 1024.0)
}
