//! Checks the room for one more workspace.
//!
//! Measuring walks all trees under the root. A measurement stays valid for twenty times as long as
//! it took, so that short tasks beside large ones don't spend their time in it.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use nix::sys::statvfs::statvfs;

use super::disk_use;
use crate::command::HumanBytes;

/// The limits of all workspaces under one root.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RoomLimits {
    /// No new workspace while the existing ones use more than this.
    pub total_bytes: u64,
    /// No new workspace while the file system has less than this free.
    pub free_bytes: u64,
}

impl Default for RoomLimits {
    fn default() -> Self {
        Self { total_bytes: 50 << 30, free_bytes: 1 << 30 }
    }
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Shortage {
    OverLimit { used: HumanBytes, limit: HumanBytes },
    DiskFull { free: HumanBytes, wanted: HumanBytes },
}

#[derive(Debug)]
pub(super) struct Room {
    root: PathBuf,
    limits: RoomLimits,
    measured: Mutex<Option<Measurement>>,
}

#[derive(Debug, Clone, Copy)]
struct Measurement {
    used: u64,
    serves_until: Instant,
}

impl Room {
    pub(super) fn new(root: PathBuf, limits: RoomLimits) -> Self {
        Self { root, limits, measured: Mutex::new(None) }
    }

    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    /// Checks by a measurement that may be slightly old.
    pub(super) fn shortage_lately(&self) -> Option<Shortage> {
        let last = *self.measured.lock().unwrap_or_else(PoisonError::into_inner);
        match last {
            Some(last) if Instant::now() < last.serves_until => self.judge(last.used),
            _ => self.shortage_now(),
        }
    }

    /// Checks by a new measurement.
    pub(super) fn shortage_now(&self) -> Option<Shortage> {
        let begun = Instant::now();
        let used = disk_use(&self.root);
        let serves_for = (begun.elapsed() * 20).min(Duration::from_secs(60));
        let measurement = Measurement { used, serves_until: Instant::now() + serves_for };
        *self.measured.lock().unwrap_or_else(PoisonError::into_inner) = Some(measurement);
        self.judge(used)
    }

    fn judge(&self, used: u64) -> Option<Shortage> {
        let RoomLimits { total_bytes, free_bytes } = self.limits;
        if used > total_bytes {
            return Some(Shortage::OverLimit {
                used: HumanBytes(used),
                limit: HumanBytes(total_bytes),
            });
        }
        // A file system that does not report its free space counts as not full.
        let disk = statvfs(&self.root).ok()?;
        let free = disk.blocks_available().saturating_mul(disk.fragment_size());
        (free < free_bytes).then_some(Shortage::DiskFull {
            free: HumanBytes(free),
            wanted: HumanBytes(free_bytes),
        })
    }
}
