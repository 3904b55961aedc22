//! The findings of a pull request or branch: one for each check that failed there.
//!
//! The comment on the pull request is rendered from them. A finding stays, marked green, after its
//! check has passed, because the comment still mentions it. It also stays after the pull request
//! was closed, because the end of its cancelled task is still to be reported.
//!
//! | key | type | holds |
//! |---|---|---|
//! | `agent:lead:open_failures:{repo}:{subject}` | HASH | check → finding, as JSON; 30 days, 100 checks |

use greenline_forge::{RepoName, Sha};
use greenline_store::{Store, StoreError, cmd, pipe};
use serde::{Deserialize, Serialize};

use crate::check::{CheckName, FailedCheck};
use crate::history::strip_control;
use crate::plan::Subject;
use crate::publish::{CheckAnnotation, CommentBody, MarkdownLine};

const KEPT_MS: u64 = 30 * 24 * 3_600 * 1_000;

/// More failed checks than this are in nobody's comment.
const MOST: usize = 100;

/// The state of one failed check. Stored as JSON: the names outlive a release.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct OpenFailure {
    pub(super) failure: FailedCheck,
    /// The text that people read about this check.
    pub(super) body: CommentBody,
    pub(super) annotations: Vec<CheckAnnotation>,
    pub(super) stage: FailureStage,
    /// The task that looks into it.
    pub(super) task: Option<String>,
    /// The event that changed the finding last, `None` for the failure itself. A lead that was
    /// killed between storing and publishing publishes when the same event comes again.
    #[serde(default)]
    pub(super) changed_by: Option<String>,
}

/// The progress of a finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum FailureStage {
    /// A person has to act.
    NeedsPerson,
    /// A task is under way.
    Working,
    /// It runs again.
    Rerunning,
    /// Another task of the pull request is first.
    Waiting,
    /// All is said.
    Reported,
    /// It is green again.
    Green,
}

impl OpenFailure {
    /// One of which nothing is said yet.
    pub(super) fn new(failure: &FailedCheck) -> Self {
        let (failure, body, annotations) = (failure.clone(), CommentBody::default(), Vec::new());
        Self {
            failure,
            body,
            annotations,
            stage: FailureStage::Reported,
            task: None,
            changed_by: None,
        }
    }

    pub(super) fn check(&self) -> &CheckName {
        &self.failure.check
    }

    /// Returns true if this event changed the finding last.
    pub(super) fn is_changed_by(&self, key: &str) -> bool {
        self.changed_by.as_deref() == Some(key)
    }

    /// It has passed.
    pub(super) fn mark_passed(&mut self, at: &Sha, key: &str) {
        let line = MarkdownLine::code(self.check().as_str()).and_text("is green at");
        let line = line.and_code(at.short());
        let line = if self.failure.head_sha == *at {
            line.and_text(", the same commit that it failed on")
        } else {
            line
        };
        self.body = CommentBody { headline: line, ..CommentBody::default() };
        (self.stage, self.task) = (FailureStage::Green, None);
        self.changed_by = Some(key.to_owned());
        self.annotations.clear();
    }
}

/// All findings. Cheap to clone.
#[derive(Clone)]
pub(super) struct OpenFailures {
    store: Store,
}

impl OpenFailures {
    pub(super) fn new(store: Store) -> Self {
        Self { store }
    }

    /// The findings of a subject, what needs people first.
    pub(super) async fn read(
        &self,
        repo: &RepoName,
        subject: &Subject,
    ) -> Result<Vec<OpenFailure>, StoreError> {
        let mut call = cmd("HVALS");
        let texts: Vec<String> = self.store.command(call.arg(self.key(repo, subject))).await?;
        // One of a newer release is left out rather than losing the others.
        let open_failures = texts.iter().filter_map(|text| serde_json::from_str(text).ok());
        let mut open_failures: Vec<OpenFailure> = open_failures.collect();
        open_failures
            .sort_by(|one, other| (one.stage, one.check()).cmp(&(other.stage, other.check())));
        Ok(open_failures)
    }

    /// Writes one down, in place of what was known of the same check.
    pub(super) async fn write(&self, open_failure: &OpenFailure) -> Result<(), StoreError> {
        let subject = Subject::of(&open_failure.failure);
        let key = self.key(&open_failure.failure.repo, &subject);
        let field = strip_control(open_failure.check().as_str());
        let mut look = pipe();
        look.cmd("HLEN").arg(&key);
        look.cmd("HEXISTS").arg(&key).arg(&field);
        let known = self.store.pipeline(&look).await?.into_iter();
        let counts: Vec<usize> =
            known.filter_map(|value| greenline_store::from_redis_value(value).ok()).collect();
        if counts.first().is_some_and(|many| *many >= MOST) && counts.get(1) == Some(&0) {
            return Ok(());
        }
        let json = serde_json::to_string(open_failure)
            .unwrap_or_else(|error| unreachable!("texts and numbers: {error}"));
        let mut call = pipe();
        call.cmd("HSET").arg(&key).arg(field).arg(json);
        call.cmd("PEXPIRE").arg(&key).arg(KEPT_MS);
        self.store.pipeline(&call).await?;
        Ok(())
    }

    fn key(&self, repo: &RepoName, subject: &Subject) -> String {
        let prefix = self.store.namespace().prefix();
        format!("{prefix}agent:lead:open_failures:{}:{subject}", repo.folded())
    }
}
