//! Repositories and accounts.

use serde::Deserialize;

use super::{Permission, UserKind, or_default, or_none};
use crate::names::{RepoId, RepoName, UserId};

/// A person, bot or organisation.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub struct User {
    /// Its id; none for an account that is gone.
    #[serde(default, deserialize_with = "or_none")]
    pub id: Option<UserId>,
    /// Its name, without the `@`.
    #[serde(default, deserialize_with = "or_default")]
    pub login: String,
    /// What kind of account it is.
    #[serde(rename = "type", default, deserialize_with = "or_default")]
    pub kind: UserKind,
}

/// A repository, as it is mentioned by something else.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct RepoRef {
    /// Its id.
    pub id: RepoId,
    /// Its full name, where it is said.
    #[serde(default, deserialize_with = "or_none")]
    pub full_name: Option<RepoName>,
}

/// A repository.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Repository {
    /// Its id, which survives a renaming.
    pub id: RepoId,
    /// Its name as it is now.
    pub full_name: RepoName,
    /// The branch that pull requests go to. Webhooks may leave it out.
    #[serde(default, deserialize_with = "or_default")]
    pub default_branch: String,
    /// Not for everybody to see.
    #[serde(default, deserialize_with = "or_default")]
    pub private: bool,
    /// A fork of another.
    #[serde(default, deserialize_with = "or_default")]
    pub fork: bool,
    /// Read-only for good.
    #[serde(default, deserialize_with = "or_default")]
    pub archived: bool,
    /// Switched off by GitHub.
    #[serde(default, deserialize_with = "or_default")]
    pub disabled: bool,
    /// Where it is cloned from.
    #[serde(default, deserialize_with = "or_default")]
    pub clone_url: String,
    /// Its page.
    #[serde(default, deserialize_with = "or_default")]
    pub html_url: String,
    /// Whether pull requests may be set to merge by themselves.
    #[serde(default, deserialize_with = "or_default")]
    pub allow_auto_merge: bool,
    /// What these credentials may do with it; not said to everybody.
    #[serde(default, deserialize_with = "or_none")]
    pub permissions: Option<Access>,
}

impl Repository {
    /// Its name now, if `asked` is a name that it had before.
    #[must_use]
    pub fn renamed_from(&self, asked: &RepoName) -> Option<&RepoName> {
        (self.full_name != *asked).then_some(&self.full_name)
    }
}

/// What credentials may do with a repository.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
#[expect(clippy::struct_excessive_bools, reason = "GitHub's own shape")]
pub struct Access {
    /// Read.
    pub pull: bool,
    /// Sort issues and pull requests.
    pub triage: bool,
    /// Write.
    pub push: bool,
    /// Some of the settings.
    pub maintain: bool,
    /// Everything.
    pub admin: bool,
}

/// What somebody may do with a repository.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Role {
    #[serde(default, deserialize_with = "or_default")]
    permission: Permission,
    #[serde(default, deserialize_with = "or_none")]
    role_name: Option<Permission>,
}

impl Role {
    /// The finer word where it is one of ours: `permission` says `write` for maintainers, and
    /// stays right for roles that an organisation made up.
    pub(crate) fn permission(self) -> Permission {
        match self.role_name {
            Some(role) if !matches!(role, Permission::Other(_)) => role,
            _ => self.permission,
        }
    }
}
