//! Watching what a run uses: memory, processes, disk.
//!
//! A look takes its time where there is much to look at. The pause after it is twenty times as
//! long, so that watching takes no more than a twentieth of a processor.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::select;
use tokio::task::spawn_blocking;
use tokio::time::{Instant, sleep};

use super::limits::Limits;
use super::process_tree::Members;
use super::report::Outcome;
use crate::workspace::disk_use;

const SHORTEST_PAUSE: Duration = Duration::from_millis(200);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);
const BEFORE_SECOND_LOOK: Duration = Duration::from_millis(50);

/// Waits until the run is over one of its limits.
pub(super) async fn breach(members: Arc<Members>, workspace: &Path, limits: &Limits) -> Outcome {
    select! {
        outcome = processes_breach(members, limits) => outcome,
        outcome = disk_breach(workspace, limits) => outcome,
    }
}

async fn processes_breach(members: Arc<Members>, limits: &Limits) -> Outcome {
    let limits = *limits;
    repeat(move || look_at_processes(&members, &limits)).await
}

async fn disk_breach(workspace: &Path, limits: &Limits) -> Outcome {
    let (workspace, limit) = (PathBuf::from(workspace), limits.disk_bytes);
    repeat(move || look_at_disk(&workspace, limit)).await
}

fn look_at_processes(members: &Members, limits: &Limits) -> Option<Outcome> {
    let found = members.usage();
    if found.processes > limits.processes {
        return Some(Outcome::TooManyProcesses { used: found.processes, limit: limits.processes });
    }
    // Resident sizes count shared pages once for each process: a first, cheap answer.
    if found.resident_bytes <= limits.memory_bytes {
        return None;
    }
    // Twice, because the sum is not of one moment: a child between vfork and exec shows its
    // parent's memory as its own, and what others share seems to grow while some of them exit.
    let first = members.memory_bytes();
    if first <= limits.memory_bytes {
        return None;
    }
    std::thread::sleep(BEFORE_SECOND_LOOK);
    let used = first.min(members.memory_bytes());
    let limit = limits.memory_bytes;
    (used > limit).then_some(Outcome::OutOfMemory { used_bytes: used, limit_bytes: limit })
}

/// Whether the workspace is over its limit.
pub(super) fn look_at_disk(workspace: &Path, limit: u64) -> Option<Outcome> {
    let used = disk_use(workspace);
    (used > limit).then_some(Outcome::DiskFull { used_bytes: used, limit_bytes: limit })
}

async fn repeat(look: impl Fn() -> Option<Outcome> + Send + Sync + 'static) -> Outcome {
    let look = Arc::new(look);
    loop {
        let begun = Instant::now();
        let this_look = Arc::clone(&look);
        match spawn_blocking(move || this_look()).await {
            Ok(Some(outcome)) => return outcome,
            Ok(None) => {}
            Err(error) => tracing::warn!("Could not look at what a task uses: {error}"),
        }
        sleep((begun.elapsed() * 20).clamp(SHORTEST_PAUSE, LONGEST_PAUSE)).await;
    }
}
