//! A control group for each run, where the worker may make some.
//!
//! A worker that finds itself alone in a cgroup v2 that was delegated to it (Kubernetes, systemd's
//! `Delegate=yes`, a container with a cgroup namespace that it may write to) moves itself into a
//! child `worker` and makes a child for each run: the kernel then bounds the run's memory, memfds
//! included, and its processes and threads, ends the whole run where it is over, and kills it at
//! once when it is done. Everything else that bounds and ends runs stays in place beside it.
//!
//! Where anything is missing there is no group, and the rest has to do: the hybrid and version 1
//! layouts, a group with other processes in it, controllers that were not delegated.
//!
//! This was written by the kernel's documentation (Documentation/admin-guide/cgroup-v2.rst) and
//! tried on a directory that imitates one, not yet on a real one.

use std::ffi::OsString;
use std::fs;
use std::io::{self, Write};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};

use super::limits::CommandLimits;
use crate::sandbox::{FAILED, FAILURE_MARK};

/// Where cgroup v2 is mounted, if it is the only one.
const MOUNT: &str = "/sys/fs/cgroup";

/// What a run's group needs.
const CONTROLLERS: [&str; 2] = ["memory", "pids"];

/// What the names of runs' groups begin with.
const RUN: &str = "run-";

/// How long the kernel has to empty a group that was killed.
const EMPTYING: Duration = Duration::from_secs(2);

/// A group whose children are the worker's to make.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delegation(PathBuf);

impl Delegation {
    /// Finds the group of this process and prepares it, or says why there is none to be had.
    ///
    /// # Errors
    /// The reason, for the log.
    pub fn take() -> Result<Self, String> {
        let own = fs::read_to_string("/proc/self/cgroup").map_err(|error| error.to_string())?;
        Self::take_in(Path::new(MOUNT), &own)
    }

    /// The same below another mount, for a process whose /proc/self/cgroup says this.
    ///
    /// # Errors
    /// The reason, for the log.
    pub fn take_in(mount: &Path, proc_self_cgroup: &str) -> Result<Self, String> {
        let group = mount.join(unified_path(proc_self_cgroup)?);
        let read = |name: &str| {
            let path = group.join(name);
            fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))
        };
        check_controllers(&read("cgroup.controllers")?)?;
        let alone = format!("{}\n", std::process::id());
        if read("cgroup.procs")? != alone {
            return Err("other processes are in this group too".to_owned());
        }
        sweep(&group);
        let prepare = || {
            let worker = group.join("worker");
            fs::create_dir_all(&worker)?;
            write(&worker, "cgroup.procs", "0")?;
            write(&group, "cgroup.subtree_control", "+memory +pids")
        };
        match prepare() {
            Ok(()) => Ok(Self(group)),
            Err(error) => Err(format!("{}: {error}", group.display())),
        }
    }

    /// Makes the group of one run.
    pub(super) fn group(
        &self,
        name: &str,
        limits: &CommandLimits,
        threads: u64,
    ) -> io::Result<Group> {
        let group = Group { path: self.0.join(format!("{RUN}{name}")) };
        fs::create_dir(&group.path)?;
        for (file, value) in settings(limits, threads) {
            write(&group.path, file, &value)?;
        }
        Ok(group)
    }
}

/// Memory that the groups around this process let it have still; nothing where none sets a bound.
pub(super) fn available_memory() -> Option<u64> {
    let own = fs::read_to_string("/proc/self/cgroup").ok()?;
    available_below(Path::new(MOUNT), unified_path(&own).ok()?)
}

fn available_below(mount: &Path, path: &str) -> Option<u64> {
    let group = mount.join(path);
    let around = group.ancestors().take_while(|group| group.starts_with(mount));
    around.filter_map(available_in).min()
}

/// The pages of files that are in memory are given back where they are wanted, those of memfds and
/// shared memory are not: the kernel counts the latter apart from these two.
fn available_in(group: &Path) -> Option<u64> {
    let read = |name: &str| fs::read_to_string(group.join(name)).ok();
    let number = |name: &str| read(name)?.trim().parse::<u64>().ok();
    let (most, used) = (number("memory.max")?, number("memory.current")?);
    let stat = read("memory.stat")?;
    let counter = |name: &str| {
        let mut lines = stat.lines().filter_map(|line| line.split_once(' '));
        lines.find(|(key, _)| *key == name).and_then(|(_, value)| value.parse::<u64>().ok())
    };
    let files = counter("inactive_file")? + counter("active_file")?;
    Some(most.saturating_sub(used.saturating_sub(files)))
}

