//! Files that have no name any more and live because a process holds them.
//!
//! A memfd, a shared mapping and a file that was unlinked while open take memory or disk, and are
//! in no directory and in nobody's resident size. They are found by the descriptors of a run's
//! processes, and, where the worker has the right to look (root of the machine), by their mappings.
//!
//! Not found are those on their way between two processes in a socket, and, without that right,
//! those that are mapped after their descriptor was closed: what of them is in memory then counts
//! as far as it is resident. The bounds on the machine's free memory and disk hold there.

use std::collections::HashMap;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use nix::sys::stat::{major, minor};
use nix::sys::statfs::{HUGETLBFS_MAGIC, TMPFS_MAGIC, statfs};
use nix::sys::statvfs::statvfs;

/// A file by its device and inode: however many processes hold it, it counts once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct FileKey {
    major: u64,
    minor: u64,
    inode: u64,
}

impl FileKey {
    /// As /proc/PID/maps shows a file.
    pub(super) fn of_mapping((major, minor): (i32, i32), inode: u64) -> Self {
        Self {
            major: u64::from(major.unsigned_abs()),
            minor: u64::from(minor.unsigned_abs()),
            inode,
        }
    }

    fn of(found: &fs::Metadata) -> Self {
        Self { major: major(found.dev()), minor: minor(found.dev()), inode: found.ino() }
    }
}

/// The nameless files that some processes hold.
#[derive(Debug, Default)]
pub(super) struct OpenFiles {
    memory: HashMap<FileKey, u64>,
    disk: HashMap<FileKey, u64>,
}

impl OpenFiles {
    /// Looks at these processes. Files on disk count where they are on the file system of
    /// `workspace`.
    pub(super) fn of(processes: impl Iterator<Item = i32>, workspace: &Path) -> Self {
        let mut found = Self::default();
        let home = FileSystem::of(workspace);
        for process in processes {
            for path in nameless(process) {
                found.add(&path, home);
            }
        }
        found
    }

    /// Bytes that are in memory.
    pub(super) fn memory_bytes(&self) -> u64 {
        self.memory.values().sum()
    }

    /// Bytes that are on the workspace's disk.
    pub(super) fn disk_bytes(&self) -> u64 {
        self.disk.values().sum()
    }

    /// Whether this one is counted in [`OpenFiles::memory_bytes`].
    pub(super) fn holds_in_memory(&self, file: FileKey) -> bool {
        self.memory.contains_key(&file)
    }

    fn add(&mut self, path: &Path, home: Option<FileSystem>) {
        // It may have been closed meanwhile.
        let Ok(found) = fs::metadata(path) else { return };
        if !found.is_file() || found.nlink() > 0 {
            return;
        }
        let place = FileSystem::of(path);
        if place.is_some_and(|place| place.in_memory) {
            self.memory.insert(FileKey::of(&found), found.blocks() * 512);
        } else if place.is_some() && place == home {
            self.disk.insert(FileKey::of(&found), found.blocks() * 512);
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct FileSystem {
    id: u64,
    in_memory: bool,
}

impl FileSystem {
    fn of(path: &Path) -> Option<Self> {
        let kind = statfs(path).ok()?.filesystem_type();
        let id = statvfs(path).ok()?.filesystem_id();
        Some(Self { id, in_memory: [TMPFS_MAGIC, HUGETLBFS_MAGIC].contains(&kind) })
    }
}

/// Where to look at what a process holds that has lost its name.
fn nameless(process: i32) -> Vec<PathBuf> {
    let descriptors = fs::read_dir(format!("/proc/{process}/fd")).into_iter().flatten();
    let opened = descriptors.filter_map(|entry| {
        let path = entry.ok()?.path();
        is_nameless(fs::read_link(&path).ok()?.to_str()?).then_some(path)
    });
    // Only root may look at a file by its mapping.
    let root = nix::unistd::geteuid().is_root();
    let maps = root.then(|| fs::read_to_string(format!("/proc/{process}/maps")).ok());
    let maps = maps.flatten().unwrap_or_default();
    let mapped = maps.lines().filter(|line| is_nameless(line)).filter_map(|line| {
        let range = line.split_ascii_whitespace().next()?;
        Some(PathBuf::from(format!("/proc/{process}/map_files/{range}")))
    });
    opened.chain(mapped).collect()
}

/// By what the kernel appends to the name that a file had.
fn is_nameless(name: &str) -> bool {
    name.ends_with(" (deleted)")
}

#[cfg(test)]
mod tests {
    use std::os::fd::AsRawFd;

    use super::*;

    #[test]
    fn a_file_that_lost_its_name_counts_once_and_on_its_own_file_system() {
        let home = tempfile::tempdir().unwrap();
        let own = std::process::id().cast_signed();
        let look = || OpenFiles::of([own, own].into_iter(), home.path());
        let file = fs::File::create(home.path().join("large")).unwrap();
        fs::write(home.path().join("large"), vec![1; 1 << 20]).unwrap();
        let second = file.try_clone().unwrap();
        let before = look();
        fs::remove_file(home.path().join("large")).unwrap();
        let after = look();
        let bytes = |files: &OpenFiles| files.disk_bytes() + files.memory_bytes();
        let grown = bytes(&after) - bytes(&before);
        assert!(((1 << 20)..(3 << 19)).contains(&grown), "{grown}");
        assert!(second.as_raw_fd() > 0);
    }
}
