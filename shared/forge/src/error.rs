//! Errors of calls to GitHub, by what the caller can do about them.

use std::sync::Arc;

use crate::names::{JobId, Sha};
use crate::time::Timestamp;

/// The purpose of a call, as the end of "failed to …".
pub type Purpose = Arc<str>;

/// The reason why a call to GitHub failed, by what the caller can do about it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ForgeError {
    /// No response, an incomplete one, or none in time. A write may have taken effect: look before
    /// repeating it.
    #[error("failed to {purpose}: {why}")]
    Unreachable {
        purpose: Purpose,
        /// The fault on the network.
        why: String,
    },
    /// GitHub itself failed. A write may have taken effect: look before repeating it.
    #[error("failed to {purpose}: GitHub answers {status}{}", with_message(.message))]
    Failing {
        purpose: Purpose,
        status: u16,
        /// GitHub's message.
        message: String,
    },
    /// Too many calls. Nothing took effect: try again at `until`, not before.
    #[error("failed to {purpose}: GitHub's {limit} limit is reached until {}", .until.to_rfc3339())]
    RateLimited {
        purpose: Purpose,
        limit: RateLimitKind,
        /// The earliest time of the next call, by the local clock.
        until: Timestamp,
    },
    /// The credentials are wrong, expired or revoked: correct the settings.
    #[error("failed to {purpose}: GitHub does not accept the credentials{}", with_message(.message))]
    Unauthorized {
        purpose: Purpose,
        /// GitHub's message.
        message: String,
    },
    /// The credentials lack a permission: grant it.
    #[error("failed to {purpose}: not allowed{}{}", with_message(.message), needs(.permission))]
    Forbidden {
        purpose: Purpose,
        /// GitHub's message.
        message: String,
        /// A sufficient permission, such as `checks=write`, if GitHub names one.
        permission: Option<String>,
    },
    /// The resource does not exist, or these credentials can't see it.
    #[error("failed to {purpose}: not there, or not to be seen{}", needs(.permission))]
    NotFound {
        purpose: Purpose,
        /// A permission that is enough to see it, if GitHub names one.
        permission: Option<String>,
    },
    /// The log expired, was deleted, or is not written yet.
    #[error("the log of job {0} is gone")]
    LogGone(JobId),
    /// The branch is not at the expected commit. Nothing was written: read its state and plan
    /// again.
    #[error("failed to {purpose}: the branch is no longer at {}", .expected.short())]
    HeadMoved {
        purpose: Purpose,
        /// The expected commit.
        expected: Sha,
    },
    /// The current state does not allow it: conflicts, not mergeable, already done.
    #[error("failed to {purpose}: {message}")]
    Conflict {
        purpose: Purpose,
        /// GitHub's message.
        message: String,
    },
    /// GitHub rejects the request. Repeating it does not help.
    #[error("failed to {purpose}: GitHub refuses it ({status}){}", with_message(.message))]
    Invalid {
        purpose: Purpose,
        status: u16,
        /// GitHub's message with its reasons.
        message: String,
    },
    /// The response exceeds the limit.
    #[error("failed to {purpose}: the answer has more than {cap} bytes")]
    TooLarge {
        purpose: Purpose,
        /// The limit in bytes.
        cap: u64,
    },
    /// The response has an unexpected format: a proxy's page, or an unknown version of GitHub.
    #[error("failed to {purpose}: the answer can't be read: {why}")]
    Unreadable {
        purpose: Purpose,
        /// The place and the reason.
        why: String,
    },
    /// GitHub redirects to an address that is not followed.
    #[error("failed to {purpose}: redirected to {target}, which is not followed")]
    Redirected {
        purpose: Purpose,
        /// The address without its query.
        target: String,
    },
    /// The settings are invalid.
    #[error("{0}")]
    Settings(String),
}

/// The kinds of GitHub's limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RateLimitKind {
    /// Calls or points an hour.
    Primary,
    /// Too many concurrent calls, or too many writes.
    Secondary,
}

impl std::fmt::Display for RateLimitKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Primary => "primary",
            Self::Secondary => "secondary",
        })
    }
}

fn with_message(message: &str) -> String {
    if message.is_empty() { String::new() } else { format!(": {message}") }
}

fn needs(permission: &Option<String>) -> String {
    permission.as_ref().map(|needed| format!(" (needs {needed})")).unwrap_or_default()
}

impl ForgeError {
    /// Returns `true` if the same call may succeed later without anyone changing anything.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Unreachable { .. } | Self::Failing { .. } | Self::RateLimited { .. })
    }

    /// Returns `true` if a write may have taken effect although the call failed.
    #[must_use]
    pub fn may_have_happened(&self) -> bool {
        matches!(self, Self::Unreachable { .. } | Self::Failing { .. } | Self::Unreadable { .. })
    }

    /// Returns the time of the next attempt, if GitHub names it.
    #[must_use]
    pub fn retry_at(&self) -> Option<Timestamp> {
        match self {
            Self::RateLimited { until, .. } => Some(*until),
            _ => None,
        }
    }

    /// Returns `true` if the resource does not exist or can't be seen.
    #[must_use]
    pub fn is_absent(&self) -> bool {
        matches!(self, Self::NotFound { .. } | Self::LogGone(_))
    }

    /// Returns one word of a short, fixed list, for labels.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Unreachable { .. } => "unreachable",
            Self::Failing { .. } => "failing",
            Self::RateLimited { .. } => "rate_limited",
            Self::Unauthorized { .. } => "unauthorized",
            Self::Forbidden { .. } => "forbidden",
            Self::NotFound { .. } => "not_found",
            Self::LogGone(_) => "log_gone",
            Self::HeadMoved { .. } => "head_moved",
            Self::Conflict { .. } => "conflict",
            Self::Invalid { .. } => "invalid",
            Self::TooLarge { .. } => "too_large",
            Self::Unreadable { .. } => "unreadable",
            Self::Redirected { .. } => "redirected",
            Self::Settings(_) => "settings",
        }
    }
}
