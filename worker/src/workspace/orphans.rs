//! Processes that outlived the worker that started them.
//!
//! A killed worker takes no process with it. The sweeper of its directory ends those that it left,
//! which either of two signs shows:
//!
//! - they were started with their `TMPDIR` in there;
//! - they carry the [`Tag`] of a run of that worker, which sandboxed code can't remove. That counts
//!   only if the dead worker's process number is not in use.
//!
//! Processes in namespaces end with the outer process that keeps them.

use std::ffi::OsStr;
use std::path::Path;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use procfs::process::{Process, all_processes};

use crate::command::Tag;

/// The most scans. A process that forks faster is left to the next sweep.
const LOOKS: usize = 100;

/// A worker that is known to be dead.
pub(super) struct Dead<'a> {
    pub(super) dir: &'a Path,
    /// The number of its process.
    pub(super) pid: Option<u32>,
}

impl Dead<'_> {
    /// Kills every process that it left, until a scan finds none.
    pub(super) fn kill_orphans(&self) {
        let pid = self.pid.filter(|pid| !Path::new("/proc").join(pid.to_string()).exists());
        let is_own = |process: &Process| {
            let tagged = |pid| Tag::is_on(process.pid(), pid);
            lives_in(process, self.dir) || (pid.is_some_and(tagged) && is_of_this_machine(process))
        };
        for _ in 0..LOOKS {
            if kill_all(is_own) == 0 {
                return;
            }
        }
        let dir = self.dir.display();
        tracing::warn!("Processes of the dead worker in {dir} can't be killed fast enough");
    }
}

fn kill_all(which: impl Fn(&Process) -> bool) -> usize {
    let all = all_processes().into_iter().flatten().filter_map(Result::ok);
    let found = all.filter(|process| is_alive(process) && which(process));
    let killed = |process: &Process| kill(Pid::from_raw(process.pid()), Signal::SIGKILL).is_ok();
    let killed = found.filter(killed).inspect(|process| {
        tracing::warn!(process.pid = process.pid(), "Killed a process of a dead worker");
    });
    killed.count()
}

fn is_alive(process: &Process) -> bool {
    process.stat().is_ok_and(|stat| stat.state != 'Z')
}

fn lives_in(process: &Process, dir: &Path) -> bool {
    process.environ().is_ok_and(|variables| {
        let tmp = variables.get(OsStr::new("TMPDIR"));
        tmp.is_some_and(|tmp| Path::new(tmp).starts_with(dir))
    })
}

/// Workers in other containers have their own process numbers, which may coincide.
fn is_of_this_machine(process: &Process) -> bool {
    let numbers = |pid: &str| std::fs::read_link(format!("/proc/{pid}/ns/pid")).ok();
    numbers(&process.pid().to_string()).is_some_and(|theirs| Some(theirs) == numbers("self"))
}
