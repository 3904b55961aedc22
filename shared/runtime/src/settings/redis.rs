//! Settings of the connection to Redis.

use std::fmt;
use std::path::PathBuf;

use url::{Host, Url};

use super::problem::{SettingSource, ValueError};
use super::reader::{ReadSetting, SettingsReader};
use super::secret::Secret;
use super::table;
use super::value::{ParseResult, PlainName, items, port};

/// The connection to Redis, checked as far as possible without connecting.
#[derive(Debug, Clone)]
pub struct RedisSettings {
    pub source: RedisSource,
    /// The ACL user, unless the URL names one.
    pub username: Option<String>,
    /// The password, unless the URL has one.
    pub password: Option<Secret>,
    /// The URL's database if it names one.
    pub database: u16,
    /// The prefix of every key and channel.
    pub namespace: Option<PlainName>,
    /// Present when the connection is encrypted.
    pub tls: Option<TlsSettings>,
}

/// The location of Redis.
#[derive(Debug, Clone)]
pub enum RedisSource {
    /// Not set. `greenline up` then starts its own Redis; other commands refuse.
    Embedded,
    /// One server.
    Server(RedisUrl),
    /// The master that the sentinels name.
    Sentinel {
        hosts: Vec<SentinelHost>,
        master: String,
        /// The sentinels' own password.
        password: Option<Secret>,
    },
}

/// A URL with the scheme redis, rediss, unix or redis+unix. Prints as the address alone.
#[derive(Debug, Clone)]
pub struct RedisUrl {
    /// The whole URL, possibly with a password.
    pub url: Secret,
    /// `host:port` or the path of the socket.
    pub address: String,
}

impl fmt::Display for RedisUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.address)
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SentinelHost {
    /// A host name or an IP address without brackets.
    pub host: String,
    /// 26379 by default.
    pub port: u16,
}

impl fmt::Display for SentinelHost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.host.contains(':') {
            true => write!(f, "[{}]:{}", self.host, self.port),
            false => write!(f, "{}:{}", self.host, self.port),
        }
    }
}

/// The files of an encrypted connection. Without any, the system's public certificates are trusted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TlsSettings {
    /// Certificates to trust.
    pub ca: Option<PathBuf>,
    /// The client's own certificate and key.
    pub client: Option<ClientCertificate>,
}

/// A certificate to present to Redis.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientCertificate {
    pub cert: PathBuf,
    pub key: PathBuf,
}

pub(super) fn read(reader: &mut SettingsReader<'_>) -> RedisSettings {
    let url = reader.optional(&table::REDIS_URL);
    let sentinels = reader.optional(&table::REDIS_SENTINELS);
    let host = reader.optional(&table::REDIS_HOST);
    let port = reader.value(&table::REDIS_PORT).value;
    let wants_tls = reader.value(&table::REDIS_TLS).value;
    let database = reader.value(&table::REDIS_DATABASE).value;
    let server = url.value.as_ref().map(|url| RedisServer::of_url(url, database));

    if url.value.is_some() && sentinels.value.is_some() {
        let message = format!("is set, and so are sentinels ({})", sentinels.place);
        reader.report(&url.place, message, "keep one of them");
    }
    // An invalid URL still shows that there is one: no second complaint about it.
    let encrypted = server.as_ref().map_or(wants_tls, |server| server.encrypted) || !url.valid;
    let sentinel = sentinel_source(reader, sentinels);
    let named = host.value.map(|host| RedisServer::of_host(&host, port, wants_tls, database));
    let server = server.or(if sentinel.is_some() { None } else { named });

    RedisSettings {
        database: server.as_ref().map_or(database, |server| server.database),
        source: match (server, sentinel) {
            (Some(server), _) => RedisSource::Server(server.url),
            (None, Some(sentinel)) => sentinel,
            (None, None) => RedisSource::Embedded,
        },
        username: reader.optional(&table::REDIS_USERNAME).value,
        password: reader.optional(&table::REDIS_PASSWORD).value,
        namespace: reader.optional(&table::NAMESPACE).value,
        tls: tls_files(reader, encrypted),
    }
}

