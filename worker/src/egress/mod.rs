//! Egress: the way out of a sandbox that has a network of its own.
//!
//! Inside there is loopback and nothing else. The launcher binds sockets in there before any other
//! code runs, and hands them to the worker, which serves them from outside for as long as the
//! command lives:
//!
//! ```text
//! client     asks the resolver in there for pypi.org
//! resolver   gives each allowed name an address of its own, for all others there is no such name
//! client     connects to that address; the address says which name is meant
//! relay      resolves the name outside, connects, and forwards bytes both ways
//! ```
//!
//! - Only hosts and ports of the [`HostList`] are reached. There is no route to anything else, by
//!   whatever protocol.
//! - On a port with TLS the greeting has to name the host that the address stands for. TLS is not
//!   opened: bytes are forwarded as they came.
//! - A name that leads to an address of a private network, of this machine or of a cloud's metadata
//!   is refused, on the address that is connected to, unless the operator lists the name as private.
//! - Connections, names and times are bounded, and all of them end with the command.
//! - A refusal is reported in the task's output, once for each host.
//!
//! An allowed host serves what it serves: a package that anyone may publish, or another site behind
//! the same front. Nothing here looks into what is forwarded.

mod connection;
mod dns;
mod greeting;
mod handover;
mod inside;
mod names;
mod notices;
mod proxy;
mod public;
mod service;
mod upstream;

use std::collections::BTreeSet;
use std::io;
use std::net::IpAddr;
use std::os::fd::OwnedFd;
use std::sync::Arc;

use greenline_runtime::hosts::{HostList, HostPattern, HostRule, Protocol};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use serde::{Deserialize, Serialize};

pub(crate) use inside::{files, open};
pub use proxy::{Proxies, ProxyFault};
pub(crate) use service::Service;
pub use upstream::{NameSource, Upstream};

/// The variables that lead clients to a proxy. In a sandbox with a relay they would lead nowhere.
const PROXY_VARIABLES: [&str; 4] = ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"];

/// The hosts that a sandbox may reach, and the way to them.
#[derive(Debug, Clone, Default)]
pub struct Egress {
    hosts: HostList,
    /// Hosts that may have private addresses.
    private: Vec<HostPattern>,
    upstream: Arc<Upstream>,
}

/// The sockets that the launcher has to make.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Listeners {
    /// TCP ports on every address.
    pub(crate) ports: BTreeSet<u16>,
    /// Addresses that lead to the relay beside those of names.
    pub(crate) addresses: BTreeSet<IpAddr>,
}

/// The other end of a connection.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Target {
    /// A name or an address, never a pattern.
    host: HostPattern,
    port: u16,
    protocol: Protocol,
    /// Whether the host may have a private address.
    private: bool,
}

/// Raises this process's limit on open files as far as it may go: each connection of a sandbox takes
/// two, and the usual limit of 1024 would let a few sandboxes use up all of a worker's.
pub fn make_room() {
    let raised = getrlimit(Resource::RLIMIT_NOFILE)
        .and_then(|(_, hard)| setrlimit(Resource::RLIMIT_NOFILE, hard, hard));
    if let Err(error) = raised {
        tracing::warn!(%error, "Failed to raise the limit on open files");
    }
}

impl Egress {
    /// These hosts, of which `private` may have private addresses.
    #[must_use]
    pub fn new(hosts: HostList, private: Vec<HostPattern>, upstream: Upstream) -> Self {
        Self { hosts, private, upstream: Arc::new(upstream) }
    }

    /// The part of it that `wanted` asks for as well, and the entries of `wanted` that are not
    /// allowed at all.
    #[must_use]
    pub fn narrowed(&self, wanted: &HostList) -> (Self, Vec<HostRule>) {
        let (hosts, refused) = self.hosts.narrowed(wanted);
        (Self { hosts, ..self.clone() }, refused)
    }

