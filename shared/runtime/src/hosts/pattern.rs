//! One entry of a list of hosts: which host, and which of its ports.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use url::Host;

/// Why a text is no entry, and what to write instead.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}: {hint}")]
pub struct HostFault {
    /// The fault.
    pub message: String,
    /// The remedy.
    pub hint: String,
}

impl HostFault {
    pub(super) fn new(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { message: message.into(), hint: hint.into() }
    }
}

/// The protocol that a connection must begin with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Protocol {
    /// A TLS greeting that names the host, or nothing where the host is an address.
    Tls,
    /// One request of HTTP for the host, GET or HEAD.
    Plain,
    /// Any bytes. No entry of a list means it: git's protocol over HTTP needs POST.
    Unchecked,
}

/// Names or addresses that an entry stands for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum HostPattern {
    /// Every name; no address.
    AnyName,
    /// All names below this one, at any depth, but not the name itself.
    Below(String),
    /// One name: in lower case, in ASCII, without a dot at the end.
    Name(String),
    /// One address.
    Address(IpAddr),
}

impl HostPattern {
    /// The address, if the pattern is one.
    #[must_use]
    pub fn address(&self) -> Option<IpAddr> {
        match self {
            Self::Address(address) => Some(*address),
            _ => None,
        }
    }

    /// Returns whether a name fits. Names are in lower case, without a dot at the end.
    #[must_use]
    pub fn matches(&self, name: &str) -> bool {
        match self {
            Self::AnyName => !name.is_empty(),
            Self::Below(parent) => is_below(name, parent),
            Self::Name(own) => own == name,
            Self::Address(_) => false,
        }
    }

    /// Returns whether everything that this stands for is also in `other`.
    pub(super) fn is_within(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Address(own), Self::Address(other)) => own == other,
            (Self::Address(_), _) | (_, Self::Address(_)) => false,
            (_, Self::AnyName) => true,
            (Self::AnyName, _) => false,
            (Self::Below(own), Self::Below(other)) => own == other || is_below(own, other),
            (Self::Below(_), Self::Name(_)) => false,
            (Self::Name(own), _) => other.matches(own),
        }
    }

    /// The names that both stand for: of two patterns one is within the other, or there are none.
    fn common(&self, other: &Self) -> Option<Self> {
        if self.is_within(other) {
            Some(self.clone())
        } else if other.is_within(self) {
            Some(other.clone())
        } else {
            None
        }
    }
}

fn is_below(name: &str, parent: &str) -> bool {
    name.strip_suffix(parent)
        .and_then(|rest| rest.strip_suffix('.'))
        .is_some_and(|own| !own.is_empty())
}

impl FromStr for HostPattern {
    type Err = HostFault;

    /// Reads a host without a port.
    fn from_str(text: &str) -> Result<Self, HostFault> {
        let wrong = || {
            let message = format!("\"{}\" is not a host", text.escape_debug());
            HostFault::new(message, "write one such as pypi.org, *.example.org or 10.0.0.5")
        };
        if text == "*" {
            return Ok(Self::AnyName);
        }
        let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
        if let Ok(address) = bare.parse::<Ipv6Addr>() {
            return Ok(Self::Address(address.into()));
        }
        let (below, name) = match text.strip_prefix("*.") {
            Some(parent) => (true, parent),
            None => (false, text),
        };
        let strange = |sign: char| sign.is_whitespace() || "*/\\?#@%,\"'".contains(sign);
        if name.contains(strange) {
            return Err(wrong());
        }
        match Host::parse(name.strip_suffix('.').unwrap_or(name)).map_err(|_| wrong())? {
            Host::Domain(name) if name.len() > 253 || name.split('.').any(str::is_empty) => {
                Err(wrong())
            }
            Host::Domain(name) if below => Ok(Self::Below(name)),
            // The sandbox has a file of names that says the same.
            Host::Domain(name) if name == "localhost" => {
                Ok(Self::Address(Ipv4Addr::LOCALHOST.into()))
            }
            Host::Domain(name) => Ok(Self::Name(name)),
            Host::Ipv4(address) if !below => Ok(Self::Address(address.into())),
            Host::Ipv4(_) | Host::Ipv6(_) => Err(wrong()),
        }
    }
}

impl fmt::Display for HostPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AnyName => f.write_str("*"),
            Self::Below(parent) => write!(f, "*.{parent}"),
            Self::Name(name) => f.write_str(name),
            Self::Address(IpAddr::V6(address)) => write!(f, "[{address}]"),
            Self::Address(address) => write!(f, "{address}"),
        }
    }
}

/// A host and the ports of it that count.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct HostRule {
    host: HostPattern,
    ports: Vec<(u16, Protocol)>,
}

const HTTP: u16 = 80;
const HTTPS: u16 = 443;
const DNS: u16 = 53;

impl HostRule {
    /// One port of one host.
    #[must_use]
    pub fn new(host: HostPattern, port: u16, protocol: Protocol) -> Self {
        Self { host, ports: vec![(port, protocol)] }
    }

    /// The host.
    #[must_use]
    pub fn host(&self) -> &HostPattern {
        &self.host
    }

