//! Modes of directories that tasks of the worker's own user can change, set right again.
//!
//! Landlock has no rule for chmod: where the worker is an ordinary user and there are no namespaces,
//! a task can take rights away from any directory of that user. So the worker gives them back
//! before it needs them.

use std::fs::{self, Permissions};
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;

use nix::unistd::geteuid;

/// The rights without which an owner can't use a directory.
const USE: u32 = 0o700;

/// Gives exactly this directory, open as a place, this mode.
pub(super) fn repair(directory: &OwnedFd, mode: u32) -> io::Result<()> {
    repair_at(Path::new(&format!("/proc/self/fd/{}", directory.as_raw_fd())), mode)
}

/// Gives a directory this mode.
pub(super) fn repair_at(directory: &Path, mode: u32) -> io::Result<()> {
    let found = fs::metadata(directory)?.permissions().mode() & 0o7777;
    if found == mode {
        return Ok(());
    }
    fs::set_permissions(directory, Permissions::from_mode(mode))
}

/// Gives the owner's rights back to all directories above `path` that are this user's own.
pub(super) fn repair_ancestors(path: &Path) {
    let Ok(path) = std::path::absolute(path) else { return };
    let above: Vec<&Path> = path.ancestors().skip(1).collect();
    for directory in above.into_iter().rev() {
        let Ok(found) = fs::symlink_metadata(directory) else { return };
        let mode = found.permissions().mode() & 0o7777;
        let ours = found.is_dir() && found.uid() == geteuid().as_raw();
        if ours && mode & USE != USE {
            // Where it fails, what needs the directory fails with the reason.
            let _best_effort = fs::set_permissions(directory, Permissions::from_mode(mode | USE));
        }
    }
}
