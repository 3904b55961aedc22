//! A worker from settings.

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::Context;
use greenline_queue::{Label, Queue, TaskType};
use greenline_runtime::settings::{Settings, WorkerSettings};
use greenline_worker::command::{CommandRunner, DEFAULT_PATH, Environment, Limits};
use greenline_worker::workspace::{RoomLimits, WorkerName, Workspaces};
use greenline_worker::{RunCommand, WorkerDaemon, WorkerOptions};

use crate::ending::Complaint;
use crate::operator;

/// How many short tasks a worker claims beyond its slots.
const PREFETCH: usize = 50;

/// A worker that can run everything this program knows, or what the settings say of it.
///
/// Blocks while it sweeps what dead workers left in the workspace.
pub(crate) fn build(queue: Queue, settings: &Settings, id: &str) -> anyhow::Result<WorkerDaemon> {
    let worker = &settings.worker;
    check_types(worker)?;
    let options = WorkerOptions {
        id: id.parse()?,
        labels: labels(worker)?,
        slots: worker.slots.get(),
        prefetch: if worker.prefetch { PREFETCH } else { 0 },
        heartbeat: settings.queue.heartbeat,
        grace: worker.grace,
        host: operator::host(),
    };
    let run_command = run_command(worker, id)?;
    Ok(WorkerDaemon::new(queue, options)
        .handle(TaskType::run_command(), run_command)
        .with_pulse(super::pulse("the worker")?))
}

/// How old a worker's last sign of life may be: it gives one at each heartbeat, and between two
/// of them may wait for a Redis that is away.
pub(crate) fn longest_silence(heartbeat: Duration) -> Duration {
    heartbeat * 3 + Duration::from_secs(15)
}

/// The only types there are so far run commands.
fn check_types(worker: &WorkerSettings) -> anyhow::Result<()> {
    let known = TaskType::run_command();
    let unknown = worker.types.iter().flatten().find(|name| name.as_str() != known.as_str());
    match unknown {
        None => Ok(()),
        Some(name) => Err(Complaint::wrong(format!(
            "GREENLINE_TYPES names {name}, which this worker does not know"
        ))
        .mend(format!("it knows {known}"))
        .into()),
    }
}

fn labels(worker: &WorkerSettings) -> anyhow::Result<BTreeSet<Label>> {
    Ok(worker.labels.iter().map(|name| name.as_str().parse()).collect::<Result<_, _>>()?)
}

/// What commands see of this process's variables: where programs are, and what the settings name.
fn environment(worker: &WorkerSettings) -> anyhow::Result<Environment> {
    let path = std::env::var_os("PATH").unwrap_or_else(|| DEFAULT_PATH.into());
    let mut environment = Environment::with_path(path);
    // Commands have a HOME of their own, and rustup looks for its toolchains below that.
    let rustup = std::env::var("RUSTUP_HOME").ok().or_else(|| {
        let home = std::env::home_dir()?.join(".rustup");
        home.is_dir().then(|| home.to_string_lossy().into_owned())
    });
    if let Some(rustup) = rustup {
        environment = environment.and("RUSTUP_HOME", &rustup)?;
    }
    for name in &worker.pass_env {
        if let Ok(value) = std::env::var(name.as_str()) {
            environment = environment.and(name.as_str(), &value)?;
        }
    }
    Ok(environment)
}

fn run_command(worker: &WorkerSettings, id: &str) -> anyhow::Result<RunCommand> {
    let runner = CommandRunner::new(environment(worker)?)?;
    let room = RoomLimits { total_bytes: worker.workspace_limit, ..RoomLimits::default() };
    let workspaces = Workspaces::open(&worker.workspace, &WorkerName::new(id)?, room)
        .with_context(|| format!("failed to use the workspace {}", worker.workspace.display()))?;
    let limits = Limits {
        memory_bytes: worker.memory_limit,
        disk_bytes: worker.workspace_limit,
        file_bytes: worker.workspace_limit,
        log_bytes: worker.output_log,
        tail_bytes: usize::try_from(worker.output_tail).unwrap_or(usize::MAX),
        ..Limits::default()
    };
    Ok(RunCommand::new(runner, workspaces, limits))
}
