//! What a process gives up for good: root, capabilities, new privileges, and room to grow.

use std::error::Error;
use std::fs;
use std::os::fd::AsFd;

use nix::sys::prctl;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::sys::stat::{Mode, SFlag, fstat, umask};
use nix::unistd::{Gid, Uid, fchown, setgroups, setresgid, setresuid};
use rustix::thread::{
    CapabilitySet, CapabilitySets, capabilities, clear_ambient_capability_set,
    configure_capability_in_ambient_set, remove_capability_from_bounding_set, set_capabilities,
};

use super::plan::KernelLimits;
use crate::task_user::TaskUserId;

/// Makes setuid programs ineffective.
pub(super) fn give_up_new_ones() -> Result<(), Box<dyn Error>> {
    prctl::set_no_new_privs()
        .map_err(|error| format!("failed to give up new privileges: {error}").into())
}

/// Gives the pipes that the command writes to, which root made, to the task's user: scripts open
/// /dev/stdout and /dev/stderr by name.
pub(super) fn hand_over_outputs(user: TaskUserId) -> Result<(), Box<dyn Error>> {
    let (uid, gid) = ids(user);
    let (stdout, stderr) = (std::io::stdout(), std::io::stderr());
    for output in [stdout.as_fd(), stderr.as_fd()] {
        let kind = SFlag::from_bits_truncate(fstat(output)?.st_mode) & SFlag::S_IFMT;
        if kind == SFlag::S_IFIFO {
            fchown(output, Some(uid), Some(gid)).map_err(|error| {
                format!("failed to give an output to user {user} (CAP_CHOWN): {error}")
            })?;
        }
    }
    Ok(())
}

/// Turns this process from root into the task's user, which no longer has any capability or group
/// of root's.
pub(super) fn become_user(user: TaskUserId) -> Result<(), Box<dyn Error>> {
    let (uid, gid) = ids(user);
    let failed = |right: &'static str| {
        move |error| format!("failed to become user {user} ({right}): {error}")
    };
    empty_bounding_set()?;
    setgroups(&[]).map_err(failed("CAP_SETGID"))?;
    setresgid(gid, gid, gid).map_err(failed("CAP_SETGID"))?;
    setresuid(uid, uid, uid).map_err(failed("CAP_SETUID"))?;
    // The change has taken away the right to one's own files in /proc.
    prctl::set_dumpable(true).map_err(failed("PR_SET_DUMPABLE"))?;
    Ok(())
}

fn ids(user: TaskUserId) -> (Uid, Gid) {
    (Uid::from_raw(user.get()), Gid::from_raw(user.get()))
}

/// Keeps the capabilities of a new user namespace over exec, for init to build its file tree.
pub(super) fn hand_on() -> rustix::io::Result<()> {
    let held = capabilities(None)?;
    set_capabilities(None, CapabilitySets { inheritable: held.permitted, ..held })?;
    for one in held.permitted.iter() {
        configure_capability_in_ambient_set(one, true)?;
    }
    Ok(())
}

/// Gives up all capabilities, even as root: no exec restores them.
pub(super) fn drop_all() -> Result<(), Box<dyn Error>> {
    let describe = |what: &str, error: rustix::io::Errno| format!("failed to drop {what}: {error}");
    clear_ambient_capability_set().map_err(|error| describe("ambient capabilities", error))?;
    empty_bounding_set()?;
    let none = CapabilitySet::empty();
    let nothing = CapabilitySets { effective: none, permitted: none, inheritable: none };
    set_capabilities(None, nothing).map_err(|error| describe("capabilities", error))?;
    Ok(())
}

/// Empties the set of capabilities that exec could give, where this process may.
fn empty_bounding_set() -> Result<(), Box<dyn Error>> {
    let held =
        capabilities(None).map_err(|error| format!("failed to read capabilities: {error}"))?;
    if held.effective.contains(CapabilitySet::SETPCAP) {
        for one in CapabilitySet::all().iter() {
            // This kernel does not know them.
            let _unknown = remove_capability_from_bounding_set(one);
        }
    }
    Ok(())
}

/// Sets the kernel's per-process limits. If the worker itself runs under a lower limit, that one
/// stays.
pub(super) fn keep_limits(limits: &KernelLimits) {
    lower(Resource::RLIMIT_CORE, 0);
    lower(Resource::RLIMIT_FSIZE, limits.file_bytes);
    lower(Resource::RLIMIT_RSS, limits.tag_bytes);
    umask(Mode::S_IWGRP | Mode::S_IWOTH);
    // If the kernel runs out of memory, it should pick a command, not the worker.
    let _best_effort = fs::write("/proc/self/oom_score_adj", "500");
}

/// Raises the limit on open files as far as it may go, for the handing over of sockets: the kernel
/// compares the descriptors that all processes of a user have in flight with the sender's limit.
pub(super) fn raise_open_files() {
    if let Ok((_, hard)) = getrlimit(Resource::RLIMIT_NOFILE) {
        let _stays_as_it_is = setrlimit(Resource::RLIMIT_NOFILE, hard, hard);
    }
}

/// Limits open files for good. The result is at most half of what [`raise_open_files`] gave, so
/// that the descriptors that commands leave in flight never reach the limit of another launcher.
pub(super) fn limit_open_files(most: u64) {
    let half = getrlimit(Resource::RLIMIT_NOFILE).map_or(most, |(_, hard)| hard / 2);
    lower(Resource::RLIMIT_NOFILE, most.min(half));
}

/// Counts all of this user's; in a user namespace, all in there.
pub(super) fn limit_threads(most: u64) {
    lower(Resource::RLIMIT_NPROC, most);
}

/// Bounds the process numbers inside, and so their count, even for root. Linux 6.14 and later have
/// such a bound per namespace; on older kernels this changes nothing.
pub(super) fn limit_process_numbers(most: u64) {
    // In the initial namespace this would affect the whole machine.
    const LEAST: u64 = 400;
    if std::process::id() == 1 && supports_own_numbers() {
        let _best_effort = fs::write("/proc/sys/kernel/pid_max", most.max(LEAST).to_string());
    }
}

/// Before 6.14 all namespaces share one bound.
fn supports_own_numbers() -> bool {
    let release = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let mut parts = release.split(['.', '-']).map_while(|part| part.trim().parse::<u32>().ok());
    let version = (parts.next().unwrap_or(0), parts.next().unwrap_or(0));
    version >= (6, 14)
}

fn lower(resource: Resource, wanted: u64) {
    let most = getrlimit(resource).map_or(wanted, |(_, hard)| wanted.min(hard));
    let _stays_at_the_lower_one = setrlimit(resource, most, most);
}