/// The path in `0::/path`, relative to the mount, where that is the only hierarchy.
fn unified_path(proc_self_cgroup: &str) -> Result<&str, String> {
    let mut lines = proc_self_cgroup.lines();
    match (lines.next().and_then(|line| line.strip_prefix("0::/")), lines.next()) {
        // Outside of what the process's namespace shows.
        (Some(path), None) if path.split('/').any(|part| part == "..") => {
            Err("its group lies outside of its cgroup namespace".to_owned())
        }
        (Some(path), None) => Ok(path),
        _ => Err("this machine has cgroups of version 1".to_owned()),
    }
}

/// Ends and removes what a worker left that was killed.
fn sweep(group: &Path) {
    let children = fs::read_dir(group).into_iter().flatten().filter_map(Result::ok);
    let left = children.filter(|child| child.file_name().to_string_lossy().starts_with(RUN));
    left.for_each(|child| drop(Group { path: child.path() }));
}

fn check_controllers(there: &str) -> Result<(), String> {
    let there: Vec<&str> = there.split_ascii_whitespace().collect();
    match CONTROLLERS.iter().find(|needed| !there.contains(needed)) {
        None => Ok(()),
        Some(missing) => Err(format!("the controller `{missing}` was not delegated")),
    }
}

fn settings(limits: &CommandLimits, threads: u64) -> [(&'static str, String); 4] {
    [
        ("memory.max", limits.memory_bytes.to_string()),
        ("memory.swap.max", "0".to_owned()),
        ("memory.oom.group", "1".to_owned()),
        ("pids.max", threads.to_string()),
    ]
}

fn write(group: &Path, file: &str, value: &str) -> io::Result<()> {
    let path = group.join(file);
    fs::write(&path, value)
        .map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", path.display())))
}

/// The group of one run. Dropped, it is killed and removed.
#[derive(Debug)]
pub(super) struct Group {
    path: PathBuf,
}

impl Group {
    /// The file through which a process joins.
    pub(super) fn procs(&self) -> PathBuf {
        self.path.join("cgroup.procs")
    }

    /// Whether the kernel ended it for its memory.
    pub(super) fn ran_out_of_memory(&self) -> bool {
        let events = fs::read_to_string(self.path.join("memory.events")).unwrap_or_default();
        counts_oom_kill(&events)
    }

    /// Ends everyone in it at once.
    pub(super) fn kill(&self) {
        // Kernels before 5.14 have no such file: then its processes are ended one by one.
        if self.path.join("cgroup.kill").exists()
            && let Err(error) = write(&self.path, "cgroup.kill", "1")
        {
            tracing::warn!(%error, "Failed to kill a run's group");
        }
    }
}

fn counts_oom_kill(events: &str) -> bool {
    let kills = events.lines().find_map(|line| line.strip_prefix("oom_kill "));
    kills.and_then(|count| count.trim().parse::<u64>().ok()).is_some_and(|count| count > 0)
}

impl Drop for Group {
    fn drop(&mut self) {
        self.kill();
        let deadline = Instant::now() + EMPTYING;
        while let Err(error) = fs::remove_dir(&self.path) {
            if error.raw_os_error() != Some(nix::libc::EBUSY) || Instant::now() > deadline {
                tracing::debug!(%error, "Left a run's group behind");
                return;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

/// What this program is started with to join a group and then become `arguments` to itself.
const JOIN: &str = "cgroup-exec";

/// What comes before `arguments` on a command line of this program, so that it joins a group first.
pub(super) fn joining(procs: &Path, arguments: Vec<OsString>) -> Vec<OsString> {
    let first = [OsString::from(JOIN), procs.into()];
    first.into_iter().chain(arguments).collect()
}

/// Joins a group and starts this program anew in it, if that is what this process was started for.
/// To be called first in `main`.
#[must_use]
pub fn entry() -> Option<ExitCode> {
    let mut arguments = std::env::args_os().skip(1);
    if arguments.next()? != JOIN {
        return None;
    }
    let joined = match arguments.next() {
        Some(procs) => fs::write(procs, "0"),
        None => Err(io::Error::other("no group was given")),
    };
    let error = match joined {
        Ok(()) => Command::new("/proc/self/exe").args(arguments).exec(),
        Err(error) => error,
    };
    // As a sandbox says that it could not be made: it is not the command that failed.
    let says = format!("{FAILURE_MARK}failed to join the run's control group: {error}");
    let _ = writeln!(io::stderr(), "{says}");
    Some(ExitCode::from(u8::try_from(FAILED).unwrap_or(u8::MAX)))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A directory that imitates a group with this process alone in it.
    fn imitation(controllers: &str, procs: &str) -> tempfile::TempDir {
        let mount = tempfile::tempdir().unwrap();
        let group = mount.path().join("pod/box");
        fs::create_dir_all(&group).unwrap();
        fs::write(group.join("cgroup.controllers"), controllers).unwrap();
        fs::write(group.join("cgroup.procs"), procs).unwrap();
        mount
    }

    fn own() -> String {
        format!("{}\n", std::process::id())
    }

    #[test]
    fn a_group_is_taken_where_it_was_delegated_whole() {
        let mount = imitation("cpu memory pids\n", &own());
        let group = mount.path().join("pod/box");
        let taken = Delegation::take_in(mount.path(), "0::/pod/box\n").unwrap();
        assert_eq!(taken, Delegation(group.clone()));
        assert_eq!(fs::read_to_string(group.join("worker/cgroup.procs")).unwrap(), "0");
        let control = fs::read_to_string(group.join("cgroup.subtree_control")).unwrap();
        assert_eq!(control, "+memory +pids");
    }

    #[test]
    fn anything_else_is_left_alone() {
        let refusal = |controllers, procs: &str, own: &str| {
            Delegation::take_in(imitation(controllers, procs).path(), own).unwrap_err()
        };
        let (both, here) = ("memory pids", "0::/pod/box\n");
        assert!(refusal("cpu pids", &own(), here).contains("`memory` was not delegated"));
        assert!(refusal(both, &format!("1\n{}", own()), here).contains("other processes"));
        assert!(refusal(both, &own(), "0::/../x\n").contains("outside"));
        assert!(refusal(both, &own(), "3:pids:/x\n0::/pod/box\n").contains("version 1"));
        assert!(refusal(both, &own(), "0::/elsewhere\n").contains("No such file"));
    }

    #[test]
    fn the_tightest_group_around_says_what_is_left() {
        let mount = imitation("memory pids", &own());
        assert_eq!(available_below(mount.path(), "pod/box"), None, "no bound is set");
        let bound = |group: &str, most: &str| {
            let group = mount.path().join(group);
            fs::write(group.join("memory.max"), most).unwrap();
            fs::write(group.join("memory.current"), "700\n").unwrap();
            let stat = "anon 100\nfile 600\nshmem 200\ninactive_file 300\nactive_file 100\n";
            fs::write(group.join("memory.stat"), stat).unwrap();
        };
        bound("pod/box", "max\n");
        bound("pod", "1000\n");
        assert_eq!(available_below(mount.path(), "pod/box"), Some(700));
        bound("pod/box", "250\n");
        assert_eq!(available_below(mount.path(), "pod/box"), Some(0));
    }

    #[test]
    fn what_a_killed_worker_left_is_swept() {
        let mount = imitation("memory pids", &own());
        let left = mount.path().join("pod/box/run-1");
        fs::create_dir(&left).unwrap();
        Delegation::take_in(mount.path(), "0::/pod/box\n").unwrap();
        assert!(!left.exists());
    }

    #[test]
    fn a_runs_group_has_its_limits_and_is_gone_with_it() {
        let mount = imitation("memory pids", &own());
        let taken = Delegation::take_in(mount.path(), "0::/pod/box\n").unwrap();
        let limits = CommandLimits { memory_bytes: 5 << 20, ..CommandLimits::default() };
        let group = taken.group("7", &limits, 40).unwrap();
        let read = |file: &str| fs::read_to_string(group.path.join(file)).unwrap();
        assert_eq!((read("memory.max"), read("pids.max")), ("5242880".into(), "40".into()));
        assert_eq!((read("memory.swap.max"), read("memory.oom.group")), ("0".into(), "1".into()));
        fs::write(group.path.join("memory.events"), "oom 1\noom_kill 2\n").unwrap();
        assert!(group.ran_out_of_memory());
        fs::write(group.path.join("cgroup.kill"), "").unwrap();
        group.kill();
        assert_eq!(read("cgroup.kill"), "1");
        // On a real one these files go with their directory.
        for file in fs::read_dir(&group.path).unwrap() {
            fs::remove_file(file.unwrap().path()).unwrap();
        }
        let path = group.path.clone();
        drop(group);
        assert!(!path.exists());
    }
}
