//! The way from the worker to a host: by the system's resolver and a connection whose address was
//! judged, or by the operator's proxy.

use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use greenline_runtime::hosts::HostPattern;
use tokio::net::{TcpStream, lookup_host};
use tokio::time::timeout;

use super::Target;
use super::proxy::Proxies;
use super::public::is_public;

/// How long one address may take to answer.
const DEADLINE: Duration = Duration::from_secs(10);

/// How long a name may take to be resolved.
const RESOLVING: Duration = Duration::from_secs(20);

/// The most addresses of one name that are tried.
const MOST_ADDRESSES: usize = 6;

/// The way out of the worker.
#[derive(Debug, Default)]
pub struct Upstream {
    /// The source of addresses.
    pub names: NameSource,
    /// The operator's proxies.
    pub proxies: Proxies,
}

/// The source of addresses.
#[derive(Debug, Default)]
pub enum NameSource {
    /// The system's resolver.
    #[default]
    System,
    /// A table, for tests: a name and a port, and the places that stand for them.
    Table(BTreeMap<(String, u16), Vec<SocketAddr>>),
}

/// Why a host was not reached.
#[derive(Debug, thiserror::Error)]
pub(super) enum NotReached {
    #[error(
        "it leads to {0}, which is not a public address; if it is yours, list it in [sandbox] private_hosts"
    )]
    NotPublic(IpAddr),
    #[error("its name was not resolved: {0}")]
    NoAddress(io::Error),
    #[error("no connection: {0}")]
    NoConnection(io::Error),
    #[error("the proxy {proxy} did not connect: {source}")]
    NoProxy { proxy: String, source: io::Error },
}

impl Upstream {
    /// Connects to a target.
    pub(super) async fn connect(&self, target: &Target) -> Result<TcpStream, NotReached> {
        if let Some(proxy) = self.proxies.on_the_way(target) {
            let refused = |source| NotReached::NoProxy { proxy: proxy.to_string(), source };
            return proxy.connect(target).await.map_err(refused);
        }
        let addresses = self.addresses(target).await.map_err(NotReached::NoAddress)?;
        let mut why = NotReached::NoAddress(io::ErrorKind::NotFound.into());
        for address in addresses.into_iter().take(MOST_ADDRESSES) {
            match connect_to(address, target.private).await {
                Ok(stream) => return Ok(stream),
                Err(error) => why = error,
            }
        }
        Err(why)
    }

    async fn addresses(&self, target: &Target) -> io::Result<Vec<SocketAddr>> {
        let name = match &target.host {
            HostPattern::Address(address) => return Ok(vec![(*address, target.port).into()]),
            HostPattern::Name(name) => name,
            HostPattern::AnyName | HostPattern::Below(_) => {
                return Err(io::Error::other("a pattern is not a host"));
            }
        };
        match &self.names {
            NameSource::Table(table) => {
                let places = table.get(&(name.clone(), target.port)).cloned();
                places.ok_or_else(|| io::ErrorKind::NotFound.into())
            }
            NameSource::System => {
                let found = timeout(RESOLVING, lookup_host((name.as_str(), target.port))).await;
                Ok(found.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))??.collect())
            }
        }
    }
}

/// Connects to an address that was judged, and judges what the connection says of itself.
async fn connect_to(address: SocketAddr, private: bool) -> Result<TcpStream, NotReached> {
    if !private && !is_public(address.ip()) {
        return Err(NotReached::NotPublic(address.ip()));
    }
    let connecting = timeout(DEADLINE, TcpStream::connect(address)).await;
    let stream = connecting
        .unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
        .map_err(NotReached::NoConnection)?;
    let peer = stream.peer_addr().map_err(NotReached::NoConnection)?.ip();
    let own = stream.local_addr().map_err(NotReached::NoConnection)?.ip();
    // A public address of this machine leads to this machine.
    if !private && (!is_public(peer) || peer == own) {
        return Err(NotReached::NotPublic(peer));
    }
    Ok(stream)
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use greenline_runtime::hosts::Protocol;

    use super::*;

    #[tokio::test]
    async fn an_address_that_is_not_public_is_not_even_tried() {
        let server = TcpListener::bind("127.0.0.1:0").unwrap();
        server.set_nonblocking(true).unwrap();
        let address = server.local_addr().unwrap();
        let mapped = format!("[::ffff:127.0.0.1]:{}", address.port()).parse().unwrap();
        for (place, private) in [(address, false), (mapped, false), (address, true)] {
            let table = [(("rebound.test".to_owned(), 443), vec![place])].into();
            let upstream =
                Upstream { names: NameSource::Table(table), proxies: Proxies::default() };
            let host = HostPattern::Name("rebound.test".to_owned());
            let target = Target { host, port: 443, protocol: Protocol::Tls, private };
            let reached = upstream.connect(&target).await;
            assert_eq!(reached.is_ok(), private, "{place}");
            if let Err(why) = reached {
                assert!(matches!(why, NotReached::NotPublic(_)), "{why}");
                assert!(server.accept().is_err(), "{place} was tried");
            }
        }
        assert!(server.accept().is_ok());
    }
}
