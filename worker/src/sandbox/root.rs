//! The file tree of a sandbox with namespaces: what [`files`] lists, and nothing else.
//!
//! It is put together on a file system in memory, under the paths that everything has outside, so
//! that no command can tell. What is not in it can't be opened, looked at or connected to.

use std::collections::BTreeSet;
use std::error::Error;
use std::fs::{self, File};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::unistd::{chdir, pivot_root};

use super::files;
use super::plan::Plan;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

const OLD: &str = "/old";
const NEW: &str = "/new";

/// Makes the new tree the root of this process, which is the first in its namespaces.
pub(super) fn change(plan: &Plan) -> Result<()> {
    // Links may be absolute: they lead somewhere only as long as the root is the old one.
    let visible = visible(plan);
    step_aside(&plan.tmp())?;
    bind(Path::new(NEW), Path::new(NEW))?;
    for (source, place) in &visible {
        show(source, place)?;
    }
    furnish()?;
    umount2(OLD, MntFlags::MNT_DETACH)?;
    chdir(NEW)?;
    pivot_root(".", ".")?;
    umount2(".", MntFlags::MNT_DETACH)?;
    chdir("/")?;
    Ok(())
}

/// What there is to see, by its real path, and where. Outer ones come first.
fn visible(plan: &Plan) -> Vec<(PathBuf, PathBuf)> {
    let read: Vec<PathBuf> = files::readable(plan).into_iter().chain(files::devices()).collect();
    let is_outermost =
        |place: &&PathBuf| !read.iter().any(|outer| place != &outer && place.starts_with(outer));
    let outermost: BTreeSet<&PathBuf> = read.iter().filter(is_outermost).collect();
    let shown = outermost.into_iter().filter_map(|place| Some((place.canonicalize().ok()?, place)));
    let own = [
        (plan.tmp(), "/tmp".into()),
        (plan.tmp(), "/var/tmp".into()),
        (plan.workspace.clone(), plan.workspace.clone()),
    ];
    let mut all: Vec<_> = shown.map(|(real, place)| (real, place.clone())).chain(own).collect();
    all.sort_by(|(_, one), (_, other)| one.cmp(other));
    all
}

/// Puts an empty file system under everything; the old tree is then at [`OLD`].
fn step_aside(meanwhile: &Path) -> Result<()> {
    let nothing = None::<&str>;
    // What is mounted in here stays in here.
    mount(nothing, "/", nothing, MsFlags::MS_REC | MsFlags::MS_PRIVATE, nothing)?;
    let plain = MsFlags::MS_NOSUID | MsFlags::MS_NODEV;
    mount(Some("tmpfs"), meanwhile, Some("tmpfs"), plain, Some("mode=755,size=1m"))?;
    chdir(meanwhile)?;
    for directory in [OLD, NEW] {
        fs::create_dir(directory.trim_start_matches('/'))?;
    }
    pivot_root(".", OLD.trim_start_matches('/'))?;
    chdir("/")?;
    Ok(())
}

fn show(source: &Path, place: &Path) -> Result<()> {
    let source = below(OLD, source);
    let target = below(NEW, place);
    if source.is_dir() {
        fs::create_dir_all(&target)?;
    } else {
        if let Some(parent) = target.parent() {
            fs::create_dir_all(parent)?;
        }
        if !target.exists() {
            File::create(&target)?;
        }
    }
    bind(&source, &target)
        .map_err(|error| format!("failed to show {}: {error}", place.display()).into())
}

fn bind(source: &Path, target: &Path) -> nix::Result<()> {
    let nothing = None::<&str>;
    mount(Some(source), target, nothing, MsFlags::MS_BIND | MsFlags::MS_REC, nothing)
}

/// What every system has and each sandbox has its own of.
fn furnish() -> Result<()> {
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

fn mount_new(kind: &str, place: &str, flags: MsFlags, options: &str) -> Result<()> {
    let target = below(NEW, Path::new(place));
    fs::create_dir_all(&target)?;
    mount(Some(kind), &target, Some(kind), flags, Some(options))
        .map_err(|error| format!("failed to mount {place}: {error}").into())
}

fn below(root: &str, path: &Path) -> PathBuf {
    Path::new(root).join(path.strip_prefix("/").unwrap_or(path))
}
