//! Names and ids of GitHub's objects, parsed once at the edge.
//!
//! A parsed name is safe as a part of a URL's path: it holds no slash, no `..`, and nothing that
//! needs escaping. Branches, labels and file paths are plain text, and are escaped where a URL is
//! built from them.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The reason why a name was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what} {text:?}: {rule}")]
pub struct GitHubNameError {
    what: &'static str,
    text: String,
    rule: &'static str,
}

impl GitHubNameError {
    fn new(what: &'static str, text: &str, rule: &'static str) -> Self {
        // A name that is much too long is cut in the message.
        Self { what, text: text.chars().take(140).collect(), rule }
    }
}

/// A repository's full name, such as `acme/app`. Names that differ only in case are equal, as they
/// are for GitHub; [`RepoName::folded`] is the spelling for keys.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RepoName {
    full: String,
    slash: usize,
}

impl RepoName {
    /// Returns the account.
    #[must_use]
    pub fn owner(&self) -> &str {
        &self.full[..self.slash]
    }

    /// Returns the name within the account.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.full[self.slash + 1..]
    }

    /// Returns owner and name as they were written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.full
    }

    /// Returns owner and name in lower case, for keys.
    #[must_use]
    pub fn folded(&self) -> String {
        self.full.to_ascii_lowercase()
    }
}

fn is_name(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    (1..=100).contains(&text.len()) && text.bytes().all(allowed) && text != "." && text != ".."
}

impl FromStr for RepoName {
    type Err = GitHubNameError;

    fn from_str(text: &str) -> Result<Self, GitHubNameError> {
        match text.split_once('/') {
            Some((owner, name)) if is_name(owner) && is_name(name) => {
                Ok(Self { full: text.to_owned(), slash: owner.len() })
            }
            _ => Err(GitHubNameError::new("repository", text, "write owner/name, as in acme/app")),
        }
    }
}

impl PartialEq for RepoName {
    fn eq(&self, other: &Self) -> bool {
        self.full.eq_ignore_ascii_case(&other.full)
    }
}

impl Eq for RepoName {}

impl Hash for RepoName {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.folded().hash(state);
    }
}

impl PartialOrd for RepoName {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for RepoName {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.folded().cmp(&other.folded())
    }
}

/// A commit's hash: 40 hexadecimal digits, or 64 with SHA-256.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Sha(String);

impl Sha {
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the first seven digits.
    #[must_use]
    pub fn short(&self) -> &str {
        &self.0[..7]
    }

    /// Returns `true` for all zeros, which stands for "no commit" in a push.
    #[must_use]
    pub fn is_zero(&self) -> bool {
        self.0.bytes().all(|digit| digit == b'0')
    }
}

impl FromStr for Sha {
    type Err = GitHubNameError;

    fn from_str(text: &str) -> Result<Self, GitHubNameError> {
        let hexadecimal = text.bytes().all(|byte| byte.is_ascii_hexdigit());
        if hexadecimal && [40, 64].contains(&text.len()) {
            Ok(Self(text.to_ascii_lowercase()))
        } else {
            Err(GitHubNameError::new("commit", text, "write all 40 (or 64) hexadecimal digits"))
        }
    }
}

/// Implements the conversions between a parsed text and `String`.
macro_rules! text {
    ($name:ident, $text:expr) => {
        impl TryFrom<String> for $name {
            type Error = GitHubNameError;

            fn try_from(text: String) -> Result<Self, GitHubNameError> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> Self {
                $text(name)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}

text!(RepoName, |name: RepoName| name.full);
text!(Sha, |sha: Sha| sha.0);

/// Defines number types that can't be mixed up.
macro_rules! numbers {
    ($($(#[$doc:meta])* $name:ident;)+) => {$(
        $(#[$doc])*
        #[derive(
            Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
        )]
        #[serde(transparent)]
        pub struct $name(pub u64);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = GitHubNameError;

            fn from_str(text: &str) -> Result<Self, GitHubNameError> {
                text.parse().map(Self).map_err(|_| {
                    GitHubNameError::new(stringify!($name), text, "write a whole number")
                })
            }
        }
    )+};
}

numbers! {
    /// A pull request's number, which it shares with issues.
    PullNumber;
    /// The id of a check run.
    CheckRunId;
    /// The id of a check suite.
    CheckSuiteId;
    /// The id of a workflow run.
    RunId;
    /// The id of a job. GitHub uses the same number for the job's check run.
    JobId;
    /// The id of a comment on an issue or pull request.
    CommentId;
    /// The id of a commit status.
    StatusId;
    /// The id of a person or bot. It survives a rename.
    UserId;
    /// The id of a repository. It survives a rename.
    RepoId;
    /// The id of an app's installation in an account.
    InstallationId;
    /// The id of an attempt to deliver a webhook.
    DeliveryId;
    /// The id of a repository's webhook.
    HookId;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_repository_is_owner_and_name() {
        let repo: RepoName = "Acme/app.rs".parse().unwrap();
        assert_eq!((repo.owner(), repo.name()), ("Acme", "app.rs"));
        assert_eq!(repo, "acme/App.rs".parse().unwrap());
        assert_eq!((repo.to_string(), repo.folded()), ("Acme/app.rs".into(), "acme/app.rs".into()));
        for wrong in ["", "acme", "/app", "acme/", "acme/..", "a/b/c", "acme/a b", "acme/a%2f"] {
            assert!(wrong.parse::<RepoName>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_commit_is_named_whole() {
        let sha: Sha = "3F2A91C00000000000000000000000000000000f".parse().unwrap();
        assert_eq!((sha.short(), sha.is_zero()), ("3f2a91c", false));
        assert!("0".repeat(40).parse::<Sha>().unwrap().is_zero());
        assert!("0".repeat(64).parse::<Sha>().is_ok());
        for wrong in ["", "3f2a91c", "main", &"g".repeat(40)] {
            assert!(wrong.parse::<Sha>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn stored_names_keep_their_shape() {
        let repo: RepoName = serde_json::from_str(r#""acme/app""#).unwrap();
        assert_eq!(serde_json::to_string(&(repo, RunId(7))).unwrap(), r#"["acme/app",7]"#);
        assert!(serde_json::from_str::<RepoName>(r#""acme""#).is_err());
        assert_eq!("4471".parse::<JobId>().unwrap(), JobId(4_471));
        assert!("x".parse::<JobId>().is_err());
    }
}
