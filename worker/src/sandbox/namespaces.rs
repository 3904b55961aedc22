//! Namespaces: of mounts, processes, IPC and host names; unless the command has the network, one
//! with nothing but loopback; and, where the worker is not root, of users, so that no right is
//! needed for the others.

use std::error::Error;
use std::fs;
use std::os::fd::AsRawFd;

use nix::sched::{CloneFlags, unshare};
use nix::sys::socket::{
    AddressFamily, MsgFlags, NetlinkAddr, SockFlag, SockProtocol, SockType, recv, sendto, socket,
};
use nix::unistd::{getegid, geteuid};

use super::plan::{Namespaces, Plan};
use super::privileges;

/// Moves this process, which has one thread, into namespaces of its own. Those of its children's
/// processes begin with the next child.
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
        raise_loopback().map_err(|error| format!("failed to raise loopback: {error}"))?;
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

/// Asks the kernel, by rtnetlink, to set interface 1 up: that is loopback, and a new network has no
/// other.
fn raise_loopback() -> Result<(), Box<dyn Error>> {
    let kernel = socket(
        AddressFamily::Netlink,
        SockType::Raw,
        SockFlag::SOCK_CLOEXEC,
        SockProtocol::NetlinkRoute,
    )?;
    let everyone = NetlinkAddr::new(0, 0);
    sendto(kernel.as_raw_fd(), &set_up_interface_1(), &everyone, MsgFlags::empty())?;
    let mut answer = [0_u8; 256];
    let length = recv(kernel.as_raw_fd(), &mut answer, MsgFlags::empty())?;
    // After the answer's own header of 16 bytes stands the error, negative, or 0.
    match answer.get(16..20).filter(|_| length >= 20) {
        Some([0, 0, 0, 0]) => Ok(()),
        _ => Err("the kernel refuses".into()),
    }
}

/// `nlmsghdr` and `ifinfomsg` of linux/rtnetlink.h.
fn set_up_interface_1() -> [u8; 32] {
    const SET_LINK: u16 = 16; // RTM_NEWLINK
    const REQUEST_WITH_ANSWER: u16 = 1 | 4; // NLM_F_REQUEST | NLM_F_ACK
    const UP: u32 = 1; // IFF_UP
    let mut message = [0; 32];
    message[0..4].copy_from_slice(&32_u32.to_ne_bytes());
    message[4..6].copy_from_slice(&SET_LINK.to_ne_bytes());
    message[6..8].copy_from_slice(&REQUEST_WITH_ANSWER.to_ne_bytes());
    message[8..12].copy_from_slice(&1_u32.to_ne_bytes()); // its number among our messages
    message[20..24].copy_from_slice(&1_u32.to_ne_bytes()); // the interface
    message[24..28].copy_from_slice(&UP.to_ne_bytes()); // what it becomes
    message[28..32].copy_from_slice(&UP.to_ne_bytes()); // what changes
    message
}
