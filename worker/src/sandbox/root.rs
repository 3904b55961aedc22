//! The file tree of a sandbox with namespaces: what [`files`] lists, and nothing else.
//!
//! It is put together on a file system in memory, under the paths that everything has outside, so
//! that no command can tell. What is not in it can't be opened, looked at or connected to.
//!
//! - The workspace is mounted as the directory that was opened, never by a path that a command
//!   could have changed: see [`Parts`].
//! - Everything but the workspace is read-only, and nothing in the tree gives rights (`nosuid`) or
//!   opens devices (`nodev`), except the few devices that are shown.

use std::collections::BTreeSet;
use std::error::Error;
use std::fs;
use std::os::fd::OwnedFd;
use std::os::unix::fs::symlink;
use std::path::{Component, Path, PathBuf};

use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::unistd::{chdir, pivot_root};
use rustix::fs::{CWD, Mode, OFlags, ResolveFlags, mkdirat, openat, openat2};
use rustix::io::Errno;
use rustix::mount::{MoveMountFlags, OpenTreeFlags, move_mount, open_tree};

use super::plan::{Network, Plan};
use super::{files, mounts};
use crate::egress;
use crate::workspace::Parts;

pub(super) type RootResult<T> = std::result::Result<T, Box<dyn Error>>;

const OLD: &str = "/old";
const NEW: &str = "/new";

/// File systems that each sandbox has its own of, with their own flags.
const OWN: [&str; 3] = ["/proc", "/dev/shm", "/dev/pts"];

/// What is shown at some place.
enum Source<'a> {
    /// A directory that was opened before, whatever its path leads to by now.
    Opened(&'a OwnedFd),
    /// What the old tree has at this path, in which there is no link.
    Path(PathBuf),
    /// A file of this text.
    Text(String),
}

/// Places other than the workspace that commands may write to.
const WRITABLE: [&str; 3] = ["/tmp", "/var/tmp", "/dev/shm"];

/// Makes the new tree the root of this process, which is the first in its namespaces.
pub(super) fn change(plan: &Plan) -> RootResult<()> {
    // Mounts inside stay inside.
    let nothing = None::<&str>;
    mount(nothing, "/", nothing, MsFlags::MS_REC | MsFlags::MS_PRIVATE, nothing)?;
    let parts = Parts::open(&plan.workspace)
        .map_err(|error| format!("{error}: {}", plan.workspace.display()))?;
    // Absolute links resolve only while the root is the old one.
    let visible = visible(plan, &parts);
    step_aside()?;
    bind(Path::new(NEW), Path::new(NEW))?;
    furnish()?;
    for (source, place) in &visible {
        show(source, place)
            .map_err(|error| format!("failed to show {}: {error}", place.display()))?;
    }
    drop(visible);
    drop(parts);
    take_rights(plan)?;
    umount2(OLD, MntFlags::MNT_DETACH)?;
    chdir(NEW)?;
    pivot_root(".", ".")?;
    umount2(".", MntFlags::MNT_DETACH)?;
    chdir("/")?;
    Ok(())
}

/// What there is to see, and where. Outer places come first.
fn visible<'a>(plan: &Plan, parts: &'a Parts) -> Vec<(Source<'a>, PathBuf)> {
    let read: Vec<PathBuf> = files::readable(plan).into_iter().chain(files::devices()).collect();
    let is_outermost =
        |place: &&PathBuf| !read.iter().any(|outer| place != &outer && place.starts_with(outer));
    let own_files = own_files(plan, &read);
    let is_the_systems = |place: &&PathBuf| !own_files.iter().any(|(own, _)| own == *place);
    let outermost: BTreeSet<&PathBuf> =
        read.iter().filter(is_outermost).filter(is_the_systems).collect();
    let by_path = |place: &PathBuf| Some((Source::Path(place.canonicalize().ok()?), place.clone()));
    let own = [
        (Source::Opened(&parts.tmp), "/tmp".into()),
        (Source::Opened(&parts.tmp), "/var/tmp".into()),
        (Source::Opened(&parts.workspace), plan.workspace.clone()),
    ];
    let inner = [(&parts.work, "work"), (&parts.home, "home"), (&parts.tmp, "tmp")];
    let inner = inner.map(|(part, name)| (Source::Opened(part), plan.workspace.join(name)));
    let inner = inner.into_iter().filter(|_| is_below_writable(&plan.workspace));
    let read = outermost.into_iter().filter_map(by_path);
    let texts = own_files.iter().map(|(place, text)| (Source::Text(text.clone()), place.clone()));
    let mut all: Vec<_> = read.chain(own).chain(inner).chain(texts).collect();
    all.sort_by(|(_, one), (_, other)| one.cmp(other));
    all
}

