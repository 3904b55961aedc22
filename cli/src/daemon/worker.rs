//! A worker from settings.

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::Context;
use greenline_queue::{Label, Queue, TaskType};
use greenline_runtime::settings::{Settings, WorkerSettings};
use greenline_worker::command::{
    CommandLimits, CommandRunner, Confinement, DEFAULT_PATH, Delegation, Environment,
};
use greenline_worker::egress;
use greenline_worker::reproduce::{CheckoutAccess, Reproduce, SandboxPolicy};
use greenline_worker::workspace::{RoomLimits, WorkerName, Workspaces};
use greenline_worker::{RunCommand, WorkerDaemon, WorkerOptions};
use url::Url;

use crate::error::CliError;
use crate::operator;

/// The number of short tasks that a worker claims beyond its slots.
const PREFETCH: usize = 50;

/// Builds a worker for every known task type, or for the configured ones. Blocks while it sweeps
/// leftovers of dead workers in the workspace.
pub(crate) fn build(
    queue: Queue,
    settings: &Settings,
    id: &str,
    safety: SandboxPolicy,
    groups: Option<Delegation>,
) -> anyhow::Result<WorkerDaemon> {
    let worker = &settings.worker;
    check_types(worker)?;
    if let Err(fault) = super::sandbox::proxies() {
        return Err(CliError::usage(fault.to_string()).hint(PROXIES).into());
    }
    egress::make_room();
    let options = WorkerOptions {
        id: id.parse()?,
        labels: labels(worker)?,
        slots: worker.slots.get(),
        prefetch: if worker.prefetch { PREFETCH } else { 0 },
        heartbeat: settings.queue.heartbeat,
        grace: worker.grace,
        host: operator::host(),
    };
    let runner = CommandRunner::new(environment(worker)?)?.with_groups(groups);
    let (workspaces, limits) = (workspaces(worker, id)?, limits(worker));
    let confinement = command_confinement(worker, &safety)?;
    let run_command = RunCommand::new(runner.clone(), workspaces.clone(), limits).on(confinement);
    let mut daemon = WorkerDaemon::new(queue, options).handle(TaskType::run_command(), run_command);
    for kind in REPRODUCED {
        let access = access(settings)?;
        let (runner, workspaces) = (runner.clone(), workspaces.clone());
        let reproduce = Reproduce::new(runner, workspaces, limits, safety.clone(), access);
        daemon = daemon.handle(kind.parse()?, reproduce);
    }
    Ok(daemon.with_pulse(super::pulse("the worker")?))
}

/// Returns the largest age of a worker's last sign of life: it gives one per heartbeat, and may
/// wait for Redis between two of them.
pub(crate) fn longest_silence(heartbeat: Duration) -> Duration {
    heartbeat * 3 + Duration::from_secs(15)
}

const PROXIES: &str = "write http://host:port, or unset it for this program";

/// Types that name a CI failure.
const REPRODUCED: [&str; 2] = ["fix_test_failure", "investigate_failure"];

fn check_types(worker: &WorkerSettings) -> anyhow::Result<()> {
    let run_command = TaskType::run_command();
    let knows = |name: &str| name == run_command.as_str() || REPRODUCED.contains(&name);
    match worker.types.iter().flatten().find(|name| !knows(name.as_str())) {
        None => Ok(()),
        Some(name) => Err(CliError::usage(format!(
            "GREENLINE_TYPES names {name}, which this worker does not know"
        ))
        .hint(format!("it knows {run_command}, {}", REPRODUCED.join(", ")))
        .into()),
    }
}

fn labels(worker: &WorkerSettings) -> anyhow::Result<BTreeSet<Label>> {
    Ok(worker.labels.iter().map(|name| name.as_str().parse()).collect::<Result<_, _>>()?)
}

/// Returns the variables of this process that commands see: where programs are, and the configured
/// ones.
fn environment(worker: &WorkerSettings) -> anyhow::Result<Environment> {
    let path = std::env::var_os("PATH").unwrap_or_else(|| DEFAULT_PATH.into());
    let mut environment = Environment::with_path(path);
    // Commands have their own HOME, below which rustup would look for its toolchains.
    if let Some(rustup) = super::sandbox::rustup() {
        environment = environment.and("RUSTUP_HOME", &rustup.to_string_lossy())?;
    }
    for name in &worker.pass_env {
        if let Ok(value) = std::env::var(name.as_str()) {
            environment = environment.and(name.as_str(), &value)?;
        }
    }
    Ok(environment)
}

fn workspaces(worker: &WorkerSettings, id: &str) -> anyhow::Result<Workspaces> {
    let room = RoomLimits { total_bytes: worker.workspace_limit, ..RoomLimits::default() };
    let workspaces = Workspaces::open(&worker.workspace, &WorkerName::new(id)?, room)
        .with_context(|| format!("failed to use the workspace {}", worker.workspace.display()))?;
    let place = worker.workspace.canonicalize().unwrap_or_default();
    match worker.sandbox_read.iter().find(|path| place.starts_with(path)) {
        None => Ok(workspaces),
        Some(path) => Err(CliError::usage(format!(
            "GREENLINE_SANDBOX_READ names {}, which holds the workspaces of all tasks",
            path.display()
        ))
        .hint("name the toolchains below it")
        .into()),
    }
}

fn limits(worker: &WorkerSettings) -> CommandLimits {
    CommandLimits {
        memory_bytes: worker.memory_limit,
        disk_bytes: worker.workspace_limit,
        disk_entries: worker.workspace_entries.into(),
        // No single write jumps over what all together may take.
        file_bytes: worker.workspace_limit / 4,
        log_bytes: worker.output_log,
        tail_bytes: usize::try_from(worker.output_tail).unwrap_or(usize::MAX),
        ..CommandLimits::default()
    }
}

/// The operator's own commands run without isolation, unless the settings say otherwise.
fn command_confinement(
    worker: &WorkerSettings,
    safety: &SandboxPolicy,
) -> anyhow::Result<Confinement> {
    match (worker.sandbox_commands, safety) {
        (false, _) => Ok(Confinement::Open),
        (true, SandboxPolicy::Sandbox(sandbox)) => Ok(Confinement::in_sandbox(sandbox)),
        (true, _) => {
            Err(CliError::usage("GREENLINE_SANDBOX_COMMANDS is on, and no sandbox is here")
                .hint("`greenline doctor` says what is missing")
                .into())
        }
    }
}

/// Returns the access to repositories: at the site that the API belongs to.
fn access(settings: &Settings) -> anyhow::Result<CheckoutAccess> {
    let api = &settings.github.api_url;
    let mut host: Url = api.parse().with_context(|| format!("GITHUB_API_URL is {api}"))?;
    if host.host_str() == Some("api.github.com") {
        host.set_host(Some("github.com"))?;
    }
    Ok(CheckoutAccess { host, token: settings.worker.checkout_token.clone() })
}
