//! Workspaces: the directories that tasks run in.
//!
//! One *root* is shared by any number of workers. Each worker owns one directory under it, held by
//! a lock for as long as its process lives; each task attempt gets one workspace in there.
//!
//! ```text
//! root/starting.lock              held while a worker creates or looks for owners
//! root/users/{id}                 flock: held means that a task has this user id
//! root/{owner}/lock               flock: held means that the owner lives; its process number
//! root/{owner}/live/{id}.{fence}  one workspace: work/, home/ and tmp/
//! root/{owner}/removing/{n}       trees on their way out
//! ```
//!
//! - A workspace is nobody else's: two attempts never share one. It is 0700; where a task has a user
//!   of its own, that user may enter it, and owns the three directories in it.
//! - What a dead worker left is recognised by its free lock and swept, with the processes that
//!   still run in it; what a live neighbour has is never touched.
//! - The root stays under its limit: leftovers go first, then new workspaces are refused.
//!
//! A single task's use of its workspace is watched by [`crate::command`], not here.

mod attempt;
mod modes;
mod orphans;
mod ownership;
mod parts;
mod removal;
mod room;
mod usage;

use std::collections::HashSet;
use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use greenline_runtime::user_range::UserRange;
use nix::unistd::geteuid;

pub use attempt::{InvalidAttempt, TaskAttempt};
use ownership::Ownership;
pub(crate) use parts::{NoPart, Part, Parts};
pub use room::RoomLimits;
use room::{Room, Shortage};
pub use usage::Hidden;
pub(crate) use usage::{Measurement, disk_use};

use crate::task_user::{NoTaskUser, TaskUser, TaskUserId, TaskUsers, end_all_of};

const PRIVATE_MODE: u32 = 0o700;
/// Of a workspace that its group, the task's user, may enter.
const SHARED_MODE: u32 = 0o710;
const PASSAGE_MODE: u32 = 0o711;

/// The directory in which users' ids are locked, beside those of workers.
const USERS: &str = "users";

