//! The actions themselves. Each looks first whether its effect is there, and only then acts.

mod authorized;
pub(crate) mod check_run;
mod comment;
mod commit;
pub(crate) mod issue;
mod labels_reviews_reactions;
mod merge;
mod rerun;

use greenline_forge::{Forge, ForgeError, PullNumber};
use greenline_queue::{Queue, QueueError};
use greenline_store::StoreError;

use super::action::{ActionKind, OutsideAction};
use super::identity::Identity;
use super::notify::Notifier;
use super::outcome::{ActionOutcome, Deferred, RefusalReason, classify};
use super::write_limit::{WriteLimit, WritePermit};

/// The context of an action under way.
pub(crate) struct ActionContext<'a> {
    pub(crate) forge: &'a Forge,
    pub(crate) queue: &'a Queue,
    pub(crate) permits: &'a WriteLimit,
    pub(crate) identity: &'a Identity,
    pub(crate) notifier: Option<&'a Notifier>,
    pub(crate) action: &'a OutsideAction,
    pub(crate) id: &'a str,
}

/// The reason why an action stopped before its end.
#[derive(Debug)]
pub(crate) enum ActionError {
    Deferred(Deferred),
    Refused(ActionOutcome),
}

impl From<ForgeError> for ActionError {
    fn from(error: ForgeError) -> Self {
        match classify(error) {
            Ok(refused) => Self::Refused(refused),
            Err(deferred) => Self::Deferred(deferred),
        }
    }
}

impl From<StoreError> for ActionError {
    fn from(error: StoreError) -> Self {
        Self::Deferred(error.into())
    }
}

impl From<QueueError> for ActionError {
    fn from(error: QueueError) -> Self {
        Self::Deferred(error.into())
    }
}

impl ActionContext<'_> {
    /// Looks, and acts if need be.
    pub(crate) async fn run(&self) -> Result<ActionOutcome, Deferred> {
        let done = match &self.action.kind {
            ActionKind::Comment { body } => self.comment(body).await,
            ActionKind::CheckRun { report } => self.check_run(report).await,
            ActionKind::Issue { branch, body, state } => self.issue(branch, body, *state).await,
            ActionKind::Rerun { run, attempt } => self.rerun(*run, *attempt).await,
            ActionKind::Commit { patch, kinds, authorization } => {
                self.commit(patch, kinds, authorization).await
            }
            ActionKind::Merge { head, method, authorization } => {
                self.merge(head, *method, authorization).await
            }
            ActionKind::Label { add, remove } => self.label(add, remove).await,
            ActionKind::RequestReview { logins } => self.request_review(logins).await,
            ActionKind::React { comment, taken } => self.react(*comment, *taken).await,
            ActionKind::Notify { notification } => self.notify(notification).await,
        };
        match done {
            Ok(outcome) | Err(ActionError::Refused(outcome)) => Ok(outcome),
            Err(ActionError::Deferred(deferred)) => Err(deferred),
        }
    }

    /// To be asked right before so many writes.
    async fn permit(&self, writes: u64) -> Result<(), ActionError> {
        match self.permits.take(writes).await? {
            WritePermit::Granted => Ok(()),
            WritePermit::Halted => Err(ActionError::Deferred(Deferred::Halted)),
            WritePermit::After(wait) => Err(ActionError::Deferred(Deferred::Throttled(wait))),
        }
    }

    fn pull(&self) -> Result<PullNumber, ActionError> {
        let missing = || refused(RefusalReason::Gone, "it names no pull request");
        self.action.pull.ok_or_else(missing)
    }

    async fn notify(
        &self,
        notification: &super::notify::Notification,
    ) -> Result<ActionOutcome, ActionError> {
        let Some(notifier) = self.notifier else {
            return Err(refused(RefusalReason::NotSetUp, "no webhook is set up"));
        };
        // Notifications don't count as writes to GitHub, but a halt holds them back, too.
        self.permit(0).await?;
        match notifier.send(notification, self.id).await {
            Ok(()) => Ok(ActionOutcome::done("sent")),
            Err(error) => Err(refused(RefusalReason::Rejected, &error.to_string())),
        }
    }
}

fn refused(reason: RefusalReason, why: &str) -> ActionError {
    ActionError::Refused(ActionOutcome::refused(reason, why))
}

/// Maps "not found" to `None` and keeps any other error.
fn if_there<T>(read: Result<T, ForgeError>) -> Result<Option<T>, ForgeError> {
    match read {
        Ok(read) => Ok(Some(read)),
        Err(error) if error.is_absent() => Ok(None),
        Err(error) => Err(error),
    }
}
