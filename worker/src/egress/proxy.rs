//! The operator's own proxy, through which everything goes where there is one.
//!
//! It is asked with CONNECT, and it resolves the name: where it lets a connection lead to is its own
//! decision. Proxies that are reached with TLS or SOCKS are not supported, nor are networks such as
//! 10.0.0.0/8 in `NO_PROXY`.

use std::fmt;
use std::io;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use greenline_runtime::hosts::{HostPattern, Protocol};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use url::Url;

use super::Target;

/// How long a proxy may take to connect.
const DEADLINE: Duration = Duration::from_secs(30);

/// The largest head of a proxy's answer.
const LARGEST_ANSWER: usize = 16 * 1024;

/// The proxies of the worker's environment.
#[derive(Debug, Clone, Default)]
pub struct Proxies {
    https: Option<Proxy>,
    http: Option<Proxy>,
    direct: Vec<Direct>,
}

/// Why a variable can't be used. It holds no password.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{variable} is not http://host:port, the one kind of proxy that is known here")]
pub struct ProxyFault {
    variable: &'static str,
}

/// Hosts that are reached without a proxy.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Direct {
    All,
    /// A name and all below it, or an address.
    Host(HostPattern),
}

/// One proxy.
#[derive(Clone)]
pub(super) struct Proxy {
    host: String,
    port: u16,
    /// The value of `Proxy-Authorization`.
    authorization: Option<String>,
}

impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl fmt::Display for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.host, self.port)
    }
}

impl Proxies {
    /// Reads `HTTPS_PROXY`, `HTTP_PROXY` and `NO_PROXY`, in upper or lower case.
    ///
    /// # Errors
    /// When a proxy is of another kind: going around it could lead where the operator's network
    /// does not want it.
    pub fn from_variables(get: impl Fn(&str) -> Option<String>) -> Result<Self, ProxyFault> {
        let get = |name: &str| get(name).or_else(|| get(&name.to_ascii_lowercase()));
        let proxy = |variable| {
            let set = get(variable).filter(|text| !text.is_empty());
            set.map(|text| Proxy::parse(&text).ok_or(ProxyFault { variable })).transpose()
        };
        let direct = get("NO_PROXY").unwrap_or_default();
        Ok(Self {
            https: proxy("HTTPS_PROXY")?,
            http: proxy("HTTP_PROXY")?,
            direct: direct.split([',', ' ']).filter_map(Direct::parse).collect(),
        })
    }

    /// The proxy on the way to a target. This machine is reached without one.
    pub(super) fn on_the_way(&self, target: &Target) -> Option<&Proxy> {
        let is_here = target.host.address().is_some_and(|address| address.is_loopback());
        let proxy = match target.protocol {
            Protocol::Tls => &self.https,
            Protocol::Plain | Protocol::Unchecked => &self.http,
        };
        let is_direct = is_here || self.direct.iter().any(|direct| direct.has(&target.host));
        proxy.as_ref().filter(|_| !is_direct)
    }
}

impl Direct {
    fn parse(text: &str) -> Option<Self> {
        if text.is_empty() {
            return None;
        }
        if text == "*" {
            return Some(Self::All);
        }
        let host = text.trim_start_matches("*.").trim_start_matches('.');
        host.parse().ok().map(Self::Host)
    }

    fn has(&self, host: &HostPattern) -> bool {
        match (self, host) {
            (Self::All, _) => true,
            (Self::Host(HostPattern::Name(own)), HostPattern::Name(name)) => {
                own == name || HostPattern::Below(own.clone()).matches(name)
            }
            (Self::Host(own), host) => own == host,
        }
    }
}

impl Proxy {
    fn parse(text: &str) -> Option<Self> {
        let text = if text.contains("://") { text.to_owned() } else { format!("http://{text}") };
        let url = Url::parse(&text).ok().filter(|url| url.scheme() == "http")?;
        let decoded = |part: &str| percent_decoded(part);
        let user = decoded(url.username());
        let authorization = (!user.is_empty()).then(|| {
            let password = decoded(url.password().unwrap_or_default());
            format!("Basic {}", STANDARD.encode(format!("{user}:{password}")))
        });
        let host = url.host_str()?.trim_matches(['[', ']']).to_owned();
        Some(Self { host, port: url.port_or_known_default()?, authorization })
    }

