//! Limits of System V IPC, whose memory belongs to no process.
//!
//! A segment lives on when nobody has it attached, and so do arrays of semaphores and messages in
//! queues. Nobody outside of the namespace can count them, so they are bounded here. Small ones go
//! on working: databases need them. POSIX message queues have a limit per user already.

use std::fs;
use std::io;

use nix::unistd::{SysconfVar, sysconf};

/// The part of a run's memory limit that its segments may have together.
const PART: u64 = 4;

/// Semaphores of one array, all semaphores, operations of one call, and arrays.
const SEMAPHORES: &str = "250 8192 100 256";

/// Message queues; each of them holds 16 KiB.
const QUEUES: &str = "32";

/// Sets the limits of this process's IPC namespace, which must not be the machine's. Returns
/// `false` where the kernel refuses: there only root may, and not that of a user namespace.
pub(super) fn limit(memory_bytes: u64) -> bool {
    write_all(memory_bytes / PART).is_ok()
}

fn write_all(segments: u64) -> io::Result<()> {
    let page = sysconf(SysconfVar::PAGE_SIZE)?.and_then(|bytes| u64::try_from(bytes).ok());
    let set = |name: &str, value: &str| fs::write(format!("/proc/sys/kernel/{name}"), value);
    set("shmall", &(segments / page.unwrap_or(4096)).max(1).to_string())?;
    set("shmmax", &segments.to_string())?;
    set("sem", SEMAPHORES)?;
    set("msgmnb", "16384")?;
    set("msgmni", QUEUES)
}
