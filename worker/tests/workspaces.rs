//! Workspaces on a real disk: made, removed, swept and refused.

#![expect(clippy::unwrap_used, reason = "a helper that fails fails its test")]

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use greenline_worker::workspace::{
    RoomLimits, TaskAttempt, WorkerName, Workspace, WorkspaceError, Workspaces,
};

const UNLIMITED: RoomLimits = RoomLimits { total_bytes: u64::MAX, free_bytes: 0 };

fn open(root: &Path, owner: &str, limits: RoomLimits) -> Workspaces {
    Workspaces::open(root, &WorkerName::new(owner).unwrap(), limits).unwrap()
}

async fn create(workspaces: &Workspaces, id: &str) -> Result<Workspace, WorkspaceError> {
    workspaces.create(TaskAttempt::new(id, 1).unwrap()).await
}

#[tokio::test]
async fn a_workspace_is_private_and_gone_after_removal() {
    let root = tempfile::tempdir().unwrap();
    let workspace = create(&open(root.path(), "w", UNLIMITED), "t").await.unwrap();
    for dir in [workspace.path().to_owned(), workspace.work(), workspace.home(), workspace.tmp()] {
        assert_eq!(dir.metadata().unwrap().permissions().mode() & 0o777, 0o700, "{dir:?}");
    }
    let path = workspace.path().to_owned();
    workspace.remove().await.unwrap();
    assert!(!path.exists());
}

#[tokio::test]
async fn modes_that_a_task_took_away_are_given_back_before_the_next_one() {
    let above = tempfile::tempdir().unwrap();
    let root = above.path().join("workspaces");
    let workspaces = open(&root, "w", UNLIMITED);
    let (usual, private) = (mode(&root), 0o700);
    // Only an owner may do this, and Landlock alone does not keep it from doing so.
    for dir in [root.join("w/live"), root.join("w/removing"), root.join("w"), root.clone()] {
        fs::set_permissions(&dir, Permissions::from_mode(0o000)).unwrap();
        let workspace = create(&workspaces, "t").await.unwrap();
        let expected = if dir.ends_with("removing") { private } else { usual };
        assert_eq!(mode(&dir), expected, "{dir:?}");
        workspace.remove().await.unwrap();
    }
    drop(workspaces);
    for dir in [root.as_path(), above.path()] {
        fs::set_permissions(dir, Permissions::from_mode(0o000)).unwrap();
        create(&open(&root, "next", UNLIMITED), "t").await.unwrap().remove().await.unwrap();
        assert_eq!(mode(dir) & private, private, "{dir:?}");
    }
}

fn mode(path: &Path) -> u32 {
    path.metadata().unwrap().permissions().mode() & 0o777
}

#[tokio::test]
async fn an_id_of_dots_stays_inside() {
    let root = tempfile::tempdir().unwrap();
    let workspaces = open(root.path(), "w", UNLIMITED);
    let inside = root.path().canonicalize().unwrap().join("w/live");
    for id in [".", "..", "..."] {
        let workspace = create(&workspaces, id).await.unwrap();
        assert_eq!(workspace.path().canonicalize().unwrap().parent(), Some(inside.as_path()));
        workspace.remove().await.unwrap();
    }
    for owner in ["..", ".", "", "a/b"] {
        assert!(WorkerName::new(owner).is_err(), "{owner:?}");
    }
}

#[tokio::test]
async fn an_attempt_has_one_workspace() {
    let root = tempfile::tempdir().unwrap();
    let workspaces = open(root.path(), "w", UNLIMITED);
    let first = create(&workspaces, "t").await.unwrap();
    let second = create(&workspaces, "t").await;
    assert!(matches!(second, Err(WorkspaceError::InUse(_))), "{second:?}");
    fs::write(first.work().join("still"), "here").unwrap();
    let next_attempt = workspaces.create(TaskAttempt::new("t", 2).unwrap()).await.unwrap();
    assert_ne!(next_attempt.path(), first.path());
}

#[tokio::test]
async fn removal_takes_read_only_trees_and_follows_no_link() {
    let outside = tempfile::tempdir().unwrap();
    fs::write(outside.path().join("precious"), "kept").unwrap();
    let mode = |dir: &Path| dir.metadata().unwrap().permissions().mode();
    let mode_before = mode(outside.path());
    let root = tempfile::tempdir().unwrap();
    let workspaces = open(root.path(), "w", UNLIMITED);
    let workspace = create(&workspaces, "t").await.unwrap();

    let locked = workspace.work().join("a/b/c");
    fs::create_dir_all(&locked).unwrap();
    fs::write(locked.join("file"), "x").unwrap();
    symlink(outside.path(), locked.join("out")).unwrap();
    symlink("/", workspace.work().join("up")).unwrap();
    symlink("nowhere", workspace.work().join("dangling")).unwrap();
    fs::remove_dir(workspace.tmp()).unwrap();
    symlink(outside.path(), workspace.tmp()).unwrap();
    for (dir, mode) in [("a/b/c", 0o000), ("a/b", 0o500), ("a", 0o000), ("", 0o555)] {
        let dir = workspace.work().join(dir);
        fs::set_permissions(dir, Permissions::from_mode(mode)).unwrap();
    }
    workspace.remove().await.unwrap();

    assert_eq!(fs::read_to_string(outside.path().join("precious")).unwrap(), "kept");
    assert_eq!(mode(outside.path()), mode_before);
    assert_eq!(fs::read_dir(root.path().join("w/live")).unwrap().count(), 0);
    assert_eq!(fs::read_dir(root.path().join("w/removing")).unwrap().count(), 0);
}

