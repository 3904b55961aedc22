//! Why a call to GitHub failed, by what the caller can do about it.

use std::sync::Arc;

use crate::names::{JobId, Sha};
use crate::time::Moment;

/// What a call was for, as the end of "failed to …".
pub type Purpose = Arc<str>;

/// Why a call to GitHub failed, by what the caller can do about it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ForgeError {
    /// No answer, not a whole one, or not in time. A write may have taken effect: look before
    /// doing it again.
    #[error("failed to {purpose}: {why}")]
    Unreachable {
        /// What the call was for.
        purpose: Purpose,
        /// What went wrong on the way.
        why: String,
    },
    /// GitHub itself failed. A write may have taken effect: look before doing it again.
    #[error("failed to {purpose}: GitHub answers {status}{}", said(.message))]
    Failing {
        /// What the call was for.
        purpose: Purpose,
        /// The HTTP status.
        status: u16,
        /// What GitHub says.
        message: String,
    },
    /// Too many calls. Nothing took effect: try again at `until`, not before.
    #[error("failed to {purpose}: GitHub's {limit} limit is reached until {}", .until.to_rfc3339())]
    RateLimited {
        /// What the call was for.
        purpose: Purpose,
        /// Which limit.
        limit: Limit,
        /// When calls are welcome again, by our clock.
        until: Moment,
    },
    /// The credentials are wrong, expired or revoked: mend the settings.
    #[error("failed to {purpose}: GitHub does not accept the credentials{}", said(.message))]
    Unauthorized {
        /// What the call was for.
        purpose: Purpose,
        /// What GitHub says.
        message: String,
    },
    /// The credentials lack a permission: grant it.
    #[error("failed to {purpose}: not allowed{}{}", said(.message), needs(.permission))]
    Forbidden {
        /// What the call was for.
        purpose: Purpose,
        /// What GitHub says.
        message: String,
        /// What would be enough, such as `checks=write`, if GitHub says.
        permission: Option<String>,
    },
    /// It is not there, or hidden from these credentials.
    #[error("failed to {purpose}: not there, or not to be seen{}", needs(.permission))]
    NotFound {
        /// What the call was for.
        purpose: Purpose,
        /// What would be enough to see it, if GitHub says.
        permission: Option<String>,
    },
    /// The log is not there: expired, deleted, or the job has not written one.
    #[error("the log of job {0} is gone")]
    LogGone(JobId),
    /// The branch is not where it was expected. Nothing was written: look and plan anew.
    #[error("failed to {purpose}: the branch is no longer at {}", .expected.short())]
    HeadMoved {
        /// What the call was for.
        purpose: Purpose,
        /// Where it should have been.
        expected: Sha,
    },
    /// It can't be done in the state that things are in: conflicts, not mergeable, already done.
    #[error("failed to {purpose}: {message}")]
    Conflict {
        /// What the call was for.
        purpose: Purpose,
        /// What GitHub says.
        message: String,
    },
    /// GitHub refuses what was asked. No repetition will help.
    #[error("failed to {purpose}: GitHub refuses it ({status}){}", said(.message))]
    Invalid {
        /// What the call was for.
        purpose: Purpose,
        /// The HTTP status.
        status: u16,
        /// What GitHub says, with its reasons.
        message: String,
    },
    /// The answer is larger than we read.
    #[error("failed to {purpose}: the answer has more than {cap} bytes")]
    TooLarge {
        /// What the call was for.
        purpose: Purpose,
        /// How much we read.
        cap: u64,
    },
    /// The answer is not what it should be: a proxy's page, or a GitHub that we don't know.
    #[error("failed to {purpose}: the answer can't be read: {why}")]
    Unreadable {
        /// What the call was for.
        purpose: Purpose,
        /// Where and why.
        why: String,
    },
    /// GitHub sends us somewhere that we don't go.
    #[error("failed to {purpose}: redirected to {target}, which is not followed")]
    Redirected {
        /// What the call was for.
        purpose: Purpose,
        /// Where to, without query.
        target: String,
    },
    /// The settings can't work.
    #[error("{0}")]
    Settings(String),
}

/// Which of GitHub's limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Limit {
    /// So many calls or points an hour.
    Primary,
    /// Too much at once, or too many writes.
    Secondary,
}

impl std::fmt::Display for Limit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Primary => "primary",
            Self::Secondary => "secondary",
        })
    }
}

fn said(message: &str) -> String {
    if message.is_empty() { String::new() } else { format!(": {message}") }
}

fn needs(permission: &Option<String>) -> String {
    permission.as_ref().map(|needed| format!(" (needs {needed})")).unwrap_or_default()
}

impl ForgeError {
    /// Whether the same call may work later, without anyone changing anything.
    #[must_use]
    pub fn is_passing(&self) -> bool {
        matches!(self, Self::Unreachable { .. } | Self::Failing { .. } | Self::RateLimited { .. })
    }

    /// Whether a write may have taken effect although it failed.
    #[must_use]
    pub fn may_have_happened(&self) -> bool {
        matches!(self, Self::Unreachable { .. } | Self::Failing { .. } | Self::Unreadable { .. })
    }

    /// When to try again, where GitHub says.
    #[must_use]
    pub fn retry_at(&self) -> Option<Moment> {
        match self {
            Self::RateLimited { until, .. } => Some(*until),
            _ => None,
        }
    }

    /// Whether it is about something that is not there or may not be seen.
    #[must_use]
    pub fn is_absent(&self) -> bool {
        matches!(self, Self::NotFound { .. } | Self::LogGone(_))
    }

    /// One word of a short, fixed list, for labels.
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
