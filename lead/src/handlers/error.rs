//! Reasons why an event could not be handled, and when to retry.

use std::time::Duration;

use greenline_forge::ForgeError;
use greenline_queue::QueueError;
use greenline_runtime::clock::Clock;
use greenline_store::StoreError;

use crate::commands::AuthorizeError;
use crate::plan::DraftError;
use crate::publish::PublishError;

/// Delay before a transient failure is retried.
const RETRY_DELAY: Duration = Duration::from_secs(5);

#[derive(Debug, thiserror::Error)]
pub(super) enum HandlerError {
    #[error(transparent)]
    Forge(ForgeError),
    #[error(transparent)]
    Queue(#[from] QueueError),
    #[error(transparent)]
    Draft(#[from] DraftError),
    #[error("this lead does not lead")]
    NotLeading,
    /// The object of the event no longer exists.
    #[error("{0}")]
    Gone(String),
    /// Its time has not come.
    #[error("{0}")]
    NotYet(&'static str),
}

impl From<ForgeError> for HandlerError {
    fn from(error: ForgeError) -> Self {
        if error.is_absent() { Self::Gone(error.to_string()) } else { Self::Forge(error) }
    }
}

impl From<StoreError> for HandlerError {
    fn from(error: StoreError) -> Self {
        Self::Queue(error.into())
    }
}

impl From<PublishError> for HandlerError {
    fn from(error: PublishError) -> Self {
        match error {
            PublishError::NotLeading => Self::NotLeading,
            PublishError::Queue(error) => Self::Queue(error),
        }
    }
}

impl From<AuthorizeError> for HandlerError {
    fn from(error: AuthorizeError) -> Self {
        match error {
            AuthorizeError::Forge(error) => error.into(),
            AuthorizeError::Queue(error) => error.into(),
        }
    }
}

impl HandlerError {
    /// Returns the delay before the next try, or `None` if a retry can't help.
    pub(super) fn retry_after(&self, clock: &Clock) -> Option<Duration> {
        match self {
            Self::Forge(error) if error.is_transient() => {
                let at = error.retry_at().map_or(0, |moment| moment.0);
                let wait = Duration::from_millis(at.saturating_sub(clock.wall_ms()));
                Some(wait.clamp(RETRY_DELAY, Duration::from_secs(3_600)))
            }
            Self::Queue(error) if error.is_transient() => Some(RETRY_DELAY),
            Self::NotLeading | Self::NotYet(_) => Some(RETRY_DELAY),
            Self::Forge(_) | Self::Queue(_) | Self::Draft(_) | Self::Gone(_) => None,
        }
    }
}
