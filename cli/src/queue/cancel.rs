//! `greenline queue cancel`.

use greenline_queue::{CancelOutcome, TaskStatus};
use greenline_runtime::human;

use super::batch::{BatchOutcome, run_batch};
use super::selection::TaskSelection;
use crate::error::ExitStatus;
use crate::session::Session;
use crate::{confirm, operator};

const LIVE: [TaskStatus; 6] = [
    TaskStatus::Running,
    TaskStatus::Pending,
    TaskStatus::Scheduled,
    TaskStatus::Waiting,
    TaskStatus::AwaitingApproval,
    TaskStatus::Blocked,
];

/// Cancel tasks
///
/// A waiting task will not run; a running one is stopped by its worker within seconds. Tasks that
/// depend on it are cancelled too. `retry` restores it.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "Examples:
  greenline queue cancel ci-fix-812
  greenline queue cancel --status pending --type run_command --reason 'wrong branch'
  greenline queue cancel --all --yes")]
pub(crate) struct Args {
    #[command(flatten)]
    choice: TaskSelection,
    /// Reason, for the record
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    /// Don't ask before cancelling what a filter found
    #[arg(long, short)]
    yes: bool,
}

impl BatchOutcome for CancelOutcome {
    fn is_done(&self) -> bool {
        matches!(self, Self::Done | Self::Asked)
    }

    fn words(&self) -> String {
        match self {
            Self::Done => "cancelled".to_owned(),
            Self::Asked => "asked to stop; its worker learns within seconds".to_owned(),
            Self::HadEnded { status } => format!("had ended already ({status})"),
            Self::Unknown => "there is no such task".to_owned(),
        }
    }
}

pub(super) async fn run(session: &Session, args: &Args) -> anyhow::Result<ExitStatus> {
    let queue = session.queue().await?;
    let chosen = args.choice.find(&queue, &LIVE).await?;
    if !chosen.by_name && !chosen.ids.is_empty() {
        let count = human::count(chosen.ids.len() as u64, "task", "tasks");
        confirm::require(&format!("Call off {count}"), args.yes)?;
    }
    let why = match &args.reason {
        Some(reason) => format!("cancelled by {}: {reason}", operator::name()),
        None => format!("cancelled by {}", operator::name()),
    };
    run_batch(session.out, &chosen, "cancelling", async |ids| queue.cancel(ids, &why).await).await
}
