//! `greenline queue quarantine`.

use clap::Subcommand;
use greenline_queue::QuarantinedEntry;
use greenline_runtime::human;
use serde_json::json;

use crate::confirm;
use crate::error::ExitStatus;
use crate::print::style::DIM;
use crate::print::{text, when};
use crate::session::Session;

/// List, requeue or delete entries that could not be read
#[derive(Debug, clap::Args)]
#[command(after_long_help = "Examples:
  greenline queue quarantine
  greenline queue quarantine requeue --containing 'not signed'
  greenline queue quarantine drop --yes

What lands here was pushed into the lists by hand or by a program, and is no
task. Correct whoever pushed it, enqueue the right task, then drop these.")]
pub(crate) struct Args {
    #[command(subcommand)]
    action: Option<QuarantineCommand>,
}

#[derive(Debug, Subcommand)]
enum QuarantineCommand {
    /// List the entries, with the reasons
    List,
    /// Read the entries again, after the cause was fixed
    Requeue(QuarantineArgs),
    /// Delete the entries
    Drop(QuarantineArgs),
}

#[derive(Debug, clap::Args)]
struct QuarantineArgs {
    /// Only with this text in the entry or reason
    #[arg(long, value_name = "TEXT")]
    containing: Option<String>,
    /// Don't ask
    #[arg(long, short)]
    yes: bool,
}

impl QuarantineArgs {
    fn fits(&self, entry: &QuarantinedEntry) -> bool {
        let holds = |part: &String| entry.entry.contains(part) || entry.reason.contains(part);
        self.containing.as_ref().is_none_or(holds)
    }
}

pub(super) async fn run(session: &Session, args: &Args) -> anyhow::Result<ExitStatus> {
    match &args.action {
        None | Some(QuarantineCommand::List) => list(session).await,
        Some(QuarantineCommand::Requeue(change)) => clear(session, change, true).await,
        Some(QuarantineCommand::Drop(change)) => clear(session, change, false).await,
    }
}

async fn list(session: &Session) -> anyhow::Result<ExitStatus> {
    let entries = session.queue().await?.quarantined().await?;
    if session.out.json {
        for entry in &entries {
            session.out.object(entry)?;
        }
        return Ok(ExitStatus::Success);
    }
    if entries.is_empty() {
        session.out.note("The quarantine is empty.");
    }
    let columns = session.out.width().map_or(usize::MAX, |width| width - 2);
    for QuarantinedEntry { at, reason, entry } in &entries {
        let when =
            if *at > 0 { when::age(*at, when::now_ms()) } else { "some time ago".to_owned() };
        session.out.line(format_args!("{when}: {}", text::one_line(reason)))?;
        let entry = text::cut(&text::one_line(entry), columns);
        session.out.line(format_args!("  {DIM}{entry}{DIM:#}"))?;
    }
    Ok(ExitStatus::Success)
}

async fn clear(
    session: &Session,
    change: &QuarantineArgs,
    again: bool,
) -> anyhow::Result<ExitStatus> {
    let queue = session.queue().await?;
    let count = queue.quarantined().await?.iter().filter(|entry| change.fits(entry)).count();
    if count > 0 {
        let entries = human::count(count as u64, "entry", "entries");
        let what = match again {
            true => format!("Have {entries} of the quarantine read once more"),
            false => format!("Drop {entries} of the quarantine for good"),
        };
        confirm::require(&what, change.yes)?;
    }
    let done = queue.clear_quarantine(again, |entry| change.fits(entry)).await?;
    if session.out.json {
        let name = if again { "requeued" } else { "dropped" };
        session.out.object(&json!({ name: done }))?;
    } else {
        let verb = if again { "will be read again" } else { "dropped" };
        session.out.line(format_args!("{} {verb}", human::count(done, "entry", "entries")))?;
    }
    Ok(ExitStatus::Success)
}