    /// Has the proxy connect to a target.
    pub(super) async fn connect(&self, target: &Target) -> io::Result<TcpStream> {
        timeout(DEADLINE, self.ask(target))
            .await
            .unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
    }

    async fn ask(&self, target: &Target) -> io::Result<TcpStream> {
        let mut stream = TcpStream::connect((self.host.as_str(), self.port)).await?;
        let place = format!("{}:{}", target.host, target.port);
        let mut question = format!("CONNECT {place} HTTP/1.1\r\nHost: {place}\r\n");
        if let Some(authorization) = &self.authorization {
            question.push_str(&format!("Proxy-Authorization: {authorization}\r\n"));
        }
        question.push_str("\r\n");
        stream.write_all(question.as_bytes()).await?;
        let head = head(&mut stream).await?;
        let status = head.lines().next().unwrap_or_default();
        if status.split(' ').nth(1).is_some_and(|code| code.starts_with('2')) {
            return Ok(stream);
        }
        let status: String = status.chars().filter(|sign| !sign.is_control()).take(100).collect();
        Err(io::Error::other(format!("it answered {status}")))
    }
}

/// Reads to the empty line and not a byte further: what follows is the target's.
async fn head(stream: &mut (impl AsyncRead + Unpin)) -> io::Result<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        if head.len() >= LARGEST_ANSWER {
            return Err(io::Error::other("its answer is too large"));
        }
        head.push(stream.read_u8().await?);
    }
    Ok(String::from_utf8_lossy(&head).into_owned())
}

fn percent_decoded(text: &str) -> String {
    let pair = format!("x={}", text.replace('+', "%2B"));
    url::form_urlencoded::parse(pair.as_bytes()).map(|(_, value)| value.into_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proxies(variables: &[(&str, &str)]) -> Result<Proxies, ProxyFault> {
        let find = |name: &str| variables.iter().find(|(own, _)| *own == name);
        Proxies::from_variables(|name| find(name).map(|(_, value)| (*value).to_owned()))
    }

    fn on_the_way(proxies: &Proxies, host: &str, protocol: Protocol) -> Option<String> {
        let host = host.parse().unwrap();
        let target = Target { host, port: 443, protocol, private: false };
        proxies.on_the_way(&target).map(ToString::to_string)
    }

    #[test]
    fn the_operators_variables_decide() {
        let set = [
            ("https_proxy", "http://me:p%40ss@proxy.corp:3128"),
            ("HTTP_PROXY", "plain.corp:8080"),
            ("NO_PROXY", "mirror.corp, .internal,10.0.0.5"),
        ];
        let proxies = proxies(&set).unwrap();
        let (tls, plain) = (Protocol::Tls, Protocol::Plain);
        assert_eq!(on_the_way(&proxies, "pypi.org", tls).unwrap(), "proxy.corp:3128");
        assert_eq!(on_the_way(&proxies, "pypi.org", plain).unwrap(), "plain.corp:8080");
        for direct in ["mirror.corp", "a.mirror.corp", "x.internal", "10.0.0.5", "127.0.0.1"] {
            assert_eq!(on_the_way(&proxies, direct, tls), None, "{direct}");
        }
        assert!(on_the_way(&proxies, "10.0.0.6", tls).is_some());
        assert!(!format!("{proxies:?}").contains("p@ss"));
        let encoded = proxies.https.unwrap().authorization.unwrap();
        assert_eq!(encoded, format!("Basic {}", STANDARD.encode("me:p@ss")));
    }

    #[test]
    fn without_variables_there_is_no_proxy_and_other_kinds_are_refused() {
        let none = proxies(&[("HTTPS_PROXY", "")]).unwrap();
        assert_eq!(on_the_way(&none, "pypi.org", Protocol::Tls), None);
        let all = proxies(&[("HTTPS_PROXY", "http://p:1"), ("NO_PROXY", "*")]).unwrap();
        assert_eq!(on_the_way(&all, "pypi.org", Protocol::Tls), None);
        for text in ["socks5://p:1080", "https://p:443", "http://"] {
            let fault = proxies(&[("HTTPS_PROXY", text)]).unwrap_err();
            assert_eq!(fault.variable, "HTTPS_PROXY", "{text}");
        }
    }
}
