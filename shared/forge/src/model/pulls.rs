//! Pull requests.

use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};

use super::{Association, MergeState, PullState, RepoRef, User, list, or_default, or_none};
use crate::names::{PullNumber, Sha};
use crate::time::Moment;

/// A pull request.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct PullRequest {
    /// Its number in the repository.
    pub number: PullNumber,
    /// Its name in GraphQL.
    #[serde(default, deserialize_with = "or_default")]
    pub node_id: String,
    /// Its title.
    #[serde(default, deserialize_with = "or_default")]
    pub title: String,
    /// What its author wrote.
    #[serde(default, deserialize_with = "or_default")]
    pub body: String,
    /// Whether it is open.
    #[serde(default, deserialize_with = "or_default")]
    pub state: PullState,
    /// Not ready for review.
    #[serde(default, deserialize_with = "or_default")]
    pub draft: bool,
    /// Merged. Lists leave it out; `merged_at` says it there.
    #[serde(default, deserialize_with = "or_default")]
    pub merged: bool,
    /// When it was merged.
    #[serde(default, deserialize_with = "or_none")]
    pub merged_at: Option<Moment>,
    /// Who opened it.
    #[serde(default, deserialize_with = "or_default")]
    pub user: User,
    /// How its author stands to the repository.
    #[serde(default, deserialize_with = "or_default")]
    pub author_association: Association,
    /// Its labels.
    #[serde(default, deserialize_with = "list")]
    pub labels: Vec<Label>,
    /// What should be merged.
    pub head: Head,
    /// What it should be merged into.
    pub base: Head,
    /// Whether there are no conflicts; none while GitHub computes it.
    #[serde(default, deserialize_with = "or_none")]
    pub mergeable: Option<bool>,
    /// Whether it could be merged now. Lists leave it out.
    #[serde(default, deserialize_with = "or_default")]
    pub mergeable_state: MergeState,
    /// Whether it will be merged by itself. Read it with [`PullRequest::merges_itself`].
    #[serde(default, deserialize_with = "or_none")]
    pub(crate) auto_merge: Option<Something>,
    /// The commit that it became, or that GitHub tries the merge with.
    #[serde(default, deserialize_with = "or_none")]
    pub merge_commit_sha: Option<Sha>,
    /// How many files it changes. Lists leave it out.
    #[serde(default, deserialize_with = "or_none")]
    pub changed_files: Option<u64>,
    /// Its page.
    #[serde(default, deserialize_with = "or_default")]
    pub html_url: String,
    /// When it was opened.
    #[serde(default, deserialize_with = "or_none")]
    pub created_at: Option<Moment>,
    /// When it last changed.
    #[serde(default, deserialize_with = "or_none")]
    pub updated_at: Option<Moment>,
}

impl PullRequest {
    /// Whether its head is in another repository, or in one that is gone: never to be written to.
    #[must_use]
    pub fn is_from_fork(&self) -> bool {
        match (&self.head.repo, &self.base.repo) {
            (Some(head), Some(base)) => head.id != base.id,
            _ => true,
        }
    }

    /// Whether it is open.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.state == PullState::Open
    }

    /// Whether it has been set to merge by itself when everything required is green.
    #[must_use]
    pub fn merges_itself(&self) -> bool {
        self.auto_merge.is_some()
    }

    /// Whether it has this label.
    #[must_use]
    pub fn has_label(&self, name: &str) -> bool {
        self.labels.iter().any(|label| label.name.eq_ignore_ascii_case(name))
    }
}

/// Something that is there, whatever it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Something;

impl<'de> Deserialize<'de> for Something {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // `or_none` tries this first, so null has to be refused here.
        Option::<IgnoredAny>::deserialize(deserializer)?
            .map(|_| Self)
            .ok_or_else(|| serde::de::Error::custom("null"))
    }
}

/// One end of a pull request.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Head {
    /// The branch.
    #[serde(rename = "ref", default, deserialize_with = "or_default")]
    pub branch: String,
    /// The commit.
    pub sha: Sha,
    /// The repository; none for a fork that is gone.
    #[serde(default, deserialize_with = "or_none")]
    pub repo: Option<RepoRef>,
}

/// A pull request, as a check or run mentions it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct PullRef {
    /// Its number.
    pub number: PullNumber,
    /// What should be merged.
    #[serde(default, deserialize_with = "or_none")]
    pub head: Option<Head>,
    /// What it should be merged into.
    #[serde(default, deserialize_with = "or_none")]
    pub base: Option<Head>,
}

/// A label.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Label {
    /// What it says.
    #[serde(default, deserialize_with = "or_default")]
    pub name: String,
}

/// How a pull request is merged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MergeMethod {
    /// With a merge commit.
    Merge,
    /// As one commit.
    Squash,
    /// Commit by commit.
    Rebase,
}
