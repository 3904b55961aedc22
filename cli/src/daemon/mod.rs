//! The parts that `up`, `lead` and `worker` share: from settings to running daemons.

pub(crate) mod house;
pub(crate) mod lead;
pub(crate) mod sandbox;
pub(crate) mod worker;

use std::time::Duration;

use anyhow::Context;
use greenline_queue::{Queue, QueueError};
use greenline_runtime::Role;
use greenline_runtime::clock::Clock;
use greenline_runtime::liveness::{Pulse, Watchdog};
use greenline_runtime::settings::{Flags, QueueSettings, Sources, load};
use greenline_runtime::stopping::{Step, Stop};
use greenline_store::{Store, StoreConfig, backoff};

use crate::args::Global;
use crate::connection;
use crate::ending::Ended;
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
    role: Role,
    flags: Flags,
    daemon: impl AsyncFnOnce(Session, Stop) -> anyhow::Result<()>,
) -> anyhow::Result<Ended> {
    let session = Session::of(global, load(&Sources::of_process(role, flags))?)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let grace = session.settings.worker.grace;
    let out = session.out;
    let done = runtime.block_on(async {
        let stop = Stop::new();
        let signals = stop
            .on_signals(move |step| tell(out, role, step, grace))
            .context("failed to listen for signals")?;
        tokio::select! {
            done = daemon(session, stop) => done,
            never = signals => match never {},
        }
    });
    // Threads that still block are not waited for: everything was settled or returned.
    runtime.shutdown_timeout(Duration::from_secs(1));
    done.map(|()| Ended::Done)
}

fn tell(out: Output, role: Role, step: Step, grace: Duration) {
    let grace = greenline_runtime::say::duration(grace);
    match (step, role) {
        (Step::Drain, Role::Lead) => tracing::info!("Stopping"),
        (Step::Drain, Role::Up) => out.note(format_args!(
            "Stopping: running tasks have {grace} to finish. Ctrl-C again hands them back at once."
        )),
        (Step::Drain, _) => tracing::info!("Stopping, running tasks have {grace} to finish"),
        (Step::Interrupt, Role::Up) => out.note("Handing running tasks back."),
        (Step::Interrupt, _) => tracing::info!("Stopping at once"),
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
    stop: &Stop,
    while_waiting: impl Fn(),
) -> anyhow::Result<Option<Queue>> {
    let mut patience = backoff();
    let mut said = false;
    loop {
        let error = match open(config.clone(), settings).await {
            Ok(queue) => return Ok(Some(queue)),
            Err(error) if error.is_passing() => error,
            Err(error) => return Err(error.into()),
        };
        if !said {
            tracing::warn!(%error, "Redis is away, trying again until it is there");
            said = true;
        }
        while_waiting();
        let pause = tokio::time::sleep(patience.next().unwrap_or(Duration::from_secs(2)));
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
