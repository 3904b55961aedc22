//! `greenline health`.

use std::time::Duration;

use clap::ValueEnum;
use greenline_lead::health_check;
use greenline_runtime::ProcessRole;
use greenline_runtime::clock::Clock;
use greenline_runtime::liveness;
use serde_json::json;

use crate::daemon::worker::longest_silence;
use crate::error::ExitStatus;
use crate::global::Global;
use crate::session::Session;

/// Check whether a daemon on this machine is alive, for containers
#[derive(Debug, clap::Args)]
#[command(after_long_help = "Examples:
  greenline health lead       asks its /health
  greenline health worker     looks for its sign of life in the state directory

Exit code 1 if it is not alive. Redis being away is no reason to restart one.")]
pub(crate) struct Args {
    /// Daemon
    daemon: HealthTarget,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum HealthTarget {
    Lead,
    Worker,
}

pub(crate) fn run(global: &Global, args: &Args) -> anyhow::Result<ExitStatus> {
    Session::client(global)?.run(async |session| {
        let (healthy, message) = match args.daemon {
            HealthTarget::Lead => lead(&session).await,
            HealthTarget::Worker => worker(&session),
        };
        if session.out.json {
            session.out.object(&json!({ "healthy": healthy, "message": message }))?;
        } else {
            session.out.line(message)?;
        }
        Ok(if healthy { ExitStatus::Success } else { ExitStatus::Negative })
    })
}

async fn lead(session: &Session) -> (bool, String) {
    let listen = session.settings.lead.listen;
    match health_check(listen).await {
        Ok(()) => (true, format!("the lead at {listen} is alive")),
        Err(error) => (false, error.to_string()),
    }
}

fn worker(session: &Session) -> (bool, String) {
    let settings = &session.settings;
    let silence: Duration = longest_silence(settings.queue.heartbeat);
    let health =
        liveness::check(&settings.state_dir, ProcessRole::Worker, silence, &Clock::system());
    (health.is_healthy(), health.to_string())
}
