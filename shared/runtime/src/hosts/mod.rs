//! Hosts that sandboxed commands may reach over the network: the entries of `[sandbox] hosts`.
//!
//! An entry is a host, and the ports of it that count:
//!
//! ```text
//! pypi.org              443 with TLS, and 80
//! *.example.org         the same for all names below it, at any depth
//! mirror.corp:8443      this port alone, with TLS
//! http://mirror.corp    80 without TLS; http://mirror.corp:8081 another port
//! 10.0.0.5:8443         an address: TLS that names no host; http://10.0.0.5:8080 without TLS
//! *                     every name
//! @registries           the public registries of registries.toml; @python those of one ecosystem
//! ```
//!
//! A [`HostList`] decides by name and port alone. It resolves nothing: the address that a name
//! leads to is judged by the worker when it connects.

mod pattern;
mod registries;

use std::collections::BTreeSet;
use std::fmt;
use std::net::IpAddr;

pub use pattern::{HostFault, HostPattern, HostRule, Protocol};
pub use registries::{REGISTRIES, Registry, registries};

/// The most entries that a list has after its groups are written out.
const MOST_RULES: usize = 1_000;

/// The most different ports in a list: the sandbox has a socket for each.
const MOST_PORTS: usize = 64;

/// Hosts and their ports, as an operator or a repository lists them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HostList {
    rules: Vec<HostRule>,
}

impl HostList {
    /// Reads entries, with groups such as `@python` written out.
    ///
    /// # Errors
    /// When an entry is none, or when there are too many of them or of their ports.
    pub fn parse<'a>(entries: impl IntoIterator<Item = &'a str>) -> Result<Self, HostFault> {
        let mut rules = Vec::new();
        for entry in entries {
            match entry.strip_prefix('@') {
                Some(group) => rules.extend(registries::group(group)?),
                None => rules.push(entry.parse()?),
            }
        }
        let list = Self { rules };
        if list.rules.len() > MOST_RULES || list.ports().len() > MOST_PORTS {
            let message = format!("more than {MOST_RULES} hosts or {MOST_PORTS} ports");
            return Err(HostFault::new(message, "write patterns such as *.example.org"));
        }
        Ok(list)
    }

    /// A list of one rule.
    #[must_use]
    pub fn of(rule: HostRule) -> Self {
        Self { rules: vec![rule] }
    }

    /// The rules, in the order of the text.
    #[must_use]
    pub fn rules(&self) -> &[HostRule] {
        &self.rules
    }

    /// Returns whether a name is listed with any port. Names are in lower case, without a dot at
    /// the end.
    #[must_use]
    pub fn lists(&self, name: &str) -> bool {
        self.rules.iter().any(|rule| rule.host().matches(name))
    }

    /// The protocol that a host's port must speak, or `None` if the list does not have it. Where
    /// several entries fit, one without TLS wins: the operator wrote it for this port.
    #[must_use]
    pub fn protocol(&self, host: &HostPattern, port: u16) -> Option<Protocol> {
        let fits = |rule: &&HostRule| host.is_within(rule.host());
        let protocols = self.rules.iter().filter(fits).filter_map(|rule| rule.protocol(port));
        protocols.max()
    }

    /// All ports of all entries.
    #[must_use]
    pub fn ports(&self) -> BTreeSet<u16> {
        self.rules.iter().flat_map(|rule| rule.ports().iter().map(|(port, _)| *port)).collect()
    }

    /// All entries that are addresses.
    #[must_use]
    pub fn addresses(&self) -> BTreeSet<IpAddr> {
        self.rules.iter().filter_map(|rule| rule.host().address()).collect()
    }

    /// The part of this list that `wanted` asks for as well, and the entries of `wanted` of which
    /// nothing is left.
    #[must_use]
    pub fn narrowed(&self, wanted: &Self) -> (Self, Vec<HostRule>) {
        let (mut rules, mut refused) = (Vec::new(), Vec::new());
        for rule in &wanted.rules {
            let common: Vec<_> = self.rules.iter().filter_map(|own| own.common(rule)).collect();
            if common.is_empty() {
                refused.push(rule.clone());
            }
            rules.extend(common);
        }
        rules.sort();
        rules.dedup();
        (Self { rules }, refused)
    }
}

