//! Approvals: a person's answer, bound to the exact content that was shown.
//!
//! Two gates share one record: before a task runs (`requires_approval`, bound to its payload), and
//! before something is published.

use std::collections::HashMap;
use std::time::Duration;

use greenline_store::cmd;
use serde::Serialize;

use crate::core::ms;
use crate::{Queue, QueueError, TaskId, content_hash};

/// A request for approval and its answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Approval {
    /// For the gate before running, the task's id.
    pub id: String,
    /// `run` or `publish`.
    pub gate: String,
    pub task: String,
    /// The hash of the content that an answer is bound to.
    pub content_hash: String,
    /// The text that was shown.
    pub shown: String,
    /// `open`, `approved`, `rejected`, `expired` or `withdrawn`.
    pub state: String,
    pub asked_by: Option<String>,
    /// In ms.
    pub asked_at: i64,
    /// The end of the time for an answer, in ms.
    pub expires_at: i64,
    pub answered_by: Option<String>,
    /// In ms.
    pub answered_at: Option<i64>,
    /// The reason in the person's words.
    pub why: Option<String>,
}

/// A person's answer.
#[derive(Debug, Clone)]
pub struct ApprovalDecision<'a> {
    /// The id of the approval.
    pub approval: &'a str,
    /// The hash of the content that the person saw.
    pub content_hash: &'a str,
    pub who: &'a str,
    /// The reason, possibly empty.
    pub why: &'a str,
}

/// The result of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ApprovalOutcome {
    /// The answer counts.
    Done,
    /// An earlier answer holds, in this state.
    Before(String),
    /// The content has changed since it was shown: look again.
    OtherContent,
    /// The answer came too late.
    Expired,
    /// There is no approval of this id.
    Unknown,
}

impl Approval {
    /// Returns `true` if what was shown is not what a yes would be bound to. Before publishing,
    /// what is shown is about the content; before running, it is the content.
    fn misleads(&self) -> bool {
        self.gate == "run" && content_hash(self.shown.as_bytes()) != self.content_hash
    }
}

/// The fields of an approval that decide whether its task may run.
pub(crate) const RECORD: [&str; 4] = ["gate", "state", "content_hash", "expires_at"];

/// What an approval says of running a task. Only who may approve writes it.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct RunApproval {
    state: Option<String>,
    content_hash: String,
    expires_at: i64,
}

impl RunApproval {
    /// Reads the fields of [`RECORD`]; an approval of something else is none.
    pub(crate) fn of(fields: Vec<Option<String>>) -> Self {
        let [Some(gate), state, content_hash, expires_at] =
            <[_; 4]>::try_from(fields).unwrap_or_default()
        else {
            return Self::default();
        };
        if gate != "run" {
            return Self::default();
        }
        let expires_at = expires_at.and_then(|text| text.parse().ok()).unwrap_or(0);
        Self { state, content_hash: content_hash.unwrap_or_default(), expires_at }
    }

    /// Returns `true` if a person was asked at all.
    pub(crate) fn was_asked(&self) -> bool {
        self.state.is_some()
    }

    /// Returns an error with the reason unless a person said yes, to this content if it is known.
    /// A yes that has expired since counts: its task ran in time.
    pub(crate) fn was_approved(&self, content_hash: Option<&str>) -> Result<(), String> {
        match self.state.as_deref() {
            None => Err("that needs a person's yes, and nobody was asked".to_owned()),
            Some(_) if content_hash.is_some_and(|hash| hash != self.content_hash) => {
                Err("that is not what a person was asked about: it was changed since".to_owned())
            }
            Some("approved") => Ok(()),
            Some(state) => Err(format!("the approval of that is {state}")),
        }
    }

    /// Returns an error with the reason unless a person said yes to exactly this
    /// content, and the yes still counts.
    pub(crate) fn covers(&self, content_hash: &str, now: i64) -> Result<(), String> {
        match self.state.as_deref() {
            None => Err("it needs a person's yes, and nobody was asked".to_owned()),
            Some(_) if self.content_hash != content_hash => {
                Err("it is not what a person was asked about: it was changed since".to_owned())
            }
            Some("approved") if self.expires_at > now => Ok(()),
            Some("approved") => Err("the yes that it needs has expired".to_owned()),
            Some(state) => Err(format!("it needs a person's yes, and its approval is {state}")),
        }
    }
}

