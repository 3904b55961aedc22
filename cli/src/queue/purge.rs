//! `greenline queue purge`.

use greenline_queue::{PurgeOutcome, TaskStatus};
use greenline_runtime::human;

use super::batch::{BatchOutcome, run_batch};
use super::selection::TaskSelection;
use crate::confirm;
use crate::error::ExitStatus;
use crate::session::Session;

/// Delete ended tasks
///
/// Their results and logs are deleted too, for good. The queue itself deletes tasks after the
/// limits of queue.retention_tasks and queue.retention_age.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "Examples:
  greenline queue purge ci-fix-812
  greenline queue purge --status cancelled
  greenline queue purge --all --yes")]
pub(crate) struct Args {
    #[command(flatten)]
    choice: TaskSelection,
    /// Also delete tasks the lead has not processed yet
    #[arg(long)]
    unacknowledged: bool,
    /// Don't ask
    #[arg(long, short)]
    yes: bool,
}

impl BatchOutcome for PurgeOutcome {
    fn is_done(&self) -> bool {
        matches!(self, Self::Done)
    }

    fn words(&self) -> String {
        match self {
            Self::Done => "forgotten".to_owned(),
            Self::Live { status } => format!("has not ended ({status}): cancel it first"),
            Self::Needed { by } => format!("kept: task {by} waits for it"),
            Self::Unacknowledged => {
                "kept: the lead has not taken note of its end; --unacknowledged forgets it all the same"
                    .to_owned()
            }
            Self::Unknown => "there is no such task".to_owned(),
        }
    }
}

pub(super) async fn run(session: &Session, args: &Args) -> anyhow::Result<ExitStatus> {
    let queue = session.queue().await?;
    let ended = [TaskStatus::Success, TaskStatus::Failed, TaskStatus::Cancelled];
    let chosen = args.choice.find(&queue, &ended).await?;
    if !chosen.ids.is_empty() {
        let count = human::count(chosen.ids.len() as u64, "task", "tasks");
        confirm::require(&format!("Forget {count} for good, with results and logs"), args.yes)?;
    }
    let purge = async |ids: &[_]| queue.purge(ids, args.unacknowledged).await;
    run_batch(session.out, &chosen, "purging", purge).await
}
