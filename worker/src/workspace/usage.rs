//! How much disk a tree takes: blocks, not lengths, and each hard-linked file once.
//!
//! Links are not followed. [`disk_use`] looks and changes nothing; what it can't read counts as
//! nothing. [`Measurement::of_run`] measures against an opponent: a directory that the worker may
//! not read is opened up for as long as the walk takes, what can't be read all the same or lies
//! deeper than a path can name is said to be hidden, and files and directories are counted, too.
//!
//! Neither sees a file that was unlinked while it is open: [`crate::command`] looks for those. A
//! tree that changes during a walk is measured as it was when the walk came by; free space of the
//! file system is the backstop.

use std::collections::HashSet;
use std::fs::{self, File, Metadata, Permissions};
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use nix::fcntl::{OFlag, OpenHow, ResolveFlag, openat2};
use nix::libc;
use serde::{Deserialize, Serialize};

/// Bytes on disk of everything at and below `path` that can be read.
pub(crate) fn disk_use(path: &Path) -> u64 {
    let mut walk = TreeWalk::new(u64::MAX, None);
    walk.run(path);
    walk.found.bytes
}

/// Why a part of a workspace could not be measured. Stored: the names outlive a release.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Hidden {
    /// The worker may not read a directory, nor change that.
    Unreadable,
    /// It lies deeper than a path can name.
    TooDeep,
}

/// What a run's workspace holds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Measurement {
    /// Bytes on disk.
    pub(crate) bytes: u64,
    /// Files, directories, links: everything that takes an inode.
    pub(crate) entries: u64,
    /// Why there may be more.
    pub(crate) hidden: Option<Hidden>,
}

impl Measurement {
    /// Measures the workspace at `path`. Stops once there are more than `most_entries`.
    pub(crate) fn of_run(path: &Path, most_entries: u64) -> Self {
        let mut walk = TreeWalk::new(most_entries, Opened::below(path).ok());
        walk.run(path);
        walk.found
    }
}

struct TreeWalk {
    found: Measurement,
    most_entries: u64,
    pending: Vec<PathBuf>,
    linked: HashSet<(u64, u64)>,
    opened: Option<Opened>,
}

/// The worker may not look.
struct Denied;

impl TreeWalk {
    fn new(most_entries: u64, opened: Option<Opened>) -> Self {
        let (found, pending, linked) = Default::default();
        Self { found, most_entries, pending, linked, opened }
    }

    fn run(&mut self, path: &Path) {
        let _gone = self.add(path.to_owned());
        while let Some(dir) = self.pending.pop() {
            if self.read(&dir).is_err() {
                let opened = self.opened.as_mut().is_some_and(|opened| opened.open_up(&dir));
                if !opened || self.read(&dir).is_err() {
                    self.found.hidden = Some(Hidden::Unreadable);
                }
            }
            if self.found.entries > self.most_entries {
                return;
            }
        }
    }

    fn read(&mut self, dir: &Path) -> Result<(), Denied> {
        let entries = match fs::read_dir(dir) {
            Ok(entries) => entries,
            Err(error) => return self.failed(&error),
        };
        for entry in entries.filter_map(Result::ok) {
            self.add(entry.path())?;
            if self.found.entries > self.most_entries {
                break;
            }
        }
        Ok(())
    }

    fn add(&mut self, path: PathBuf) -> Result<(), Denied> {
        let found = match path.symlink_metadata() {
            Ok(found) => found,
            Err(error) => return self.failed(&error),
        };
        if self.counts(&found) {
            self.found.bytes += found.blocks() * 512;
            self.found.entries += 1;
        }
        if found.is_dir() {
            self.pending.push(path);
        }
        Ok(())
    }

    fn counts(&mut self, found: &Metadata) -> bool {
        found.is_dir() || found.nlink() == 1 || self.linked.insert((found.dev(), found.ino()))
    }

    /// Tells what is out of reach from what is gone meanwhile.
    fn failed(&mut self, error: &io::Error) -> Result<(), Denied> {
        match error.raw_os_error() {
            Some(libc::EACCES | libc::EPERM) => Err(Denied),
            Some(libc::ENAMETOOLONG) => {
                self.found.hidden = Some(Hidden::TooDeep);
                Ok(())
            }
            _ => Ok(()),
        }
    }
}