#[tokio::test]
async fn removal_takes_trees_deeper_than_a_path_can_name() {
    let root = tempfile::tempdir().unwrap();
    let workspace = create(&open(root.path(), "w", UNLIMITED), "t").await.unwrap();
    // From the inside out: each round puts what there is into a new directory.
    let (chain, next) = (workspace.work().join("deep"), workspace.work().join("next"));
    fs::create_dir(&chain).unwrap();
    for _ in 0..3000 {
        fs::create_dir(&next).unwrap();
        fs::rename(&chain, next.join("deep")).unwrap();
        fs::rename(&next, &chain).unwrap();
    }
    let path = workspace.path().to_owned();
    workspace.remove().await.unwrap();
    assert!(!path.exists());
}

#[tokio::test]
async fn a_workspace_that_nobody_removed_goes_before_the_next_is_made() {
    let root = tempfile::tempdir().unwrap();
    let workspaces = open(root.path(), "w", UNLIMITED);
    let forgotten = create(&workspaces, "t").await.unwrap();
    fs::write(forgotten.work().join("old"), "x").unwrap();
    let path = forgotten.path().to_owned();
    drop(forgotten);
    let kept = create(&workspaces, "other").await.unwrap();
    assert!(!path.exists());
    let again = create(&workspaces, "t").await.unwrap();
    assert!(!again.work().join("old").exists());
    assert!(kept.path().exists());
}

#[tokio::test]
async fn a_worker_that_ends_well_leaves_no_directory() {
    let root = tempfile::tempdir().unwrap();
    let workspaces = open(root.path(), "w", UNLIMITED);
    let workspace = create(&workspaces, "a").await.unwrap();
    workspace.remove().await.unwrap();
    drop(workspaces);
    assert!(!root.path().join("w").exists());
}

#[tokio::test]
async fn what_a_dead_worker_left_is_swept_and_a_live_neighbour_is_not() {
    let root = tempfile::tempdir().unwrap();
    let neighbour = open(root.path(), "neighbour", UNLIMITED);
    let living = create(&neighbour, "t").await.unwrap();
    let dead = open(root.path(), "dead", UNLIMITED);
    let left = create(&dead, "t").await.unwrap();
    let left_tmp = left.tmp();
    let not_ours = root.path().join("not-ours");
    fs::create_dir(&not_ours).unwrap();
    drop((left, dead));
    // Started after the lock is free: a process that is being started holds it for a moment.
    let mut orphan = Sleeper::with_tmp(&left_tmp);
    let mut unrelated = Sleeper::with_tmp(&living.tmp());

    let own = open(root.path(), "own", UNLIMITED);
    assert!(!root.path().join("dead").exists());
    assert!(living.work().exists());
    assert!(not_ours.exists());
    assert_eq!(orphan.0.wait().unwrap().signal(), Some(9));
    assert_eq!(unrelated.0.try_wait().unwrap(), None);

    let taken = Workspaces::open(root.path(), &WorkerName::new("own").unwrap(), UNLIMITED);
    assert!(matches!(taken, Err(WorkspaceError::OwnerAlive { .. })), "{taken:?}");
    drop(own);
    open(root.path(), "own", UNLIMITED);
}

/// A process that ends with the test.
struct Sleeper(Child);

impl Sleeper {
    fn with_tmp(tmp: &Path) -> Self {
        let mut sleep = Command::new("sleep");
        sleep.arg("1000").env("TMPDIR", tmp).stdin(Stdio::null()).stdout(Stdio::null());
        Self(sleep.spawn().unwrap())
    }
}

impl Drop for Sleeper {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[tokio::test]
async fn a_full_root_is_said_clearly_and_leftovers_go_first() {
    let root = tempfile::tempdir().unwrap();
    let limits = RoomLimits { total_bytes: 4 << 20, free_bytes: 0 };
    let dead = open(root.path(), "dead", UNLIMITED);
    let workspaces = open(root.path(), "w", limits);
    let left = create(&dead, "t").await.unwrap();
    fs::write(left.work().join("big"), vec![1; 6 << 20]).unwrap();
    drop((left, dead));

    let first = create(&workspaces, "first").await.unwrap();
    assert!(!root.path().join("dead").exists(), "evicted, because room was short");
    fs::write(first.work().join("big"), vec![1; 6 << 20]).unwrap();
    let mut refusal = None;
    for number in 0..1000 {
        // A measurement serves for a moment: what it saw before may still count.
        match create(&workspaces, &format!("next-{number}")).await {
            Ok(workspace) => workspace.remove().await.unwrap(),
            Err(error) => {
                refusal = Some(error);
                break;
            }
        }
    }
    let refusal = refusal.expect("the root is full").to_string();
    assert!(refusal.contains("limit 4 MiB: wait for running tasks to end"), "{refusal}");
    first.remove().await.unwrap();
    create(&workspaces, "after").await.unwrap();
}

#[tokio::test]
async fn a_full_disk_is_said_clearly() {
    let root = tempfile::tempdir().unwrap();
    let limits = RoomLimits { total_bytes: u64::MAX, free_bytes: 1 << 60 };
    let workspaces = open(root.path(), "w", limits);
    let refusal = create(&workspaces, "t").await.unwrap_err();
    assert!(matches!(refusal, WorkspaceError::DiskFull { .. }));
    assert!(refusal.to_string().contains("is full"), "{refusal}");
    assert_eq!(fs::read_dir(root.path().join("w/live")).unwrap().count(), 0);
}
