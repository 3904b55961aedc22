//! What one run may use.

use std::time::Duration;

/// The limits of one run. All count for the whole task, except those on single files and tails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// For all commands together.
    pub time: Duration,
    /// Memory of all its processes together, shared pages counted once.
    pub memory_bytes: u64,
    /// How many processes it may have at once.
    pub processes: usize,
    /// Disk use of its workspace.
    pub disk_bytes: u64,
    /// The largest file that a command can write. It is killed by SIGXFSZ beyond.
    pub file_bytes: u64,
    /// How many files each process may have open.
    pub open_files: u64,
    /// How much output is streamed; what comes after is read and left out.
    pub log_bytes: u64,
    /// How much of each command's output its report keeps, from the end.
    pub tail_bytes: usize,
    /// How long processes have between SIGTERM and SIGKILL.
    pub grace: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            time: Duration::from_secs(30 * 60),
            memory_bytes: 4 << 30,
            processes: 2048,
            disk_bytes: 10 << 30,
            file_bytes: 10 << 30,
            open_files: 8192,
            log_bytes: 16 << 20,
            tail_bytes: 8 << 10,
            grace: Duration::from_secs(5),
        }
    }
}
