//! `greenline lead`.

use greenline_runtime::ProcessRole;

use crate::daemon;
use crate::daemon::lead::TokenOrigin;
use crate::error::ExitStatus;
use crate::global::Global;
use crate::{find_redis, state_dir};

/// Run the lead: leader election, GitHub, HTTP
///
/// Any number may run; one leads. SIGTERM or Ctrl-C stops it.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "Examples:
  REDIS_URL=redis://localhost greenline lead
  greenline lead --listen 127.0.0.1:8080
  curl -s localhost:7410/health")]
pub(crate) struct Args {
    /// Address for HTTP, instead of lead.listen
    #[arg(long, value_name = "HOST:PORT")]
    listen: Option<String>,
}

pub(crate) fn run(global: &Global, args: &Args) -> anyhow::Result<ExitStatus> {
    let flags = global.flags().with("lead.listen", "--listen", args.listen.clone());
    daemon::run(global, ProcessRole::Lead, flags, async |session, stop| {
        let config = find_redis::find(&session.settings.redis)?;
        let queue = daemon::open_queue(config, &session.settings.queue, &stop, || {}).await?;
        let Some(queue) = queue else { return Ok(()) };
        let (lead, token) = daemon::lead::bind(queue, &session.settings, ProcessRole::Lead).await?;
        if !matches!(token, TokenOrigin::Set) {
            tracing::info!("The operator's token is in {}", state_dir::operator_token_file());
        }
        Ok(lead.run(stop).await?)
    })
}
