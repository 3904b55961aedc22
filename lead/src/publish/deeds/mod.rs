//! The actions themselves. Each looks first whether its effect is there, and only then acts.

mod authorized;
pub(crate) mod check_run;
mod comment;
mod commit;
pub(crate) mod issue;
mod merge;
mod people;
mod rerun;

use greenline_forge::{Forge, ForgeError, PullNumber};
use greenline_queue::{Queue, QueueError};
use greenline_store::StoreError;

use super::action::{Action, Deed};
use super::identity::Identity;
use super::notify::Notifier;
use super::outcome::{Outcome, Refusal, Stay, settled};
use super::permit::{Permit, Permits};

/// The context of an action under way.
pub(crate) struct Doing<'a> {
    pub(crate) forge: &'a Forge,
    pub(crate) queue: &'a Queue,
    pub(crate) permits: &'a Permits,
    pub(crate) identity: &'a Identity,
    pub(crate) notifier: Option<&'a Notifier>,
    pub(crate) action: &'a Action,
    pub(crate) id: &'a str,
}

/// The reason why an action stopped before its end.
#[derive(Debug)]
pub(crate) enum Stop {
    Stay(Stay),
    Refused(Outcome),
}

impl From<ForgeError> for Stop {
    fn from(error: ForgeError) -> Self {
        match settled(error) {
            Ok(refused) => Self::Refused(refused),
            Err(stay) => Self::Stay(stay),
        }
    }
}

impl From<StoreError> for Stop {
    fn from(error: StoreError) -> Self {
        Self::Stay(error.into())
    }
}

impl From<QueueError> for Stop {
    fn from(error: QueueError) -> Self {
        Self::Stay(error.into())
    }
}

impl Doing<'_> {
    /// Looks, and acts if need be.
    pub(crate) async fn perform(&self) -> Result<Outcome, Stay> {
        let done = match &self.action.deed {
            Deed::Comment { page } => self.comment(page).await,
            Deed::CheckRun { report } => self.check_run(report).await,
            Deed::Issue { branch, page, state } => self.issue(branch, page, *state).await,
            Deed::Rerun { run, attempt } => self.rerun(*run, *attempt).await,
            Deed::Commit { patch, kinds, authorization } => {
                self.commit(patch, kinds, authorization).await
            }
            Deed::Merge { head, method, authorization } => {
                self.merge(head, *method, authorization).await
            }
            Deed::Label { add, remove } => self.label(add, remove).await,
            Deed::RequestReview { logins } => self.request_review(logins).await,
            Deed::React { comment, taken } => self.react(*comment, *taken).await,
            Deed::Notify { call } => self.notify(call).await,
        };
        match done {
            Ok(outcome) | Err(Stop::Refused(outcome)) => Ok(outcome),
            Err(Stop::Stay(stay)) => Err(stay),
        }
    }

    /// To be asked right before so many writes.
    async fn permit(&self, writes: u64) -> Result<(), Stop> {
        match self.permits.ask(writes).await? {
            Permit::Granted => Ok(()),
            Permit::Halted => Err(Stop::Stay(Stay::Halted)),
            Permit::After(wait) => Err(Stop::Stay(Stay::Throttled(wait))),
        }
    }

    fn pull(&self) -> Result<PullNumber, Stop> {
        let missing = || refused(Refusal::Gone, "it names no pull request");
        self.action.pull.ok_or_else(missing)
    }

    async fn notify(&self, call: &super::notify::Call) -> Result<Outcome, Stop> {
        let Some(notifier) = self.notifier else {
            return Err(refused(Refusal::NotSetUp, "no webhook is set up"));
        };
        // Calls don't count as writes to GitHub, but a halt holds them back, too.
        self.permit(0).await?;
        match notifier.send(call, self.id).await {
            Ok(()) => Ok(Outcome::done("sent")),
            Err(error) => Err(refused(Refusal::Rejected, &error.to_string())),
        }
    }
}

fn refused(reason: Refusal, why: &str) -> Stop {
    Stop::Refused(Outcome::refused(reason, why))
}

/// Maps "not found" to `None` and keeps any other error.
fn if_there<T>(read: Result<T, ForgeError>) -> Result<Option<T>, ForgeError> {
    match read {
        Ok(read) => Ok(Some(read)),
        Err(error) if error.is_absent() => Ok(None),
        Err(error) => Err(error),
    }
}
