//! One attempt to get out of a sandbox. Exit code 0: it worked. 1: it was refused, and why is said.

#![expect(clippy::print_stdout, reason = "what is said is what the test reads")]

use std::error::Error;
use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{IoSlice, Read, Write};
use std::mem::MaybeUninit;
use std::net::{TcpListener, TcpStream, ToSocketAddrs, UdpSocket};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{SocketAddr, UnixStream};
use std::process::ExitCode;
use std::thread::sleep;
use std::time::Duration;

use nix::libc;
use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, setns, unshare};
use nix::sys::ptrace;
use nix::sys::signal::{Signal, kill};
use nix::sys::socket::{
    AddressFamily, Backlog, MsgFlags, SockFlag, SockType, UnixAddr, listen, sendto, socket,
    socketpair,
};
use nix::sys::stat::utimes;
use nix::sys::time::{TimeVal, TimeValLike};
use nix::unistd::{Pid, Uid, chown, chroot, setuid};
use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, sendmsg};

type Result = std::result::Result<(), Box<dyn Error>>;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match attempt(&words) {
        Ok(()) => {
            println!("out: {}", words.join(" "));
            ExitCode::SUCCESS
        }
        Err(error) => {
            println!("refused: {}: {error}", words.join(" "));
            ExitCode::FAILURE
        }
    }
}

fn attempt(words: &[&str]) -> Result {
    match *words {
        ["read", path] => done(fs::read(path)),
        ["list", path] => done(fs::read_dir(path)),
        ["write", path] => {
            OpenOptions::new().write(true).open(path)?.write_all(b"x").map_err(Into::into)
        }
        ["create", path] => done(File::create_new(path)),
        ["cut", path] => done(nix::unistd::truncate(path, 0)),
        ["remove", path] => done(fs::remove_file(path)),
        ["hard-link", from, to] => done(fs::hard_link(from, to)),
        ["move", from, to] => done(fs::rename(from, to)),
        ["tcp", address] => done(TcpStream::connect(address)),
        ["send", address, hex] => send(address, hex),
        ["names", name] => done((name, 0).to_socket_addrs()),
        ["listen", address] => done(TcpListener::bind(address)),
        ["udp", address] => done(UdpSocket::bind("0.0.0.0:0")?.send_to(b"x", address)),
        ["unix", path] => done(UnixStream::connect(path)),
        ["abstract", name] => {
            done(UnixStream::connect_addr(&SocketAddr::from_abstract_name(name)?))
        }
        ["fast-open", address] => {
            let flag = rustix::net::SendFlags::from_bits_retain(libc::MSG_FASTOPEN.unsigned_abs());
            let address: std::net::SocketAddrV4 = address.parse()?;
            done(rustix::net::sendto(stream()?, b"x", flag, &address))
        }
        ["mptcp", address] => {
            let address: std::net::SocketAddrV4 = address.parse()?;
            let protocol = Some(rustix::net::ipproto::MPTCP);
            let stream = rustix::net::socket(
                rustix::net::AddressFamily::INET,
                rustix::net::SocketType::STREAM,
                protocol,
            )?;
            done(rustix::net::connect(&stream, &address))
        }
        ["socket", family, kind, protocol] => {
            let protocol = std::num::NonZero::new(protocol.parse()?);
            done(rustix::net::socket(
                rustix::net::AddressFamily::from_raw(family.parse()?),
                rustix::net::SocketType::from_raw(kind.parse()?),
                protocol.map(rustix::net::Protocol::from_raw),
            ))
        }
        ["listen-unbound"] => done(listen(&stream()?, Backlog::new(1)?)),
        ["send-from-pair", path] => {
            let flags = SockFlag::empty();
            let (one, _other) = socketpair(AddressFamily::Unix, SockType::Datagram, None, flags)?;
            done(sendto(one.as_raw_fd(), b"x", &UnixAddr::new(path)?, MsgFlags::empty()))
        }
        ["mode", mode, path] => {
            let mode = Permissions::from_mode(u32::from_str_radix(mode, 8)?);
            done(fs::set_permissions(path, mode))
        }
        ["times", path] => done(utimes(path, &TimeVal::zero(), &TimeVal::zero())),
        ["attribute", path] => {
            let flags = rustix::fs::XattrFlags::empty();
            done(rustix::fs::setxattr(path, "user.greenline", b"x", flags))
        }
        ["owner", path] => done(chown(path, Some(Uid::current()), None)),
        ["signal", pid] => done(kill(Pid::from_raw(pid.parse()?), Signal::SIGWINCH)),
        ["trace", pid] => done(ptrace::attach(Pid::from_raw(pid.parse()?))),
        ["mount"] => done(mount(Some("tmpfs"), ".", Some("tmpfs"), MsFlags::empty(), None::<&str>)),
        ["unshare"] => done(unshare(CloneFlags::CLONE_NEWUSER)),
        ["enter", namespace] => done(setns(File::open(namespace)?, CloneFlags::empty())),
        ["root"] => done(setuid(Uid::from_raw(0))),
        ["in-flight", ready, stop] => {
            let _held = leave_in_flight()?;
            fs::write(ready, "x")?;
            while !fs::exists(stop)? {
                sleep(Duration::from_millis(10));
            }
            Ok(())
        }
        ["chroot"] => done(chroot("/")),
        _ => Err("this is not known".into()),
    }
}

fn stream() -> nix::Result<OwnedFd> {
    socket(AddressFamily::Inet, SockType::Stream, SockFlag::empty(), None)
}

/// Leaves as many descriptors in sockets as the kernel takes.
fn leave_in_flight() -> std::result::Result<Vec<(UnixStream, UnixStream)>, Box<dyn Error>> {
    let mut pairs = Vec::new();
    loop {
        let pair = UnixStream::pair()?;
        for _ in 0..3 {
            let copies = [pair.0.as_fd(); 50];
            let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(50))];
            let mut control = SendAncillaryBuffer::new(&mut space);
            control.push(SendAncillaryMessage::ScmRights(&copies));
            match sendmsg(&pair.0, &[IoSlice::new(b"x")], &mut control, SendFlags::empty()) {
                Ok(_) => {}
                Err(rustix::io::Errno::TOOMANYREFS) => {
                    pairs.push(pair);
                    return Ok(pairs);
                }
                Err(error) => return Err(error.into()),
            }
        }
        pairs.push(pair);
    }
}

/// Sends bytes and prints what comes back. An empty answer is none.
fn send(address: &str, hex: &str) -> Result {
    let byte = |at: usize| u8::from_str_radix(hex.get(at..at + 2).unwrap_or_default(), 16);
    let bytes: Vec<u8> =
        (0..hex.len()).step_by(2).map(byte).collect::<std::result::Result<_, _>>()?;
    let mut stream = TcpStream::connect(address)?;
    stream.write_all(&bytes)?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    println!("answer: {}", String::from_utf8_lossy(&answer));
    if answer.is_empty() { Err("nothing came back".into()) } else { Ok(()) }
}

fn done<T, E: Error + 'static>(result: std::result::Result<T, E>) -> Result {
    result.map(drop).map_err(Into::into)
}
