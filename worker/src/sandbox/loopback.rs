//! Loopback of a new network, by rtnetlink: set up, and given addresses.

use std::error::Error;
use std::net::IpAddr;
use std::os::fd::AsRawFd;

use nix::sys::socket::{
    AddressFamily, MsgFlags, NetlinkAddr, SockFlag, SockProtocol, SockType, recv, sendto, socket,
};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// The number of loopback, the only interface of a new network.
const LOOPBACK: u32 = 1;

const REQUEST_WITH_ANSWER: u16 = 1 | 4; // NLM_F_REQUEST | NLM_F_ACK

/// Sets loopback up.
pub(crate) fn raise() -> Result<()> {
    ask(&set_up()).map_err(|error| format!("failed to raise loopback: {error}").into())
}

/// Gives loopback an address. With a prefix, all IPv4 addresses that share it are local too.
pub(crate) fn add_address(address: IpAddr, prefix: u8) -> Result<()> {
    ask(&new_address(address, prefix))
        .map_err(|error| format!("failed to add {address} to loopback: {error}").into())
}

/// Sends one request to the kernel and reads its answer.
fn ask(request: &[u8]) -> Result<()> {
    let kernel = socket(
        AddressFamily::Netlink,
        SockType::Raw,
        SockFlag::SOCK_CLOEXEC,
        SockProtocol::NetlinkRoute,
    )?;
    sendto(kernel.as_raw_fd(), request, &NetlinkAddr::new(0, 0), MsgFlags::empty())?;
    let mut answer = [0_u8; 256];
    let length = recv(kernel.as_raw_fd(), &mut answer, MsgFlags::empty())?;
    // After the answer's own header of 16 bytes stands the error, negative, or 0.
    let error = answer.get(16..20).filter(|_| length >= 20).and_then(|bytes| bytes.try_into().ok());
    match error.map(i32::from_ne_bytes) {
        Some(0) => Ok(()),
        Some(error) => Err(nix::errno::Errno::from_raw(-error).into()),
        None => Err("the kernel's answer is too short".into()),
    }
}

/// `nlmsghdr` of linux/netlink.h, with what follows it.
fn message(kind: u16, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(16 + body.len()).unwrap_or(u32::MAX);
    let mut message = Vec::with_capacity(16 + body.len());
    message.extend(length.to_ne_bytes());
    message.extend(kind.to_ne_bytes());
    message.extend(REQUEST_WITH_ANSWER.to_ne_bytes());
    message.extend(1_u32.to_ne_bytes()); // its number among our messages
    message.extend(0_u32.to_ne_bytes()); // to the kernel
    message.extend(body);
    message
}

/// `ifinfomsg` of linux/rtnetlink.h.
fn set_up() -> Vec<u8> {
    const SET_LINK: u16 = 16; // RTM_NEWLINK
    const UP: u32 = 1; // IFF_UP
    let mut body = [0; 16];
    body[4..8].copy_from_slice(&LOOPBACK.to_ne_bytes());
    body[8..12].copy_from_slice(&UP.to_ne_bytes()); // what it becomes
    body[12..16].copy_from_slice(&UP.to_ne_bytes()); // what changes
    message(SET_LINK, &body)
}

/// `ifaddrmsg` of linux/if_addr.h and the attribute that is the address.
fn new_address(address: IpAddr, prefix: u8) -> Vec<u8> {
    const NEW_ADDRESS: u16 = 20; // RTM_NEWADDR
    const LOCAL: u16 = 2; // IFA_LOCAL
    let (family, octets) = match address {
        IpAddr::V4(address) => (AddressFamily::Inet, address.octets().to_vec()),
        IpAddr::V6(address) => (AddressFamily::Inet6, address.octets().to_vec()),
    };
    let mut body = vec![u8::try_from(family as i32).unwrap_or(0), prefix, 0, 0];
    body.extend(LOOPBACK.to_ne_bytes());
    body.extend(u16::try_from(4 + octets.len()).unwrap_or(0).to_ne_bytes());
    body.extend(LOCAL.to_ne_bytes());
    body.extend(octets);
    message(NEW_ADDRESS, &body)
}
