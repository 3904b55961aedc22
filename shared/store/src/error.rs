//! Errors of calls to Redis, by what the caller can do about them.

use redis::{ErrorKind, RedisError, ServerErrorKind};

/// The reason for refusing a node of a Redis Cluster.
pub(crate) const CLUSTER: &str = "this is a Redis Cluster, and the queue's scripts touch keys of \
     many slots: use a standalone Redis, or one behind Sentinel";

/// The reason why a call to Redis failed, by what the caller can do about it.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StoreError {
    /// Redis did not reply, or not in time. The call may have taken effect. Try again later; the
    /// store reconnects by itself.
    #[error("failed to reach Redis at {address}: {source}")]
    Unavailable {
        /// The address of Redis without credentials.
        address: String,
        source: RedisError,
    },
    /// Redis is full (`maxmemory`) and wrote nothing. Finish or purge tasks, or give it more
    /// memory, then try again.
    #[error("Redis is out of memory: raise maxmemory, or purge finished tasks")]
    Full(#[source] RedisError),
    /// Redis refuses writes for now: its disk is full, or it is a replica.
    #[error("Redis refuses to write: {0}")]
    ReadOnly(#[source] RedisError),
    /// The user lacks a permission: correct its ACL.
    #[error("Redis does not allow this user to do that: {0}")]
    Denied(#[source] RedisError),
    /// A key holds another type than expected. `greenline doctor` names it.
    #[error("a key in Redis has the wrong type: {0}")]
    WrongType(#[source] RedisError),
    /// Redis replied with an error that a retry does not fix.
    #[error("Redis refused the call: {0}")]
    Refused(#[source] RedisError),
    /// The settings are invalid.
    #[error("{0}")]
    Settings(String),
}

impl StoreError {
    /// Classifies a client's error by what the caller can do about it.
    pub(crate) fn of(source: RedisError, address: &str) -> Self {
        let code = source.code().unwrap_or_default().to_owned();
        let mentions = |word: &str| source.to_string().contains(word);
        // A cluster has no databases, and reports that before its mode can be read.
        if mentions("not allowed in cluster mode") {
            return Self::Settings(CLUSTER.to_owned());
        }
        match source.kind() {
            ErrorKind::Server(ServerErrorKind::NoPerm) => Self::Denied(source),
            ErrorKind::AuthenticationFailed => Self::Denied(source),
            // Inside a script the error comes without its code; the text covers two versions of
            // Redis.
            _ if mentions("The user executing the script can't") => Self::Denied(source),
            _ if mentions("ACL failure in script") => Self::Denied(source),
            ErrorKind::Server(ServerErrorKind::ReadOnly) => Self::ReadOnly(source),
            ErrorKind::Server(ServerErrorKind::BusyLoading | ServerErrorKind::MasterDown) => {
                Self::Unavailable { address: address.to_owned(), source }
            }
            _ if code == "OOM" || mentions("-OOM ") || mentions("OOM command not allowed") => {
                Self::Full(source)
            }
            _ if code == "MISCONF" || mentions("MISCONF") || code == "NOREPLICAS" => {
                Self::ReadOnly(source)
            }
            _ if code == "NOAUTH" || code == "WRONGPASS" => Self::Denied(source),
            // Said while a database is chosen, it comes without its code.
            _ if mentions("Authentication required") => Self::Denied(source),
            _ if code == "WRONGTYPE" || mentions("WRONGTYPE") => Self::WrongType(source),
            _ if source.is_io_error()
                || source.is_timeout()
                || source.is_connection_dropped()
                || source.is_unrecoverable_error() =>
            {
                Self::Unavailable { address: address.to_owned(), source }
            }
            ErrorKind::MasterNameNotFoundBySentinel => {
                Self::Unavailable { address: address.to_owned(), source }
            }
            _ => Self::Refused(source),
        }
    }

    /// Returns `true` if the same call may succeed later without anyone changing anything.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Unavailable { .. } | Self::ReadOnly(_) | Self::Full(_))
    }

    /// Returns `true` if the connection must be replaced after this error.
    pub(crate) fn wants_new_connection(&self) -> bool {
        matches!(self, Self::Unavailable { .. } | Self::ReadOnly(_))
    }
}