impl Queue {
    /// Approves the shown content.
    pub async fn approve(
        &self,
        decision: &ApprovalDecision<'_>,
    ) -> Result<ApprovalOutcome, QueueError> {
        // The question is written from the task's hash, which a worker's user can rewrite: a text
        // beside the hash of another one was shown to mislead.
        let asked = self.approval(decision.approval).await?;
        if asked.is_some_and(|asked| asked.misleads()) {
            return Ok(ApprovalOutcome::OtherContent);
        }
        self.resolve_approval(decision, "approved").await
    }

    /// Rejects the shown content.
    pub async fn reject(
        &self,
        decision: &ApprovalDecision<'_>,
    ) -> Result<ApprovalOutcome, QueueError> {
        self.resolve_approval(decision, "rejected").await
    }

    /// Requests an approval before something is published, and returns its state. An answer to the
    /// same content stays valid.
    pub async fn request_approval(
        &self,
        approval: &TaskId,
        task: &TaskId,
        content_hash: &str,
        shown: &str,
        asked_by: &str,
        term: Duration,
    ) -> Result<String, QueueError> {
        let core = self.core();
        let expires = core.now_ms().saturating_add_unsigned(ms(term));
        let mut call = core.call(&core.scripts.request_approval, 6, shown.len() + 256);
        call.arg(approval.as_str()).arg(task.as_str()).arg(content_hash).arg(shown);
        call.arg(asked_by).arg(expires);
        core.run(&core.scripts.request_approval, &call).await
    }

    /// Returns an approval.
    pub async fn approval(&self, id: &str) -> Result<Option<Approval>, QueueError> {
        let core = self.core();
        let key = core.key(&format!("approval:{id}"));
        let fields: HashMap<String, String> = core.store.command(cmd("HGETALL").arg(key)).await?;
        Ok((!fields.is_empty()).then(|| read(id, &fields)))
    }

    async fn resolve_approval(
        &self,
        decision: &ApprovalDecision<'_>,
        state: &str,
    ) -> Result<ApprovalOutcome, QueueError> {
        let core = self.core();
        let mut call = core.call(&core.scripts.resolve_approval, 5, 256);
        call.arg(decision.approval).arg(decision.content_hash).arg(decision.who);
        call.arg(state).arg(decision.why);
        let reply: String = core.run(&core.scripts.resolve_approval, &call).await?;
        match reply.split_once(':') {
            Some(("answered", before)) => Ok(ApprovalOutcome::Before(before.to_owned())),
            _ if reply == state => Ok(ApprovalOutcome::Done),
            _ if reply == "mismatch" => Ok(ApprovalOutcome::OtherContent),
            _ if reply == "expired" => Ok(ApprovalOutcome::Expired),
            _ if reply == "unknown" => Ok(ApprovalOutcome::Unknown),
            _ => Err(QueueError::unreadable("the answer to an approval", reply)),
        }
    }
}

fn read(id: &str, fields: &HashMap<String, String>) -> Approval {
    let text = |name: &str| fields.get(name).filter(|text| !text.is_empty()).cloned();
    let number = |name: &str| fields.get(name).and_then(|text| text.parse().ok());
    Approval {
        id: id.to_owned(),
        gate: text("gate").unwrap_or_default(),
        task: text("task").unwrap_or_default(),
        content_hash: text("content_hash").unwrap_or_default(),
        shown: text("shown").unwrap_or_default(),
        state: text("state").unwrap_or_default(),
        asked_by: text("asked_by"),
        asked_at: number("asked_at").unwrap_or(0),
        expires_at: number("expires_at").unwrap_or(0),
        answered_by: text("answered_by"),
        answered_at: number("answered_at"),
        why: text("why"),
    }
}
