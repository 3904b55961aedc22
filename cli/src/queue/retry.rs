//! `greenline queue retry`.

use greenline_queue::{RetryOutcome, TaskStatus};
use greenline_runtime::human;

use super::batch::{BatchOutcome, run_batch};
use super::selection::TaskSelection;
use crate::error::ExitStatus;
use crate::session::Session;
use crate::{confirm, operator};

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
    choice: TaskSelection,
    /// Also restore tasks that were cancelled because of it
    #[arg(long)]
    with_children: bool,
    /// Don't ask before retrying what a filter found
    #[arg(long, short)]
    yes: bool,
}

impl BatchOutcome for RetryOutcome {
    fn is_done(&self) -> bool {
        matches!(self, Self::Done { .. })
    }

    fn words(&self) -> String {
        match self {
            Self::Done { status } => format!("runs again, {status} now"),
            Self::NotFailed { status: TaskStatus::Success } => {
                "succeeded, nothing to retry".to_owned()
            }
            Self::NotFailed { status } => format!("has not ended ({status}), nothing to retry"),
            Self::Duplicate { of } => format!("task {of} has its dedup_key now"),
            Self::Orphan { parent } => {
                format!("waits for {parent}, which did not succeed: retry that one --with-children")
            }
            Self::Unknown => "there is no such task".to_owned(),
        }
    }
}

pub(super) async fn run(session: &Session, args: &Args) -> anyhow::Result<ExitStatus> {
    let queue = session.queue().await?;
    let chosen = args.choice.find(&queue, &[TaskStatus::Failed]).await?;
    if !chosen.by_name && !chosen.ids.is_empty() {
        let count = human::count(chosen.ids.len() as u64, "task", "tasks");
        confirm::require(&format!("Run {count} once more"), args.yes)?;
    }
    let who = operator::name();
    let retry = async |ids: &[_]| queue.retry(ids, &who, args.with_children).await;
    run_batch(session.out, &chosen, "retrying", retry).await
}
