//! The three directories of a workspace that commands own, opened without following any link.
//!
//! What a command does to its directories must not lead the worker, or the one who mounts them for
//! the next command, anywhere else.

use std::fmt;
use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;

use rustix::fs::{
    AtFlags, CWD, Gid, Mode, OFlags, ResolveFlags, Uid, chownat, fstat, openat, openat2,
};

use super::{PRIVATE_MODE, SHARED_MODE, modes};
use crate::task_user::TaskUserId;

/// Directories, each open as a place and not for reading.
#[derive(Debug)]
pub(crate) struct Parts {
    pub(crate) workspace: OwnedFd,
    pub(crate) work: OwnedFd,
    pub(crate) home: OwnedFd,
    pub(crate) tmp: OwnedFd,
}

/// A directory of a workspace that is not there, is a link, or is no directory.
#[derive(Debug, thiserror::Error)]
#[error("{which} is no directory of the workspace any more")]
pub(crate) struct NoPart {
    pub(crate) which: Part,
    #[source]
    pub(crate) source: io::Error,
}

/// Names one of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    Workspace,
    Work,
    Home,
    Tmp,
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Workspace => "the workspace",
            Self::Work => "`work`",
            Self::Home => "`home`",
            Self::Tmp => "`tmp`",
        })
    }
}

const PLACE: OFlags =
    OFlags::PATH.union(OFlags::DIRECTORY).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);

impl NoPart {
    fn is<E: Into<io::Error>>(which: Part) -> impl FnOnce(E) -> Self {
        move |source| Self { which, source: source.into() }
    }
}

impl Parts {
    /// Opens the workspace alone.
    pub(crate) fn open_workspace(path: &Path) -> Result<OwnedFd, NoPart> {
        openat(CWD, path, PLACE, Mode::empty()).map_err(NoPart::is(Part::Workspace))
    }

    /// Opens the workspace at `path`, and what is in it.
    pub(crate) fn open(path: &Path) -> Result<Self, NoPart> {
        let workspace = Self::open_workspace(path)?;
        let inside =
            ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
        let part = |name, which| {
            openat2(&workspace, name, PLACE, Mode::empty(), inside).map_err(NoPart::is(which))
        };
        let (work, home) = (part("work", Part::Work)?, part("home", Part::Home)?);
        let tmp = part("tmp", Part::Tmp)?;
        Ok(Self { workspace, work, home, tmp })
    }
}

impl Parts {
    /// Gives them to a task's user: `work`, `home` and `tmp` are its own, and the workspace, which
    /// stays root's, nobody else may enter.
    pub(crate) fn hand_over(&self, user: TaskUserId) -> io::Result<()> {
        let (uid, gid) = (Uid::from_raw(user.get()), Gid::from_raw(user.get()));
        let give = |part: &OwnedFd, owner| chownat(part, "", owner, Some(gid), AtFlags::EMPTY_PATH);
        for part in [&self.work, &self.home, &self.tmp] {
            give(part, Some(uid))?;
        }
        give(&self.workspace, None)?;
        modes::repair(&self.workspace, SHARED_MODE)
    }

    /// Checks that what commands own belongs to `owner`, and repairs its modes.
    pub(super) fn check(&self, owner: u32) -> Result<(), NoPart> {
        let parts = [(&self.work, Part::Work), (&self.home, Part::Home), (&self.tmp, Part::Tmp)];
        for (part, which) in parts {
            let found = fstat(part).map_err(NoPart::is(which))?;
            if found.st_uid != owner {
                let error = format!("it belongs to user {}, not to {owner}", found.st_uid);
                return Err(NoPart { which, source: io::Error::other(error) });
            }
            modes::repair(part, PRIVATE_MODE).map_err(NoPart::is(which))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::symlink;

    #[test]
    fn a_link_or_a_file_in_place_of_a_directory_is_not_followed() {
        let workspace = tempfile::tempdir().unwrap();
        let at = |name: &str| workspace.path().join(name);
        for name in ["work", "home", "tmp"] {
            fs::create_dir(at(name)).unwrap();
        }
        assert!(Parts::open(workspace.path()).is_ok());
        fs::remove_dir(at("tmp")).unwrap();
        symlink("work", at("tmp")).unwrap();
        assert_eq!(Parts::open(workspace.path()).unwrap_err().which, Part::Tmp);
        fs::remove_file(at("tmp")).unwrap();
        fs::write(at("tmp"), "").unwrap();
        assert_eq!(Parts::open(workspace.path()).unwrap_err().which, Part::Tmp);
        let link = workspace.path().join("link");
        symlink(".", &link).unwrap();
        assert_eq!(Parts::open(&link).unwrap_err().which, Part::Workspace);
    }
}
