//! The processes below this one, from /proc.
//!
//! Reading them is I/O; deciding which belong together is pure.

use std::collections::{HashMap, HashSet};
use std::ffi::OsStr;

use procfs::process::{LimitValue, Process as ProcEntry, all_processes};
use procfs::{ProcResult, page_size};

use super::environment::MARK;
use super::open_files::FileKey;

/// A process identity. A pid may be reused, but not together with its start time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct ProcessKey {
    pub(super) pid: i32,
    started: u64,
}

/// The facts about one process in /proc.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Process {
    pub(super) key: ProcessKey,
    pub(super) parent: i32,
    pub(super) zombie: bool,
    pub(super) resident_bytes: u64,
}

/// All processes at approximately one moment.
#[derive(Debug, Default)]
pub(super) struct ProcessTable {
    processes: Vec<Process>,
}

impl ProcessTable {
    pub(super) fn read() -> Self {
        let entries = all_processes().into_iter().flatten().filter_map(Result::ok);
        Self { processes: entries.filter_map(|entry| read(&entry).ok()).collect() }
    }

    /// Returns the children of `parent` for which `ours` holds, with all their descendants.
    ///
    /// Only children are checked: `parent` adopts every orphan below it, so descendants of a run's
    /// process belong to the run, and descendants of another's do not.
    pub(super) fn families(
        &self,
        parent: i32,
        mut ours: impl FnMut(&Process) -> bool,
    ) -> Vec<Process> {
        let mut children: HashMap<i32, Vec<&Process>> = HashMap::new();
        for process in &self.processes {
            children.entry(process.parent).or_default().push(process);
        }
        let mut pending = children.remove(&parent).unwrap_or_default();
        pending.retain(|child| ours(child));
        let mut found = Vec::new();
        let mut met = HashSet::new();
        while let Some(process) = pending.pop() {
            if met.insert(process.key.pid) {
                pending.extend(children.remove(&process.key.pid).unwrap_or_default());
                found.push(*process);
            }
        }
        found
    }
}

fn read(entry: &ProcEntry) -> ProcResult<Process> {
    let stat = entry.stat()?;
    Ok(Process {
        key: ProcessKey { pid: stat.pid, started: stat.starttime },
        parent: stat.ppid,
        zombie: stat.state == 'Z',
        resident_bytes: stat.rss * page_size(),
    })
}

/// Returns `true` if the pid still belongs to the same process.
pub(super) fn still_is(key: ProcessKey) -> bool {
    let now = ProcEntry::new(key.pid).and_then(|entry| read(&entry));
    now.is_ok_and(|process| process.key == key)
}

/// Returns `true` if a process was started with this mark in its environment.
pub(super) fn carries_mark(pid: i32, mark: &str) -> bool {
    let variables = ProcEntry::new(pid).and_then(|entry| entry.environ());
    variables.is_ok_and(|found| found.get(OsStr::new(MARK)).is_some_and(|value| value == mark))
}

/// Returns a process's limit on resident memory, if it has one.
pub(super) fn resident_limit(pid: i32) -> Option<u64> {
    let limits = ProcEntry::new(pid).and_then(|entry| entry.limits()).ok()?;
    match limits.max_resident_set.soft_limit {
        LimitValue::Value(bytes) => Some(bytes),
        LimitValue::Unlimited => None,
    }
}

/// Returns the memory that the kernel uses for a process's page tables, which is in no other size.
pub(super) fn page_table_bytes(pid: i32) -> u64 {
    let status = ProcEntry::new(pid).and_then(|entry| entry.status());
    status.ok().and_then(|status| status.vmpte).unwrap_or(0) * 1024
}

/// Memory of one process, with its part of what it shares; slow, and not always readable. Of files
/// that are counted elsewhere only what it has changed for itself counts.
pub(super) fn proportional_bytes(pid: i32, counted: impl Fn(FileKey) -> bool) -> Option<u64> {
    let maps = ProcEntry::new(pid).and_then(|entry| entry.smaps()).ok()?;
    let bytes = maps.iter().filter_map(|map| {
        let elsewhere = counted(FileKey::of_mapping(map.dev, map.inode));
        map.extension.map.get(if elsewhere { "Anonymous" } else { "Pss" })
    });
    Some(bytes.sum())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(rows: &[(i32, i32)]) -> ProcessTable {
        let process = |&(pid, parent): &(i32, i32)| Process {
            key: ProcessKey { pid, started: 0 },
            parent,
            zombie: false,
            resident_bytes: 0,
        };
        ProcessTable { processes: rows.iter().map(process).collect() }
    }

    fn pids_of_families(table: &ProcessTable, ours: &[i32]) -> Vec<i32> {
        let found = table.families(1, |child| ours.contains(&child.key.pid));
        let mut pids: Vec<i32> = found.iter().map(|process| process.key.pid).collect();
        pids.sort_unstable();
        pids
    }

    #[test]
    fn a_family_is_a_child_and_all_below_it() {
        let table = table(&[(2, 1), (3, 2), (4, 3), (5, 1), (6, 5), (7, 99)]);
        assert_eq!(pids_of_families(&table, &[2]), [2, 3, 4]);
        assert_eq!(pids_of_families(&table, &[2, 5]), [2, 3, 4, 5, 6]);
    }

    #[test]
    fn what_is_below_anothers_child_is_anothers() {
        let table = table(&[(2, 1), (3, 2)]);
        assert_eq!(pids_of_families(&table, &[3]), [0; 0]);
    }

    #[test]
    fn a_table_read_while_pids_were_reused_may_hold_a_circle() {
        let table = table(&[(2, 1), (3, 2), (2, 3)]);
        assert_eq!(pids_of_families(&table, &[2]), [2, 3]);
    }
}
