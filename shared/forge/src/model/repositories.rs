//! Repositories and accounts.

use serde::Deserialize;

use super::{Permission, UserKind, or_default, or_none};
use crate::names::{RepoId, RepoName, UserId};

/// A person, bot or organization.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub struct GitHubUser {
    /// `None` for a deleted account.
    #[serde(default, deserialize_with = "or_none")]
    pub id: Option<UserId>,
    /// Without the `@`.
    #[serde(default, deserialize_with = "or_default")]
    pub login: String,
    #[serde(rename = "type", default, deserialize_with = "or_default")]
    pub kind: UserKind,
}

/// A repository, as another object refers to it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct RepoRef {
    pub id: RepoId,
    /// The full name, if GitHub reports it.
    #[serde(default, deserialize_with = "or_none")]
    pub full_name: Option<RepoName>,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Repository {
    /// Survives a rename.
    pub id: RepoId,
    /// The current name.
    pub full_name: RepoName,
    /// Webhooks may leave it out.
    #[serde(default, deserialize_with = "or_default")]
    pub default_branch: String,
    #[serde(default, deserialize_with = "or_default")]
    pub private: bool,
    #[serde(default, deserialize_with = "or_default")]
    pub fork: bool,
    #[serde(default, deserialize_with = "or_default")]
    pub archived: bool,
    /// Disabled by GitHub.
    #[serde(default, deserialize_with = "or_default")]
    pub disabled: bool,
    #[serde(default, deserialize_with = "or_default")]
    pub clone_url: String,
    #[serde(default, deserialize_with = "or_default")]
    pub html_url: String,
    /// Auto-merge is allowed.
    #[serde(default, deserialize_with = "or_default")]
    pub allow_auto_merge: bool,
    /// The permissions of these credentials, if GitHub reports them.
    #[serde(default, deserialize_with = "or_none")]
    pub permissions: Option<RepoPermissions>,
}

impl Repository {
    /// Returns the current name if `asked` is a former name.
    #[must_use]
    pub fn renamed_from(&self, asked: &RepoName) -> Option<&RepoName> {
        (self.full_name != *asked).then_some(&self.full_name)
    }
}

/// The permissions of these credentials on a repository.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
#[expect(clippy::struct_excessive_bools, reason = "GitHub's own shape")]
pub struct RepoPermissions {
    pub pull: bool,
    pub triage: bool,
    pub push: bool,
    pub maintain: bool,
    pub admin: bool,
}

/// A person's permission on a repository.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct CollaboratorRole {
    #[serde(default, deserialize_with = "or_default")]
    permission: Permission,
    #[serde(default, deserialize_with = "or_none")]
    role_name: Option<Permission>,
}

impl CollaboratorRole {
    /// Returns the finer role if it is a known one: `permission` reports `write` for maintainers,
    /// and is correct for an organization's custom roles.
    pub(crate) fn permission(self) -> Permission {
        match self.role_name {
            Some(role) if !matches!(role, Permission::Other(_)) => role,
            _ => self.permission,
        }
    }
}
