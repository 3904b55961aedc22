//! `greenline worker`.

use greenline_runtime::ProcessRole;
use greenline_runtime::clock::Clock;
use greenline_runtime::liveness::HeartbeatFile;
use greenline_worker::command::Delegation;

use crate::daemon;
use crate::error::ExitStatus;
use crate::find_redis;
use crate::global::Global;

/// Run a worker: claim tasks and run them
///
/// SIGTERM or Ctrl-C lets running tasks finish within worker.grace and returns the rest; a second
/// one returns all at once.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "Examples:
  REDIS_URL=redis://localhost greenline worker
  greenline worker --slots 8 --labels gpu,linux")]
pub(crate) struct Args {
    /// Tasks to run at once, instead of worker.slots
    #[arg(long, value_name = "N")]
    slots: Option<String>,
    /// Labels that this worker offers, instead of worker.labels
    #[arg(long, value_name = "LABELS")]
    labels: Option<String>,
}

pub(crate) fn run(global: &Global, args: &Args) -> anyhow::Result<ExitStatus> {
    let flags = global.flags().with("worker.slots", "--slots", args.slots.clone()).with(
        "worker.labels",
        "--labels",
        args.labels.clone(),
    );
    daemon::run(global, ProcessRole::Worker, flags, async |session, stop| {
        let settings = &session.settings;
        let beacon =
            HeartbeatFile::create(&settings.state_dir, ProcessRole::Worker, Clock::system())?;
        let beat = move |doing: &str| {
            if let Err(error) = beacon.beat(doing) {
                tracing::warn!(%error, "Could not leave a sign of life");
            }
        };
        let config = find_redis::find(&settings.redis)?;
        let wait = || beat("waiting for Redis");
        let queue = daemon::open_queue(config, &settings.queue, &stop, wait).await?;
        let Some(queue) = queue else { return Ok(()) };
        let id = daemon::fresh_id();
        let safety = daemon::sandbox::safety(&settings.worker);
        let worker = daemon::worker::build(queue, settings, &id, safety, control_groups())?;
        tracing::info!(worker.id = id, slots = settings.worker.slots, "Worker {id} takes tasks");
        worker.on_heartbeat(beat).run(stop).await
    })
}

/// Control groups for tasks, where they can be made.
fn control_groups() -> Option<Delegation> {
    match Delegation::take() {
        Ok(groups) => {
            tracing::info!("Each task gets a control group of its own");
            Some(groups)
        }
        Err(why) => {
            tracing::debug!(why, "Tasks get no control groups");
            None
        }
    }
}
