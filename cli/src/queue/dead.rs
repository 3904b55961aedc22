//! `greenline queue dead`.

use greenline_queue::{TaskFilter, TaskStatus};

use super::list;
use crate::error::ExitStatus;
use crate::session::Session;

/// List tasks that failed for good
#[derive(Debug, clap::Args)]
#[command(after_long_help = "Examples:
  greenline queue dead
  greenline queue retry --all      run them once more
  greenline queue purge --status dead")]
pub(crate) struct Args {
    /// Show at most this many
    #[arg(long, value_name = "N", default_value_t = 50)]
    limit: usize,
}

pub(super) async fn run(session: &Session, args: &Args) -> anyhow::Result<ExitStatus> {
    let queue = session.queue().await?;
    let filter = TaskFilter { statuses: [TaskStatus::Failed].into(), ..TaskFilter::default() };
    let found = queue.list(&filter, args.limit.saturating_add(1)).await?;
    list::show(session.out, &found, args.limit, "No task has failed for good.")
}
