//! The users that other people's code runs as where the worker is root.
//!
//! A worker whose effective user is 0 gives each task a user of its own for as long as its
//! workspace exists. The user's id is also its group's; neither has a name, a home, or files
//! beside the workspace.
//!
//! - Two tasks never share a user: each id is locked by a file in a directory that only root writes,
//!   and an id that a living process has is not taken.
//! - After [`end_all_of`] no process of that user lives, whatever it did to hide.
//!
//! A worker that is an ordinary user has no such users: its tasks run as itself.

use std::fmt;
use std::fs::{self, DirBuilder, File, Metadata, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use greenline_runtime::user_range::UserRange;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use procfs::process::{Process, all_processes};
use rustix::thread::{CapabilitySet, capabilities};
use serde::{Deserialize, Serialize};

/// How long processes are killed again and again. What survives that hangs in the kernel.
const KILLING: Duration = Duration::from_secs(10);
const BETWEEN_LOOKS: Duration = Duration::from_millis(2);

/// The id of a task's user and of its group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TaskUserId(u32);

impl TaskUserId {
    /// The number that the kernel knows it by.
    #[must_use]
    pub fn get(self) -> u32 {
        self.0
    }
}

impl fmt::Display for TaskUserId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Gives out users, each locked by a file in one directory that only root may write to.
#[derive(Debug, Clone)]
pub(crate) struct TaskUsers {
    locks: PathBuf,
}

/// Why a task has no user.
#[derive(Debug, thiserror::Error)]
pub enum NoTaskUser {
    /// Each id that was tried belongs to another task or to a process.
    #[error("no user id of {0} is free: all that were tried are in use")]
    NoneFree(UserRange),
    /// A lock can't be had.
    #[error("failed to lock a user id in {path}")]
    Lock {
        /// The directory of the locks.
        path: PathBuf,
        /// The system's reason.
        #[source]
        source: io::Error,
    },
    /// The workspace can't be given to the user.
    #[error("failed to give {path} to the task's user")]
    HandOver {
        /// The workspace.
        path: PathBuf,
        /// The system's reason.
        #[source]
        source: io::Error,
    },
}

/// A task's user. When this is dropped, its processes end and the id is free again.
#[derive(Debug)]
pub(crate) struct TaskUser {
    lock: Lock,
}

/// A hold on an id. The file goes with it.
#[derive(Debug)]
struct Lock {
    id: TaskUserId,
    path: PathBuf,
    _file: File,
}

impl TaskUsers {
    /// Users that are locked in `locks`.
    pub(crate) fn locked_in(locks: PathBuf) -> Self {
        Self { locks }
    }

    /// Takes an id of the range that no other task and no process has.
    pub(crate) fn lease(&self, range: UserRange) -> Result<TaskUser, NoTaskUser> {
        const TRIES: u32 = 1000;
        let failed = |source| NoTaskUser::Lock { path: self.locks.clone(), source };
        DirBuilder::new().recursive(true).mode(0o700).create(&self.locks).map_err(failed)?;
        // By chance: workers with other directories lock elsewhere, and rarely choose the same.
        for _ in 0..TRIES {
            let locked = self.lock(range.at(fastrand::u32(..))).map_err(failed)?;
            if let Some(lock) = locked.filter(|lock| processes_of(lock.id).next().is_none()) {
                return Ok(TaskUser { lock });
            }
        }
        Err(NoTaskUser::NoneFree(range))
    }

    /// Kills what is left of users whose worker died: their locks are still there, and free.
    pub(crate) fn end_orphans(&self) {
        let locks = fs::read_dir(&self.locks).into_iter().flatten().filter_map(Result::ok);
        for id in locks.filter_map(|lock| lock.file_name().to_str()?.parse().ok()) {
            if let Ok(Some(lock)) = self.lock(id) {
                drop(TaskUser { lock });
            }
        }
    }

    fn lock(&self, id: u32) -> io::Result<Option<Lock>> {
        let path = self.locks.join(id.to_string());
        let file = OpenOptions::new().write(true).create(true).truncate(false).open(&path)?;
        match file.try_lock() {
            // The task that held it may have removed this file between the two lines above.
            Ok(()) if is_still_at(&file, &path) => {
                Ok(Some(Lock { id: TaskUserId(id), path, _file: file }))
            }
            Ok(()) | Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }
}

fn is_still_at(file: &File, path: &Path) -> bool {
    let same = |file: Metadata| {
        Some((file.dev(), file.ino()))
            == path.metadata().ok().map(|found| (found.dev(), found.ino()))
    };
    file.metadata().is_ok_and(same)
}

impl TaskUser {
    pub(crate) fn id(&self) -> TaskUserId {
        self.lock.id
    }
}

impl Drop for TaskUser {
    /// Ends all processes of the user first, so that the next task with this id shares it with no process.
    fn drop(&mut self) {
        end_all_of(self.lock.id);
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // One that stays is locked again, and taken, like any other.
        let _best_effort = fs::remove_file(&self.path);
    }
}

/// Kills every process of a task's user, wherever it went, until none lives. Returns whether none
/// does. Blocks.
pub(crate) fn end_all_of(user: TaskUserId) -> bool {
    let deadline = Instant::now() + KILLING;
    loop {
        let mut lives = false;
        for process in processes_of(user) {
            lives = true;
            // It may have ended since: then there is nothing left to kill.
            let _gone = kill(Pid::from_raw(process.pid()), Signal::SIGKILL);
        }
        if !lives {
            return true;
        }
        if Instant::now() > deadline {
            tracing::warn!(user = user.get(), "Processes of user {user} can't be killed");
            return false;
        }
        std::thread::sleep(BETWEEN_LOOKS);
    }
}

/// Every process that is alive and has the id in any of its parts.
fn processes_of(user: TaskUserId) -> impl Iterator<Item = Process> {
    let all = all_processes().into_iter().flatten().filter_map(Result::ok);
    all.filter(move |process| {
        process.status().is_ok_and(|status| {
            let ids = [status.ruid, status.euid, status.suid, status.fuid];
            ids.contains(&user.0) && !matches!(status.state.chars().next(), Some('Z' | 'X'))
        })
    })
}

/// What root needs to run a task as another user, to end it, and to remove what it left.
const NEEDED: [(CapabilitySet, &str); 6] = [
    (CapabilitySet::CHOWN, "CHOWN"),
    (CapabilitySet::DAC_OVERRIDE, "DAC_OVERRIDE"),
    (CapabilitySet::FOWNER, "FOWNER"),
    (CapabilitySet::KILL, "KILL"),
    (CapabilitySet::SETGID, "SETGID"),
    (CapabilitySet::SETUID, "SETUID"),
];

/// The reason why a worker that is root can't give tasks users of this range, if there is one.
pub(crate) fn obstacle(range: UserRange) -> Option<String> {
    let held = capabilities(None).map_or(CapabilitySet::empty(), |held| held.effective);
    let missing: Vec<_> =
        NEEDED.into_iter().filter(|(one, _)| !held.contains(*one)).map(|(_, name)| name).collect();
    if !missing.is_empty() {
        return Some(format!("this root lacks the capabilities {}", missing.join(", ")));
    }
    let is_mapped = |file: &&str| {
        let map = fs::read_to_string(Path::new("/proc/self").join(file)).unwrap_or_default();
        range.is_mapped(&map)
    };
    let unmapped = ["uid_map", "gid_map"].into_iter().find(|file| !is_mapped(file));
    unmapped.map(|file| format!("the ids {range} don't exist in this container ({file})"))
}

/// The range that fits this machine, unless settings name another one.
#[must_use]
pub fn range_here() -> UserRange {
    UserRange::for_map(&fs::read_to_string("/proc/self/uid_map").unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::process::CommandExt;
    use std::process::Command;

    #[test]
    fn an_id_of_a_living_process_is_left_alone() {
        let mut process = Command::new("sleep");
        process.arg("1000");
        let own = nix::unistd::geteuid();
        let id = if own.is_root() { 1_700_000_000 + std::process::id() } else { own.as_raw() };
        let mut process = process.uid(id).spawn().unwrap();
        let locks = tempfile::tempdir().unwrap();
        let range: UserRange = format!("{id}-{id}").parse().unwrap();
        let users = TaskUsers::locked_in(locks.path().to_owned());
        assert!(matches!(users.lease(range), Err(NoTaskUser::NoneFree(_))));
        assert!(process.try_wait().unwrap().is_none(), "it lives on");
        assert_eq!(fs::read_dir(locks.path()).unwrap().count(), 0);
        process.kill().unwrap();
        process.wait().unwrap();
    }

    #[test]
    fn two_tasks_have_two_users_and_an_ended_ones_is_free() {
        let locks = tempfile::tempdir().unwrap();
        let range: UserRange = "1999999998-1999999999".parse().unwrap();
        let users = TaskUsers::locked_in(locks.path().join("users"));
        let lease = || users.lease(range);
        let (one, other) = (lease().unwrap(), lease().unwrap());
        assert_ne!(one.id(), other.id());
        assert!(matches!(lease(), Err(NoTaskUser::NoneFree(_))));
        let id = one.id();
        drop(one);
        assert_eq!(lease().unwrap().id(), id);
        drop(other);
    }
}
