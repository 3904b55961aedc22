//! The names that a queue's callers use: parsed once at the edge, then typed.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Why a name was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what} {text:?}: {rule}")]
pub struct NameError {
    what: &'static str,
    text: String,
    rule: &'static str,
}

fn error(what: &'static str, text: &str, rule: &'static str) -> NameError {
    // A name that is much too long is not worth repeating whole.
    let text = text.chars().take(140).collect();
    NameError { what, text, rule }
}

fn is_plain(text: &str, longest: usize) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    (1..=longest).contains(&text.len()) && text.bytes().all(allowed)
}

/// Gives a name its parsing, `Display` and serde by one check of its text.
macro_rules! name {
    ($name:ident, $check:expr, $what:literal, $rule:literal) => {
        impl $name {
            /// The name as text.
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

/// A task's id: `[A-Za-z0-9._-]{1,128}`. It is part of key names, so nothing
/// else is allowed in it: `x:lock` would be another key of task `x`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TaskId(String);

name!(TaskId, |text: &str| is_plain(text, 128), "task id", "use 1 to 128 of A-Z a-z 0-9 . _ -");

/// A worker's id: fresh for each process, so that no two ever share a claim.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct WorkerId(String);

name!(WorkerId, |text: &str| is_plain(text, 128), "worker id", "use 1 to 128 of A-Z a-z 0-9 . _ -");

/// What a worker must have for a task to run there, such as `gpu`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Label(String);

name!(Label, |text: &str| is_plain(text, 64), "label", "use 1 to 64 of A-Z a-z 0-9 . _ -");

/// A key that only one live task may have, or under which one task runs at a
/// time. It may hold what names a pull request, such as `acme/app#812`.
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

/// The types of task that every worker's build knows.
const BUILT_IN: [&str; 6] = [
    "fix_test_failure",
    "investigate_failure",
    "run_command",
    "run_scenarios",
    "review_patch",
    "deploy_step",
];

/// What kind of work a task is. A type that no worker knows waits for one that
/// does.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TaskType(String);

name!(TaskType, |text: &str| is_plain(text, 64), "type", "use 1 to 64 of A-Z a-z 0-9 . _ -");

impl TaskType {
    /// The type of tasks that run commands.
    #[must_use]
    pub fn run_command() -> Self {
        Self("run_command".to_owned())
    }

    /// Whether it is one of the types that share the lists of all workers.
    #[must_use]
    pub fn is_built_in(&self) -> bool {
        BUILT_IN.contains(&self.as_str())
    }

    /// The built-in types.
    pub fn built_in() -> impl Iterator<Item = Self> {
        BUILT_IN.iter().map(|name| Self((*name).to_owned()))
    }
}

/// How urgent a task is. Served 8:4:2:1, so that low work moves too.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Priority {
    /// Before everything.
    Critical,
    /// Soon.
    High,
    /// In its turn.
    #[default]
    Normal,
    /// When there is room.
    Low,
}

impl Priority {
    /// All of them, most urgent first.
    pub const ALL: [Self; 4] = [Self::Critical, Self::High, Self::Normal, Self::Low];

    /// Its name in JSON and in key names.
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

/// Where a task is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// A worker may take it.
    Pending,
    /// It will be pending later: a retry, `not_before`, a rate limit.
    Scheduled,
    /// It waits for its parents.
    Waiting,
    /// Another task of its `concurrency_key` runs, or its type is paused.
    Blocked,
    /// A person has to say yes.
    AwaitingApproval,
    /// A worker has it.
    Running,
    /// It succeeded.
    Success,
    /// It failed for good.
    Failed,
    /// It was called off.
    Cancelled,
}

impl Status {
    /// All of them.
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

    /// Its name in Redis and in JSON.
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

    /// Whether it has ended.
    #[must_use]
    pub fn is_final(self) -> bool {
        matches!(self, Self::Success | Self::Failed | Self::Cancelled)
    }
}

impl FromStr for Status {
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

impl fmt::Display for Status {
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