fn sentinel_source(
    reader: &mut SettingsReader<'_>,
    hosts: ReadSetting<Option<Vec<SentinelHost>>>,
) -> Option<RedisSource> {
    let master = reader.optional(&table::REDIS_MASTER);
    let password = reader.optional(&table::SENTINEL_PASSWORD).value;
    match (hosts.value, master.value) {
        (Some(hosts), Some(master)) => Some(RedisSource::Sentinel { hosts, master, password }),
        (Some(_), None) => {
            if master.valid {
                let hint = format!("set {}", table::REDIS_MASTER.setting.env);
                reader.report(&hosts.place, "sentinels need the name of their master", hint);
            }
            None
        }
        (None, Some(_)) => {
            if hosts.valid {
                let hint = format!("set {}", table::REDIS_SENTINELS.setting.env);
                reader.report(&master.place, "names a master, but no sentinels are set", hint);
            }
            None
        }
        (None, None) => None,
    }
}

fn tls_files(reader: &mut SettingsReader<'_>, encrypted: bool) -> Option<TlsSettings> {
    let ca = reader.optional(&table::REDIS_CA);
    let cert = reader.optional(&table::REDIS_CERT);
    let key = reader.optional(&table::REDIS_KEY);
    for file in [&ca, &cert, &key] {
        check_file(reader, file, encrypted);
    }
    let both = |reader: &mut SettingsReader<'_>, place: &SettingSource, other: &str| {
        reader.report(place, "a certificate and its key go together", format!("set {other} too"));
    };
    let client = match (cert.value, key.value) {
        (Some(cert), Some(key)) => Some(ClientCertificate { cert, key }),
        (Some(_), None) => {
            both(reader, &cert.place, table::REDIS_KEY.setting.env);
            None
        }
        (None, Some(_)) => {
            both(reader, &key.place, table::REDIS_CERT.setting.env);
            None
        }
        (None, None) => None,
    };
    encrypted.then_some(TlsSettings { ca: ca.value, client })
}

fn check_file(
    reader: &mut SettingsReader<'_>,
    file: &ReadSetting<Option<PathBuf>>,
    encrypted: bool,
) {
    let Some(path) = &file.value else { return };
    if !encrypted {
        let hint =
            format!("write rediss:// in the URL, or set {}=on", table::REDIS_TLS.setting.env);
        reader.report(&file.place, "is for TLS, but the connection to Redis has none", hint);
    } else if let Err(error) = std::fs::File::open(reader.sources().directory.join(path)) {
        let message = format!("failed to open {}: {error}", path.display());
        reader.report(&file.place, message, "name a file that this user can read");
    }
}

/// The content of a URL or host, on the way to [`RedisSettings`].
struct RedisServer {
    url: RedisUrl,
    database: u16,
    encrypted: bool,
}

impl RedisServer {
    /// The text has passed [`redis_url`].
    fn of_url(url: &Secret, database: u16) -> Self {
        let parts = UrlParts::of(url.expose()).unwrap_or_default();
        Self {
            url: RedisUrl { url: url.clone(), address: parts.address },
            database: parts.database.unwrap_or(database),
            encrypted: parts.encrypted,
        }
    }

    fn of_host(host: &str, port: u16, encrypted: bool, database: u16) -> Self {
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let address =
            if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") };
        let scheme = if encrypted { "rediss" } else { "redis" };
        let url = Secret::from(format!("{scheme}://{address}/{database}"));
        Self { url: RedisUrl { url, address }, database, encrypted }
    }
}

#[derive(Default)]
struct UrlParts {
    address: String,
    database: Option<u16>,
    encrypted: bool,
}

const URL_HINT: &str =
    "write redis://host:6379, rediss://host:6379 (TLS) or unix:///path/to/redis.sock";

pub(super) fn redis_url(text: &str) -> ParseResult<Secret> {
    let text = text.trim();
    UrlParts::of(text).map(|_| Secret::from(text.to_owned()))
}

impl UrlParts {
    /// Parses the URL. Errors don't quote it, because it may hold a password.
    fn of(text: &str) -> ParseResult<Self> {
        let url = Url::parse(text).map_err(|error| {
            let hint = match error {
                url::ParseError::InvalidPort => "write special characters of the password as %XX",
                _ => URL_HINT,
            };
            ValueError::new(format!("is not a URL: {error}"), hint)
        })?;
        match url.scheme() {
            "redis" | "rediss" => Self::of_server(&url),
            "unix" | "redis+unix" => Self::of_socket(&url),
            _ => Err(ValueError::new("does not begin as a URL of Redis does", URL_HINT)),
        }
    }

