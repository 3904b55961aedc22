//! Namespaces: of mounts, processes, IPC and host names; of networks, with nothing but loopback;
//! and, where the worker is not root, of users, so that no right is needed for the others.

use std::error::Error;
use std::fs;

use nix::sched::{CloneFlags, unshare};
use nix::unistd::{getegid, geteuid};

use super::plan::{Namespaces, Network, Plan};
use super::{loopback, privileges};
use crate::egress;

/// Moves this process, which has one thread, into new namespaces. Those for child processes begin
/// with the next child.
pub(super) fn enter(plan: &Plan) -> Result<(), Box<dyn Error>> {
    let (user, group) = (geteuid().as_raw(), getegid().as_raw());
    unshare(kinds(plan)).map_err(|error| format!("failed to make namespaces: {error}"))?;
    if plan.namespaces == Namespaces::ByUser {
        map("setgroups", "deny")?;
        map("uid_map", &format!("{user} {user} 1"))?;
        map("gid_map", &format!("{group} {group} 1"))?;
        privileges::hand_on()
            .map_err(|error| format!("failed to keep capabilities for init: {error}"))?;
    }
    if plan.own_network() {
        loopback::raise()?;
    }
    if let Network::Relayed(listeners) = &plan.network {
        egress::open(listeners)?;
    }
    Ok(())
}

fn kinds(plan: &Plan) -> CloneFlags {
    let mut kinds = CloneFlags::CLONE_NEWNS
        | CloneFlags::CLONE_NEWPID
        | CloneFlags::CLONE_NEWIPC
        | CloneFlags::CLONE_NEWUTS;
    kinds.set(CloneFlags::CLONE_NEWUSER, plan.namespaces == Namespaces::ByUser);
    kinds.set(CloneFlags::CLONE_NEWNET, plan.own_network());
    kinds
}

fn map(file: &str, line: &str) -> Result<(), String> {
    fs::write(format!("/proc/self/{file}"), line)
        .map_err(|error| format!("failed to write {file}: {error}"))
}
