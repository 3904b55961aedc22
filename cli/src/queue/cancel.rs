//! `greenline queue cancel`.

use greenline_queue::{Cancelled, Status};
use greenline_runtime::say;

use super::choose::Choice;
use super::many::{Outcome, treat};
use crate::ending::Ended;
use crate::session::Session;
use crate::{ask, operator};

const LIVE: [Status; 6] = [
    Status::Running,
    Status::Pending,
    Status::Scheduled,
    Status::Waiting,
    Status::AwaitingApproval,
    Status::Blocked,
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
    choice: Choice,
    /// Reason, for the record
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    /// Don't ask before cancelling what a filter found
    #[arg(long, short)]
    yes: bool,
}

impl Outcome for Cancelled {
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

pub(super) async fn run(session: &Session, args: &Args) -> anyhow::Result<Ended> {
    let queue = session.queue().await?;
    let chosen = args.choice.find(&queue, &LIVE).await?;
    if !chosen.by_name && !chosen.ids.is_empty() {
        let count = say::count(chosen.ids.len() as u64, "task", "tasks");
        ask::before(&format!("Call off {count}"), args.yes)?;
    }
    let why = match &args.reason {
        Some(reason) => format!("cancelled by {}: {reason}", operator::name()),
        None => format!("cancelled by {}", operator::name()),
    };
    treat(session.out, &chosen, "cancelling", async |ids| queue.cancel(ids, &why).await).await
}
