//! Networks and host names, as settings name them.

use std::fmt;
use std::net::IpAddr;

use super::problem::ValueError;
use super::value::{ParseResult, items, quoted};

/// An address, or a block of them: `10.0.0.0/8`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network {
    address: IpAddr,
    prefix: u8,
}

impl Network {
    /// Returns whether an address is in this network. An IPv4 address within IPv6 counts as itself.
    pub fn contains(&self, address: IpAddr) -> bool {
        let same = |one: u128, other: u128, bits: u8| {
            let shift = u32::from(bits - self.prefix);
            one.checked_shr(shift).unwrap_or(0) == other.checked_shr(shift).unwrap_or(0)
        };
        match (self.address, address.to_canonical()) {
            (IpAddr::V4(one), IpAddr::V4(other)) => {
                same(u128::from(one.to_bits()), u128::from(other.to_bits()), 32)
            }
            (IpAddr::V6(one), IpAddr::V6(other)) => same(one.to_bits(), other.to_bits(), 128),
            _ => false,
        }
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.prefix)
    }
}

/// The name of a host, in lower case: a DNS name or an address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostName(String);

impl HostName {
    /// Its text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

pub(super) fn networks(text: &str) -> ParseResult<Vec<Network>> {
    items(text).map(network).collect()
}

fn network(text: &str) -> ParseResult<Network> {
    let fault = || {
        let hint = "write an address such as 10.0.0.7, or a network such as 10.0.0.0/8";
        ValueError::new(quoted(text, "an address or a network"), hint)
    };
    let (address, prefix) = match text.split_once('/') {
        Some((address, prefix)) => (address, Some(prefix)),
        None => (text, None),
    };
    let address: IpAddr = address.parse().map_err(|_| fault())?;
    let most = if address.is_ipv4() { 32 } else { 128 };
    let prefix = match prefix {
        None => most,
        Some(prefix) => prefix.parse().ok().filter(|it| *it <= most).ok_or_else(fault)?,
    };
    Ok(Network { address, prefix })
}

pub(super) fn host_names(text: &str) -> ParseResult<Vec<HostName>> {
    items(text).map(host_name).collect()
}

fn host_name(text: &str) -> ParseResult<HostName> {
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || b".-_".contains(&byte);
    let is_address = text.parse::<IpAddr>().is_ok();
    if text.len() <= 253 && (is_address || text.bytes().all(is_name)) {
        return Ok(HostName(text.trim_end_matches('.').to_ascii_lowercase()));
    }
    let hint = "write it without scheme and port, such as greenline.example.com";
    Err(ValueError::new(quoted(text, "the name of a host"), hint))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_holds_its_addresses() {
        let holds = |network: &str, address: &str| {
            networks(network).unwrap()[0].contains(address.parse().unwrap())
        };
        assert!(holds("10.0.0.0/8", "10.255.0.1") && !holds("10.0.0.0/8", "11.0.0.1"));
        assert!(holds("10.0.0.7", "10.0.0.7") && !holds("10.0.0.7", "10.0.0.8"));
        assert!(holds("10.0.0.7", "::ffff:10.0.0.7"));
        assert!(holds("0.0.0.0/0", "192.0.2.1") && !holds("0.0.0.0/0", "2001:db8::1"));
        assert!(holds("2001:db8::/32", "2001:db8:1::1") && !holds("2001:db8::/32", "2001:db9::1"));
        assert!(holds("::/0", "2001:db8::1"));
        for text in ["", " , "] {
            assert_eq!(networks(text).unwrap(), []);
        }
        for text in ["10.0.0.0/33", "::/129", "10.0.0", "a", "10.0.0.0/", "10.0.0.0/-1"] {
            assert!(networks(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_host_is_a_name_without_scheme_and_port() {
        assert_eq!(host_names("Lead.Example.com., ::1").unwrap().len(), 2);
        assert_eq!(host_names("Lead.Example.com.").unwrap()[0].as_str(), "lead.example.com");
        for text in ["https://a", "a:80", "a b", "*.a", "a/b"] {
            assert!(host_names(text).is_err(), "{text}");
        }
    }
}
