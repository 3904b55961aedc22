//! Processes that outlived the worker that started them.
//!
//! A worker that is killed takes no process with it. Whoever sweeps its directory ends those that
//! still have their `TMPDIR` in there, told by the environment that they were started with.
//! Processes that overwrote or emptied theirs are not found.

use std::ffi::OsStr;
use std::path::Path;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use procfs::process::{Process, all_processes};

/// Kills every process whose temporary directory lies in `dir`, whose owner is known to be dead.
pub(super) fn kill_those_in(dir: &Path) {
    for process in all_processes().into_iter().flatten().filter_map(Result::ok) {
        if lives_in(&process, dir) && kill(Pid::from_raw(process.pid()), Signal::SIGKILL).is_ok() {
            tracing::warn!(process.pid = process.pid(), "Killed a process of a dead worker");
        }
    }
}

fn lives_in(process: &Process, dir: &Path) -> bool {
    process.environ().is_ok_and(|variables| {
        let tmp = variables.get(OsStr::new("TMPDIR"));
        tmp.is_some_and(|tmp| Path::new(tmp).starts_with(dir))
    })
}
