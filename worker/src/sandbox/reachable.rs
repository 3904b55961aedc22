//! What a user without a name and without groups can enter: for a task's user, before any sandbox.
//!
//! Only modes are read: where an access list allows more than the mode does, the way counts as closed.

use std::fmt;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use super::SandboxAccess;

const ENTER: u32 = 0o001;
const LIST_AND_ENTER: u32 = 0o005;
const READ: u32 = 0o004;

/// A path that tasks' users can't reach.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Closed {
    /// The path.
    pub path: PathBuf,
    /// The directory on the way to it that is closed, or the path itself.
    pub by: PathBuf,
    /// Its mode.
    pub mode: u32,
}

impl fmt::Display for Closed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (path, by) = (self.path.display(), self.by.display());
        write!(f, "{path} can't be entered by tasks' users: {by} has mode {:04o}", self.mode)
    }
}

/// The part of `reach` that others can read, and the rest.
pub(super) fn by_others(reach: &SandboxAccess) -> (SandboxAccess, Vec<Closed>) {
    let judged = reach.read.iter().map(|path| (path, way_to(path).or_else(|| end_of(path))));
    let (open, closed): (Vec<_>, Vec<_>) = judged.partition(|(_, closed)| closed.is_none());
    let read = open.into_iter().map(|(path, _)| path.clone()).collect();
    let closed = closed.into_iter().filter_map(|(_, closed)| closed).collect();
    (SandboxAccess { read, ..reach.clone() }, closed)
}

/// The first directory above the path that others can't enter. What is not there yet is not closed.
pub(super) fn way_to(path: &Path) -> Option<Closed> {
    let there = path.ancestors().find_map(|above| above.canonicalize().ok())?;
    let is_the_path = path.canonicalize().is_ok_and(|real| real == there);
    let mut above: Vec<&Path> = there.ancestors().skip(usize::from(is_the_path)).collect();
    above.reverse();
    above.into_iter().find_map(|directory| closed(path, directory, ENTER))
}

fn end_of(path: &Path) -> Option<Closed> {
    let wanted = if path.is_dir() { LIST_AND_ENTER } else { READ };
    closed(path, path, wanted)
}

fn closed(path: &Path, by: &Path, wanted: u32) -> Option<Closed> {
    let mode = fs::metadata(by).ok()?.permissions().mode() & 0o7777;
    let closed = || Closed { path: path.to_owned(), by: by.to_owned(), mode };
    (mode & wanted != wanted).then(closed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn directory(path: &Path, mode: u32) -> PathBuf {
        fs::create_dir_all(path).unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
        path.canonicalize().unwrap()
    }

    #[test]
    fn a_closed_directory_above_is_named_and_what_lies_in_it_is_left_out() {
        let top = tempfile::tempdir().unwrap();
        let top = directory(top.path(), 0o755);
        let (home, open) =
            (directory(&top.join("home"), 0o700), directory(&top.join("opt"), 0o755));
        let tools = directory(&home.join("tools"), 0o755);
        let listed = directory(&open.join("listed"), 0o711);
        let reach = SandboxAccess {
            read: vec![tools.clone(), open.clone(), listed.clone()],
            ..SandboxAccess::default()
        };
        let (left, closed) = by_others(&reach);
        assert_eq!(left.read, std::slice::from_ref(&open));
        assert_eq!(closed[0], Closed { path: tools, by: home.clone(), mode: 0o700 });
        assert_eq!(closed[1], Closed { path: listed.clone(), by: listed.clone(), mode: 0o711 });
        assert_eq!(way_to(&listed), None, "to enter it is enough");
        assert_eq!(way_to(&open.join("new/below")), None);
        assert_eq!(way_to(&home.join("new")).unwrap().by, home);
    }
}
