//! Limits of one run.

use std::time::Duration;

/// The limits of one run. They count for the whole task, except those on single files and tails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CommandLimits {
    /// For all commands together.
    pub time: Duration,
    /// Memory of all processes together, with shared pages counted once.
    pub memory_bytes: u64,
    /// The number of concurrent processes.
    pub processes: usize,
    /// Disk use of its workspace, with files that were unlinked while open.
    pub disk_bytes: u64,
    /// How many files and directories its workspace may hold.
    pub disk_entries: u64,
    /// The largest file that a command can write. It is killed by SIGXFSZ beyond. Far below
    /// `disk_bytes`, so that no single write can jump over that.
    pub file_bytes: u64,
    /// The number of open files per process.
    pub open_files: u64,
    /// The number of output bytes to stream; later output is read and dropped.
    pub log_bytes: u64,
    /// The number of bytes from the end of each command's output that its report keeps.
    pub tail_bytes: usize,
    /// How much memory of the machine has to stay available. Below, the run that holds the most is
    /// ended, and then the next.
    pub spare_memory_bytes: u64,
    /// The same for free space of the workspace's file system.
    pub spare_disk_bytes: u64,
    /// The time between SIGTERM and SIGKILL.
    pub grace: Duration,
}

impl Default for CommandLimits {
    fn default() -> Self {
        Self {
            time: Duration::from_secs(30 * 60),
            memory_bytes: 4 << 30,
            processes: 2048,
            disk_bytes: 10 << 30,
            disk_entries: 1_000_000,
            file_bytes: (10 << 30) / 4,
            open_files: 4096,
            log_bytes: 16 << 20,
            tail_bytes: 8 << 10,
            spare_memory_bytes: 256 << 20,
            spare_disk_bytes: 512 << 20,
            grace: Duration::from_secs(5),
        }
    }
}
