//! Settings of GitHub: address, credentials, repositories, webhook secrets.
//!
//! An app takes precedence over a token, because many environments hold a `GITHUB_TOKEN` for other
//! purposes. `greenline doctor` checks whether GitHub accepts the credentials.

use std::collections::BTreeSet;
use std::fmt;
use std::time::Duration;

use super::problem::ValueError;
use super::reader::{ReadSetting, SettingsReader};
use super::secret::Secret;
use super::table;
use super::value::{ParseResult, items, long_secret, quoted};

/// The settings of GitHub.
#[derive(Debug, Clone)]
pub struct GitHubSettings {
    /// The API's address as it was written.
    pub api_url: String,
    /// `None` if no credentials are set.
    pub login: Option<GitHubLogin>,
    /// The repositories to watch. With an app, an empty set means every installation.
    pub repos: BTreeSet<RepoPath>,
    /// The interval of polling.
    pub poll_interval: Duration,
    /// The secrets of webhooks: the new one and the one before it.
    pub webhook_secrets: Vec<Secret>,
}

/// The credentials for GitHub.
#[derive(Debug, Clone)]
pub enum GitHubLogin {
    Token(Secret),
    App {
        /// The id or client id.
        id: String,
        /// In PEM format.
        private_key: Secret,
    },
}

/// A repository as `owner/name`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RepoPath(String);

