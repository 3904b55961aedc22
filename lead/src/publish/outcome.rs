//! The result of an action.

use std::time::Duration;

use greenline_forge::ForgeError;
use greenline_queue::QueueError;
use greenline_store::StoreError;
use serde::{Deserialize, Serialize};

/// The end of an action. Stored as JSON with its intent: the names outlive a release.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum Outcome {
    /// It was done now.
    Done {
        /// The result: a page or a commit.
        what: String,
    },
    /// It had been done: found when looking first.
    Found {
        /// The effect that was found.
        what: String,
    },
    /// It won't be done.
    Refused {
        /// The reason as a word.
        reason: Refusal,
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

impl Outcome {
    pub(crate) fn done(what: impl ToString) -> Self {
        Self::Done { what: what.to_string() }
    }

    pub(crate) fn found(what: impl ToString) -> Self {
        Self::Found { what: what.to_string() }
    }

    pub(crate) fn refused(reason: Refusal, why: impl Into<String>) -> Self {
        Self::Refused { reason, why: why.into() }
    }

    /// One word of a short list, for labels.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Self::Done { .. } => "done",
            Self::Found { .. } => "found",
            Self::Refused { .. } => "refused",
            Self::Superseded => "superseded",
            Self::GivenUp { .. } => "given_up",
        }
    }
}

/// The reason why an action is refused for good.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Refusal {
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
pub(crate) enum Stay {
    /// People have stopped everything.
    Halted,
    /// Too many writes of late.
    Throttled(Duration),
    /// Its time has not come, and others of its pull request need not wait for it.
    NotYet(String),
    /// GitHub failed in passing, or it may have been done: look again later.
    Trouble(ForgeError),
    /// Redis failed.
    Store(QueueError),
    /// This process does not lead any more.
    Deposed,
}

impl Stay {
    /// One word of a short list, for labels.
    pub(crate) fn word(&self) -> &'static str {
        match self {
            Self::Halted => "halted",
            Self::Throttled(_) => "throttled",
            Self::NotYet(_) => "not_yet",
            Self::Trouble(_) => "failed",
            Self::Store(_) | Self::Deposed => "interrupted",
        }
    }
}

impl From<QueueError> for Stay {
    fn from(error: QueueError) -> Self {
        if matches!(error, QueueError::Deposed) { Self::Deposed } else { Self::Store(error) }
    }
}

impl From<StoreError> for Stay {
    fn from(error: StoreError) -> Self {
        Self::Store(error.into())
    }
}

impl From<ForgeError> for Stay {
    fn from(error: ForgeError) -> Self {
        Self::Trouble(error)
    }
}

/// Maps an error to the end of the action, or to a retry.
pub(crate) fn settled(error: ForgeError) -> Result<Outcome, Stay> {
    let reason = match &error {
        ForgeError::HeadMoved { .. } => Refusal::HeadMoved,
        ForgeError::Forbidden { .. } => Refusal::NotAllowed,
        ForgeError::NotFound { .. } | ForgeError::LogGone(_) => Refusal::Gone,
        ForgeError::Conflict { .. } | ForgeError::Invalid { .. } => Refusal::Rejected,
        ForgeError::Redirected { .. } => Refusal::Gone,
        // Whoever mends the settings wants it done then.
        ForgeError::Unauthorized { .. } | ForgeError::Settings(_) => {
            return Err(Stay::Trouble(error));
        }
        ForgeError::Unreachable { .. }
        | ForgeError::Failing { .. }
        | ForgeError::RateLimited { .. }
        | ForgeError::TooLarge { .. }
        | ForgeError::Unreadable { .. } => return Err(Stay::Trouble(error)),
    };
    Ok(Outcome::refused(reason, error.to_string()))
}
