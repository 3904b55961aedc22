//! Why a queue call failed, by what the caller can do about it.

use greenline_store::StoreError;

use crate::{NameError, TaskError};

/// Why a queue call failed, by what the caller can do about it.
#[derive(Debug, Clone, thiserror::Error)]
pub enum QueueError {
    /// Redis did not do it. [`StoreError::is_passing`] tells whether to repeat
    /// the call: every call of this crate may be repeated.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The task can't be enqueued as it is: mend it.
    #[error(transparent)]
    Task(#[from] TaskError),
    /// A name can't be one: mend it.
    #[error(transparent)]
    Name(#[from] NameError),
    /// The database is of another version of Greenline: use the program that
    /// wrote it, or one that is newer.
    #[error(
        "the database has schema {found}, this program knows up to {known}: \
         use the newer Greenline that wrote it, or another namespace"
    )]
    NewerSchema {
        /// The schema found.
        found: u32,
        /// The newest that this program knows.
        known: u32,
    },
    /// There is no such task.
    #[error("there is no task {0}")]
    UnknownTask(String),
    /// This process does not lead any more: stop acting as if it did.
    #[error("another lead has taken over")]
    Deposed,
    /// Something in Redis is not what this program writes.
    #[error("{what} in Redis can't be read: {why}")]
    Unreadable {
        /// Which key or answer.
        what: String,
        /// What is wrong with it.
        why: String,
    },
    /// The queue's own task for batches has ended: its runtime is shutting down.
    #[error("the queue is shutting down")]
    ShuttingDown,
}

impl QueueError {
    /// Whether the same call may work later, without anyone changing anything.
    #[must_use]
    pub fn is_passing(&self) -> bool {
        matches!(self, Self::Store(error) if error.is_passing())
    }

    pub(crate) fn unreadable(what: impl Into<String>, why: impl ToString) -> Self {
        Self::Unreadable { what: what.into(), why: why.to_string() }
    }
}
