//! All processes of one run, wherever they went.
//!
//! The worker is a *child subreaper*: it becomes the parent of every orphan below it. A run's
//! processes are therefore always descendants of children of the worker. Any of four signs shows
//! which children belong to this run:
//!
//! - it is the running command;
//! - its limit on resident memory is this run's *tag*. Linux does not enforce that limit, and keeps
//!   it across fork, exec, setsid and an emptied environment, so it makes a label that nothing
//!   removes by accident;
//! - it was started with this run's mark in its environment;
//! - it was seen below the run before it was orphaned.
//!
//! A process that removes all four signs between two scans is lost, and so is one that asks another
//! service (systemd, a container engine) to start something for it.
//!
//! Orphans are reaped here, one by one, but never the running command: Tokio reaps that one.

use std::collections::HashSet;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{WaitPidFlag, waitpid};
use nix::unistd::Pid;
use tokio::task::spawn_blocking;

use super::open_files::OpenFiles;
use super::process_table::{
    Process, ProcessKey, ProcessTable, carries_mark, page_table_bytes, proportional_bytes,
    resident_limit, still_is,
};

/// The time for which SIGKILL is repeated. A process that survives it hangs in the kernel.
const KILLING: Duration = Duration::from_secs(10);
const BETWEEN_LOOKS: Duration = Duration::from_millis(10);

/// The time that a sandbox's keeper has to end what its command left.
const KEEPING: Duration = Duration::from_millis(300);

/// A run's limit on resident memory in KiB: unique in this process, and larger than any machine's
/// memory, for programs that size their buffers by it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Tag(u64);

/// The bits of a tag that count the runs of one worker.
const COUNTING: u32 = 24;

impl Tag {
    fn next() -> Self {
        // A tag must be unique among all runs of this process, whoever started them.
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed) & ((1 << COUNTING) - 1);
        // The pid distinguishes a worker that runs inside another worker's task.
        Self(Self::of_worker(std::process::id()) << COUNTING | count)
    }

    fn of_worker(pid: u32) -> u64 {
        1 << (52 - COUNTING) | u64::from(pid & 0x3f_ffff)
    }

    /// Returns `true` if a process runs under a tag of the worker `worker`.
    pub(crate) fn is_on(process: i32, worker: u32) -> bool {
        let kibibytes = resident_limit(process).unwrap_or(0) / 1024;
        kibibytes >> COUNTING == Self::of_worker(worker)
    }

    /// Returns the value for `ulimit -m`.
    pub(super) fn kibibytes(self) -> u64 {
        self.0
    }

    pub(super) fn bytes(self) -> u64 {
        self.0 * 1024
    }
}

/// The resources that a run's processes use together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct TreeUse {
    pub(super) processes: usize,
    /// A first, cheap answer: pages that they share count once for each.
    pub(super) memory_at_most: u64,
    /// Files that have no name any more, on the workspace's disk.
    pub(super) nameless_disk_bytes: u64,
}

/// The processes of one run. Dropping it before [`ProcessTree::end`] is done kills them at once.
#[derive(Debug)]
pub(super) struct ProcessTree {
    members: Arc<Members>,
    ended: bool,
}

impl ProcessTree {
    pub(super) fn new(mark: String) -> Self {
        let known = Mutex::new(Known::default());
        Self { members: Arc::new(Members { tag: Tag::next(), mark, known }), ended: false }
    }

    pub(super) fn members(&self) -> &Arc<Members> {
        &self.members
    }

    /// Kills all that run now, between two commands. Returns whether none is left.
    pub(super) async fn clear(&self) -> bool {
        let members = Arc::clone(&self.members);
        spawn_blocking(move || members.end(Duration::ZERO)).await.unwrap_or(false)
    }

    /// Ends all processes: SIGTERM, then SIGKILL after `grace`. The running command stays a zombie
    /// for its owner to reap.
    pub(super) async fn end(&mut self, grace: Duration) {
        let members = Arc::clone(&self.members);
        let ended = spawn_blocking(move || members.end(grace)).await;
        self.ended = ended.unwrap_or(false);
    }
}

impl Drop for ProcessTree {
    fn drop(&mut self) {
        if !self.ended {
            self.members.kill_until(Instant::now() + Duration::from_secs(1));
        }
    }
}

/// Finds and signals a run's processes. All calls read /proc and block for milliseconds.
#[derive(Debug)]
pub(super) struct Members {
    tag: Tag,
    mark: String,
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    running: Option<i32>,
    /// The running command, if it is the keeper of a sandbox.
    keeper: Option<i32>,
    seen: HashSet<ProcessKey>,
}

impl Members {
    pub(super) fn tag(&self) -> Tag {
        self.tag
    }

