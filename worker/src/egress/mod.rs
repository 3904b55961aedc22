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
//! - On a port with TLS the greeting has to name the host that the address stands for, or nothing
//!   where the list has an address. TLS is not opened: bytes are forwarded as they came.
//! - On a port without TLS one GET or HEAD for the listed host passes, and its answer.
//! - A name that leads to an address of a private network, of this machine or of a cloud's metadata
//!   is refused, on the address that is connected to, unless the operator lists the name as private.
//! - Connections, names and times are bounded, and all of them end with the command.
//! - A refusal is reported in the task's output, once for each host.
//!
//! An allowed host serves what it serves: a package that anyone may publish, or another site behind
//! the same front. Nothing here looks into TLS, or into answers.

mod connection;
mod dns;
mod greeting;
mod handover;
mod inside;
mod names;
mod notices;
mod proxy;
mod public;
mod request_head;
mod service;
mod upstream;

use std::collections::BTreeSet;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
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
    source: ListSource,
}

/// The origin of a list of hosts, for the text of refusals.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum ListSource {
    /// `[sandbox] hosts`.
    #[default]
    Settings,
    /// The repository that is checked out.
    Repository,
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
        Self { hosts, private, upstream: Arc::new(upstream), source: ListSource::Settings }
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
        Self {
            hosts,
            private,
            upstream: Arc::clone(&self.upstream),
            source: ListSource::Repository,
        }
    }

    /// The line about a host that is not in the list.
    fn refusal(&self, host: &str) -> String {
        match self.source {
            ListSource::Settings => {
                format!("{host} is not in [sandbox] hosts, so it can't be reached")
            }
            ListSource::Repository => {
                format!("{host} can't be reached: checkout reaches only the repository's host")
            }
        }
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

impl Target {
    /// Returns whether a name, in lower case, is one of the host. Of addresses, that of `localhost`
    /// alone has a name.
    fn has_name(&self, name: &str) -> bool {
        match &self.host {
            HostPattern::Address(address) => {
                let is_local = [Ipv4Addr::LOCALHOST.into(), IpAddr::from(Ipv6Addr::LOCALHOST)];
                name == "localhost" && is_local.contains(address)
            }
            host => host.matches(name.strip_suffix('.').unwrap_or(name)),
        }
    }

    /// Returns this target as HTTP writes it, if `authority` is a host, with or without a port, that
    /// means it.
    fn named_by(&self, authority: &str) -> Option<String> {
        let (host, port) = match authority.rsplit_once(':') {
            Some((host, port)) if !authority.ends_with(']') => (host, Some(port)),
            _ => (authority, None),
        };
        let is_own = |port: &str| {
            port.bytes().all(|byte| byte.is_ascii_digit()) && port.parse() == Ok(self.port)
        };
        if !port.is_none_or(is_own) {
            return None;
        }
        let host = host.to_ascii_lowercase();
        let is_address = self.host.address().is_some_and(|own| match own {
            IpAddr::V4(own) => host.parse() == Ok(own),
            IpAddr::V6(own) => {
                let bare = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
                bare.and_then(|bare| bare.parse().ok()) == Some(own)
            }
        });
        let host = if is_address || self.host.address().is_none() && self.has_name(&host) {
            self.host.to_string()
        } else if self.has_name(&host) {
            host
        } else {
            return None;
        };
        Some(if self.port == 80 { host } else { format!("{host}:{}", self.port) })
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
    fn a_refusal_names_the_list_that_decides() {
        let all = egress(&["ghe.corp"], &[]);
        assert!(all.refusal("vm").contains("vm is not in [sandbox] hosts"));
        let checkout = all.to("https://ghe.corp".parse().unwrap(), false).refusal("vm");
        assert!(checkout.contains("checkout reaches only the repository's host"), "{checkout}");
        assert!(!checkout.contains("[sandbox]"), "{checkout}");
    }

    #[test]
    fn variables_of_proxies_are_known_in_both_spellings() {
        for name in ["https_proxy", "HTTP_PROXY", "no_proxy", "ALL_PROXY"] {
            assert!(Egress::replaces_variable(name), "{name}");
        }
        assert!(!Egress::replaces_variable("GOPROXY"));
    }
}
