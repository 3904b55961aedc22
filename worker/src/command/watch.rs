//! Watching what a run uses: memory, processes, disk; and what is left of the machine's.
//!
//! A look takes its time where there is much to look at. The pause after it is twenty times as
//! long, so that watching takes no more than a twentieth of a processor.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::select;
use tokio::task::spawn_blocking;
use tokio::time::{Instant, sleep};

use super::limits::CommandLimits;
use super::process_tree::Members;
use super::report::RunOutcome;
use super::shortage::{Entry, available_memory, free_disk};
use crate::workspace::Measurement;

const SHORTEST_PAUSE: Duration = Duration::from_millis(200);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);
const BEFORE_SECOND_LOOK: Duration = Duration::from_millis(50);

/// One run, and what it may use.
#[derive(Debug)]
pub(super) struct Watched {
    pub(super) members: Arc<Members>,
    pub(super) workspace: PathBuf,
    pub(super) limits: CommandLimits,
    /// Its place among the other runs of this worker.
    pub(super) entry: Entry,
}

/// Waits until the run is over one of its limits, or first to go where the machine runs short.
pub(super) async fn breach(run: Arc<Watched>) -> RunOutcome {
    let same = Arc::clone(&run);
    select! {
        outcome = repeat(move || run.look_at_processes()) => outcome,
        outcome = repeat(move || same.look_at_disk()) => outcome,
    }
}

impl Watched {
    fn look_at_processes(&self) -> Option<RunOutcome> {
        let (members, limits) = (&self.members, &self.limits);
        let found = members.usage(&self.workspace);
        if found.processes > limits.processes {
            let (used, limit) = (found.processes, limits.processes);
            return Some(RunOutcome::TooManyProcesses { used, limit });
        }
        self.memory_breach(found.memory_at_most)
            .or_else(|| self.shortage_of_memory(found.memory_at_most))
    }

    fn memory_breach(&self, at_most: u64) -> Option<RunOutcome> {
        let (members, limit) = (&self.members, self.limits.memory_bytes);
        if at_most <= limit {
            return None;
        }
        // Measured twice, because the sum is not of one moment: a child between vfork and exec
        // shows its parent's memory as its own, and shares seem to grow while some processes exit.
        let first = members.memory_bytes(&self.workspace);
        if first <= limit {
            return None;
        }
        std::thread::sleep(BEFORE_SECOND_LOOK);
        let used = first.min(members.memory_bytes(&self.workspace));
        (used > limit).then_some(RunOutcome::OutOfMemory { used_bytes: used, limit_bytes: limit })
    }

    fn shortage_of_memory(&self, used: u64) -> Option<RunOutcome> {
        let goes_first = self.entry.holds_most_memory(used);
        let (left, wanted) = (available_memory()?, self.limits.spare_memory_bytes);
        (left < wanted && goes_first).then_some(RunOutcome::MachineOutOfMemory {
            used_bytes: used,
            left_bytes: left,
            wanted_bytes: wanted,
        })
    }

    /// Finds what is wrong with the workspace's size, if something is.
    pub(super) fn look_at_disk(&self) -> Option<RunOutcome> {
        let limits = &self.limits;
        let found = Measurement::of_run(&self.workspace, limits.disk_entries);
        let used = found.bytes + self.members.usage(&self.workspace).nameless_disk_bytes;
        let goes_first = self.entry.holds_most_disk(used);
        if used > limits.disk_bytes {
            let (used_bytes, limit_bytes) = (used, limits.disk_bytes);
            return Some(RunOutcome::DiskFull { used_bytes, limit_bytes });
        }
        if found.entries > limits.disk_entries {
            let (used, limit) = (found.entries, limits.disk_entries);
            return Some(RunOutcome::TooManyFiles { used, limit });
        }
        if let Some(hidden) = found.hidden {
            return Some(RunOutcome::Unmeasurable { hidden });
        }
        let (left, wanted) = (free_disk(&self.workspace)?, limits.spare_disk_bytes);
        (left < wanted && goes_first).then_some(RunOutcome::MachineOutOfDisk {
            used_bytes: used,
            left_bytes: left,
            wanted_bytes: wanted,
        })
    }
}

async fn repeat(look: impl Fn() -> Option<RunOutcome> + Send + Sync + 'static) -> RunOutcome {
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
