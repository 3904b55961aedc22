//! Configuration of the client: address, credentials, retries.

use std::fmt;
use std::time::Duration;

use greenline_runtime::clock::{Clock, ManualClock};
use greenline_runtime::settings::{GitHubLogin, GitHubSettings, Secret};
use url::Url;

use crate::error::ForgeError;
use crate::jwt::AppKey;

/// The configuration of a [`Forge`](crate::Forge).
#[derive(Debug, Clone)]
pub struct ForgeConfig {
    pub api: ApiBase,
    pub credentials: GitHubCredentials,
    pub clock: Clock,
    pub retry_limits: RetryLimits,
    pub pause: PauseMode,
    /// The size of the response cache.
    pub cache_bytes: usize,
    /// The seed of the jitter. Two processes should not share one.
    pub seed: u64,
}

impl ForgeConfig {
    /// Uses github.com and the defaults for everything else.
    #[must_use]
    pub fn new(credentials: GitHubCredentials, clock: Clock) -> Self {
        Self {
            api: ApiBase::default(),
            credentials,
            clock,
            retry_limits: RetryLimits::default(),
            pause: PauseMode::Sleep,
            cache_bytes: 16 << 20,
            seed: fastrand::u64(..),
        }
    }

    /// Applies the settings, and defaults for everything else.
    ///
    /// # Errors
    ///
    /// When the address or the app's key is invalid.
    pub fn of(settings: &GitHubSettings, clock: Clock) -> Result<Self, ForgeError> {
        let credentials = match &settings.login {
            None => GitHubCredentials::Anonymous,
            Some(GitHubLogin::Token(token)) => GitHubCredentials::Token(token.clone()),
            Some(GitHubLogin::App { id, private_key }) => GitHubCredentials::App {
                id: id.clone(),
                key: AppKey::from_pem(private_key.expose())?,
            },
        };
        Ok(Self::new(credentials, clock).at(ApiBase::parse(&settings.api_url)?))
    }

    /// Replaces the API's address.
    #[must_use]
    pub fn at(mut self, api: ApiBase) -> Self {
        self.api = api;
        self
    }
}

/// The credentials for GitHub.
#[derive(Debug, Clone)]
pub enum GitHubCredentials {
    /// No credentials: public repositories, 60 calls an hour.
    Anonymous,
    /// A personal access token, or a workflow's token.
    Token(Secret),
    /// An app, which receives an hourly token for each account that installed it.
    App {
        /// The app's id or client id.
        id: String,
        key: AppKey,
    },
}

/// Time limits and retries for calls to GitHub.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetryLimits {
    /// The number of attempts for a call that may be repeated.
    pub attempts: usize,
    /// The pause before the second attempt; each further pause doubles.
    pub first_pause: Duration,
    /// The longest pause between two attempts.
    pub longest_pause: Duration,
    /// The total time that one call may wait, for example for a limit to end. A longer wait fails
    /// at once with the time of the next attempt.
    pub longest_wait: Duration,
    /// The time for one attempt, including its response.
    pub answer: Duration,
    /// The time to connect, and the time a body may stand still.
    pub silence: Duration,
    /// The time to read a log.
    pub download: Duration,
}

impl Default for RetryLimits {
    fn default() -> Self {
        Self {
            attempts: 4,
            first_pause: Duration::from_millis(500),
            longest_pause: Duration::from_secs(20),
            longest_wait: Duration::from_secs(60),
            answer: Duration::from_secs(30),
            silence: Duration::from_secs(15),
            download: Duration::from_secs(600),
        }
    }
}

/// The way pauses are spent.
#[derive(Debug, Clone)]
pub enum PauseMode {
    Sleep,
    /// Moves a clock, for tests that don't wait.
    Move(ManualClock),
}

impl PauseMode {
    pub(crate) async fn wait(&self, time: Duration) {
        match self {
            Self::Sleep => tokio::time::sleep(time).await,
            Self::Move(clock) => {
                clock.advance(time);
                tokio::task::yield_now().await;
            }
        }
    }
}

/// The address of GitHub's API: `https://api.github.com`, or `https://HOST/api/v3` of an Enterprise
/// Server. Credentials are sent nowhere else.
#[derive(Clone, PartialEq, Eq)]
pub struct ApiBase {
    rest: Url,
    graphql: Url,
}

impl Default for ApiBase {
    fn default() -> Self {
        Self::parse("https://api.github.com").expect("the address is a constant that parses")
    }
}

