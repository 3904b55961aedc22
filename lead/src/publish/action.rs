//! Actions on the outside world and their ids.
//!
//! An action is stored with its intent, as JSON: the names outlive a release. Its id derives from
//! its content and occasion, so requesting the same action twice requests one action.

use greenline_forge::model::MergeMethod;
use greenline_forge::{CommentId, PullNumber, RepoName, RunId, Sha};
use greenline_queue::content_hash;
use serde::{Deserialize, Serialize};

use super::actions::check_run::CheckReport;
use super::actions::issue::IssueState;
use super::comment_body::CommentBody;
use super::notify::Notification;
use super::patch::Patch;
use crate::repo_settings::ChangeKind;

/// The occasion of an action, such as a failed check's key and the stage of its repair: the same
/// action for the same occasion is done once.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct IdempotencyKey(String);

impl IdempotencyKey {
    /// An occasion of this name; a name that is no plain short word is hashed.
    #[must_use]
    pub fn new(name: &str) -> Self {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
        if (1..=100).contains(&name.len()) && name.bytes().all(plain) {
            return Self(name.to_owned());
        }
        Self(content_hash(name.as_bytes()).chars().take(24).collect())
    }

    /// Its name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Something to be done in a repository.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutsideAction {
    /// The repository.
    pub repo: RepoName,
    /// The pull request, if it is about one.
    pub pull: Option<PullNumber>,
    pub key: IdempotencyKey,
    pub kind: ActionKind,
}

/// The effect of an action.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ActionKind {
    /// The one comment on the pull request says this.
    Comment { body: CommentBody },
    /// The check run `greenline` on a commit says this.
    CheckRun { report: CheckReport },
    /// The one issue about a branch that is broken says this.
    Issue {
        /// The branch.
        branch: String,
        body: CommentBody,
        state: IssueState,
    },
    /// The failed jobs of a run run again.
    Rerun {
        /// The run.
        run: RunId,
        /// The attempt that failed.
        attempt: u64,
    },
    /// A patch is committed to the pull request's branch.
    Commit {
        /// The patch.
        patch: Patch,
        /// The kinds of change that it makes, among those that a repository may want to see.
        kinds: Vec<ChangeKind>,
        /// Why it may be committed; looked at again when it is.
        authorization: Authorization,
    },
    /// The pull request is merged, if it is green.
    Merge {
        /// The head commit that is merged.
        head: Sha,
        method: MergeMethod,
        /// Why it may be merged; looked at again when it is.
        authorization: Authorization,
    },
    /// Labels are added and removed.
    Label {
        /// To add.
        add: Vec<String>,
        /// To remove.
        remove: Vec<String>,
    },
    /// People are asked for a review.
    RequestReview {
        /// Their names.
        logins: Vec<String>,
    },
    /// A comment gets a sign that it was read.
    React {
        /// The comment.
        comment: CommentId,
        /// True if the command was accepted.
        taken: bool,
    },
    /// People are called by a webhook.
    Notify { notification: Notification },
}

/// Why a commit or a merge may happen. Neither is obeyed blindly: the action reads the
/// repository's settings and the approval when it runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Authorization {
    /// A person said yes to exactly this.
    Approved(ApprovalId),
    /// The repository's level of autonomy asks nobody.
    ByLevel,
}

/// The id of a question to a person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ApprovalId(String);

impl ApprovalId {
    /// The id of a question that [`Approvals`](super::Approvals) asked.
    #[must_use]
    pub fn new(id: &str) -> Self {
        Self(id.to_owned())
    }

    /// Its text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Authorization {
    /// Sets what a person approved apart from what the level once allowed: one that was refused
    /// for want of a yes may be asked for again with one.
    fn suffix(&self) -> &'static str {
        match self {
            Self::Approved(_) => ":approved",
            Self::ByLevel => "",
        }
    }
}

/// A lane of actions that are done in order. ActionLanes don't wait for each other.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum ActionLane {
    Pull(String, PullNumber),
    Repo(String),
    Notifications,
}

