//! The result of an action.

use std::time::Duration;

use greenline_forge::ForgeError;
use greenline_queue::QueueError;
use greenline_store::StoreError;
use serde::{Deserialize, Serialize};

/// The end of an action. Stored as JSON with its intent: the names outlive a release.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum ActionOutcome {
    /// It was done now.
    Done {
        /// The result: a page or a commit.
        what: String,
    },
    /// It had been done: found when looking first.
    AlreadyThere {
        /// The effect that was found.
        what: String,
    },
    /// It won't be done.
    Refused {
        /// The reason as a word.
        reason: RefusalReason,
        /// The reason as a sentence.
        why: String,
    },
    /// A newer action says the same better.
    Superseded,
    /// It failed for a day.
    GivenUp {
        /// With what, last.
        why: String,
    },
}

impl ActionOutcome {
    pub(crate) fn done(what: impl ToString) -> Self {
        Self::Done { what: what.to_string() }
    }

    pub(crate) fn already_there(what: impl ToString) -> Self {
        Self::AlreadyThere { what: what.to_string() }
    }

    pub(crate) fn refused(reason: RefusalReason, why: impl Into<String>) -> Self {
        Self::Refused { reason, why: why.into() }
    }

    /// One word of a short list, for labels.
    #[must_use]
    pub fn label(&self) -> &'static str {
        match self {
            Self::Done { .. } => "done",
            Self::AlreadyThere { .. } => "already_there",
            Self::Refused { .. } => "refused",
            Self::Superseded => "superseded",
            Self::GivenUp { .. } => "given_up",
        }
    }
}

/// The reason why an action is refused for good.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RefusalReason {
    /// The branch is in a fork, or in a repository that is gone.
    Fork,
    /// It is the default branch, or a protected one, or nobody says whether it is.
    ProtectedBranch,
    /// The branch is not where it was.
    HeadMoved,
    /// The pull request is closed.
    Closed,
    /// Nobody said yes to this, or the yes has expired.
    NotApproved,
    /// Not everything that should be is green.
    NotGreen,
    /// The patch holds what is not published: a link, a mode, something binary.
    Patch,
    /// The patch changes what configures CI: a person has to apply it.
    ByHand,
    /// Our comment was deleted, and deleted again.
    Unwelcome,
    /// The credentials may not.
    NotAllowed,
    /// It is not there.
    Gone,
    /// GitHub says no.
    Rejected,
    /// Nothing was set up for it.
    NotSetUp,
}

/// The reason why an action is not ended yet.
#[derive(Debug, Clone)]
pub(crate) enum Deferred {
    /// People have stopped everything.
    Halted,
    /// Too many writes of late.
    Throttled(Duration),
    /// Its time has not come, and others of its pull request need not wait for it.
    NotYet(String),
    /// GitHub failed in passing, or it may have been done: look again later.
    Failed(ForgeError),
    /// Redis failed.
    Store(QueueError),
    /// This process does not lead any more.
    Deposed,
}

impl Deferred {
    /// One word of a short list, for labels.
    pub(crate) fn label(&self) -> &'static str {
        match self {
            Self::Halted => "halted",
            Self::Throttled(_) => "throttled",
            Self::NotYet(_) => "not_yet",
            Self::Failed(_) => "failed",
            Self::Store(_) | Self::Deposed => "interrupted",
        }
    }
}

impl From<QueueError> for Deferred {
    fn from(error: QueueError) -> Self {
        if matches!(error, QueueError::Deposed) { Self::Deposed } else { Self::Store(error) }
    }
}

impl From<StoreError> for Deferred {
    fn from(error: StoreError) -> Self {
        Self::Store(error.into())
    }
}

impl From<ForgeError> for Deferred {
    fn from(error: ForgeError) -> Self {
        Self::Failed(error)
    }
}

/// Maps an error to the end of the action, or to a retry.
pub(crate) fn classify(error: ForgeError) -> Result<ActionOutcome, Deferred> {
    let reason = match &error {
        ForgeError::HeadMoved { .. } => RefusalReason::HeadMoved,
        ForgeError::Forbidden { .. } => RefusalReason::NotAllowed,
        ForgeError::NotFound { .. } | ForgeError::LogGone(_) => RefusalReason::Gone,
        ForgeError::Conflict { .. } | ForgeError::Invalid { .. } => RefusalReason::Rejected,
        ForgeError::Redirected { .. } => RefusalReason::Gone,
        // Whoever mends the settings wants it done then.
        ForgeError::Unauthorized { .. } | ForgeError::Settings(_) => {
            return Err(Deferred::Failed(error));
        }
        ForgeError::Unreachable { .. }
        | ForgeError::Failing { .. }
        | ForgeError::RateLimited { .. }
        | ForgeError::TooLarge { .. }
        | ForgeError::Unreadable { .. } => return Err(Deferred::Failed(error)),
    };
    Ok(ActionOutcome::refused(reason, error.to_string()))
}