impl ApiBase {
    /// Parses an address.
    ///
    /// # Errors
    ///
    /// When the text is no address, has no host, or is plain http to another machine: credentials
    /// would be readable in transit.
    pub fn parse(text: &str) -> Result<Self, ForgeError> {
        let wrong = |why: &str| Err(ForgeError::Settings(format!("{text:?}: {why}")));
        let Ok(mut rest) = Url::parse(text.trim()) else {
            return wrong("write GitHub's API as in https://api.github.com");
        };
        if rest.host_str().is_none_or(str::is_empty) || rest.cannot_be_a_base() {
            return wrong("the address of GitHub's API has no host");
        }
        if !rest.username().is_empty() || rest.password().is_some() {
            return wrong("the address of GitHub's API holds no credentials");
        }
        if rest.scheme() != "https" && !(rest.scheme() == "http" && is_loopback(&rest)) {
            return wrong("use https, so that the credentials can't be read on the way");
        }
        rest.set_query(None);
        rest.set_fragment(None);
        let path = rest.path().trim_end_matches('/').to_owned();
        rest.set_path(&path);
        let mut graphql = rest.clone();
        graphql.set_path(&graphql_path(&path));
        Ok(Self { rest, graphql })
    }

    /// Returns the address of a path that begins with a slash and is already escaped.
    pub(crate) fn rest(&self, path: &str) -> String {
        format!("{}{path}", self.rest.as_str().trim_end_matches('/'))
    }

    pub(crate) fn graphql(&self) -> &str {
        self.graphql.as_str()
    }

    /// Returns `true` if credentials may be sent to `url`: same scheme, host and port, and below
    /// the same path.
    pub(crate) fn covers(&self, url: &Url) -> bool {
        let path = self.rest.path().trim_end_matches('/');
        let inside = url.path().strip_prefix(path).is_some_and(|rest| rest.starts_with('/'));
        url.origin() == self.rest.origin() && inside && url.username().is_empty()
    }

    /// Returns `true` if `url` may be fetched without credentials: over https, or from this machine
    /// if the API itself is on this machine.
    pub(crate) fn lets_fetch(&self, url: &Url) -> bool {
        url.scheme() == "https" || (is_loopback(&self.rest) && is_loopback(url))
    }
}

/// An Enterprise Server has GraphQL beside REST, not below it.
fn graphql_path(rest: &str) -> String {
    match rest.strip_suffix("/api/v3") {
        Some(before) => format!("{before}/api/graphql"),
        None => format!("{rest}/graphql"),
    }
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(url::Host::Domain(name)) => name == "localhost",
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

impl fmt::Debug for ApiBase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.rest.as_str())
    }
}

impl fmt::Display for ApiBase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.rest.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_kinds_of_github_have_their_addresses() {
        let cases = [
            (
                "https://api.github.com",
                "https://api.github.com/user",
                "https://api.github.com/graphql",
            ),
            (
                "https://ghe.acme.example/api/v3/",
                "https://ghe.acme.example/api/v3/user",
                "https://ghe.acme.example/api/graphql",
            ),
            (
                "https://acme.example/git/api/v3",
                "https://acme.example/git/api/v3/user",
                "https://acme.example/git/api/graphql",
            ),
            (
                "http://127.0.0.1:9000",
                "http://127.0.0.1:9000/user",
                "http://127.0.0.1:9000/graphql",
            ),
        ];
        for (base, user, graphql) in cases {
            let api = ApiBase::parse(base).unwrap();
            assert_eq!((api.rest("/user").as_str(), api.graphql()), (user, graphql));
        }
    }

    #[test]
    fn addresses_that_would_give_credentials_away_are_refused() {
        for base in ["http://ghe.acme.example", "ftp://a", "https://u:p@ghe", "ghe", "https://", ""]
        {
            assert!(ApiBase::parse(base).is_err(), "{base}");
        }
    }

    #[test]
    fn credentials_stay_under_the_base() {
        let api = ApiBase::parse("https://ghe.acme.example/api/v3").unwrap();
        let covers = |text: &str| api.covers(&Url::parse(text).unwrap());
        assert!(covers("https://ghe.acme.example/api/v3/repositories/1?page=2"));
        for other in [
            "https://ghe.acme.example/api/v3evil",
            "https://ghe.acme.example/_services/log",
            "http://ghe.acme.example/api/v3/user",
            "https://ghe.acme.example:444/api/v3/user",
            "https://evil.example/api/v3/user",
            "https://x@ghe.acme.example/api/v3/user",
        ] {
            assert!(!covers(other), "{other}");
        }
    }

    #[test]
    fn files_come_over_https() {
        let fetches = |base: &str, url: &str| {
            ApiBase::parse(base).unwrap().lets_fetch(&Url::parse(url).unwrap())
        };
        assert!(fetches("https://api.github.com", "https://blobs.example/log"));
        assert!(!fetches("https://api.github.com", "http://blobs.example/log"));
        assert!(!fetches("https://api.github.com", "http://127.0.0.1/log"));
        assert!(fetches("http://127.0.0.1:1", "http://127.0.0.1:2/log"));
        assert!(!fetches("http://127.0.0.1:1", "http://169.254.169.254/log"));
    }
}
