//! The question before a patch is published, and the answers to it.
//!
//! A yes is bound to the hash of the patch and its head, and expires. Each pull request has at most
//! one open question, which its comment shows; an answer that was written before the question was
//! asked, or that names another hash, does not count.

use std::time::Duration;

use greenline_forge::model::MergeMethod;
use greenline_forge::{PullNumber, RepoName, Sha, Timestamp};
use greenline_queue::{
    Approval, ApprovalDecision, ApprovalOutcome, Queue, QueueError, TaskId, content_hash,
};
use greenline_store::{StoreError, cmd};
use serde::Serialize;

use super::patch::Patch;

/// Retention of the pointer to a question: longer than any question is open.
const KEPT_MS: u64 = 60 * 24 * 3_600 * 1_000;

/// The shortest part of a hash that names a patch.
const SHORTEST_HASH: usize = 8;

/// The state of a question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ApprovalState {
    /// It waits for an answer.
    Open {
        /// Its id.
        id: String,
    },
    /// A person said yes to exactly this.
    Approved {
        /// Its id.
        id: String,
    },
    /// A person said no, it was withdrawn, or nobody answered in time.
    Closed {
        /// `rejected`, `withdrawn` or `expired`.
        state: String,
    },
}

/// Identifies what the person saw before they answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ShownContent<'a> {
    /// They name the patch by the beginning of its hash.
    Hash(&'a str),
    /// They answered to what the comment showed at this moment.
    At(Timestamp),
}

/// An answer that came from a comment.
#[derive(Debug, Clone, Copy)]
pub struct ApprovalAnswer<'a> {
    /// The login of the person.
    pub who: &'a str,
    pub shown: ShownContent<'a>,
    /// Yes or no.
    pub yes: bool,
    /// The place of the answer.
    pub why: &'a str,
}

/// A merge that a person may say yes to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Merge {
    /// The repository.
    pub repo: RepoName,
    /// The pull request.
    pub pull: PullNumber,
    /// The head that is merged.
    pub head: Sha,
    /// The way it is merged.
    pub method: MergeMethod,
}

impl Merge {
    /// What a yes is bound to.
    #[must_use]
    pub fn content_hash(&self) -> String {
        let whole = serde_json::json!({ "merge": self });
        content_hash(whole.to_string().as_bytes())
    }
}

/// Asks for a yes before patches are published.
#[derive(Clone)]
pub struct Approvals {
    queue: Queue,
    term: Duration,
}

impl Approvals {
    /// Questions are open for so long.
    #[must_use]
    pub fn new(queue: Queue, term: Duration) -> Self {
        Self { queue, term }
    }

    /// Asks whether a patch may be published; `shown` is what people see. ApprovalState again for the same
    /// patch, it says how the question stands.
    ///
    /// # Errors
    ///
    /// When Redis fails.
    pub async fn request(
        &self,
        patch: &Patch,
        task: &TaskId,
        shown: &str,
    ) -> Result<ApprovalState, QueueError> {
        let id = format!("publish-{}-{}", patch.pull, patch.short_hash()).parse()?;
        self.ask_about((&patch.repo, patch.pull), &id, &patch.content_hash(), task, shown).await
    }

    /// Asks whether a pull request may be merged at a head.
    ///
    /// # Errors
    ///
    /// When Redis fails.
    pub async fn ask_merge(
        &self,
        merge: &Merge,
        task: &TaskId,
        shown: &str,
    ) -> Result<ApprovalState, QueueError> {
        let hash = merge.content_hash();
        let id = format!("merge-{}-{}", merge.pull, &hash[..12]).parse()?;
        self.ask_about((&merge.repo, merge.pull), &id, &hash, task, shown).await
    }

    async fn ask_about(
        &self,
        (repo, pull): (&RepoName, PullNumber),
        id: &TaskId,
        hash: &str,
        task: &TaskId,
        shown: &str,
    ) -> Result<ApprovalState, QueueError> {
        let state =
            self.queue.request_approval(id, task, hash, shown, "greenline", self.term).await?;
        let request_key = request_key(&self.queue, repo, pull);
        let mut call = cmd("SET");
        call.arg(request_key).arg(id.as_str()).arg("PX").arg(KEPT_MS);
        self.queue.store().command::<String>(&call).await?;
        self.state_of(id.as_str(), hash, state).await
    }

