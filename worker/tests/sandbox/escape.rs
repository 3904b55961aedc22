//! One attempt to get out of a sandbox. Exit code 0: it worked. 1: it was refused, and why is said.

#![expect(clippy::print_stdout, reason = "what is said is what the test reads")]

use std::error::Error;
use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixStream};
use std::process::ExitCode;

use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, setns, unshare};
use nix::sys::ptrace;
use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, Uid, chroot, setuid};

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
        ["listen", address] => done(TcpListener::bind(address)),
        ["udp", address] => done(UdpSocket::bind("127.0.0.1:0")?.send_to(b"x", address)),
        ["unix", path] => done(UnixStream::connect(path)),
        ["abstract", name] => {
            done(UnixStream::connect_addr(&SocketAddr::from_abstract_name(name)?))
        }
        ["signal", pid] => done(kill(Pid::from_raw(pid.parse()?), Signal::SIGWINCH)),
        ["trace", pid] => done(ptrace::attach(Pid::from_raw(pid.parse()?))),
        ["mount"] => done(mount(Some("tmpfs"), ".", Some("tmpfs"), MsFlags::empty(), None::<&str>)),
        ["unshare"] => done(unshare(CloneFlags::CLONE_NEWUSER)),
        ["enter", namespace] => done(setns(File::open(namespace)?, CloneFlags::empty())),
        ["root"] => done(setuid(Uid::from_raw(0))),
        ["chroot"] => done(chroot("/")),
        _ => Err("this is not known".into()),
    }
}

fn done<T, E: Error + 'static>(result: std::result::Result<T, E>) -> Result {
    result.map(drop).map_err(Into::into)
}