    /// The way to one other host. It may be private if the operator named it: `own`, or as one of
    /// the private hosts.
    #[must_use]
    pub(crate) fn to(&self, rule: HostRule, own: bool) -> Self {
        let mut private = self.private.clone();
        private.extend(own.then(|| rule.host().clone()));
        // An address in a list counts as named by the operator. This one need not be.
        let hosts = match rule.host().address() {
            Some(address) if !private.contains(rule.host()) && !public::is_public(address) => {
                HostList::default()
            }
            _ => HostList::of(rule),
        };
        Self { hosts, private, upstream: Arc::clone(&self.upstream) }
    }

    pub(crate) fn listeners(&self) -> Listeners {
        Listeners { ports: self.hosts.ports(), addresses: self.hosts.addresses() }
    }

    /// Begins to serve one command: the launcher's end of the channel, and what ends the service
    /// when dropped. Refusals are reported to `report`, a line each.
    pub(crate) fn serve(
        &self,
        report: impl Fn(&str) + Send + Sync + 'static,
    ) -> io::Result<(OwnedFd, Service)> {
        Service::start(self.clone(), notices::Notices::new(report))
    }

    /// Returns whether a variable of this name leads to a proxy.
    pub(crate) fn replaces_variable(name: &str) -> bool {
        PROXY_VARIABLES.iter().any(|variable| variable.eq_ignore_ascii_case(name))
    }

    /// The target of a connection to one of its hosts.
    fn target(&self, host: HostPattern, port: u16) -> Option<Target> {
        let protocol = self.hosts.protocol(&host, port)?;
        let private = match &host {
            HostPattern::Name(name) => self.private.iter().any(|own| own.matches(name)),
            _ => true,
        };
        Some(Target { host, port, protocol, private })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn egress(hosts: &[&str], private: &[&str]) -> Egress {
        let hosts = HostList::parse(hosts.iter().copied()).unwrap();
        let private = private.iter().map(|host| host.parse().unwrap()).collect();
        Egress::new(hosts, private, Upstream::default())
    }

    fn name(name: &str) -> HostPattern {
        HostPattern::Name(name.to_owned())
    }

    #[test]
    fn only_what_the_operator_named_may_be_private() {
        let egress =
            egress(&["pypi.org", "mirror.corp", "10.0.0.5:80"], &["*.corp", "mirror.corp"]);
        assert!(!egress.target(name("pypi.org"), 443).unwrap().private);
        assert!(egress.target(name("mirror.corp"), 443).unwrap().private);
        let address = HostPattern::Address([10, 0, 0, 5].into());
        assert!(egress.target(address, 80).unwrap().private);
        assert_eq!(egress.target(name("other.corp"), 443), None, "private is not allowed");
    }

    #[test]
    fn a_checkout_reaches_its_repository_alone() {
        let rule = |host: &str| host.parse::<HostRule>().unwrap();
        let all = egress(&["@registries", "ghe.corp"], &["ghe.corp"]);
        let checkout = all.to(rule("https://ghe.corp"), false);
        assert!(checkout.target(name("ghe.corp"), 443).unwrap().private);
        assert_eq!(checkout.target(name("ghe.corp"), 80), None);
        assert_eq!(checkout.target(name("pypi.org"), 443), None);

        // A task may name any host. An address of this network needs the operator's word.
        let elsewhere = all.to(rule("http://10.0.0.9:8080"), false);
        assert_eq!(elsewhere.listeners(), Listeners::default());
        let own = all.to(rule("http://127.0.0.1:8080"), true);
        assert_eq!(own.listeners().ports, [8080].into());
        let named = egress(&[], &["127.0.0.1"]).to(rule("http://127.0.0.1:8080"), false);
        assert_eq!(named.listeners().ports, [8080].into());
    }

    #[test]
    fn variables_of_proxies_are_known_in_both_spellings() {
        for name in ["https_proxy", "HTTP_PROXY", "no_proxy", "ALL_PROXY"] {
            assert!(Egress::replaces_variable(name), "{name}");
        }
        assert!(!Egress::replaces_variable("GOPROXY"));
    }
}