    /// Starts the next command. No scan happens meanwhile: it could take a command that ended at
    /// once for an orphan. `kept`: it is the keeper of a sandbox.
    pub(super) fn start<T, E>(
        &self,
        kept: bool,
        spawn: impl FnOnce() -> Result<(T, Option<u32>), E>,
    ) -> Result<T, E> {
        let mut known = self.known();
        let (child, pid) = spawn()?;
        known.running = pid.and_then(|pid| i32::try_from(pid).ok());
        known.keeper = known.running.filter(|_| kept);
        Ok(child)
    }

    /// Forgets the running command, which its owner has reaped.
    pub(super) fn reaped(&self) {
        let mut known = self.known();
        (known.running, known.keeper) = (None, None);
    }

    /// What they use. Files without a name count on disk where they are on the file system of
    /// `workspace`.
    pub(super) fn usage(&self, workspace: &Path) -> TreeUse {
        let found = self.look();
        let files = OpenFiles::of(found.iter().map(|process| process.key.pid), workspace);
        let bytes = |process: &Process| process.resident_bytes + page_table_bytes(process.key.pid);
        let resident: u64 = found.iter().map(bytes).sum();
        TreeUse {
            processes: found.len(),
            memory_at_most: resident + files.memory_bytes(),
            nameless_disk_bytes: files.disk_bytes(),
        }
    }

    /// Memory of all of them, with pages that they share counted once, and with what they hold in
    /// files of memory.
    pub(super) fn memory_bytes(&self, workspace: &Path) -> u64 {
        let found = self.look();
        let files = OpenFiles::of(found.iter().map(|process| process.key.pid), workspace);
        let counted = |file| files.holds_in_memory(file);
        let memory = |p: &Process| {
            let pages = proportional_bytes(p.key.pid, counted).unwrap_or(p.resident_bytes);
            pages + page_table_bytes(p.key.pid)
        };
        files.memory_bytes() + found.iter().map(memory).sum::<u64>()
    }

    /// Returns the run's living processes, and reaps orphans that have ended.
    fn look(&self) -> Vec<Process> {
        let mut known = self.known();
        let worker = std::process::id().cast_signed();
        let table = ProcessTable::read();
        let mut found = table.families(worker, |child| self.owns(child, &known));
        found.retain(|process| !(process.zombie && known.settles(process, worker)));
        known.seen = found.iter().map(|process| process.key).collect();
        found
    }

    fn owns(&self, child: &Process, known: &Known) -> bool {
        let pid = child.key.pid;
        known.running == Some(pid)
            || known.seen.contains(&child.key)
            || resident_limit(pid) == Some(self.tag.bytes())
            || carries_mark(pid, &self.mark)
    }

    fn signal(&self, signal: Signal) -> usize {
        self.signal_except(None, signal)
    }

    /// Signals the run's processes but `spared`. Returns how many there are.
    fn signal_except(&self, spared: Option<i32>, signal: Signal) -> usize {
        let found = self.look();
        for process in found.iter().filter(|process| Some(process.key.pid) != spared) {
            // Since the scan the pid may have gone to another process.
            if still_is(process.key) {
                // The process may have ended since: then there is nothing to signal.
                let _ = kill(Pid::from_raw(process.key.pid), signal);
            }
        }
        found.len()
    }

    fn end(&self, grace: Duration) -> bool {
        if grace.is_zero() {
            return self.kill_until(Instant::now() + KILLING);
        }
        if self.signal(Signal::SIGTERM) == 0 {
            return true;
        }
        let deadline = Instant::now() + grace;
        while Instant::now() < deadline {
            if self.look().is_empty() {
                return true;
            }
            std::thread::sleep(BETWEEN_LOOKS);
        }
        self.kill_until(Instant::now() + KILLING)
    }

    fn kill_until(&self, deadline: Instant) -> bool {
        // A sandbox's keeper ends what it keeps when its command has ended, and then itself. Killed
        // before that, it could not.
        let keeper = self.known().keeper;
        let patience = Instant::now() + KEEPING;
        loop {
            let spared = keeper.filter(|_| Instant::now() < patience);
            if self.signal_except(spared, Signal::SIGKILL) == 0 {
                return true;
            }
            if Instant::now() > deadline {
                tracing::warn!(task.mark = self.mark, "Processes of {} can't be killed", self.mark);
                return false;
            }
            std::thread::sleep(BETWEEN_LOOKS / 5);
        }
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    /// Returns `true` if this zombie needs no more attention: the running command, which its owner
    /// reaps, or an orphan, which is reaped now. Other zombies belong to their living parents.
    fn settles(&self, zombie: &Process, worker: i32) -> bool {
        let pid = zombie.key.pid;
        if self.running == Some(pid) {
            return true;
        }
        zombie.parent == worker
            && waitpid(Pid::from_raw(pid), Some(WaitPidFlag::WNOHANG))
                .is_ok_and(|status| status.pid().is_some())
    }
}