impl fmt::Display for HostList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let entries: Vec<String> = self.rules.iter().map(ToString::to_string).collect();
        f.write_str(&entries.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(entries: &[&str]) -> HostList {
        HostList::parse(entries.iter().copied()).unwrap()
    }

    fn protocol(list: &HostList, name: &str, port: u16) -> Option<Protocol> {
        list.protocol(&HostPattern::Name(name.to_owned()), port)
    }

    #[test]
    fn a_name_is_allowed_as_it_is_written_and_nothing_beside_it() {
        let list = list(&["PyPI.org.", "*.Example.org", "bücher.example", "mirror.corp:8443"]);
        assert_eq!(protocol(&list, "pypi.org", 443), Some(Protocol::Tls));
        assert_eq!(protocol(&list, "pypi.org", 80), Some(Protocol::Plain));
        assert_eq!(protocol(&list, "a.b.example.org", 443), Some(Protocol::Tls));
        assert_eq!(protocol(&list, "xn--bcher-kva.example", 443), Some(Protocol::Tls));
        assert_eq!(protocol(&list, "mirror.corp", 8443), Some(Protocol::Tls));
        for (name, port) in [
            ("pypi.org", 22),
            ("evil-pypi.org", 443),
            ("pypi.org.evil.com", 443),
            ("files.pypi.org", 443),
            ("example.org", 443),
            ("evilexample.org", 443),
            ("mirror.corp", 443),
            ("mirror.corp", 80),
            ("", 443),
        ] {
            assert_eq!(protocol(&list, name, port), None, "{name}:{port}");
        }
    }

    #[test]
    fn a_repository_narrows_and_never_widens() {
        let operator = list(&["pypi.org", "*.example.org", "a.corp:8443", "10.0.0.5:80"]);
        let narrowed = |wanted: &[&str]| {
            let (list, refused) = operator.narrowed(&list(wanted));
            let refused: Vec<String> = refused.iter().map(ToString::to_string).collect();
            (list.to_string(), refused.join(", "))
        };
        let both = |left: &str, refused: &str| (left.to_owned(), refused.to_owned());
        assert_eq!(narrowed(&["pypi.org"]), both("pypi.org", ""));
        assert_eq!(narrowed(&["https://pypi.org"]), both("https://pypi.org", ""));
        assert_eq!(narrowed(&["pypi.org:8080"]), both("", "pypi.org:8080"));
        assert_eq!(narrowed(&["x.example.org"]), both("x.example.org", ""));
        assert_eq!(narrowed(&["*.b.example.org"]), both("*.b.example.org", ""));
        assert_eq!(narrowed(&["*.org"]), both("*.example.org, pypi.org", ""));
        assert_eq!(narrowed(&["*:8443"]), both("a.corp:8443", ""));
        assert_eq!(narrowed(&["http://a.corp:8443"]), both("a.corp:8443", ""));
        assert_eq!(narrowed(&["evil.com", "pypi.org"]), both("pypi.org", "evil.com"));
        assert_eq!(narrowed(&["127.0.0.1:80", "169.254.169.254"]).0, "");
        assert_eq!(narrowed(&[]), both("", ""));
    }

    #[test]
    fn a_name_without_tls_is_one_only_where_it_is_written_so() {
        let list = list(&["a.corp:8080", "http://b.corp:8080"]);
        assert_eq!(protocol(&list, "a.corp", 8080), Some(Protocol::Tls));
        assert_eq!(protocol(&list, "b.corp", 8080), Some(Protocol::Plain));
        let list = self::list(&["10.0.0.5:8443", "http://10.0.0.6:8080"]);
        let protocol =
            |last, port| list.protocol(&HostPattern::Address([10, 0, 0, last].into()), port);
        assert_eq!(protocol(5, 8443), Some(Protocol::Tls));
        assert_eq!(protocol(6, 8080), Some(Protocol::Plain));
    }

    #[test]
    fn a_list_has_bounds() {
        let many: Vec<String> = (1..100).map(|port| format!("a.corp:{port}")).collect();
        assert!(HostList::parse(many.iter().map(String::as_str)).is_err());
    }
}