/// Whether a rule of [`files`] on a directory above gives the right to replace what is in this one:
/// rules count for all that is mounted below, too. Then the workspace itself is read-only, and what
/// commands own in it are mounts of their own.
fn is_below_writable(workspace: &Path) -> bool {
    WRITABLE.into_iter().any(|place| workspace.starts_with(place))
}

/// Files that are not the system's but the sandbox's own. In a directory that is shown as a whole,
/// they take the place of the system's if that has them.
fn own_files(plan: &Plan, read: &[PathBuf]) -> Vec<(PathBuf, String)> {
    let Network::Relayed(_) = plan.network else { return Vec::new() };
    let is_free = |place: &Path| {
        place.exists() || !read.iter().any(|outer| place != outer && place.starts_with(outer))
    };
    egress::files().into_iter().filter(|(place, _)| is_free(place)).collect()
}

/// Puts an empty file system under everything; the old tree is then at [`OLD`].
fn step_aside() -> RootResult<()> {
    // Every machine has it, and no command may change it.
    const MEANWHILE: &str = "/proc";
    let plain = MsFlags::MS_NOSUID | MsFlags::MS_NODEV;
    mount(Some("tmpfs"), MEANWHILE, Some("tmpfs"), plain, Some("mode=755,size=1m"))?;
    chdir(MEANWHILE)?;
    for directory in [OLD, NEW] {
        fs::create_dir(directory.trim_start_matches('/'))?;
    }
    pivot_root(".", OLD.trim_start_matches('/'))?;
    chdir("/")?;
    Ok(())
}

/// Mounts the source at its place, with all that is mounted below it.
fn show(source: &Source<'_>, place: &Path) -> RootResult<()> {
    let all = OpenTreeFlags::OPEN_TREE_CLONE
        | OpenTreeFlags::OPEN_TREE_CLOEXEC
        | OpenTreeFlags::AT_RECURSIVE;
    let (tree, is_dir) = match source {
        Source::Opened(directory) => {
            (open_tree(directory, "", all | OpenTreeFlags::AT_EMPTY_PATH)?, true)
        }
        Source::Path(path) => {
            let path = below(OLD, path);
            let itself = OpenTreeFlags::AT_SYMLINK_NOFOLLOW;
            (open_tree(CWD, &path, all | itself)?, path.is_dir())
        }
        Source::Text(text) => {
            // Beside the new tree, on the file system in memory, where nothing leads once that is
            // the root.
            let path = Path::new("/").join(place.file_name().unwrap_or_default());
            fs::write(&path, text)?;
            (open_tree(CWD, &path, all)?, false)
        }
    };
    let target = make(place, is_dir)?;
    let these = MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH | MoveMountFlags::MOVE_MOUNT_T_EMPTY_PATH;
    Ok(move_mount(&tree, "", &target, "", these)?)
}

/// Makes a directory or an empty file in the new tree, with all that is above it.
///
/// A place may lie in a directory of the task's, such as /tmp: no link that waits there is followed.
fn make(place: &Path, is_dir: bool) -> rustix::io::Result<OwnedFd> {
    let directory = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let file = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let inside = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS;
    let mut here = openat(CWD, NEW, directory, Mode::empty())?;
    let mut names =
        place.components().filter(|part| matches!(part, Component::Normal(_))).peekable();
    while let Some(name) = names.next() {
        let name = name.as_os_str();
        let is_file = !is_dir && names.peek().is_none();
        let made = if is_file {
            openat(&here, name, OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC, 0o644.into())
                .map(drop)
        } else {
            mkdirat(&here, name, 0o755.into())
        };
        // What can't be made may be there already, and that is found out by opening it.
        let opened =
            openat2(&here, name, if is_file { file } else { directory }, Mode::empty(), inside);
        here = match (opened, made) {
            (Err(Errno::NOENT), Err(error)) => return Err(error),
            (opened, _) => opened?,
        };
    }
    Ok(here)
}

