//! Actions on the outside world and their ids.
//!
//! An action is stored with its intent, as JSON: the names outlive a release. Its id derives from
//! its content and occasion, so requesting the same action twice requests one action.

use greenline_forge::model::MergeMethod;
use greenline_forge::{CommentId, PullNumber, RepoName, RunId, Sha};
use greenline_queue::content_hash;
use serde::{Deserialize, Serialize};

use super::deeds::check_run::Report;
use super::deeds::issue::State;
use super::notify::Call;
use super::page::Page;
use super::patch::Patch;
use crate::repo_settings::ChangeKind;

/// The occasion of an action, such as a failed check's key and the stage of its repair: the same
/// action for the same occasion is done once.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Occasion(String);

impl Occasion {
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
pub struct Action {
    /// The repository.
    pub repo: RepoName,
    /// The pull request, if it is about one.
    pub pull: Option<PullNumber>,
    pub occasion: Occasion,
    pub deed: Deed,
}

/// The effect of an action.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Deed {
    /// The one comment on the pull request says this.
    Comment { page: Page },
    /// The check run `greenline` on a commit says this.
    CheckRun { report: Report },
    /// The one issue about a branch that is broken says this.
    Issue {
        /// The branch.
        branch: String,
        page: Page,
        state: State,
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
    Notify { call: Call },
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

/// A lane of actions that are done in order. Lanes don't wait for each other.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Lane {
    Pull(String, PullNumber),
    Repo(String),
    Calls,
}

impl Action {
    /// The action's name, of which there is one intent.
    #[must_use]
    pub fn id(&self) -> String {
        let repo = self.repo.folded();
        let place = self.pull.map_or_else(|| repo.clone(), |pull| format!("{repo}#{pull}"));
        let occasion = self.occasion.as_str();
        match &self.deed {
            Deed::Comment { .. } => format!("comment:{place}:{occasion}"),
            Deed::CheckRun { report } => format!("check:{repo}:{}:{occasion}", report.head),
            Deed::Issue { .. } => format!("issue:{repo}:{occasion}"),
            Deed::Rerun { run, attempt } => format!("rerun:{repo}:{run}:{attempt}"),
            Deed::Commit { patch, authorization, .. } => {
                format!("commit:{place}:{}{}", patch.short_hash(), authorization.suffix())
            }
            Deed::Merge { head, authorization, .. } => {
                format!("merge:{place}:{head}:{occasion}{}", authorization.suffix())
            }
            Deed::Label { .. } => format!("label:{place}:{occasion}"),
            Deed::RequestReview { .. } => format!("review:{place}:{occasion}"),
            Deed::React { comment, taken } => format!("react:{repo}:{comment}:{taken}"),
            Deed::Notify { .. } => format!("notify:{place}:{occasion}"),
        }
    }

    pub(crate) fn lane(&self) -> Lane {
        match (&self.deed, self.pull) {
            (Deed::Notify { .. }, _) => Lane::Calls,
            (_, Some(pull)) => Lane::Pull(self.repo.folded(), pull),
            (_, None) => Lane::Repo(self.repo.folded()),
        }
    }

    /// Returns true if `newer` replaces this action completely.
    pub(crate) fn is_superseded_by(&self, newer: &Self) -> bool {
        let same_place = self.repo == newer.repo && self.pull == newer.pull;
        match (&self.deed, &newer.deed) {
            (Deed::Comment { .. }, Deed::Comment { .. }) => same_place,
            (Deed::CheckRun { report: old }, Deed::CheckRun { report: new }) => {
                same_place && old.head == new.head
            }
            (Deed::Issue { branch: old, .. }, Deed::Issue { branch: new, .. }) => {
                same_place && old == new
            }
            _ => false,
        }
    }

    /// One word of a short list, for labels.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self.deed {
            Deed::Comment { .. } => "comment",
            Deed::CheckRun { .. } => "check_run",
            Deed::Issue { .. } => "issue",
            Deed::Rerun { .. } => "rerun",
            Deed::Commit { .. } => "commit",
            Deed::Merge { .. } => "merge",
            Deed::Label { .. } => "label",
            Deed::RequestReview { .. } => "request_review",
            Deed::React { .. } => "react",
            Deed::Notify { .. } => "notify",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rerun() -> Action {
        Action {
            repo: "Acme/app".parse().unwrap(),
            pull: Some(PullNumber(812)),
            occasion: Occasion::new("check-4471"),
            deed: Deed::Rerun { run: RunId(9), attempt: 1 },
        }
    }

    #[test]
    fn stored_actions_keep_their_shape() {
        let stored = r#"{"repo":"Acme/app","pull":812,"occasion":"check-4471","deed":{"type":"rerun","run":9,"attempt":1}}"#;
        assert_eq!(serde_json::to_string(&rerun()).unwrap(), stored);
        assert_eq!(serde_json::from_str::<Action>(stored).unwrap(), rerun());
    }

    #[test]
    fn the_same_wish_has_the_same_name() {
        assert_eq!(rerun().id(), "rerun:acme/app:9:1");
        let deed = Deed::Comment { page: Page::default() };
        let comment = Action { deed, ..rerun() };
        assert_eq!(comment.id(), "comment:acme/app#812:check-4471");
        let other = Action { repo: "acme/APP".parse().unwrap(), ..comment.clone() };
        assert_eq!((other.id(), other.lane()), (comment.id(), comment.lane()));
        assert_eq!(Occasion::new("a b").as_str().len(), 24);
        assert_ne!(Occasion::new("a b"), Occasion::new("a c"));
    }
}
