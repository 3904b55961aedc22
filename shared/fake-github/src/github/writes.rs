//! The changes made through the API, in terms of the fake, so that a test can say "one comment, one
//! check run".
//!
//! A deed is a call that changed something. A refused call is none. A call that took effect and
//! whose answer was lost is one. Changes that a test or a script makes ([`RepoHandle`]) are none.
//!
//! [`RepoHandle`]: super::RepoHandle

use super::journal::{CallAuthor, RecordedCall};

/// A moment, to ask what was done since.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct JournalMark(pub(crate) usize);

/// The kind of a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum WriteKind {
    /// A comment was written.
    Comment,
    /// A comment was edited.
    CommentEdit,
    /// A comment was deleted.
    CommentDelete,
    /// A reaction was given or taken back.
    Reaction,
    /// An issue was opened.
    Issue,
    /// An issue or pull request was edited, closed or opened again.
    Edit,
    /// Labels were put on or taken off.
    Labels,
    /// A review was asked for, or no longer is.
    ReviewRequest,
    /// A check run was made.
    CheckRun,
    /// A check run was changed.
    CheckRunUpdate,
    /// A commit status was set.
    Status,
    /// A workflow run, its failed jobs or one job was started again.
    Rerun,
    /// A commit was made through the API.
    Commit,
    /// A git client pushed.
    Push,
    /// A pull request was merged.
    Merge,
    /// A pull request was told to merge by itself, or no longer is.
    AutoMerge,
    /// A webhook was asked for again.
    Redelivery,
    /// Something else.
    Other,
}

/// Something that was done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordedWrite {
    pub kind: WriteKind,
    /// To what: a number, an id, a commit or a branch, as the call named it.
    pub to: String,
    /// By whom.
    pub author: CallAuthor,
}

impl RecordedWrite {
    pub(crate) fn of(call: &RecordedCall) -> Option<Self> {
        if !call.is_write() {
            return None;
        }
        let path = call.path.split('?').next().unwrap_or_default();
        let (kind, to) = match call.graphql.first() {
            Some(mutation) => by_graphql(mutation, call),
            None => by_rest(&call.method, path, call),
        };
        Some(Self { kind, to, author: call.author.clone() })
    }
}

fn by_graphql(mutation: &str, call: &RecordedCall) -> (WriteKind, String) {
    let input = call.body.as_ref().map(|body| &body["variables"]["input"]);
    let text = |pointer: &str| {
        let found = input.and_then(|input| input.pointer(pointer)?.as_str());
        found.unwrap_or_default().to_owned()
    };
    match mutation {
        "createCommitOnBranch" => (WriteKind::Commit, text("/branch/branchName")),
        "enablePullRequestAutoMerge" | "disablePullRequestAutoMerge" => {
            (WriteKind::AutoMerge, text("/pullRequestId"))
        }
        "addComment" => (WriteKind::Comment, text("/subjectId")),
        "updateIssueComment" => (WriteKind::CommentEdit, text("/id")),
        other => (WriteKind::Other, other.to_owned()),
    }
}

fn by_rest(method: &str, path: &str, call: &RecordedCall) -> (WriteKind, String) {
    let words: Vec<&str> = path.split('/').skip_while(|&it| it != "repos").skip(3).collect();
    let sha = || {
        let sha = call.body.as_ref().and_then(|body| body["head_sha"].as_str());
        sha.unwrap_or_default().to_owned()
    };
    let (kind, to) = match (method, words.as_slice()) {
        ("POST", ["issues", number, "comments"]) => (WriteKind::Comment, *number),
        ("PATCH", ["issues", "comments", id]) => (WriteKind::CommentEdit, *id),
        ("DELETE", ["issues", "comments", id]) => (WriteKind::CommentDelete, *id),
        (_, ["issues", "comments", id, "reactions", ..] | ["issues", id, "reactions", ..]) => {
            (WriteKind::Reaction, *id)
        }
        ("POST", ["issues"]) => (WriteKind::Issue, ""),
        ("PATCH", ["issues" | "pulls", number]) => (WriteKind::Edit, *number),
        (_, ["issues", number, "labels", ..]) => (WriteKind::Labels, *number),
        (_, ["pulls", number, "requested_reviewers"]) => (WriteKind::ReviewRequest, *number),
        ("PUT", ["pulls", number, "merge"]) => (WriteKind::Merge, *number),
        ("POST", ["check-runs"]) => return (WriteKind::CheckRun, sha()),
        ("PATCH", ["check-runs", id]) => (WriteKind::CheckRunUpdate, *id),
        ("POST", ["statuses", sha]) => (WriteKind::Status, *sha),
        ("POST", ["actions", "runs" | "jobs", id, again]) if again.starts_with("rerun") => {
            (WriteKind::Rerun, *id)
        }
        _ if path.ends_with("/attempts") => (WriteKind::Redelivery, path),
        _ if path.ends_with("/git-receive-pack") => (WriteKind::Push, path),
        _ => (WriteKind::Other, path),
    };
    (kind, to.to_owned())
}
