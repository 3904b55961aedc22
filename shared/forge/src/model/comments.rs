//! Comments, reactions and issues.

use serde::{Deserialize, Serialize};

use super::{Association, CheckApp, GitHubUser, or_default, or_none};
use crate::names::{CommentId, PullNumber};
use crate::time::Timestamp;

/// A comment on an issue or pull request.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct IssueComment {
    pub id: CommentId,
    #[serde(default, deserialize_with = "or_default")]
    pub body: String,
    #[serde(default, deserialize_with = "or_default")]
    pub user: GitHubUser,
    #[serde(default, deserialize_with = "or_default")]
    pub author_association: Association,
    /// The app that wrote it, if one did.
    #[serde(default, deserialize_with = "or_none")]
    pub performed_via_github_app: Option<CheckApp>,
    #[serde(default, deserialize_with = "or_default")]
    pub html_url: String,
    #[serde(default, deserialize_with = "or_none")]
    pub created_at: Option<Timestamp>,
    #[serde(default, deserialize_with = "or_none")]
    pub updated_at: Option<Timestamp>,
}

/// A reaction to a comment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum Reaction {
    /// 👍
    #[serde(rename = "+1")]
    ThumbsUp,
    /// 👎
    #[serde(rename = "-1")]
    ThumbsDown,
    /// 👀
    #[serde(rename = "eyes")]
    Eyes,
    /// 😕
    #[serde(rename = "confused")]
    Confused,
    /// 🚀
    #[serde(rename = "rocket")]
    Rocket,
}

/// An issue, or a pull request seen as one.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Issue {
    pub number: PullNumber,
    #[serde(default, deserialize_with = "or_default")]
    pub title: String,
    #[serde(default, deserialize_with = "or_default")]
    pub body: String,
    #[serde(default, deserialize_with = "or_default")]
    pub state: super::PullState,
    #[serde(default, deserialize_with = "or_default")]
    pub user: GitHubUser,
    #[serde(default, deserialize_with = "or_default")]
    pub html_url: String,
    /// Present for a pull request. [`Issue::is_pull_request`] reads it.
    #[serde(default, deserialize_with = "or_none")]
    pub(crate) pull_request: Option<super::pulls::Presence>,
}

impl Issue {
    #[must_use]
    pub fn is_pull_request(&self) -> bool {
        self.pull_request.is_some()
    }
}
