//! Errors of queue calls, by what the caller can do about them.

use greenline_store::StoreError;

use crate::{NameError, TaskError};

/// The reason why a queue call failed, by what the caller can do about it.
#[derive(Debug, Clone, thiserror::Error)]
pub enum QueueError {
    /// Redis did not execute it. [`StoreError::is_transient`] shows whether to repeat the call: every
    /// call of this crate may be repeated.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The task is invalid: correct it.
    #[error(transparent)]
    Task(#[from] TaskError),
    /// A name is invalid: correct it.
    #[error(transparent)]
    Name(#[from] NameError),
    /// The database belongs to another version of Greenline: use the program that wrote it, or a
    /// newer one.
    #[error(
        "the database has schema {found}, this program knows up to {known}: \
         use the newer Greenline that wrote it, or another namespace"
    )]
    NewerSchema {
        found: u32,
        /// The newest schema that this program knows.
        known: u32,
    },
    #[error("there is no task {0}")]
    UnknownTask(String),
    /// This process is no longer the leader: stop acting as one.
    #[error("another lead has taken over")]
    Deposed,
    /// Redis holds something that this program does not write.
    #[error("{what} in Redis can't be read: {why}")]
    Unreadable {
        /// The key or reply.
        what: String,
        why: String,
    },
    /// The queue's batching task has ended: its runtime is shutting down.
    #[error("the queue is shutting down")]
    ShuttingDown,
}

impl QueueError {
    /// Returns `true` if the same call may succeed later without anyone changing anything.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Store(error) if error.is_transient())
    }

    pub(crate) fn unreadable(what: impl Into<String>, why: impl ToString) -> Self {
        Self::Unreadable { what: what.into(), why: why.to_string() }
    }
}
