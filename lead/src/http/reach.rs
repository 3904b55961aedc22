//! Names that the lead is asked by, and whom a proxy speaks for. Pure: headers in, an answer out.
//!
//! - A page of another site can send a browser to this lead under a name of its own (DNS
//!   rebinding). So pages and the API answer to names of this lead only.
//! - Forwarded headers can be written by anyone: they count from proxies that the operator named,
//!   and of what those say, the last address that is not a proxy's.

use std::net::IpAddr;
use std::sync::Arc;

use axum::http::header::{FORWARDED, HOST};
use axum::http::uri::Authority;
use axum::http::{HeaderMap, HeaderName, Uri};
use greenline_runtime::settings::{HostName, Network};

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// Whom the lead answers, and how it tells them apart.
#[derive(Debug, Clone, Default)]
pub struct Reach(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    names: Vec<HostName>,
    proxies: Vec<Network>,
}

/// One who asks, as shares count them. Who has one address of an IPv6 network has them all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Client(IpAddr);

impl Client {
    pub(crate) fn at(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V6(address) => {
                let network = address.to_bits() >> 64 << 64;
                Self(IpAddr::V6(network.into()))
            }
            address => Self(address),
        }
    }
}

impl Reach {
    /// Names beside the lead's address and loopback's, and proxies to believe.
    #[must_use]
    pub fn new(names: Vec<HostName>, proxies: Vec<Network>) -> Self {
        Self(Arc::new(Inner { names, proxies }))
    }

    /// Returns whether a request that came in at `local` asks for this lead.
    pub(super) fn is_asked(&self, uri: &Uri, headers: &HeaderMap, local: IpAddr) -> bool {
        let mut hosts = headers.get_all(HOST).iter();
        let (Some(host), None) = (hosts.next(), hosts.next()) else { return false };
        let host = host.to_str().ok().and_then(|host| host.parse::<Authority>().ok());
        let Some(host) = host else { return false };
        let named = |host: &Authority| self.is_name(host.host(), local);
        named(&host) && uri.authority().is_none_or(named)
    }

    fn is_name(&self, host: &str, local: IpAddr) -> bool {
        let host = host.trim_start_matches('[').trim_end_matches([']', '.']).to_ascii_lowercase();
        let listed = self.0.names.iter().any(|name| name.as_str() == host);
        let own = |address: IpAddr| {
            let address = address.to_canonical();
            address.is_loopback() || address == local.to_canonical()
        };
        listed || host == "localhost" || host.parse().is_ok_and(own)
    }

    pub(super) fn is_proxy(&self, address: IpAddr) -> bool {
        self.0.proxies.iter().any(|network| network.contains(address))
    }

    /// Whom a request comes from: the peer, or whom a proxy speaks for.
    pub(super) fn client(&self, peer: IpAddr, headers: &HeaderMap) -> Client {
        if !self.is_proxy(peer) {
            return Client::at(peer);
        }
        let list = |name: &HeaderName| -> Option<Vec<String>> {
            let values = headers.get_all(name).iter();
            let texts: Vec<&str> = values.map(|value| value.to_str().unwrap_or("")).collect();
            let parts = texts.iter().flat_map(|text| text.split(','));
            (!texts.is_empty()).then(|| parts.map(|part| part.trim().to_owned()).collect())
        };
        let by_name = list(&X_FORWARDED_FOR).map(|list| self.last_client(&list, peer));
        let forwarded = list(&FORWARDED).map(|list| {
            let list: Vec<String> = list.iter().map(|element| forwarded_for(element)).collect();
            self.last_client(&list, peer)
        });
        match (by_name, forwarded) {
            // A proxy writes one and passes the other on as it came, from any sender.
            (Some(one), Some(other)) if one != other => Client::at(peer),
            (one, other) => Client::at(one.or(other).unwrap_or(peer)),
        }
    }

    /// The last of these that is no proxy; the last proxy before one that can't be read.
    fn last_client(&self, list: &[String], peer: IpAddr) -> IpAddr {
        let mut known = peer;
        for entry in list.iter().rev() {
            let Some(address) = address(entry) else { return known };
            known = address;
            if !self.is_proxy(address) {
                return address;
            }
        }
        known
    }
}

/// The `for` of `for="[2001:db8::1]:4711";proto=https`.
fn forwarded_for(element: &str) -> String {
    let pairs = element.split(';').filter_map(|pair| pair.trim().split_once('='));
    let named = pairs.filter(|(name, _)| name.eq_ignore_ascii_case("for"));
    named.map(|(_, value)| value.trim_matches('"').to_owned()).next().unwrap_or_default()
}

/// An address, with a port or without.
fn address(text: &str) -> Option<IpAddr> {
    if let Some((address, _port)) = text.strip_prefix('[').and_then(|it| it.split_once(']')) {
        return address.parse().ok();
    }
    let without_port = || text.split_once(':').and_then(|(address, _)| address.parse().ok());
    text.parse().ok().or_else(without_port)
}

