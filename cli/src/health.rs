//! `greenline health`.

use std::time::Duration;

use clap::ValueEnum;
use greenline_lead::health_check;
use greenline_runtime::Role;
use greenline_runtime::clock::Clock;
use greenline_runtime::liveness;
use serde_json::json;

use crate::args::Global;
use crate::daemon::worker::longest_silence;
use crate::ending::Ended;
use crate::session::Session;

/// Check whether a daemon on this machine is alive, for containers
#[derive(Debug, clap::Args)]
#[command(after_long_help = "Examples:
  greenline health lead       asks its /health
  greenline health worker     looks for its sign of life in the state directory

Exit code 1 if it is not alive. Redis being away is no reason to restart one.")]
pub(crate) struct Args {
    /// Daemon
    daemon: Daemon,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Daemon {
    Lead,
    Worker,
}

pub(crate) fn run(global: &Global, args: &Args) -> anyhow::Result<Ended> {
    Session::client(global)?.run(async |session| {
        let (healthy, says) = match args.daemon {
            Daemon::Lead => lead(&session).await,
            Daemon::Worker => worker(&session),
        };
        if session.out.json {
            session.out.object(&json!({ "healthy": healthy, "says": says }))?;
        } else {
            session.out.line(says)?;
        }
        Ok(if healthy { Ended::Done } else { Ended::No })
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
    let health = liveness::check(&settings.state_dir, Role::Worker, silence, &Clock::system());
    (health.is_healthy(), health.to_string())
}
