//! Ownership of directories under the root, by locks that end with the process.
//!
//! An owner holds a flock on `{owner}/lock` from its start to its death. A process that acquires
//! the lock knows that the owner is dead, and may remove its leftovers. `starting.lock` is held
//! between the creation of a directory and its lock, and during a search for owners.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::path::{Path, PathBuf};

use super::{WorkspaceError, children, create_enclosing, create_private, removal};

const LOCK: &str = "lock";

/// A worker's hold on its directory. Dropping it releases the directory.
#[derive(Debug)]
pub(super) struct Ownership {
    dir: PathBuf,
    _lock: File,
}

/// A directory whose owner is dead. Its lock is held, so only one sweeper works on it.
#[derive(Debug)]
pub(super) struct DeadOwner(Ownership);

impl Ownership {
    pub(super) fn take(root: &Path, owner: &str) -> Result<Self, WorkspaceError> {
        let _starting = lock_start(root)?;
        let dir = root.join(owner);
        create_enclosing(&dir)?;
        let Some(lock) = try_lock(&dir)? else {
            return Err(WorkspaceError::OwnerAlive { path: dir });
        };
        // For the sweeper after a sudden death; without it, less is found.
        let _best_effort = fs::write(dir.join(LOCK), std::process::id().to_string());
        let ownership = Self { dir, _lock: lock };
        ownership.repair_modes()?;
        Ok(ownership)
    }

    /// Makes sure that its directories are there with the rights that the worker needs.
    pub(super) fn repair_modes(&self) -> Result<(), WorkspaceError> {
        create_enclosing(&self.dir)?;
        create_enclosing(&self.live_dir())?;
        create_private(&self.removing_dir())
    }

    /// Returns every other dead owner under the root. Unreadable ones are left alone.
    pub(super) fn dead_neighbours(&self, root: &Path) -> Vec<DeadOwner> {
        let Ok(_starting) = lock_start(root) else { return Vec::new() };
        let owners = children(root).into_iter().filter(|path| *path != self.dir);
        owners.filter_map(dead_owner).collect()
    }

    /// Removes the directory, unless something is left in it: the next sweeper recognizes that by
    /// its lock.
    pub(super) fn leave(&self) -> std::io::Result<()> {
        for dir in [self.live_dir(), self.removing_dir()] {
            fs::remove_dir(dir)?;
        }
        fs::remove_file(self.dir.join(LOCK))?;
        fs::remove_dir(&self.dir)
    }

    pub(super) fn live_dir(&self) -> PathBuf {
        self.dir.join("live")
    }

    pub(super) fn removing_dir(&self) -> PathBuf {
        self.dir.join("removing")
    }
}

impl DeadOwner {
    pub(super) fn dir(&self) -> &Path {
        &self.0.dir
    }

    /// Returns the owner's process number.
    pub(super) fn pid(&self) -> Option<u32> {
        fs::read_to_string(self.0.dir.join(LOCK)).ok()?.trim().parse().ok()
    }

    /// Removes the content first and the lock last: if the sweeper dies halfway, the next one
    /// recognizes the directory.
    pub(super) fn remove(self) -> Result<(), WorkspaceError> {
        let bin = self.0.removing_dir();
        create_private(&bin)?;
        for tree in children(&self.0.live_dir()) {
            removal::remove_tree(&tree, &bin)?;
        }
        removal::empty(&bin)?;
        for dir in [self.0.live_dir(), bin] {
            fs::remove_dir(&dir).or_else(gone_is_fine).map_err(WorkspaceError::io(&dir))?;
        }
        let lock = self.0.dir.join(LOCK);
        fs::remove_file(&lock).or_else(gone_is_fine).map_err(WorkspaceError::io(&lock))?;
        fs::remove_dir(&self.0.dir).map_err(WorkspaceError::io(&self.0.dir))
    }
}

fn gone_is_fine(error: std::io::Error) -> std::io::Result<()> {
    if error.kind() == std::io::ErrorKind::NotFound { Ok(()) } else { Err(error) }
}

fn dead_owner(dir: PathBuf) -> Option<DeadOwner> {
    // Only directories of this layout: the root may be shared by mistake.
    let ours = dir.symlink_metadata().ok()?.is_dir() && dir.join(LOCK).is_file();
    if !ours {
        return None;
    }
    let lock = try_lock(&dir).ok()??;
    Some(DeadOwner(Ownership { dir, _lock: lock }))
}

fn lock_start(root: &Path) -> Result<File, WorkspaceError> {
    let path = root.join("starting.lock");
    let file = open_lock(&path)?;
    file.lock().map_err(WorkspaceError::io(&path))?;
    Ok(file)
}

fn try_lock(dir: &Path) -> Result<Option<File>, WorkspaceError> {
    let path = dir.join(LOCK);
    let file = open_lock(&path)?;
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(source)) => Err(WorkspaceError::Io { path, source }),
    }
}

fn open_lock(path: &Path) -> Result<File, WorkspaceError> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    options.open(path).map_err(WorkspaceError::io(path))
}
