//! The stored log of decisions, which `greenline why` shows.

use greenline_diagnosis::{Category, Verdict};
use serde::{Deserialize, Serialize};

use super::decision::{Decision, Reporting};
use super::situation::{LogState, Situation};
use super::task;
use crate::history::{FailureOrigin, distinctive_signature};

/// One decision, as it was told. Stored as JSON: names here outlive a release, and `id` stays first.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DecisionRecord {
    /// The failure and the rule that decided: the same decision is told once.
    id: String,
    /// When it was decided, in ms.
    pub decided_at: u64,
    /// When the check failed, in ms.
    pub failed_at: u64,
    /// The check.
    pub check: String,
    /// The commit.
    pub head_sha: String,
    /// The page that people see.
    pub details_url: String,
    /// The kind of failure; none if the log could not be read.
    pub category: Option<Category>,
    /// The diagnosis of the log.
    pub verdict: Option<Verdict>,
    /// The confidence of the verdict, 0 to 1.
    pub confidence: Option<f64>,
    /// The line that explains it best.
    pub headline: Option<String>,
    /// The failure's signature, if it tells it from others.
    pub signature: Option<String>,
    /// The origin of the failure.
    pub origin: FailureOrigin,
    /// The reason for the origin.
    pub because: String,
    /// The source of the commands.
    pub commands: String,
    pub action: String,
    /// The rule that decided.
    pub rule: String,
    /// The reason for the action.
    pub reason: String,
    /// Controls if people are told on the pull request.
    pub reporting: Reporting,
    /// The task, if there is one.
    pub task_id: Option<String>,
}

impl DecisionRecord {
    /// A decision about a situation, at a moment.
    #[must_use]
    pub fn of(situation: &Situation<'_>, decision: &Decision, now: u64) -> Self {
        let failure = situation.failure;
        let diagnosis = match situation.log {
            LogState::Read(diagnosis) => Some(diagnosis),
            LogState::Expired | LogState::None => None,
        };
        Self {
            id: format!("{}-{}", failure.key(), decision.rule),
            decided_at: now,
            failed_at: failure.completed_at.map_or(now, |moment| moment.0),
            check: failure.check.to_string(),
            head_sha: failure.head_sha.to_string(),
            details_url: failure.details_url.clone(),
            category: diagnosis.map(|diagnosis| diagnosis.category),
            verdict: diagnosis.map(|diagnosis| diagnosis.verdict),
            confidence: diagnosis.map(|diagnosis| diagnosis.confidence),
            headline: diagnosis
                .and_then(|diagnosis| diagnosis.headline.as_ref())
                .map(|line| line.text.clone()),
            signature: diagnosis.and_then(distinctive_signature).map(str::to_owned),
            origin: situation.judged.origin,
            because: situation.judged.because.clone(),
            commands: situation.commands.from.to_string(),
            action: decision.action.as_str().to_owned(),
            rule: decision.rule.to_string(),
            reason: decision.reason.clone(),
            reporting: decision.reporting,
            task_id: task::id_of(&decision.action).map(|id| id.to_string()),
        }
    }

    /// Returns true if this entry is about the failure with this
    /// [key](crate::check::FailedCheck::key).
    #[must_use]
    pub fn is_of(&self, failure: &str) -> bool {
        self.id.strip_prefix(failure).is_some_and(|rest| rest.starts_with('-'))
    }

    /// Returns the prefix of its JSON, by which the script finds an entry.
    pub(super) fn begins_with(&self) -> String {
        format!(r#"{{"id":"{}","#, self.id)
    }
}