#[cfg(test)]
mod tests {
    use greenline_runtime::ProcessRole;
    use greenline_runtime::settings::{SettingFlags, SettingSources, load};

    use super::*;

    fn reach(names: &str, proxies: &str) -> Reach {
        let mut sources = SettingSources::of_process(ProcessRole::Worker, SettingFlags::none());
        sources.environment = [("GREENLINE_HOST_NAMES", names), ("GREENLINE_PROXIES", proxies)]
            .map(|(name, value)| (name.to_owned(), value.into()))
            .into();
        let lead = load(&sources).unwrap().settings.lead;
        Reach::new(lead.host_names, lead.proxies)
    }

    fn headers(pairs: &[(HeaderName, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(name, value.parse().unwrap());
        }
        headers
    }

    #[test]
    fn it_answers_to_its_own_names() {
        let reach = reach("greenline.example.com", "");
        let local = "10.0.0.5".parse().unwrap();
        let asked =
            |host: &str| reach.is_asked(&"/".parse().unwrap(), &headers(&[(HOST, host)]), local);
        for host in [
            "localhost",
            "LOCALHOST:7410",
            "127.0.0.1:7410",
            "127.9.9.9",
            "[::1]:7410",
            "10.0.0.5",
            "10.0.0.5:7410",
            "greenline.example.com",
            "Greenline.Example.com.:443",
        ] {
            assert!(asked(host), "{host}");
        }
        for host in [
            "",
            "example.com",
            "evil.greenline.example.com",
            "greenline.example.com.evil.example",
            "10.0.0.6",
            "localhost.evil.example",
            "a@localhost.evil.example",
            "127.0.0.1.evil.example",
            "localhost evil",
        ] {
            assert!(!asked(host), "{host}");
        }
        let uri: Uri = "http://evil.example/".parse().unwrap();
        assert!(!reach.is_asked(&uri, &headers(&[(HOST, "localhost")]), local));
        let twice = headers(&[(HOST, "localhost"), (HOST, "localhost")]);
        assert!(!reach.is_asked(&"/".parse().unwrap(), &twice, local));
        assert!(!reach.is_asked(&"/".parse().unwrap(), &HeaderMap::new(), local));
    }

    #[test]
    fn a_proxy_says_whom_it_speaks_for_and_nobody_else_does() {
        let reach = reach("", "10.0.0.0/8, 192.0.2.1");
        let of = |peer: &str, pairs: &[(HeaderName, &str)]| {
            reach.client(peer.parse().unwrap(), &headers(pairs))
        };
        let at = |address: &str| Client::at(address.parse().unwrap());
        const X: HeaderName = X_FORWARDED_FOR;
        let cases = [
            ("203.0.113.9", vec![(X, "198.51.100.1")], "203.0.113.9"),
            ("10.0.0.1", vec![], "10.0.0.1"),
            ("10.0.0.1", vec![(X, "198.51.100.1")], "198.51.100.1"),
            ("10.0.0.1", vec![(X, "198.51.100.7, 198.51.100.1")], "198.51.100.1"),
            ("10.0.0.1", vec![(X, "198.51.100.1, 10.0.0.2, 192.0.2.1")], "198.51.100.1"),
            ("10.0.0.1", vec![(X, "198.51.100.7"), (X, "198.51.100.1")], "198.51.100.1"),
            ("10.0.0.1", vec![(X, "198.51.100.1, junk")], "10.0.0.1"),
            ("10.0.0.1", vec![(X, "198.51.100.1:4711")], "198.51.100.1"),
            ("10.0.0.1", vec![(X, "10.0.0.3, 10.0.0.2")], "10.0.0.3"),
            ("10.0.0.1", vec![(FORWARDED, "for=198.51.100.1;proto=https")], "198.51.100.1"),
            ("10.0.0.1", vec![(FORWARDED, "for=1.1.1.1, For=\"[2001:db8::1]:9\"")], "2001:db8::1"),
            ("10.0.0.1", vec![(FORWARDED, "for=unknown")], "10.0.0.1"),
            ("10.0.0.1", vec![(X, "198.51.100.1"), (FORWARDED, "for=9.9.9.9")], "10.0.0.1"),
            ("10.0.0.1", vec![(X, "9.9.9.9"), (FORWARDED, "for=9.9.9.9")], "9.9.9.9"),
        ];
        for (peer, pairs, expected) in cases {
            assert_eq!(of(peer, &pairs), at(expected), "{peer} {pairs:?}");
        }
        assert_eq!(at("2001:db8::1"), at("2001:db8::ffff:1"), "one network");
        assert_ne!(at("2001:db8::1"), at("2001:db8:0:1::1"));
        assert_eq!(at("::ffff:10.0.0.1"), at("10.0.0.1"));
    }
}
