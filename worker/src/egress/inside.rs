//! The launcher's part, in the new network and before any other code runs there.

use std::error::Error;
use std::fs::{self, File};
use std::io;
use std::net::{IpAddr, Ipv4Addr, TcpListener, UdpSocket};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};

use super::names::{PREFIX, RESOLVER};
use super::{Listeners, handover};
use crate::sandbox::loopback;

const DNS: u16 = 53;

/// Makes the addresses and sockets of the relay and hands them to the worker, by the channel that
/// this process has as its standard input; of that, nothing is left to what comes after.
pub(crate) fn open(listeners: &Listeners) -> Result<(), Box<dyn Error>> {
    loopback::add_address(RESOLVER.into(), PREFIX)?;
    for address in listeners.addresses.iter().filter(|address| !address.is_loopback()) {
        loopback::add_address(*address, if address.is_ipv4() { 32 } else { 128 })?;
    }
    let failed = |what: &str, error: io::Error| format!("failed to listen for {what}: {error}");
    let questions = UdpSocket::bind((RESOLVER, DNS)).map_err(|error| failed("names", error))?;
    let mut tcp = vec![TcpListener::bind((RESOLVER, DNS)).map_err(|error| failed("names", error))?];
    let any = IpAddr::from(Ipv4Addr::UNSPECIFIED);
    let places = listeners.addresses.iter().filter(|address| address.is_ipv6()).chain([&any]);
    for place in places {
        for port in listeners.ports.iter().filter(|port| **port != DNS) {
            let listener = TcpListener::bind((*place, *port))
                .map_err(|error| failed(&format!("port {port}"), error))?;
            tcp.push(listener);
        }
    }
    let mut sockets = vec![questions.as_fd()];
    sockets.extend(tcp.iter().map(AsFd::as_fd));
    handover::send(io::stdin(), &sockets)
        .map_err(|error| format!("failed to hand sockets to the worker: {error}"))?;
    let nothing = File::open("/dev/null")?;
    rustix::stdio::dup2_stdin(nothing)?;
    Ok(())
}

/// The files that resolvers read, as they have to be in there, by path.
pub(crate) fn files() -> Vec<(PathBuf, String)> {
    let switch = Path::new("/etc/nsswitch.conf");
    let of_the_system = fs::read_to_string(switch).unwrap_or_default();
    vec![
        ("/etc/resolv.conf".into(), format!("nameserver {RESOLVER}\n")),
        ("/etc/hosts".into(), "127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost\n".into()),
        (switch.to_owned(), with_plain_hosts(&of_the_system)),
    ]
}

/// The same, but names are looked for in /etc/hosts and then asked of the resolver. What a system
/// has beside, such as a daemon to ask, is out of reach in there.
fn with_plain_hosts(switch: &str) -> String {
    let others = switch.lines().filter(|line| !line.trim_start().starts_with("hosts:"));
    let lines: Vec<&str> = others.chain(["hosts: files dns"]).collect();
    lines.join("\n") + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_asked_of_the_resolver_and_of_no_daemon() {
        let system =
            "passwd: files\nhosts: files mdns4 [NOTFOUND=return] resolve dns\ngroup: files";
        assert_eq!(with_plain_hosts(system), "passwd: files\ngroup: files\nhosts: files dns\n");
        assert_eq!(with_plain_hosts(""), "hosts: files dns\n");
    }
}