    async fn state_of(
        &self,
        id: &str,
        hash: &str,
        state: String,
    ) -> Result<ApprovalState, QueueError> {
        let now = Self::now_ms(&self.queue).await?;
        let approval = self.queue.approval(id).await?;
        let expired = approval.as_ref().is_none_or(|approval| approval.expires_at <= now);
        let id = id.to_owned();
        Ok(match state.as_str() {
            "open" if !expired => ApprovalState::Open { id },
            "approved" if approval.as_ref().is_some_and(|it| is_approved(it, hash, now)) => {
                ApprovalState::Approved { id }
            }
            "open" | "approved" => ApprovalState::Closed { state: "expired".to_owned() },
            _ => ApprovalState::Closed { state },
        })
    }

    /// Takes an answer to the question of a pull request.
    ///
    /// # Errors
    ///
    /// When Redis fails.
    pub async fn answer(
        &self,
        repo: &RepoName,
        pull: PullNumber,
        answering: &ApprovalAnswer<'_>,
    ) -> Result<ApprovalOutcome, QueueError> {
        let request_key = request_key(&self.queue, repo, pull);
        let id: Option<String> = self.queue.store().command(cmd("GET").arg(request_key)).await?;
        let Some(id) = id else { return Ok(ApprovalOutcome::Unknown) };
        let Some(asked) = self.queue.approval(&id).await? else {
            return Ok(ApprovalOutcome::Unknown);
        };
        if !matches_shown(answering.shown, &asked) {
            return Ok(ApprovalOutcome::OtherContent);
        }
        let ApprovalAnswer { who, why, .. } = *answering;
        let answer =
            ApprovalDecision { approval: &id, content_hash: &asked.content_hash, who, why };
        if answering.yes {
            self.queue.approve(&answer).await
        } else {
            self.queue.reject(&answer).await
        }
    }

    /// Redis's time, by which questions expire.
    pub(crate) async fn now_ms(queue: &Queue) -> Result<i64, StoreError> {
        let (seconds, micros): (i64, i64) = queue.store().command(&cmd("TIME")).await?;
        Ok(seconds * 1_000 + micros / 1_000)
    }
}

fn request_key(queue: &Queue, repo: &RepoName, pull: PullNumber) -> String {
    let prefix = queue.store().namespace().prefix().to_owned();
    format!("{prefix}agent:lead:approval_request:{}#{pull}", repo.folded())
}

fn matches_shown(shown: ShownContent<'_>, asked: &Approval) -> bool {
    match shown {
        ShownContent::Hash(hash) => {
            hash.len() >= SHORTEST_HASH && asked.content_hash.starts_with(&hash.to_lowercase())
        }
        // GitHub's moments are whole seconds, cut off.
        ShownContent::At(Timestamp(at)) => {
            i64::try_from(at).is_ok_and(|at| at >= asked.asked_at - asked.asked_at % 1_000)
        }
    }
}

/// Returns true if a person approved this content and the approval is still valid.
pub(crate) fn is_approved(approval: &Approval, content_hash: &str, now_ms: i64) -> bool {
    approval.state == "approved"
        && approval.gate == "publish"
        && approval.content_hash == content_hash
        && approval.expires_at > now_ms
}

#[cfg(test)]
mod tests {
    use super::*;

    fn approved() -> Approval {
        Approval {
            id: "p".to_owned(),
            gate: "publish".to_owned(),
            task: "t".to_owned(),
            content_hash: "hash".to_owned(),
            shown: String::new(),
            state: "approved".to_owned(),
            asked_by: None,
            asked_at: 0,
            expires_at: 2,
            answered_by: Some("ada".to_owned()),
            answered_at: Some(0),
            why: None,
        }
    }

    #[test]
    fn a_yes_to_run_or_to_something_else_publishes_nothing() {
        assert!(is_approved(&approved(), "hash", 1));
        assert!(!is_approved(&approved(), "other", 1));
        assert!(!is_approved(&approved(), "hash", 2), "it has expired");
        let to_run = Approval { gate: "run".to_owned(), ..approved() };
        assert!(!is_approved(&to_run, "hash", 1));
        for state in ["open", "rejected", "expired", "withdrawn", ""] {
            let other = Approval { state: state.to_owned(), ..approved() };
            assert!(!is_approved(&other, "hash", 1), "{state}");
        }
    }
}