/// Directories that were opened up for one walk. They get their modes back when it is over.
struct Opened {
    base: PathBuf,
    root: File,
    changed: Vec<(File, u32)>,
}

impl Opened {
    /// How many one walk opens up. A tree with more at once hides something.
    const MOST: usize = 16;
    const ALL: u32 = 0o700;

    fn below(base: &Path) -> io::Result<Self> {
        Ok(Self { base: base.to_owned(), root: File::open(base)?, changed: Vec::new() })
    }

    fn open_up(&mut self, dir: &Path) -> bool {
        self.changed.len() < Self::MOST && self.try_to(dir).is_ok()
    }

    /// The tree is being written to: a link in the way must not lead to a directory outside.
    fn try_to(&mut self, dir: &Path) -> io::Result<()> {
        let below = dir.strip_prefix(&self.base).map_err(io::Error::other)?;
        let below = if below.as_os_str().is_empty() { Path::new(".") } else { below };
        let flags = OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
        let resolve = ResolveFlag::RESOLVE_BENEATH | ResolveFlag::RESOLVE_NO_SYMLINKS;
        let handle = openat2(&self.root, below, OpenHow::new().flags(flags).resolve(resolve))?;
        let handle = File::from(handle);
        let mode = handle.metadata()?.mode();
        set_mode(&handle, mode | Self::ALL)?;
        self.changed.push((handle, mode));
        Ok(())
    }
}

impl Drop for Opened {
    fn drop(&mut self) {
        for (handle, mode) in self.changed.iter().rev() {
            // What the run itself changed meanwhile stays as it wants it.
            if handle.metadata().is_ok_and(|now| now.mode() == mode | Self::ALL) {
                let _best_effort = set_mode(handle, *mode);
            }
        }
    }
}

fn set_mode(handle: &File, mode: u32) -> io::Result<()> {
    let exactly_this = format!("/proc/self/fd/{}", handle.as_raw_fd());
    fs::set_permissions(exactly_this, Permissions::from_mode(mode & 0o7777))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hard_link_counts_once_and_a_symbolic_link_leads_nowhere() {
        let outside = tempfile::tempdir().unwrap();
        fs::write(outside.path().join("big"), vec![1; 1 << 20]).unwrap();
        let tree = tempfile::tempdir().unwrap();
        fs::write(tree.path().join("one"), vec![1; 1 << 20]).unwrap();
        let once = disk_use(tree.path());
        fs::hard_link(tree.path().join("one"), tree.path().join("two")).unwrap();
        std::os::unix::fs::symlink(outside.path(), tree.path().join("out")).unwrap();
        let with_links = disk_use(tree.path());
        assert!(once >= 1 << 20);
        assert!(with_links < once + (1 << 19), "{once} became {with_links}");
    }

    #[test]
    fn everything_that_takes_an_inode_is_counted_as_far_as_it_matters() {
        let tree = tempfile::tempdir().unwrap();
        for name in 0..20 {
            fs::write(tree.path().join(name.to_string()), "").unwrap();
        }
        assert_eq!(Measurement::of_run(tree.path(), 100).entries, 21);
        assert_eq!(Measurement::of_run(tree.path(), 10).entries, 11, "and no further");
    }

    #[test]
    fn what_lies_too_deep_is_said_to_be_hidden() {
        let tree = tempfile::tempdir().unwrap();
        assert_eq!(Measurement::of_run(tree.path(), 100).hidden, None);
        let status = std::process::Command::new("sh")
            .args(["-c", "n=$(head -c 250 /dev/zero | tr '\\0' x); for i in $(seq 20); do mkdir $n && cd -P $n || exit 1; done"])
            .current_dir(tree.path())
            .status();
        assert!(status.unwrap().success());
        assert_eq!(Measurement::of_run(tree.path(), 100).hidden, Some(Hidden::TooDeep));
        // Not even the standard library removes it by path.
        let remove = std::process::Command::new("rm").arg("-rf").arg(tree.path()).status();
        assert!(remove.unwrap().success());
    }
}
