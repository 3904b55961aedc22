//! `greenline queue retry`.

use greenline_queue::{Retried, Status};
use greenline_runtime::say;

use super::choose::Choice;
use super::many::{Outcome, treat};
use crate::ending::Ended;
use crate::session::Session;
use crate::{ask, operator};

/// Retry tasks that ended without success
///
/// They get all their retries again. A filter selects failed tasks, unless --status says otherwise.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "Examples:
  greenline queue retry ci-fix-812
  greenline queue retry --all
  greenline queue retry --containing 'No space left' --yes
  greenline queue retry --status cancelled --id nightly- --with-children")]
pub(crate) struct Args {
    #[command(flatten)]
    choice: Choice,
    /// Also restore tasks that were cancelled because of it
    #[arg(long)]
    with_children: bool,
    /// Don't ask before retrying what a filter found
    #[arg(long, short)]
    yes: bool,
}

impl Outcome for Retried {
    fn is_done(&self) -> bool {
        matches!(self, Self::Done { .. })
    }

    fn words(&self) -> String {
        match self {
            Self::Done { status } => format!("runs again, {status} now"),
            Self::NotFailed { status: Status::Success } => "succeeded, nothing to retry".to_owned(),
            Self::NotFailed { status } => format!("has not ended ({status}), nothing to retry"),
            Self::Duplicate { of } => format!("task {of} has its dedup_key now"),
            Self::Orphan { parent } => {
                format!("waits for {parent}, which did not succeed: retry that one --with-children")
            }
            Self::Unknown => "there is no such task".to_owned(),
        }
    }
}

pub(super) async fn run(session: &Session, args: &Args) -> anyhow::Result<Ended> {
    let queue = session.queue().await?;
    let chosen = args.choice.find(&queue, &[Status::Failed]).await?;
    if !chosen.by_name && !chosen.ids.is_empty() {
        let count = say::count(chosen.ids.len() as u64, "task", "tasks");
        ask::before(&format!("Run {count} once more"), args.yes)?;
    }
    let who = operator::name();
    let retry = async |ids: &[_]| queue.retry(ids, &who, args.with_children).await;
    treat(session.out, &chosen, "retrying", retry).await
}
