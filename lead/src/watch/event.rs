//! Events on GitHub that the lead handles.
//!
//! Stored as JSON until they are handled: the names outlive a release.

use greenline_forge::{CommentId, PullNumber, RepoName, Sha, Timestamp, UserId};
use serde::{Deserialize, Serialize};

use crate::check::{CheckName, CheckedPull, FailedCheck, PassedCheck};
use crate::plan::Subject;

/// Something that was seen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum RepoEvent {
    /// A check is red.
    CheckFailed(FailedCheck),
    /// A check is green.
    CheckPassed(PassedCheck),
    /// A pull request was closed or merged.
    PullClosed(PullClosed),
    /// A pull request has another head than before.
    HeadMoved(HeadMoved),
    /// Somebody mentions us in a comment on a pull request.
    Command(Mention),
    /// A branch has another head than before.
    Push(BranchPush),
    /// The list of repositories has changed.
    RepositoriesChanged,
    /// A task about a failure has ended.
    TaskEnded(TaskEnded),
}

/// A task about a failure has ended; what came of it is in the task's record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskEnded {
    /// The repository.
    pub repo: RepoName,
    /// The pull request, if it was about one.
    pub pull: Option<PullNumber>,
    /// The branch.
    pub branch: String,
    /// The check.
    pub check: CheckName,
    /// The task.
    pub task: String,
    /// Tells the ends of one task apart: a task that is retried by hand ends again.
    pub fence: String,
}

/// A pull request was closed or merged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PullClosed {
    /// The repository.
    pub repo: RepoName,
    /// Its number.
    pub number: PullNumber,
    pub head: Sha,
    /// True if it was merged; `None` if it is only known to be gone.
    pub merged: Option<bool>,
}

/// A pull request has another head than before, or is new.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeadMoved {
    /// The repository.
    pub repo: RepoName,
    pub pull: CheckedPull,
    pub head: Sha,
}

/// Somebody mentions us in a comment on a pull request. What it says is for others to read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mention {
    /// The repository.
    pub repo: RepoName,
    /// The pull request.
    pub number: PullNumber,
    /// The comment.
    pub comment: CommentId,
    /// The login of the author.
    pub author: String,
    /// The same by number, which can't be changed.
    pub author_id: Option<UserId>,
    /// All that was written.
    pub body: String,
    /// When.
    pub at: Option<Timestamp>,
}

/// A branch has another head than before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BranchPush {
    /// The repository.
    pub repo: RepoName,
    /// The branch.
    pub branch: String,
    pub head: Sha,
    pub is_default: bool,
    /// True if the old head is no longer part of the branch.
    pub forced: bool,
}

impl TaskEnded {
    /// Returns the subject of the task.
    #[must_use]
    pub fn subject(&self) -> Subject {
        match self.pull {
            Some(number) => Subject::Pull(number),
            None => Subject::Branch(self.branch.clone()),
        }
    }
}

impl RepoEvent {
    /// The repository that it is about.
    #[must_use]
    pub fn repo(&self) -> Option<&RepoName> {
        match self {
            Self::CheckFailed(it) => Some(&it.repo),
            Self::CheckPassed(it) => Some(&it.repo),
            Self::PullClosed(it) => Some(&it.repo),
            Self::HeadMoved(it) => Some(&it.repo),
            Self::Command(it) => Some(&it.repo),
            Self::Push(it) => Some(&it.repo),
            Self::TaskEnded(it) => Some(&it.repo),
            Self::RepositoriesChanged => None,
        }
    }

    /// Names it within its repository, the same however it was seen. None for what may be told
    /// again and again.
    pub(crate) fn key(&self) -> Option<String> {
        match self {
            Self::CheckFailed(it) => Some(it.key()),
            Self::CheckPassed(it) => Some(it.key()),
            Self::PullClosed(it) => Some(format!("closed-{}-{}", it.number, it.head)),
            Self::HeadMoved(it) => Some(format!("head-{}-{}", it.pull.number, it.head)),
            Self::Command(it) => Some(format!("comment-{}", it.comment)),
            Self::TaskEnded(it) => Some(format!("task-{}-{}", it.task, it.fence)),
            // A branch may come back to where it was.
            Self::Push(_) | Self::RepositoriesChanged => None,
        }
    }

    /// One word of a short list, for labels.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::CheckFailed(_) => "check_failed",
            Self::CheckPassed(_) => "check_passed",
            Self::PullClosed(_) => "pull_closed",
            Self::HeadMoved(_) => "head_moved",
            Self::Command(_) => "command",
            Self::Push(_) => "push",
            Self::RepositoriesChanged => "repositories_changed",
            Self::TaskEnded(_) => "task_ended",
        }
    }
}

/// Returns true if a comment mentions Greenline. If it is a command is decided elsewhere.
/// Greenline's own comments name the commands, too, and are not news.
pub(crate) fn mentions_us(body: &str) -> bool {
    const US: &[u8] = b"@greenline";
    const OURS: &str = "<!-- greenline ";
    !body.starts_with(OURS)
        && body.as_bytes().windows(US.len()).any(|part| part.eq_ignore_ascii_case(US))
}