    fn of_server(url: &Url) -> ParseResult<Self> {
        let host = url
            .host()
            .filter(|host| !matches!(host, Host::Domain("")))
            .ok_or_else(|| ValueError::new("has no host", URL_HINT))?;
        Ok(Self {
            address: format!("{host}:{}", url.port().unwrap_or(6379)),
            database: database(url.path().trim_matches('/'))?,
            encrypted: url.scheme() == "rediss",
        })
    }

    fn of_socket(url: &Url) -> ParseResult<Self> {
        if url.path().len() < 2 {
            return Err(ValueError::new("has no path", URL_HINT));
        }
        let named = url.query_pairs().find(|(key, _)| key == "db");
        Ok(Self {
            address: url.path().to_owned(),
            database: database(named.as_ref().map_or("", |(_, value)| value))?,
            encrypted: false,
        })
    }
}

fn database(text: &str) -> ParseResult<Option<u16>> {
    if text.is_empty() {
        return Ok(None);
    }
    let fault =
        || ValueError::new("the database is not a number", "end the URL with /10, or with nothing");
    text.parse().map(Some).map_err(|_| fault())
}

pub(super) fn sentinel_hosts(text: &str) -> ParseResult<Vec<SentinelHost>> {
    let hosts: Vec<SentinelHost> = items(text).map(sentinel_host).collect::<ParseResult<_>>()?;
    if hosts.is_empty() {
        return Err(ValueError::new(
            "names no sentinel",
            "write host:26379, or several with commas",
        ));
    }
    Ok(hosts)
}

fn sentinel_host(text: &str) -> ParseResult<SentinelHost> {
    let (host, port_text) = match text.rsplit_once(':') {
        // The last colon of a bare IPv6 address does not begin a port.
        Some((host, port)) if !host.contains(':') || host.ends_with(']') => (host, port),
        _ => (text, "26379"),
    };
    let host = host.trim_start_matches('[').trim_end_matches(']');
    if host.is_empty() || host.contains(['/', '@', ' ']) {
        let message = format!("\"{}\" is not a sentinel", text.escape_debug());
        return Err(ValueError::new(message, "write host:26379"));
    }
    Ok(SentinelHost { host: host.to_owned(), port: port(port_text)? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_taken_apart() {
        let cases = [
            ("redis://h", "h:6379", None, false),
            ("redis://u:p@10.0.0.1:7000/3", "10.0.0.1:7000", Some(3), false),
            ("rediss://[::1]:7000/", "[::1]:7000", None, true),
            ("unix:///run/redis.sock?db=4", "/run/redis.sock", Some(4), false),
            ("redis+unix:///run/redis.sock", "/run/redis.sock", None, false),
        ];
        for (text, address, database, encrypted) in cases {
            let parts = UrlParts::of(text).unwrap();
            assert_eq!(
                (parts.address.as_str(), parts.database, parts.encrypted),
                (address, database, encrypted),
                "{text}"
            );
        }
    }

    #[test]
    fn a_broken_url_is_not_repeated() {
        let broken = [
            "hunter2",
            "http://u:hunter2@h",
            "redis://u:hunter2/x@h",
            "redis://u:hunter2@h/one",
            "redis://",
            "unix:",
        ];
        for text in broken {
            let fault = redis_url(text).map(|_| ()).unwrap_err();
            assert!(!format!("{fault:?}").contains("hunter2"), "{fault:?}");
        }
    }

    #[test]
    fn sentinels_have_a_usual_port() {
        let host = |host: &str, port| SentinelHost { host: host.to_owned(), port };
        assert_eq!(
            sentinel_hosts("a, b:1, [::1]:2, ::2").unwrap(),
            [host("a", 26379), host("b", 1), host("::1", 2), host("::2", 26379)]
        );
        assert_eq!(host("::1", 2).to_string(), "[::1]:2");
        assert!(sentinel_hosts(" , ").is_err());
        assert!(sentinel_hosts("redis://a").is_err());
    }
}