/// The reason why a workspace could not be created or removed, by what the caller can do about it.
#[derive(Debug, thiserror::Error)]
pub enum WorkspaceError {
    /// The workspaces exceed their limit: wait for tasks to end, or raise the limit.
    #[error(
        "the workspaces in {root} use {used}, limit {limit}: \
         wait for running tasks to end, or raise the limit"
    )]
    OverLimit {
        /// The directory of all workspaces.
        root: PathBuf,
        /// For people.
        used: String,
        /// For people.
        limit: String,
    },
    /// The file system is nearly full, whoever filled it: free some space.
    #[error("the disk of {root} is full: {free} free, {wanted} wanted: free some space there")]
    DiskFull {
        /// The directory of all workspaces.
        root: PathBuf,
        /// For people.
        free: String,
        /// For people.
        wanted: String,
    },
    /// This attempt already has a workspace: it is running.
    #[error("attempt {0} already has a workspace")]
    InUse(TaskAttempt),
    /// Another living process uses this owner name: start with another one.
    #[error("{path} belongs to a worker that is running: use another worker id")]
    OwnerAlive {
        /// The owner's directory.
        path: PathBuf,
    },
    /// A part could not be removed; removal is retried before the next workspace is created.
    #[error("failed to remove {path}, which stays until it can be removed")]
    NotRemoved {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    /// The file system refused: check the path's permissions and its disk.
    #[error("failed to use {path}")]
    Io {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
}

impl WorkspaceError {
    fn io(path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { path, source }
    }
}

/// One worker's workspaces under a shared root.
#[derive(Debug, Clone)]
pub struct Workspaces {
    shared: Arc<WorkspacesState>,
}

#[derive(Debug)]
struct WorkspacesState {
    ownership: Ownership,
    users: TaskUsers,
    room: Room,
    live: Mutex<HashSet<String>>,
    /// Held during a removal: two removals in one bin would conflict.
    removing: Mutex<()>,
}

impl Workspaces {
    /// Takes the directory `{root}/{owner}` and sweeps the leftovers of dead workers under the
    /// root.
    ///
    /// `owner` is the worker's id, fresh for each process. This blocks while it sweeps: call it
    /// before the worker takes work.
    ///
    /// # Errors
    ///
    /// When the root can't be used or `owner` belongs to a living process. A leftover that can't be
    /// removed is logged and stays: it counts against the limit.
    pub fn open(
        root: &Path,
        owner: &WorkerName,
        limits: RoomLimits,
    ) -> Result<Self, WorkspaceError> {
        modes::repair_ancestors(root);
        create_enclosing(root)?;
        let root = root.canonicalize().map_err(WorkspaceError::io(root))?;
        let ownership = Ownership::take(&root, owner.as_str())?;
        let users = TaskUsers::locked_in(root.join(USERS));
        let room = Room::new(root, limits);
        let (live, removing) = (Mutex::default(), Mutex::default());
        let shared = Arc::new(WorkspacesState { ownership, users, room, live, removing });
        shared.sweep();
        Ok(Self { shared })
    }

    /// Creates the workspace of one attempt, after making sure that there is room for it.
    ///
    /// # Errors
    /// [`WorkspaceError::OverLimit`] and [`WorkspaceError::DiskFull`] when there is no room even
    /// without leftovers; [`WorkspaceError::InUse`] when this attempt has one.
    pub async fn create(&self, attempt: TaskAttempt) -> Result<Workspace, WorkspaceError> {
        let shared = Arc::clone(&self.shared);
        blocking(move || shared.create(attempt)).await
    }
}

impl WorkspacesState {
    fn create(self: Arc<Self>, attempt: TaskAttempt) -> Result<Workspace, WorkspaceError> {
        let name = attempt.directory_name();
        if !self.live().insert(name.clone()) {
            return Err(WorkspaceError::InUse(attempt));
        }
        // From here on, dropping the workspace turns the directory into a leftover.
        let path = self.ownership.live_dir().join(&name);
        let workspace = Workspace { path, name, attempt, user: Arc::default(), shared: self };
        // A task of the same user may have taken rights away from what all tasks need.
        workspace.shared.repair_modes()?;
        workspace.shared.make_room()?;
        if workspace.path.symlink_metadata().is_ok() {
            workspace.shared.remove(&workspace.path)?;
        }
        create_private(&workspace.path)?;
        for part in [workspace.work(), workspace.home(), workspace.tmp()] {
            create_private(&part)?;
        }
        Ok(workspace)
    }

    fn repair_modes(&self) -> Result<(), WorkspaceError> {
        modes::repair_ancestors(self.room.root());
        create_enclosing(self.room.root())?;
        self.ownership.repair_modes()
    }

    fn make_room(&self) -> Result<(), WorkspaceError> {
        if !self.own_leftovers().is_empty() {
            self.sweep_own();
        }
        if self.room.shortage_lately().is_none() {
            return Ok(());
        }
        self.sweep();
        self.room.shortage_now().map_or(Ok(()), |shortage| Err(self.refusal(&shortage)))
    }

    fn refusal(&self, shortage: &Shortage) -> WorkspaceError {
        let root = self.room.root().to_owned();
        match shortage {
            Shortage::OverLimit { used, limit } => {
                WorkspaceError::OverLimit { root, used: used.to_string(), limit: limit.to_string() }
            }
            Shortage::DiskFull { free, wanted } => WorkspaceError::DiskFull {
                root,
                free: free.to_string(),
                wanted: wanted.to_string(),
            },
        }
    }

    /// Removes the leftovers of dead workers, and those that this one could not remove before.
    fn sweep(&self) {
        if geteuid().is_root() {
            self.users.end_orphans();
        }
        for dead in self.ownership.dead_neighbours(self.room.root()) {
            orphans::Dead { dir: dead.dir(), pid: dead.pid() }.kill_orphans();
            warn_if_left(dead.remove());
        }
        self.sweep_own();
        let _removing = self.removing_alone();
        warn_if_left(removal::empty(&self.ownership.removing_dir()));
    }

    fn sweep_own(&self) {
        for path in self.own_leftovers() {
            warn_if_left(self.remove(&path));
        }
    }

    fn own_leftovers(&self) -> Vec<PathBuf> {
        // Held while the directory is read: a workspace is in the set before it is on disk.
        let live = self.live();
        let mut found = children(&self.ownership.live_dir());
        found.retain(|path| {
            path.file_name().is_none_or(|name| !live.contains(name.to_string_lossy().as_ref()))
        });
        found
    }

    fn remove(&self, path: &Path) -> Result<(), WorkspaceError> {
        let _removing = self.removing_alone();
        removal::remove_tree(path, &self.ownership.removing_dir())
    }

    fn removing_alone(&self) -> MutexGuard<'_, ()> {
        self.removing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn live(&self) -> MutexGuard<'_, HashSet<String>> {
        self.live.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for WorkspacesState {
    /// A worker with a clean exit leaves nothing behind.
    fn drop(&mut self) {
        if let Err(error) = self.ownership.leave() {
            tracing::debug!(%error, "Left a directory for the next worker to sweep");
        }
    }
}

fn warn_if_left(removal: Result<(), WorkspaceError>) {
    if let Err(error) = removal {
        let cause = std::error::Error::source(&error).map(ToString::to_string);
        tracing::warn!(cause, "Left a workspace behind: {error}");
    }
}

/// A worker's name under the root: its id as one path component.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkerName(String);

impl WorkerName {
    /// Checks a worker id.
    ///
    /// # Errors
    /// When it is not 1 to 128 of `A-Za-z0-9._-`, or is made of dots only.
    pub fn new(name: &str) -> Result<Self, InvalidAttempt> {
        if !attempt::is_id(name) || name.bytes().all(|byte| byte == b'.') {
            return Err(InvalidAttempt(name.to_owned()));
        }
        Ok(Self(name.to_owned()))
    }

    fn as_str(&self) -> &str {
        &self.0
    }
}

/// The directory of one attempt. Dropped without [`Workspace::remove`], it becomes a leftover that
/// is swept before the worker creates its next one.
#[derive(Debug)]
pub struct Workspace {
    path: PathBuf,
    name: String,
    attempt: TaskAttempt,
    user: Arc<OnceLock<TaskUser>>,
    shared: Arc<WorkspacesState>,
}

impl Workspace {
    #[must_use]
    pub fn attempt(&self) -> &TaskAttempt {
        &self.attempt
    }

    /// Returns the whole directory, which counts against a task's disk limit.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the directory in which commands start.
    #[must_use]
    pub fn work(&self) -> PathBuf {
        self.path.join("work")
    }

    /// Returns the commands' `HOME`.
    #[must_use]
    pub fn home(&self) -> PathBuf {
        self.path.join("home")
    }

    /// Returns the commands' `TMPDIR`.
    #[must_use]
    pub fn tmp(&self) -> PathBuf {
        self.path.join("tmp")
    }

    /// Gives it to a user of the range, who has nothing else; once, however often this is called.
    ///
    /// # Errors
    /// When no user is free, or the workspace can't be given away.
    pub(crate) async fn give_to_a_user(&self, range: UserRange) -> Result<TaskUserId, NoTaskUser> {
        if let Some(user) = self.user() {
            return Ok(user);
        }
        let (shared, path) = (Arc::clone(&self.shared), self.path.clone());
        let user = blocking(move || {
            let user = shared.users.lease(range)?;
            let parts = Parts::open(&path).map_err(|error| error.source);
            let given = parts.and_then(|parts| parts.hand_over(user.id()));
            given.map_err(|source| NoTaskUser::HandOver { path, source })?;
            Ok(user)
        });
        let user = user.await?;
        Ok(self.user.get_or_init(|| user).id())
    }

    /// Checks, before a command starts in it, that its directories are still those that the worker
    /// made, and repairs their modes.
    ///
    /// # Errors
    /// When one is gone, is a link, or belongs to another user: a command has replaced it.
    pub(crate) fn check(&self) -> Result<(), NoPart> {
        let owner = self.user().map_or_else(|| geteuid().as_raw(), TaskUserId::get);
        // Without a right to enter it, nothing in it can be looked at.
        let mode = if self.user().is_some() { SHARED_MODE } else { PRIVATE_MODE };
        let place = Parts::open_workspace(&self.path)?;
        modes::repair(&place, mode).map_err(|source| NoPart { which: Part::Workspace, source })?;
        Parts::open(&self.path)?.check(owner)
    }

    /// The user that it was given to.
    pub(crate) fn user(&self) -> Option<TaskUserId> {
        self.user.get().map(TaskUser::id)
    }

    /// Kills every process of its user, if it has one of its own. Returns whether none lives.
    pub(crate) async fn end_processes(&self) -> bool {
        match self.user() {
            Some(user) => blocking(move || end_all_of(user)).await,
            None => true,
        }
    }

    /// Removes it with its content. Symbolic links are removed, never followed.
    ///
    /// # Errors
    ///
    /// When a part can't be removed: the rest is gone, and removal is retried later.
    pub async fn remove(self) -> Result<(), WorkspaceError> {
        self.end_processes().await;
        blocking(move || self.shared.remove(&self.path)).await
    }
}

impl Drop for Workspace {
    fn drop(&mut self) {
        self.shared.live().remove(&self.name);
    }
}

fn create_private(path: &Path) -> Result<(), WorkspaceError> {
    create(path, PRIVATE_MODE)
}

/// Creates a directory around workspaces. Where tasks have users of their own, these may pass
/// through it, and neither list nor change it.
fn create_enclosing(path: &Path) -> Result<(), WorkspaceError> {
    create(path, if geteuid().is_root() { PASSAGE_MODE } else { PRIVATE_MODE })
}

fn create(path: &Path, mode: u32) -> Result<(), WorkspaceError> {
    DirBuilder::new().recursive(true).mode(mode).create(path).map_err(WorkspaceError::io(path))?;
    modes::repair_at(path, mode).map_err(WorkspaceError::io(path))
}

fn children(dir: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(dir).into_iter().flatten();
    entries.filter_map(Result::ok).map(|entry| entry.path()).collect()
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    match tokio::task::spawn_blocking(work).await {
        Ok(value) => value,
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    }
}
