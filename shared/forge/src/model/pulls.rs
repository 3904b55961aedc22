//! Pull requests.

use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};

use super::{Association, GitHubUser, MergeState, PullState, RepoRef, list, or_default, or_none};
use crate::names::{PullNumber, Sha};
use crate::time::Timestamp;

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct PullRequest {
    pub number: PullNumber,
    /// The id in GraphQL.
    #[serde(default, deserialize_with = "or_default")]
    pub node_id: String,
    #[serde(default, deserialize_with = "or_default")]
    pub title: String,
    #[serde(default, deserialize_with = "or_default")]
    pub body: String,
    #[serde(default, deserialize_with = "or_default")]
    pub state: PullState,
    #[serde(default, deserialize_with = "or_default")]
    pub draft: bool,
    /// Lists leave it out; there `merged_at` shows it.
    #[serde(default, deserialize_with = "or_default")]
    pub merged: bool,
    #[serde(default, deserialize_with = "or_none")]
    pub merged_at: Option<Timestamp>,
    #[serde(default, deserialize_with = "or_default")]
    pub user: GitHubUser,
    #[serde(default, deserialize_with = "or_default")]
    pub author_association: Association,
    #[serde(default, deserialize_with = "list")]
    pub labels: Vec<IssueLabel>,
    /// The branch to merge.
    pub head: Head,
    /// The target branch.
    pub base: Head,
    /// `false` if there are conflicts; `None` while GitHub computes it.
    #[serde(default, deserialize_with = "or_none")]
    pub mergeable: Option<bool>,
    /// Lists leave it out.
    #[serde(default, deserialize_with = "or_default")]
    pub mergeable_state: MergeState,
    /// [`PullRequest::merges_itself`] reads it.
    #[serde(default, deserialize_with = "or_none")]
    pub(crate) auto_merge: Option<Presence>,
    /// The merge commit, or GitHub's trial merge.
    #[serde(default, deserialize_with = "or_none")]
    pub merge_commit_sha: Option<Sha>,
    /// Lists leave it out.
    #[serde(default, deserialize_with = "or_none")]
    pub changed_files: Option<u64>,
    #[serde(default, deserialize_with = "or_default")]
    pub html_url: String,
    #[serde(default, deserialize_with = "or_none")]
    pub created_at: Option<Timestamp>,
    #[serde(default, deserialize_with = "or_none")]
    pub updated_at: Option<Timestamp>,
}

impl PullRequest {
    /// Returns `true` if the head is in another repository, or in a deleted one. Greenline never
    /// writes to such a head.
    #[must_use]
    pub fn is_from_fork(&self) -> bool {
        match (&self.head.repo, &self.base.repo) {
            (Some(head), Some(base)) => head.id != base.id,
            _ => true,
        }
    }

    #[must_use]
    pub fn is_open(&self) -> bool {
        self.state == PullState::Open
    }

    /// Returns `true` if auto-merge is enabled.
    #[must_use]
    pub fn merges_itself(&self) -> bool {
        self.auto_merge.is_some()
    }

    #[must_use]
    pub fn has_label(&self, name: &str) -> bool {
        self.labels.iter().any(|label| label.name.eq_ignore_ascii_case(name))
    }
}

/// A value that is present, whatever it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Presence;

impl<'de> Deserialize<'de> for Presence {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // `or_none` tries this first, so it must reject null.
        Option::<IgnoredAny>::deserialize(deserializer)?
            .map(|_| Self)
            .ok_or_else(|| serde::de::Error::custom("null"))
    }
}

/// One side of a pull request.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Head {
    #[serde(rename = "ref", default, deserialize_with = "or_default")]
    pub branch: String,
    pub sha: Sha,
    /// `None` for a deleted fork.
    #[serde(default, deserialize_with = "or_none")]
    pub repo: Option<RepoRef>,
}

/// A pull request, as a check or run refers to it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct PullRef {
    pub number: PullNumber,
    /// The branch to merge.
    #[serde(default, deserialize_with = "or_none")]
    pub head: Option<Head>,
    /// The target branch.
    #[serde(default, deserialize_with = "or_none")]
    pub base: Option<Head>,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct IssueLabel {
    #[serde(default, deserialize_with = "or_default")]
    pub name: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MergeMethod {
    Merge,
    Squash,
    Rebase,
}
