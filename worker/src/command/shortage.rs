//! The last of the machine's memory and disk.
//!
//! A run's own limits see what a run holds as far as it can be seen. Where the machine itself runs
//! short all the same, the run of this worker that holds the most is ended, and then, if that was
//! not enough, the next: otherwise the kernel would pick, and not by what is held.

use std::collections::HashMap;
use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use nix::sys::statvfs::statvfs;

use super::cgroup;

/// The runs of one worker, with what each holds.
#[derive(Debug, Default)]
pub(super) struct Runs {
    next: AtomicU64,
    held: Mutex<HashMap<u64, Held>>,
}

/// What one run held when it was last looked at.
#[derive(Debug, Clone, Copy, Default)]
struct Held {
    memory: u64,
    disk: u64,
}

/// One run among the others, for as long as it lives.
#[derive(Debug)]
pub(super) struct Entry {
    runs: Arc<Runs>,
    number: u64,
}

impl Runs {
    pub(super) fn enter(self: &Arc<Self>) -> Entry {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        self.held().insert(number, Held::default());
        Entry { runs: Arc::clone(self), number }
    }

    fn held(&self) -> MutexGuard<'_, HashMap<u64, Held>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Entry {
    /// Notes what it holds in memory; returns whether no other run holds more.
    pub(super) fn holds_most_memory(&self, bytes: u64) -> bool {
        self.holds_most(|held| &mut held.memory, bytes)
    }

    /// The same on disk.
    pub(super) fn holds_most_disk(&self, bytes: u64) -> bool {
        self.holds_most(|held| &mut held.disk, bytes)
    }

    fn holds_most(&self, part: impl Fn(&mut Held) -> &mut u64, bytes: u64) -> bool {
        let mut all = self.runs.held();
        if let Some(own) = all.get_mut(&self.number) {
            *part(own) = bytes;
        }
        let others = all.iter_mut().filter(|(number, _)| **number != self.number);
        // Of two that hold the same, the older one goes on.
        others.into_iter().all(|(number, held)| (*part(held), *number) < (bytes, self.number))
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        self.runs.held().remove(&self.number);
    }
}

/// Memory that the machine, or the container around this process, can still give, if it says so.
pub(super) fn available_memory() -> Option<u64> {
    let machine = available_in(&fs::read_to_string("/proc/meminfo").ok()?);
    machine.into_iter().chain(cgroup::available_memory()).min()
}

fn available_in(meminfo: &str) -> Option<u64> {
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    let kibibytes: u64 = line.split_ascii_whitespace().next()?.parse().ok()?;
    Some(kibibytes * 1024)
}

/// Free space of a file system for those who are not root, if it says so.
pub(super) fn free_disk(path: &Path) -> Option<u64> {
    let disk = statvfs(path).ok()?;
    Some(disk.blocks_available().saturating_mul(disk.fragment_size()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_run_goes_first_and_the_next_when_it_is_gone() {
        let runs = Arc::new(Runs::default());
        let (small, large) = (runs.enter(), runs.enter());
        small.holds_most_memory(1);
        assert!(large.holds_most_memory(5));
        assert!(!small.holds_most_memory(1));
        assert!(small.holds_most_disk(1), "disk is another matter");
        assert!(
            !small.holds_most_memory(5) && large.holds_most_memory(5),
            "one of two that are equal"
        );
        drop(large);
        assert!(small.holds_most_memory(1));
    }

    #[test]
    fn available_memory_is_read_from_its_line() {
        let meminfo = "MemTotal:  100 kB\nMemFree:  1 kB\nMemAvailable:     20 kB\n";
        assert_eq!(available_in(meminfo), Some(20 * 1024));
        assert_eq!(available_in("MemTotal:  100 kB\n"), None);
        assert!(available_memory().is_some());
    }
}
