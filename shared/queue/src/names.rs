//! Names that callers of the queue use, parsed once at the edge.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The reason why a name was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what} {text:?}: {rule}")]
pub struct NameError {
    what: &'static str,
    text: String,
    rule: &'static str,
}

fn error(what: &'static str, text: &str, rule: &'static str) -> NameError {
    // A name that is much too long is cut in the message.
    let text = text.chars().take(140).collect();
    NameError { what, text, rule }
}

fn is_plain(text: &str, longest: usize) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    (1..=longest).contains(&text.len()) && text.bytes().all(allowed)
}

/// Implements parsing, `Display` and serde for a name, with one check of its text.
macro_rules! name {
    ($name:ident, $check:expr, $what:literal, $rule:literal) => {
        impl $name {
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = NameError;

            fn from_str(text: &str) -> Result<Self, NameError> {
                if $check(text) { Ok(Self(text.into())) } else { Err(error($what, text, $rule)) }
            }
        }

        impl TryFrom<String> for $name {
            type Error = NameError;

            fn try_from(text: String) -> Result<Self, NameError> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> Self {
                name.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

/// A task's id: `[A-Za-z0-9._-]{1,128}`. It is part of key names, so it allows nothing else:
/// `x:lock` would be another key of task `x`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TaskId(String);

name!(TaskId, |text: &str| is_plain(text, 128), "task id", "use 1 to 128 of A-Z a-z 0-9 . _ -");

/// A worker's id: fresh for each process, so that no two processes share a claim.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct WorkerId(String);

name!(WorkerId, |text: &str| is_plain(text, 128), "worker id", "use 1 to 128 of A-Z a-z 0-9 . _ -");

/// A property that a task requires of its worker, such as `gpu`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Label(String);

name!(Label, |text: &str| is_plain(text, 64), "label", "use 1 to 64 of A-Z a-z 0-9 . _ -");

/// A key that only one live task may hold, or under which one task runs at a time. It may name a
/// pull request, such as `acme/app#812`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct SharedKey(String);

fn is_shared_key(text: &str) -> bool {
    let printable = text.bytes().all(|byte| byte.is_ascii_graphic());
    (1..=200).contains(&text.len()) && printable && !text.starts_with('@')
}

name!(
    SharedKey,
    is_shared_key,
    "key",
    "use 1 to 200 printable ASCII characters without spaces, not beginning with @"
);

/// The task types that every worker's build knows.
const BUILT_IN: [&str; 6] = [
    "fix_test_failure",
    "investigate_failure",
    "run_command",
    "run_scenarios",
    "review_patch",
    "deploy_step",
];

/// The type of a task. A task of an unknown type waits for a worker that knows it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TaskType(String);

name!(TaskType, |text: &str| is_plain(text, 64), "type", "use 1 to 64 of A-Z a-z 0-9 . _ -");

impl TaskType {
    /// Returns the type of tasks that run commands.
    #[must_use]
    pub fn run_command() -> Self {
        Self("run_command".to_owned())
    }

    /// Returns `true` for the types that share the lists of all workers.
    #[must_use]
    pub fn is_built_in(&self) -> bool {
        BUILT_IN.contains(&self.as_str())
    }

    /// Returns the built-in types.
    pub fn built_in() -> impl Iterator<Item = Self> {
        BUILT_IN.iter().map(|name| Self((*name).to_owned()))
    }
}

/// The urgency of a task. Priorities are served 8:4:2:1, so that low ones move too.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Priority {
    Critical,
    High,
    #[default]
    Normal,
    Low,
}

impl Priority {
    /// Every priority, most urgent first.
    pub const ALL: [Self; 4] = [Self::Critical, Self::High, Self::Normal, Self::Low];

    /// Returns the name in JSON and in key names.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Critical => "critical",
            Self::High => "high",
            Self::Normal => "normal",
            Self::Low => "low",
        }
    }
}

impl FromStr for Priority {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        Self::ALL
            .into_iter()
            .find(|priority| priority.as_str() == text)
            .ok_or_else(|| error("priority", text, "use critical, high, normal or low"))
    }
}

impl fmt::Display for Priority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The state of a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TaskStatus {
    /// A worker may claim it.
    Pending,
    /// It becomes pending later: a retry, `not_before`, a rate limit.
    Scheduled,
    /// It waits for its parents.
    Waiting,
    /// Another task of its `concurrency_key` runs, or its type is paused.
    Blocked,
    /// It needs a person's approval.
    AwaitingApproval,
    /// A worker runs it.
    Running,
    Success,
    /// It failed for good.
    Failed,
    Cancelled,
}

impl TaskStatus {
    /// Every status.
    pub const ALL: [Self; 9] = [
        Self::Pending,
        Self::Scheduled,
        Self::Waiting,
        Self::Blocked,
        Self::AwaitingApproval,
        Self::Running,
        Self::Success,
        Self::Failed,
        Self::Cancelled,
    ];

    /// Returns the name in Redis and in JSON.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Scheduled => "scheduled",
            Self::Waiting => "waiting",
            Self::Blocked => "blocked",
            Self::AwaitingApproval => "awaiting_approval",
            Self::Running => "running",
            Self::Success => "success",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }

    /// Returns `true` if the task has ended.
    #[must_use]
    pub fn is_final(self) -> bool {
        matches!(self, Self::Success | Self::Failed | Self::Cancelled)
    }
}

impl FromStr for TaskStatus {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        Self::ALL.into_iter().find(|status| status.as_str() == text).ok_or_else(|| {
            error(
                "status",
                text,
                "use pending, scheduled, waiting, blocked, awaiting_approval, running, success, \
                 failed or cancelled",
            )
        })
    }
}

impl fmt::Display for TaskStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_can_not_be_made_of_another_keys_name() {
        for bad in ["x:lock", "", "a b", "a\nb", "ä", "{\"a\":1}", &"x".repeat(129)] {
            assert!(bad.parse::<TaskId>().is_err(), "{bad:?}");
        }
        for good in ["ci-fix-812-4471", "..", "A.b_C-9", &"x".repeat(128)] {
            assert!(good.parse::<TaskId>().is_ok(), "{good:?}");
        }
    }

    #[test]
    fn a_key_that_is_ours_can_not_be_taken() {
        assert!("@type:run_command".parse::<SharedKey>().is_err());
        assert!("acme/app#812".parse::<SharedKey>().is_ok());
    }

    #[test]
    fn an_error_says_what_is_allowed() {
        let error = "a b".parse::<TaskId>().unwrap_err();
        assert_eq!(error.to_string(), r#"task id "a b": use 1 to 128 of A-Z a-z 0-9 . _ -"#);
    }
}