impl OutsideAction {
    /// The action's name, of which there is one intent.
    #[must_use]
    pub fn id(&self) -> String {
        let repo = self.repo.folded();
        let place = self.pull.map_or_else(|| repo.clone(), |pull| format!("{repo}#{pull}"));
        let key = self.key.as_str();
        match &self.kind {
            ActionKind::Comment { .. } => format!("comment:{place}:{key}"),
            ActionKind::CheckRun { report } => format!("check:{repo}:{}:{key}", report.head),
            ActionKind::Issue { .. } => format!("issue:{repo}:{key}"),
            ActionKind::Rerun { run, attempt } => format!("rerun:{repo}:{run}:{attempt}"),
            ActionKind::Commit { patch, authorization, .. } => {
                format!("commit:{place}:{}{}", patch.short_hash(), authorization.suffix())
            }
            ActionKind::Merge { head, authorization, .. } => {
                format!("merge:{place}:{head}:{key}{}", authorization.suffix())
            }
            ActionKind::Label { .. } => format!("label:{place}:{key}"),
            ActionKind::RequestReview { .. } => format!("review:{place}:{key}"),
            ActionKind::React { comment, taken } => format!("react:{repo}:{comment}:{taken}"),
            ActionKind::Notify { .. } => format!("notify:{place}:{key}"),
        }
    }

    pub(crate) fn lane(&self) -> ActionLane {
        match (&self.kind, self.pull) {
            (ActionKind::Notify { .. }, _) => ActionLane::Notifications,
            (_, Some(pull)) => ActionLane::Pull(self.repo.folded(), pull),
            (_, None) => ActionLane::Repo(self.repo.folded()),
        }
    }

    /// Returns true if `newer` replaces this action completely.
    pub(crate) fn is_superseded_by(&self, newer: &Self) -> bool {
        let same_place = self.repo == newer.repo && self.pull == newer.pull;
        match (&self.kind, &newer.kind) {
            (ActionKind::Comment { .. }, ActionKind::Comment { .. }) => same_place,
            (ActionKind::CheckRun { report: old }, ActionKind::CheckRun { report: new }) => {
                same_place && old.head == new.head
            }
            (ActionKind::Issue { branch: old, .. }, ActionKind::Issue { branch: new, .. }) => {
                same_place && old == new
            }
            _ => false,
        }
    }

    /// One word of a short list, for labels.
    #[must_use]
    pub fn label(&self) -> &'static str {
        match self.kind {
            ActionKind::Comment { .. } => "comment",
            ActionKind::CheckRun { .. } => "check_run",
            ActionKind::Issue { .. } => "issue",
            ActionKind::Rerun { .. } => "rerun",
            ActionKind::Commit { .. } => "commit",
            ActionKind::Merge { .. } => "merge",
            ActionKind::Label { .. } => "label",
            ActionKind::RequestReview { .. } => "request_review",
            ActionKind::React { .. } => "react",
            ActionKind::Notify { .. } => "notify",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rerun() -> OutsideAction {
        OutsideAction {
            repo: "Acme/app".parse().unwrap(),
            pull: Some(PullNumber(812)),
            key: IdempotencyKey::new("check-4471"),
            kind: ActionKind::Rerun { run: RunId(9), attempt: 1 },
        }
    }

    #[test]
    fn stored_actions_keep_their_shape() {
        let stored = r#"{"repo":"Acme/app","pull":812,"key":"check-4471","kind":{"type":"rerun","run":9,"attempt":1}}"#;
        assert_eq!(serde_json::to_string(&rerun()).unwrap(), stored);
        assert_eq!(serde_json::from_str::<OutsideAction>(stored).unwrap(), rerun());
    }

    #[test]
    fn the_same_wish_has_the_same_name() {
        assert_eq!(rerun().id(), "rerun:acme/app:9:1");
        let kind = ActionKind::Comment { body: CommentBody::default() };
        let comment = OutsideAction { kind, ..rerun() };
        assert_eq!(comment.id(), "comment:acme/app#812:check-4471");
        let other = OutsideAction { repo: "acme/APP".parse().unwrap(), ..comment.clone() };
        assert_eq!((other.id(), other.lane()), (comment.id(), comment.lane()));
        assert_eq!(IdempotencyKey::new("a b").as_str().len(), 24);
        assert_ne!(IdempotencyKey::new("a b"), IdempotencyKey::new("a c"));
    }
}