    /// Its ports, in order.
    #[must_use]
    pub fn ports(&self) -> &[(u16, Protocol)] {
        &self.ports
    }

    /// The protocol of a port, or `None` if the rule does not have it.
    #[must_use]
    pub fn protocol(&self, port: u16) -> Option<Protocol> {
        self.ports.iter().find(|(own, _)| *own == port).map(|(_, protocol)| *protocol)
    }

    /// The part that both rules have. Where one of them asks for TLS, so does the part.
    pub(super) fn common(&self, other: &Self) -> Option<Self> {
        let host = self.host.common(&other.host)?;
        let both = |(port, own): &(u16, Protocol)| Some((*port, other.protocol(*port)?.min(*own)));
        let ports: Vec<_> = self.ports.iter().filter_map(both).collect();
        (!ports.is_empty()).then_some(Self { host, ports })
    }
}

impl FromStr for HostRule {
    type Err = HostFault;

    fn from_str(text: &str) -> Result<Self, HostFault> {
        let (scheme, rest) = match text.split_once("://") {
            Some(("http", rest)) => (Some(Protocol::Plain), rest),
            Some(("https", rest)) => (Some(Protocol::Tls), rest),
            Some((scheme, _)) => {
                let message = format!("\"{}://\" is not known here", scheme.escape_debug());
                return Err(HostFault::new(message, "write https://, http:// or the host alone"));
            }
            None => (None, text),
        };
        let (host, port) = split_port(rest)?;
        let host: HostPattern = host.parse()?;
        let ports = match (port, scheme) {
            (None, None) => vec![(HTTP, Protocol::Plain), (HTTPS, Protocol::Tls)],
            (None, Some(Protocol::Tls)) => vec![(HTTPS, Protocol::Tls)],
            (None, Some(protocol)) => vec![(HTTP, protocol)],
            (Some(port), Some(protocol)) => vec![(port, protocol)],
            (Some(HTTP), None) => vec![(HTTP, Protocol::Plain)],
            (Some(port), None) => vec![(port, Protocol::Tls)],
        };
        Ok(Self { host, ports })
    }
}

/// Splits a port off, if there is one. An IPv6 address with a port stands in brackets.
fn split_port(text: &str) -> Result<(&str, Option<u16>), HostFault> {
    let Some((host, port)) = text.rsplit_once(':') else { return Ok((text, None)) };
    if host.contains(':') && !host.ends_with(']') {
        return Ok((text, None));
    }
    match port.parse() {
        Ok(DNS) => {
            Err(HostFault::new("53 is the port of the sandbox's own resolver", "leave it out"))
        }
        Ok(port) if port != 0 => Ok((host, Some(port))),
        _ => {
            let message = format!("\"{}\" is not a port", port.escape_debug());
            Err(HostFault::new(message, "write 1 to 65535"))
        }
    }
}

impl fmt::Display for HostRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let host = &self.host;
        match self.ports.as_slice() {
            [(HTTP, _), (HTTPS, _)] => write!(f, "{host}"),
            [(HTTPS, Protocol::Tls)] => write!(f, "https://{host}"),
            [(HTTP, Protocol::Plain)] => write!(f, "http://{host}"),
            [(port, Protocol::Plain)] => write!(f, "http://{host}:{port}"),
            ports => {
                let ports: Vec<String> = ports.iter().map(|(port, _)| port.to_string()).collect();
                write!(f, "{host}:{}", ports.join("+"))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> String {
        text.parse::<HostRule>().map_or_else(|fault| fault.message, |rule| rule.to_string())
    }

    #[test]
    fn entries_are_shown_as_they_are_meant() {
        for (text, means) in [
            ("pypi.org", "pypi.org"),
            ("PyPI.ORG.", "pypi.org"),
            ("*.Example.org", "*.example.org"),
            ("pypi.org:443", "https://pypi.org"),
            ("https://pypi.org", "https://pypi.org"),
            ("pypi.org:80", "http://pypi.org"),
            ("http://a.corp:8081", "http://a.corp:8081"),
            ("a.corp:8443", "a.corp:8443"),
            ("bücher.example", "xn--bcher-kva.example"),
            ("127.0.0.1:8080", "127.0.0.1:8080"),
            ("localhost:8080", "127.0.0.1:8080"),
            ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
            ("10.0.0.5:443", "https://10.0.0.5"),
            // The spellings of an address are one address.
            ("0x7f.1:8080", "127.0.0.1:8080"),
            ("10.0.0.5", "10.0.0.5"),
            ("[::1]:8080", "[::1]:8080"),
            ("fd00::5", "[fd00::5]"),
            ("*", "*"),
        ] {
            assert_eq!(shown(text), means, "{text}");
        }
    }

    #[test]
    fn what_is_no_host_is_refused() {
        for text in [
            "",
            ".",
            "*.",
            "a..b",
            "a b",
            "*foo.org",
            "a.*.org",
            "**",
            "pypi.org/simple",
            "a@b.org",
            "ftp://a.org",
            "a.org:0",
            "a.org:65536",
            "a.org:x",
            "a.org:53",
            "*.10.0.0.1",
            "a%b.org",
        ] {
            assert!(text.parse::<HostRule>().is_err(), "{text}: {}", shown(text));
        }
    }
}
