//! Configuration of the connection to Redis.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use redis::{ConnectionAddr, ConnectionInfo, IntoConnectionInfo};

use crate::StoreError;

/// The default database.
pub(crate) const DATABASE: u16 = 10;

/// A prefix of every key and channel, so that two deployments can share one server. Empty by
/// default.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Namespace(String);

impl Namespace {
    /// Returns the text before `agent:` in every key: `acme:` or nothing.
    #[must_use]
    pub fn prefix(&self) -> &str {
        &self.0
    }
}

impl FromStr for Namespace {
    type Err = StoreError;

    fn from_str(text: &str) -> Result<Self, StoreError> {
        let allowed = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
        match text {
            "" => Ok(Self::default()),
            _ if text.len() <= 64 && text.chars().all(allowed) => Ok(Self(format!("{text}:"))),
            _ => Err(StoreError::Settings(format!(
                "namespace {text:?}: use 1 to 64 of A-Z a-z 0-9 . _ -"
            ))),
        }
    }
}

/// A user of Redis and its password; `Debug` shows neither.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Credentials {
    /// The ACL user; `None` for Redis's `default` user.
    pub username: Option<String>,
    pub password: Option<String>,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credentials([redacted])")
    }
}

/// The location of Redis.
#[derive(Clone)]
pub enum Endpoint {
    /// One server: `redis://`, `rediss://` (TLS) or `unix://`. A database or user in the URL takes
    /// precedence over those of [`StoreConfig`].
    Url(String),
    /// The server that the Sentinels name as master.
    Sentinel {
        /// The Sentinels as `host:port`.
        sentinels: Vec<String>,
        /// The master's name among the Sentinels.
        master: String,
        /// The credentials for the Sentinels themselves.
        credentials: Credentials,
        /// Redis and the Sentinels use TLS.
        tls: bool,
    },
}

/// PEM files for TLS, if the system's roots don't suffice.
#[derive(Debug, Clone, Default)]
pub struct TlsFiles {
    /// The certificate of the authority to trust instead of the system's.
    pub ca: Option<PathBuf>,
    /// This client's certificate and key, if Redis requires them.
    pub client: Option<(PathBuf, PathBuf)>,
}

/// The configuration of a [`Store`](crate::Store).
#[derive(Clone)]
pub struct StoreConfig {
    pub endpoint: Endpoint,
    /// 10 by default; a database in the URL takes precedence.
    pub database: u16,
    /// The ACL user; one in the URL takes precedence.
    pub credentials: Credentials,
    pub tls: TlsFiles,
    /// The prefix of every key and channel.
    pub namespace: Namespace,
    /// The time after which a call without a reply marks the connection as dead.
    pub call_timeout: Duration,
    /// The time to connect.
    pub connect_timeout: Duration,
}

impl StoreConfig {
    /// Uses the defaults for the server at `url`.
    #[must_use]
    pub fn at(url: impl Into<String>) -> Self {
        Self {
            endpoint: Endpoint::Url(url.into()),
            database: DATABASE,
            credentials: Credentials::default(),
            tls: TlsFiles::default(),
            namespace: Namespace::default(),
            call_timeout: Duration::from_secs(5),
            connect_timeout: Duration::from_secs(3),
        }
    }

    /// Sets the namespace.
    #[must_use]
    pub fn in_namespace(mut self, namespace: Namespace) -> Self {
        self.namespace = namespace;
        self
    }

    /// Returns the address without credentials, for messages.
    #[must_use]
    pub fn address(&self) -> String {
        match &self.endpoint {
            Endpoint::Url(url) => match url.as_str().into_connection_info() {
                Ok(info) => info.addr().to_string(),
                Err(_) => "an address that can't be read".to_owned(),
            },
            Endpoint::Sentinel { sentinels, master, .. } => {
                format!("{master} by Sentinel {}", sentinels.join(", "))
            }
        }
    }

    /// Returns the database that calls use.
    #[must_use]
    pub fn effective_database(&self) -> u16 {
        match &self.endpoint {
            Endpoint::Url(url) => database_in(url).unwrap_or(self.database),
            Endpoint::Sentinel { .. } => self.database,
        }
    }

    /// Returns the connection parameters for a server given by URL.
    pub(crate) fn connection_info(&self, url: &str) -> Result<ConnectionInfo, StoreError> {
        let info = url.into_connection_info().map_err(|error| {
            StoreError::Settings(format!(
                "the Redis URL can't be read ({error}): write redis://host:6379, rediss://host:6379 \
                 for TLS, or unix:///path/to/socket"
            ))
        })?;
        let mut settings = info.redis_settings().clone().set_db(self.effective_database().into());
        if settings.username().is_none()
            && let Some(username) = &self.credentials.username
        {
            settings = settings.set_username(username);
        }
        if settings.password().is_none()
            && let Some(password) = &self.credentials.password
        {
            settings = settings.set_password(password);
        }
        Ok(info.set_redis_settings(settings))
    }

    /// Returns the addresses of the Sentinels.
    pub(crate) fn sentinel_addresses(
        sentinels: &[String],
        tls: bool,
    ) -> Result<Vec<ConnectionAddr>, StoreError> {
        sentinels.iter().map(|text| sentinel_address(text, tls)).collect()
    }
}

fn sentinel_address(text: &str, tls: bool) -> Result<ConnectionAddr, StoreError> {
    let (host, port) = text.rsplit_once(':').unwrap_or((text, "26379"));
    let port = port.parse().map_err(|_| {
        StoreError::Settings(format!("Sentinel {text:?}: write host:port, such as redis-1:26379"))
    })?;
    let host = host.to_owned();
    Ok(if tls {
        ConnectionAddr::TcpTls { host, port, insecure: false, tls_params: None }
    } else {
        ConnectionAddr::Tcp(host, port)
    })
}

/// Returns the database in a URL: `redis://host/3`, or `unix:///path?db=3`. The client reads a
/// missing one as 0, which can't be distinguished from an explicit 0.
fn database_in(url: &str) -> Option<u16> {
    let (_, rest) = url.split_once("://")?;
    let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
    let from_query = query.split('&').find_map(|pair| pair.strip_prefix("db="));
    let from_path = (!url.contains("unix://"))
        .then(|| path.split_once('/').map(|(_, database)| database))
        .flatten();
    from_query.or(from_path).and_then(|text| text.parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_database_in_the_url_wins_and_ten_is_the_rest() {
        for (url, database) in [
            ("redis://localhost", 10),
            ("redis://localhost:6379/", 10),
            ("redis://localhost:6379/3", 3),
            ("redis://localhost:6379/0", 0),
            ("rediss://user:secret@localhost:6379/4?x=y", 4),
            ("unix:///run/redis.sock", 10),
            ("unix:///run/redis.sock?db=5", 5),
            ("redis+unix:///run/redis.sock?db=0", 0),
        ] {
            assert_eq!(StoreConfig::at(url).effective_database(), database, "{url}");
        }
    }

    #[test]
    fn an_address_shows_no_password() {
        let config = StoreConfig::at("redis://user:hunter2@example.test:6380/1");
        assert_eq!(config.address(), "example.test:6380");
    }

    #[test]
    fn a_namespace_is_checked() {
        assert_eq!("acme".parse::<Namespace>().unwrap().prefix(), "acme:");
        assert_eq!("".parse::<Namespace>().unwrap().prefix(), "");
        assert!("a b".parse::<Namespace>().is_err());
        assert!("a:b".parse::<Namespace>().is_err());
    }
}