impl RepoPath {
    /// Returns owner and name, separated by a slash.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RepoPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

pub(super) fn read(reader: &mut SettingsReader<'_>) -> GitHubSettings {
    let token = reader.optional(&table::GITHUB_TOKEN);
    let id = reader.optional(&table::GITHUB_APP_ID);
    let key = reader.optional(&table::GITHUB_APP_PRIVATE_KEY);
    check_app_is_whole(reader, &id, &key);
    let nobody = [token.value.is_none(), id.value.is_none(), key.value.is_none()] == [true; 3];
    let unsound = !(token.valid && id.valid && key.valid);
    let login = match (token.value, id.value, key.value) {
        (_, Some(id), Some(private_key)) => Some(GitHubLogin::App { id, private_key }),
        (token, _, _) => token.map(GitHubLogin::Token),
    };
    let repos = reader.optional(&table::REPOS);
    let webhook_secrets = reader.optional(&table::GITHUB_WEBHOOK_SECRET);
    if reader.sources().role.serves_http() && nobody && !unsound {
        check_login(reader, &repos);
        check_login(reader, &webhook_secrets);
    }
    GitHubSettings {
        api_url: reader.value(&table::GITHUB_API_URL).value,
        login,
        repos: repos.value.unwrap_or_default(),
        poll_interval: reader.value(&table::POLL_INTERVAL).value,
        webhook_secrets: webhook_secrets.value.unwrap_or_default(),
    }
}

/// An app needs both: an id alone would silently be ignored.
fn check_app_is_whole(
    reader: &mut SettingsReader<'_>,
    id: &ReadSetting<Option<String>>,
    key: &ReadSetting<Option<Secret>>,
) {
    if !(id.valid && key.valid) {
        return;
    }
    let (id_of, key_of) = (&table::GITHUB_APP_ID.setting, &table::GITHUB_APP_PRIVATE_KEY.setting);
    let (place, missing) = match (&id.value, &key.value) {
        (Some(_), None) => (&id.place, format!("{} or {}", key_of.env, key_of.env_file())),
        (None, Some(_)) => (&key.place, id_of.env.to_owned()),
        _ => return,
    };
    reader.report(place, "is only one half of a GitHub app", format!("set {missing} too"));
}

/// Requires credentials for a process that watches. A worker may share the file without them.
fn check_login<T>(reader: &mut SettingsReader<'_>, set: &ReadSetting<Option<T>>) {
    if set.value.is_some() {
        let message = "is set, but nothing that GitHub would know this lead by";
        let hint = "set GITHUB_TOKEN, or GITHUB_APP_ID and GITHUB_APP_PRIVATE_KEY";
        reader.report(&set.place, message, hint);
    }
}

pub(super) fn repos(text: &str) -> ParseResult<BTreeSet<RepoPath>> {
    let repos: BTreeSet<RepoPath> = items(text).map(repo).collect::<ParseResult<_>>()?;
    match repos.is_empty() {
        true => {
            Err(ValueError::new("names no repository", "write owner/name, or several with commas"))
        }
        false => Ok(repos),
    }
}

fn repo(text: &str) -> ParseResult<RepoPath> {
    let plain = |part: &str| {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
        (1..=100).contains(&part.len()) && part.bytes().all(allowed) && part != "." && part != ".."
    };
    match text.split_once('/') {
        Some((owner, name)) if plain(owner) && plain(name) => Ok(RepoPath(text.to_owned())),
        _ => {
            let message = quoted(text, "a repository");
            Err(ValueError::new(message, "write owner/name, as in acme/app"))
        }
    }
}

/// Bounds how much of GitHub's limits one lead uses.
pub(super) fn poll_interval(text: &str) -> ParseResult<Duration> {
    let length = super::value::positive_duration(text)?;
    if length < Duration::from_secs(1) {
        return Err(ValueError::new(format!("\"{text}\" is too short"), "write 1s or more"));
    }
    Ok(length)
}

/// Accepts the key as GitHub provides it. In one line, as some vaults store it, line ends are `\n`.
pub(super) fn private_key(text: &str) -> ParseResult<Secret> {
    let key = text.trim().replace("\\n", "\n");
    if key.starts_with("-----BEGIN ") && key.ends_with("-----") {
        return Ok(Secret::from(key));
    }
    Err(ValueError::new(
        "is not a private key in PEM",
        "write the whole of the file that GitHub made, or name that file in \
         GITHUB_APP_PRIVATE_KEY_FILE",
    ))
}

pub(super) fn webhook_secrets(text: &str) -> ParseResult<Vec<Secret>> {
    let secrets: Vec<Secret> = items(text).map(long_secret).collect::<ParseResult<_>>()?;
    match secrets.len() {
        1 | 2 => Ok(secrets),
        0 => Err(ValueError::new("is empty", "write the secret, or remove the setting")),
        count => Err(ValueError::new(
            format!("holds {count} secrets; while one replaces the other there are two"),
            "keep the new one and the one before it, with a comma between",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repositories_are_owner_and_name() {
        let read: Vec<_> = repos("acme/app, acme/lib.rs,").unwrap().into_iter().collect();
        assert_eq!(
            read.iter().map(RepoPath::as_str).collect::<Vec<_>>(),
            ["acme/app", "acme/lib.rs"]
        );
        for text in ["", " , ", "acme", "acme/", "a/b/c", "acme/..", "https://github.com/a/b"] {
            assert!(repos(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_key_in_one_line_gets_its_lines_back() {
        let key = private_key(r"-----BEGIN X-----\nabc\n-----END X-----").unwrap();
        assert_eq!(key.expose().lines().count(), 3);
        let fault = private_key("/etc/keys/app.pem").unwrap_err();
        assert!(format!("{fault:?}").contains("GITHUB_APP_PRIVATE_KEY_FILE"));
        assert!(!format!("{fault:?}").contains("/etc/keys"));
    }

    #[test]
    fn two_secrets_hold_while_one_replaces_the_other() {
        let (new, old) = ("n".repeat(16), "o".repeat(16));
        assert_eq!(webhook_secrets(&format!("{new},{old}")).unwrap().len(), 2);
        assert!(webhook_secrets(&format!("{new},{old},{new}")).is_err());
        for text in ["", "short", &format!("{new},short")] {
            assert!(webhook_secrets(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn polling_has_a_floor() {
        assert!(poll_interval("100ms").is_err());
        assert_eq!(poll_interval("30s").unwrap(), Duration::from_secs(30));
    }
}