fn bind(source: &Path, target: &Path) -> nix::Result<()> {
    let nothing = None::<&str>;
    mount(Some(source), target, nothing, MsFlags::MS_BIND | MsFlags::MS_REC, nothing)
}

/// Adds the parts that each sandbox has its own of.
fn furnish() -> RootResult<()> {
    let plain = MsFlags::MS_NOSUID | MsFlags::MS_NODEV;
    let terminals = "newinstance,ptmxmode=0666,mode=620";
    fs::create_dir_all(below(NEW, Path::new("/run")))?;
    mount_new("proc", "/proc", plain | MsFlags::MS_NOEXEC, "")?;
    mount_new("tmpfs", "/dev/shm", plain, "mode=1777,size=256m")?;
    mount_new("devpts", "/dev/pts", MsFlags::MS_NOSUID | MsFlags::MS_NOEXEC, terminals)?;
    let links = [
        ("pts/ptmx", "/dev/ptmx"),
        ("/proc/self/fd", "/dev/fd"),
        ("/proc/self/fd/0", "/dev/stdin"),
        ("/proc/self/fd/1", "/dev/stdout"),
        ("/proc/self/fd/2", "/dev/stderr"),
    ];
    for (leads_to, link) in links {
        symlink(leads_to, below(NEW, Path::new(link)))?;
    }
    Ok(())
}

fn mount_new(kind: &str, place: &str, flags: MsFlags, options: &str) -> RootResult<()> {
    let target = below(NEW, Path::new(place));
    fs::create_dir_all(&target)?;
    mount(Some(kind), &target, Some(kind), flags, Some(options))
        .map_err(|error| format!("failed to mount {place}: {error}").into())
}

/// Leaves the tree no more rights than its commands need.
fn take_rights(plan: &Plan) -> RootResult<()> {
    let devices = files::devices();
    let table = below(NEW, Path::new("/proc/self/mountinfo"));
    mounts::restrict(&table, Path::new(NEW), |place| {
        let place = Path::new("/").join(place.strip_prefix(NEW).unwrap_or(place));
        rights_to_take(&place, &plan.workspace, &devices)
    })
}

/// The flags that the mount at `place` of the new tree gets beside its own.
fn rights_to_take(place: &Path, workspace: &Path, devices: &[PathBuf]) -> Option<MsFlags> {
    let plain = MsFlags::MS_NOSUID | MsFlags::MS_NODEV;
    let is = |other: &str| place == Path::new(other);
    if OWN.into_iter().any(is) {
        None
    } else if place == workspace && is_below_writable(workspace) {
        Some(plain | MsFlags::MS_RDONLY)
    } else if is("/tmp") || is("/var/tmp") || place.starts_with(workspace) {
        Some(plain)
    } else if devices.iter().any(|device| place == device) {
        Some(MsFlags::MS_NOSUID | MsFlags::MS_RDONLY)
    } else {
        Some(plain | MsFlags::MS_RDONLY)
    }
}

fn below(root: &str, path: &Path) -> PathBuf {
    Path::new(root).join(path.strip_prefix("/").unwrap_or(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_workspace_can_be_changed() {
        let rights = |place: &str| {
            let devices = [PathBuf::from("/dev/null")];
            rights_to_take(Path::new(place), Path::new("/w/a"), &devices)
        };
        let plain = MsFlags::MS_NOSUID | MsFlags::MS_NODEV;
        for place in ["/w/a", "/w/a/work/x", "/tmp", "/var/tmp"] {
            assert_eq!(rights(place), Some(plain), "{place}");
        }
        for place in ["/", "/usr", "/usr/lib/x", "/etc/passwd", "/w", "/w/ab", "/tmp/x", "/dev"] {
            assert_eq!(rights(place), Some(plain | MsFlags::MS_RDONLY), "{place}");
        }
        assert_eq!(rights("/dev/null"), Some(MsFlags::MS_NOSUID | MsFlags::MS_RDONLY));
        assert_eq!(rights("/proc"), None);
        let below = Path::new("/tmp/w/a");
        assert_eq!(rights_to_take(below, below, &[]), Some(plain | MsFlags::MS_RDONLY));
        assert_eq!(rights_to_take(&below.join("work"), below, &[]), Some(plain));
    }
}
