//! Removes a tree that other people's code filled.
//!
//! The tree is moved into a bin beside it and dismantled there: each directory is moved up to the
//! bin before it is emptied. So paths stay short and one directory is open at a time, however deep
//! the tree is. Nothing is followed, because links are unlinked like files. Directories without
//! write permission are given it first. A part that can't be removed does not stop the rest.
//!
//! It expects that no process writes into the tree any more.

use std::fs::{self, OpenOptions, Permissions};
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use nix::fcntl::OFlag;

use super::{WorkspaceError, children};

/// Removes `tree` through `bin`, an existing directory on the same file system.
pub(super) fn remove_tree(tree: &Path, bin: &Path) -> Result<(), WorkspaceError> {
    let mut work = Dismantling::new(bin);
    work.take_in(tree.to_owned());
    work.finish()
}

/// Removes the content of `bin`, which an earlier removal may have left.
pub(super) fn empty(bin: &Path) -> Result<(), WorkspaceError> {
    let mut work = Dismantling::new(bin);
    for path in children(bin) {
        work.take_in(path);
    }
    work.finish()
}

struct Dismantling<'a> {
    bin: &'a Path,
    next: u64,
    pending: Vec<PathBuf>,
    first_failure: Option<(PathBuf, io::Error)>,
}

impl<'a> Dismantling<'a> {
    fn new(bin: &'a Path) -> Self {
        Self { bin, next: 0, pending: Vec::new(), first_failure: None }
    }

    fn finish(mut self) -> Result<(), WorkspaceError> {
        while let Some(dir) = self.pending.pop() {
            self.empty_and_remove(&dir);
        }
        match self.first_failure {
            None => Ok(()),
            Some((path, source)) => Err(WorkspaceError::NotRemoved { path, source }),
        }
    }

    fn empty_and_remove(&mut self, dir: &Path) {
        match fs::read_dir(dir) {
            Ok(entries) => {
                for entry in entries.filter_map(Result::ok) {
                    self.take_in(entry.path());
                }
            }
            Err(error) => return self.note(dir, error),
        }
        // If this fails, another entry failed too, and names the cause.
        if let Err(error) = fs::remove_dir(dir) {
            self.note(dir, error);
        }
    }

    /// Unlinks a file, or moves a directory into the bin to be emptied later.
    fn take_in(&mut self, path: PathBuf) {
        let outcome = match path.symlink_metadata() {
            Ok(found) if found.is_dir() => self.move_in(&path),
            Ok(_) => fs::remove_file(&path),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(error),
        };
        if let Err(error) = outcome {
            self.note(&path, error);
        }
    }

    fn move_in(&mut self, dir: &Path) -> io::Result<()> {
        // A directory of another owner can't be opened up; it can still be removed if it is empty.
        let opened = open_up(dir);
        let place = self.free_place();
        match fs::rename(dir, &place) {
            Ok(()) => {
                self.pending.push(place);
                Ok(())
            }
            Err(error) => fs::remove_dir(dir).map_err(|_| opened.err().unwrap_or(error)),
        }
    }

    fn free_place(&mut self) -> PathBuf {
        loop {
            let place = self.bin.join(format!("{}-{}", std::process::id(), self.next));
            self.next += 1;
            if place.symlink_metadata().is_err() {
                return place;
            }
        }
    }

    fn note(&mut self, path: &Path, error: io::Error) {
        self.first_failure.get_or_insert_with(|| (path.to_owned(), error));
    }
}

/// Gives the owner all rights on a directory, never through a link.
fn open_up(dir: &Path) -> io::Result<()> {
    let flags = OFlag::O_PATH | OFlag::O_NOFOLLOW | OFlag::O_DIRECTORY;
    let handle = OpenOptions::new().read(true).custom_flags(flags.bits()).open(dir)?;
    let exactly_this = format!("/proc/self/fd/{}", handle.as_raw_fd());
    fs::set_permissions(exactly_this, Permissions::from_mode(0o700))
}
