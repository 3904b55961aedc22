//! `greenline lead`.

use greenline_runtime::Role;

use crate::args::Global;
use crate::daemon;
use crate::daemon::lead::Token;
use crate::ending::Ended;
use crate::{home, redis_here};

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

pub(crate) fn run(global: &Global, args: &Args) -> anyhow::Result<Ended> {
    let flags = global.flags().with("lead.listen", "--listen", args.listen.clone());
    daemon::run(global, Role::Lead, flags, async |session, stop| {
        let config = redis_here::find(&session.settings.redis)?;
        let queue = daemon::open_queue(config, &session.settings.queue, &stop, || {}).await?;
        let Some(queue) = queue else { return Ok(()) };
        let (lead, token) = daemon::lead::bind(queue, &session.settings, Role::Lead).await?;
        if !matches!(token, Token::Set) {
            tracing::info!("The operator's token is in {}", home::operator_token_file());
        }
        Ok(lead.run(stop).await?)
    })
}
