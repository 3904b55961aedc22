//! `greenline queue show`.

use greenline_queue::Approval;
use serde_json::json;

use super::selection::resolve;
use super::{timeline, why_not_running};
use crate::error::{CliError, ExitStatus};
use crate::print::when;
use crate::session::Session;

/// Show a task with its history
///
/// Prints its content, its state with the reason, each attempt, and its result.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "Examples:
  greenline queue show ci-fix-812
  greenline queue show ci-fix-812 --json | jq .result")]
pub(crate) struct Args {
    /// Task id, or a unique prefix of it
    id: String,
}

pub(super) async fn run(session: &Session, args: &Args) -> anyhow::Result<ExitStatus> {
    let queue = session.queue().await?;
    let id = resolve(&queue, &args.id).await?;
    let Some(task) = queue.details(&id).await? else {
        return Err(CliError::negative(format!("task {id} was forgotten just now")).into());
    };
    let approval: Option<Approval> = queue.approval(id.as_str()).await?;
    let why = why_not_running::gather(&queue, &task, approval.as_ref()).await?;
    if session.out.json {
        let mut value = serde_json::to_value(&task)?;
        value["approval"] = serde_json::to_value(&approval)?;
        value["why"] = json!(why);
        session.out.object(&value)?;
    } else {
        let page = timeline::render(&task, approval.as_ref(), &why, when::now_ms());
        session.out.block(page)?;
    }
    Ok(ExitStatus::Success)
}
