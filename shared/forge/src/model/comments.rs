//! Comments, reactions and issues.

use serde::{Deserialize, Serialize};

use super::{App, Association, User, or_default, or_none};
use crate::names::{CommentId, PullNumber};
use crate::time::Moment;

/// A comment on an issue or pull request.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Comment {
    /// Its id.
    pub id: CommentId,
    /// What it says.
    #[serde(default, deserialize_with = "or_default")]
    pub body: String,
    /// Who wrote it.
    #[serde(default, deserialize_with = "or_default")]
    pub user: User,
    /// How they stand to the repository.
    #[serde(default, deserialize_with = "or_default")]
    pub author_association: Association,
    /// The app that wrote it, if one did.
    #[serde(default, deserialize_with = "or_none")]
    pub performed_via_github_app: Option<App>,
    /// Its page.
    #[serde(default, deserialize_with = "or_default")]
    pub html_url: String,
    /// When it was written.
    #[serde(default, deserialize_with = "or_none")]
    pub created_at: Option<Moment>,
    /// When it last changed.
    #[serde(default, deserialize_with = "or_none")]
    pub updated_at: Option<Moment>,
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
    /// Its number.
    pub number: PullNumber,
    /// Its title.
    #[serde(default, deserialize_with = "or_default")]
    pub title: String,
    /// What it says.
    #[serde(default, deserialize_with = "or_default")]
    pub body: String,
    /// `open` or `closed`.
    #[serde(default, deserialize_with = "or_default")]
    pub state: super::PullState,
    /// Who opened it.
    #[serde(default, deserialize_with = "or_default")]
    pub user: User,
    /// Its page.
    #[serde(default, deserialize_with = "or_default")]
    pub html_url: String,
    /// There for a pull request. Read it with [`Issue::is_pull_request`].
    #[serde(default, deserialize_with = "or_none")]
    pub(crate) pull_request: Option<super::pulls::Something>,
}

impl Issue {
    /// Whether it is a pull request.
    #[must_use]
    pub fn is_pull_request(&self) -> bool {
        self.pull_request.is_some()
    }
}
