//! Commits, comparisons, and what protects a branch.

use serde::Deserialize;

use super::{CompareState, FileState, User, list, or_default, or_none};
use crate::names::Sha;
use crate::time::Moment;

/// Everything of a list, or as much of it as we ask for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed<T> {
    /// The entries.
    pub items: Vec<T>,
    /// Whether these are all.
    pub complete: bool,
}

/// A commit.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(from = "WrittenCommit")]
pub struct Commit {
    /// Its name.
    pub sha: Sha,
    /// What its author wrote.
    pub message: String,
    /// Who wrote it, by name.
    pub written_by: Person,
    /// Their account, where GitHub knows it.
    pub author: Option<User>,
    /// The commits before it.
    pub parents: Vec<Sha>,
    /// What it changes. Lists leave it out.
    pub files: Vec<FileChange>,
}

/// Somebody, as Git writes them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub struct Person {
    /// Name.
    #[serde(default, deserialize_with = "or_default")]
    pub name: String,
    /// Address.
    #[serde(default, deserialize_with = "or_default")]
    pub email: String,
    /// When.
    #[serde(default, deserialize_with = "or_none")]
    pub date: Option<Moment>,
}

#[derive(Deserialize)]
struct WrittenCommit {
    sha: Sha,
    #[serde(default, deserialize_with = "or_default")]
    commit: Inner,
    #[serde(default, deserialize_with = "or_none")]
    author: Option<User>,
    #[serde(default, deserialize_with = "list")]
    parents: Vec<Parent>,
    #[serde(default, deserialize_with = "list")]
    files: Vec<FileChange>,
}

#[derive(Default, Deserialize)]
struct Inner {
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

/// What happened to one file.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct FileChange {
    /// The file, from the root of the repository.
    #[serde(default, deserialize_with = "or_default")]
    pub filename: String,
    /// What happened to it.
    #[serde(default, deserialize_with = "or_default")]
    pub status: FileState,
    /// What it was called before.
    #[serde(default, deserialize_with = "or_none")]
    pub previous_filename: Option<String>,
    /// Lines added.
    #[serde(default, deserialize_with = "or_default")]
    pub additions: u64,
    /// Lines removed.
    #[serde(default, deserialize_with = "or_default")]
    pub deletions: u64,
    /// The change itself; left out where it is large or binary.
    #[serde(default, deserialize_with = "or_none")]
    pub patch: Option<String>,
}

/// How a head stands to a base.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Comparison {
    /// In one word.
    #[serde(default, deserialize_with = "or_default")]
    pub status: CompareState,
    /// Commits that the base lacks.
    #[serde(default, deserialize_with = "or_default")]
    pub ahead_by: u64,
    /// Commits that the head lacks.
    #[serde(default, deserialize_with = "or_default")]
    pub behind_by: u64,
    /// The last commit that both have.
    #[serde(default, deserialize_with = "or_none")]
    pub merge_base_commit: Option<Commit>,
    /// The head's commits, oldest first; at most 250.
    #[serde(default, deserialize_with = "list")]
    pub commits: Vec<Commit>,
    /// What they change together; at most 300 files.
    #[serde(default, deserialize_with = "list")]
    pub files: Vec<FileChange>,
}

/// What stands between a commit and a branch, as far as these credentials may know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Protection {
    /// Whether the branch is protected at all; none if we may not know.
    pub protected: Option<bool>,
    /// What must be green before a merge; none if we may not know.
    pub required: Option<Vec<RequiredCheck>>,
}

/// A check or status that must be green before a merge.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
pub struct RequiredCheck {
    /// Its name.
    #[serde(default, deserialize_with = "or_default")]
    pub context: String,
    /// The app that it must come from; none for any.
    #[serde(default, alias = "integration_id", deserialize_with = "or_none")]
    pub app_id: Option<u64>,
}
