//! The changes made through the API, in terms of the fake, so that a test can say "one comment, one
//! check run".
//!
//! A deed is a call that changed something. A refused call is none. A call that took effect and
//! whose answer was lost is one. Changes that a test or a script makes ([`RepoHandle`]) are none.
//!
//! [`RepoHandle`]: super::RepoHandle

use super::journal::{Call, Who};

/// A moment, to ask what was done since.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Mark(pub(crate) usize);

/// The kind of a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DeedKind {
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
pub struct Deed {
    pub kind: DeedKind,
    /// To what: a number, an id, a commit or a branch, as the call named it.
    pub to: String,
    /// By whom.
    pub who: Who,
}

impl Deed {
    pub(crate) fn of(call: &Call) -> Option<Self> {
        if !call.is_write() {
            return None;
        }
        let path = call.path.split('?').next().unwrap_or_default();
        let (kind, to) = match call.graphql.first() {
            Some(mutation) => by_graphql(mutation, call),
            None => by_rest(&call.method, path, call),
        };
        Some(Self { kind, to, who: call.who.clone() })
    }
}

fn by_graphql(mutation: &str, call: &Call) -> (DeedKind, String) {
    let input = call.body.as_ref().map(|body| &body["variables"]["input"]);
    let text = |pointer: &str| {
        let found = input.and_then(|input| input.pointer(pointer)?.as_str());
        found.unwrap_or_default().to_owned()
    };
    match mutation {
        "createCommitOnBranch" => (DeedKind::Commit, text("/branch/branchName")),
        "enablePullRequestAutoMerge" | "disablePullRequestAutoMerge" => {
            (DeedKind::AutoMerge, text("/pullRequestId"))
        }
        "addComment" => (DeedKind::Comment, text("/subjectId")),
        "updateIssueComment" => (DeedKind::CommentEdit, text("/id")),
        other => (DeedKind::Other, other.to_owned()),
    }
}

fn by_rest(method: &str, path: &str, call: &Call) -> (DeedKind, String) {
    let words: Vec<&str> = path.split('/').skip_while(|&it| it != "repos").skip(3).collect();
    let sha = || {
        let sha = call.body.as_ref().and_then(|body| body["head_sha"].as_str());
        sha.unwrap_or_default().to_owned()
    };
    let (kind, to) = match (method, words.as_slice()) {
        ("POST", ["issues", number, "comments"]) => (DeedKind::Comment, *number),
        ("PATCH", ["issues", "comments", id]) => (DeedKind::CommentEdit, *id),
        ("DELETE", ["issues", "comments", id]) => (DeedKind::CommentDelete, *id),
        (_, ["issues", "comments", id, "reactions", ..] | ["issues", id, "reactions", ..]) => {
            (DeedKind::Reaction, *id)
        }
        ("POST", ["issues"]) => (DeedKind::Issue, ""),
        ("PATCH", ["issues" | "pulls", number]) => (DeedKind::Edit, *number),
        (_, ["issues", number, "labels", ..]) => (DeedKind::Labels, *number),
        (_, ["pulls", number, "requested_reviewers"]) => (DeedKind::ReviewRequest, *number),
        ("PUT", ["pulls", number, "merge"]) => (DeedKind::Merge, *number),
        ("POST", ["check-runs"]) => return (DeedKind::CheckRun, sha()),
        ("PATCH", ["check-runs", id]) => (DeedKind::CheckRunUpdate, *id),
        ("POST", ["statuses", sha]) => (DeedKind::Status, *sha),
        ("POST", ["actions", "runs" | "jobs", id, again]) if again.starts_with("rerun") => {
            (DeedKind::Rerun, *id)
        }
        _ if path.ends_with("/attempts") => (DeedKind::Redelivery, path),
        _ if path.ends_with("/git-receive-pack") => (DeedKind::Push, path),
        _ => (DeedKind::Other, path),
    };
    (kind, to.to_owned())
}
