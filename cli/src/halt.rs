//! `greenline halt` and `greenline resume`: stop and restart the lead's outside actions.
//!
//! Tasks belong to the queue: `greenline queue pause` holds those back.

use greenline_lead::publish::{self, Halt};
use serde_json::json;

use crate::error::{CliError, ExitStatus};
use crate::global::Global;
use crate::operator;
use crate::print::{text, when};
use crate::session::Session;

/// Stop all outside actions at once: comments, commits, merges, re-runs
///
/// Actions that are requested meanwhile are kept and done after `greenline resume`. Tasks keep
/// running: `greenline queue pause` stops those.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "Examples:
  greenline halt --reason 'it comments on the wrong repository'
  greenline resume")]
pub(crate) struct HaltArgs {
    /// Reason, for the record
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    reason: String,
}

/// Let the lead act outside again, from where it was stopped
#[derive(Debug, clap::Args)]
#[command(after_long_help = "Examples:
  greenline resume")]
pub(crate) struct ResumeActionsArgs {}

pub(crate) fn halt(global: &Global, args: &HaltArgs) -> anyhow::Result<ExitStatus> {
    Session::client(global)?.run(async |session| {
        let queue = session.queue().await?;
        let (by, why) = (operator::name(), args.reason.clone());
        publish::halt(queue.store(), &Halt { by, why, at: when::now_ms() }).await?;
        show(&session, publish::halted(queue.store()).await?.as_ref())
    })
}

pub(crate) fn resume(global: &Global, _args: &ResumeActionsArgs) -> anyhow::Result<ExitStatus> {
    Session::client(global)?.run(async |session| {
        let queue = session.queue().await?;
        if !publish::resume(queue.store()).await? {
            return Err(CliError::negative("outside actions were not halted").into());
        }
        show(&session, publish::halted(queue.store()).await?.as_ref())
    })
}

fn show(session: &Session, halt: Option<&Halt>) -> anyhow::Result<ExitStatus> {
    match halt {
        _ if session.out.json => session.out.object(&json!({ "halted": halt }))?,
        Some(halt) => session.out.line(sentence(halt))?,
        None => session.out.line("outside actions go on")?,
    }
    Ok(ExitStatus::Success)
}

/// Formats `outside actions are halted by ada@laptop, 3 min ago: a look first`.
pub(crate) fn sentence(halt: &Halt) -> String {
    let when = match halt.at {
        0 => String::new(),
        at => format!(", {}", when::age(at, when::now_ms())),
    };
    let why = if halt.why.is_empty() { String::new() } else { format!(": {}", halt.why) };
    text::one_line(&format!("outside actions are halted by {}{when}{why}", halt.by))
}
