//! `greenline queue pause` and `greenline queue resume`.

use std::collections::BTreeMap;

use greenline_queue::{PauseRecord, PauseTarget};
use serde_json::json;

use crate::error::{CliError, ExitStatus};
use crate::operator;
use crate::print::when;
use crate::session::Session;

/// Pause the start of tasks: all, of a type, or of a route
///
/// Running tasks continue. New ones are kept.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "Examples:
  greenline queue pause --reason upgrade
  greenline queue pause type:fix_test_failure --reason 'the model is down'
  greenline queue pause route:run_command+gpu")]
pub(crate) struct PauseArgs {
    /// all, type:TYPE or route:ROUTE
    #[arg(value_name = "WHAT", default_value = "all", hide_default_value = true)]
    what: PauseTarget,
    /// Reason, for the record
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    reason: String,
}

/// Resume paused tasks
#[derive(Debug, clap::Args)]
#[command(after_long_help = "Examples:
  greenline queue resume
  greenline queue resume type:fix_test_failure")]
pub(crate) struct ResumeQueueArgs {
    /// all, type:TYPE or route:ROUTE
    #[arg(value_name = "WHAT", default_value = "all", hide_default_value = true)]
    what: PauseTarget,
}

pub(super) async fn pause(session: &Session, args: &PauseArgs) -> anyhow::Result<ExitStatus> {
    let queue = session.queue().await?;
    queue.pause(&args.what, &operator::name(), &args.reason).await?;
    show(session, &queue.paused().await?)
}

pub(super) async fn resume(
    session: &Session,
    args: &ResumeQueueArgs,
) -> anyhow::Result<ExitStatus> {
    let queue = session.queue().await?;
    if !queue.resume(&args.what).await? {
        let paused: Vec<String> = queue.paused().await?.into_keys().collect();
        let hint = match paused.as_slice() {
            [] => "nothing is paused".to_owned(),
            some => format!("paused are: {}", some.join(", ")),
        };
        return Err(CliError::negative(format!("{} is not paused", args.what)).hint(hint).into());
    }
    show(session, &queue.paused().await?)
}

fn show(session: &Session, paused: &BTreeMap<String, PauseRecord>) -> anyhow::Result<ExitStatus> {
    if session.out.json {
        for (what, PauseRecord { by, why, at }) in paused {
            session.out.object(&json!({ "what": what, "by": by, "why": why, "at": at }))?;
        }
        return Ok(ExitStatus::Success);
    }
    if paused.is_empty() {
        session.out.note("Nothing is paused.");
    }
    for (what, pause) in paused {
        session.out.line(sentence(what, pause))?;
    }
    Ok(ExitStatus::Success)
}

/// Formats `type:deploy_step is paused by ada@laptop, 3 min ago: upgrade`.
pub(super) fn sentence(what: &str, pause: &PauseRecord) -> String {
    let what = if what == "all" { "everything" } else { what };
    let when = match pause.at {
        0 => String::new(),
        at => format!(", {}", when::age(at, when::now_ms())),
    };
    let why = if pause.why.is_empty() { String::new() } else { format!(": {}", pause.why) };
    format!("{what} is paused by {}{when}{why}", pause.by)
}
