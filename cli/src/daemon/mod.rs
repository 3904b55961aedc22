//! The parts that `up`, `lead` and `worker` share: from settings to running daemons.

pub(crate) mod all_in_one;
pub(crate) mod lead;
pub(crate) mod sandbox;
pub(crate) mod worker;

use std::time::Duration;

use anyhow::Context;
use greenline_queue::{Queue, QueueError};
use greenline_runtime::ProcessRole;
use greenline_runtime::clock::Clock;
use greenline_runtime::liveness::{Pulse, Watchdog};
use greenline_runtime::settings::{QueueSettings, SettingFlags, SettingSources, load};
use greenline_runtime::shutdown::{Shutdown, ShutdownStep};
use greenline_store::{Store, StoreConfig, backoff};

use crate::connection;
use crate::error::ExitStatus;
use crate::global::Global;
use crate::operator;
use crate::print::Output;
use crate::session::Session;

/// The longest pause of a main loop. A lead's takes up to 30 s while Redis is away.
const STUCK_AFTER: Duration = Duration::from_secs(90);

/// The exit code of a process that ends itself because it is stuck.
const STUCK: i32 = 3;

/// Runs a daemon until it ends, with its settings and a stop on signals.
pub(crate) fn run(
    global: &Global,
    role: ProcessRole,
    flags: SettingFlags,
    daemon: impl AsyncFnOnce(Session, Shutdown) -> anyhow::Result<()>,
) -> anyhow::Result<ExitStatus> {
    let session = Session::of(global, load(&SettingSources::of_process(role, flags))?)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let grace = session.settings.worker.grace;
    let out = session.out;
    let done = runtime.block_on(async {
        let stop = Shutdown::new();
        let signals = stop
            .on_signals(move |step| announce_stop(out, role, step, grace))
            .context("failed to listen for signals")?;
        tokio::select! {
            done = daemon(session, stop) => done,
            never = signals => match never {},
        }
    });
    // Threads that still block are not waited for: everything was settled or returned.
    runtime.shutdown_timeout(Duration::from_secs(1));
    done.map(|()| ExitStatus::Success)
}

fn announce_stop(out: Output, role: ProcessRole, step: ShutdownStep, grace: Duration) {
    let grace = greenline_runtime::human::duration(grace);
    match (step, role) {
        (ShutdownStep::Drain, ProcessRole::Lead) => tracing::info!("Stopping"),
        (ShutdownStep::Drain, ProcessRole::Up) => out.note(format_args!(
            "Stopping: running tasks have {grace} to finish. Ctrl-C again hands them back at once."
        )),
        (ShutdownStep::Drain, _) => {
            tracing::info!("Stopping, running tasks have {grace} to finish");
        }
        (ShutdownStep::Interrupt, ProcessRole::Up) => out.note("Handing running tasks back."),
        (ShutdownStep::Interrupt, _) => tracing::info!("Stopping at once"),
    }
}

/// Returns an id that no other process has or had: the machine, the process, and a random part.
pub(crate) fn fresh_id() -> String {
    let allowed = |letter: char| letter.is_ascii_alphanumeric() || "._-".contains(letter);
    let host: String =
        operator::host().chars().filter(|letter| allowed(*letter)).take(64).collect();
    let random: String = (0..6).map(|_| fastrand::char('a'..='z')).collect();
    format!("{host}-{}-{random}", std::process::id())
}

/// Opens the queue as soon as Redis answers. Returns `None` if it is told to stop before.
pub(crate) async fn open_queue(
    config: StoreConfig,
    settings: &QueueSettings,
    stop: &Shutdown,
    while_waiting: impl Fn(),
) -> anyhow::Result<Option<Queue>> {
    let mut backoff_delays = backoff();
    let mut logged = false;
    loop {
        let error = match open(config.clone(), settings).await {
            Ok(queue) => return Ok(Some(queue)),
            Err(error) if error.is_transient() => error,
            Err(error) => return Err(error.into()),
        };
        if !logged {
            tracing::warn!(%error, "Redis is away, trying again until it is there");
            logged = true;
        }
        while_waiting();
        let pause = tokio::time::sleep(backoff_delays.next().unwrap_or(Duration::from_secs(2)));
        if stop.drain.run_until_cancelled(pause).await.is_none() {
            return Ok(None);
        }
    }
}

async fn open(config: StoreConfig, settings: &QueueSettings) -> Result<Queue, QueueError> {
    let store = Store::connect(config).await?;
    if let Some(warning) = store.facts().await?.policy_warning() {
        tracing::warn!("{warning}");
    }
    Queue::open(store, connection::queue_options(settings)).await
}

/// Returns a pulse for a main loop: if it stops beating, this process ends, and its supervisor
/// restarts it.
pub(crate) fn pulse(what: &str) -> anyhow::Result<Pulse> {
    let (watchdog, pulse) = Watchdog::new(what, STUCK_AFTER, Clock::system());
    watchdog
        .on_own_thread(|stuck| {
            tracing::error!("{stuck}: ending this process");
            std::process::exit(STUCK);
        })
        .context("failed to start a watchdog")?;
    Ok(pulse)
}
