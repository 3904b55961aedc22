//! Commits, comparisons, and branch protection.

use serde::Deserialize;

use super::{CompareState, FileState, GitHubUser, list, or_default, or_none};
use crate::names::Sha;
use crate::time::Timestamp;

/// A list, possibly cut at the limit of its caller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed<T> {
    pub items: Vec<T>,
    /// `items` holds every entry.
    pub complete: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(from = "WrittenCommit")]
pub struct Commit {
    pub sha: Sha,
    pub message: String,
    /// The author as Git records it.
    pub written_by: Person,
    /// The author's account, if GitHub knows it.
    pub author: Option<GitHubUser>,
    pub parents: Vec<Sha>,
    /// The changed files. Lists leave them out.
    pub files: Vec<FileChange>,
}

/// A person as Git records it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub struct Person {
    #[serde(default, deserialize_with = "or_default")]
    pub name: String,
    #[serde(default, deserialize_with = "or_default")]
    pub email: String,
    #[serde(default, deserialize_with = "or_none")]
    pub date: Option<Timestamp>,
}

#[derive(Deserialize)]
struct WrittenCommit {
    sha: Sha,
    #[serde(default, deserialize_with = "or_default")]
    commit: CommitDetails,
    #[serde(default, deserialize_with = "or_none")]
    author: Option<GitHubUser>,
    #[serde(default, deserialize_with = "list")]
    parents: Vec<Parent>,
    #[serde(default, deserialize_with = "list")]
    files: Vec<FileChange>,
}

#[derive(Default, Deserialize)]
struct CommitDetails {
    #[serde(default, deserialize_with = "or_default")]
    message: String,
    #[serde(default, deserialize_with = "or_default")]
    author: Person,
}

#[derive(Deserialize)]
struct Parent {
    sha: Sha,
}

impl From<WrittenCommit> for Commit {
    fn from(written: WrittenCommit) -> Self {
        Self {
            sha: written.sha,
            message: written.commit.message,
            written_by: written.commit.author,
            author: written.author,
            parents: written.parents.into_iter().map(|parent| parent.sha).collect(),
            files: written.files,
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct FileChange {
    /// From the root of the repository.
    #[serde(default, deserialize_with = "or_default")]
    pub filename: String,
    #[serde(default, deserialize_with = "or_default")]
    pub status: FileState,
    /// The name before a rename.
    #[serde(default, deserialize_with = "or_none")]
    pub previous_filename: Option<String>,
    #[serde(default, deserialize_with = "or_default")]
    pub additions: u64,
    #[serde(default, deserialize_with = "or_default")]
    pub deletions: u64,
    /// The diff. GitHub leaves it out for large and binary files.
    #[serde(default, deserialize_with = "or_none")]
    pub patch: Option<String>,
}

/// The relation of a head to a base.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Comparison {
    #[serde(default, deserialize_with = "or_default")]
    pub status: CompareState,
    /// Commits that the base lacks.
    #[serde(default, deserialize_with = "or_default")]
    pub ahead_by: u64,
    /// Commits that the head lacks.
    #[serde(default, deserialize_with = "or_default")]
    pub behind_by: u64,
    #[serde(default, deserialize_with = "or_none")]
    pub merge_base_commit: Option<Commit>,
    /// The head's commits, oldest first; at most 250.
    #[serde(default, deserialize_with = "list")]
    pub commits: Vec<Commit>,
    /// The files that the commits change together; at most 300.
    #[serde(default, deserialize_with = "list")]
    pub files: Vec<FileChange>,
}

/// The protection of a branch, as far as these credentials can see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Protection {
    /// `None` if these credentials can't see it.
    pub protected: Option<bool>,
    /// The checks that must pass before a merge; `None` if these credentials can't see them.
    pub required: Option<Vec<RequiredCheck>>,
}

/// A check or status that must pass before a merge.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
pub struct RequiredCheck {
    #[serde(default, deserialize_with = "or_default")]
    pub context: String,
    /// The app that must report it; `None` for any.
    #[serde(default, alias = "integration_id", deserialize_with = "or_none")]
    pub app_id: Option<u64>,
}
