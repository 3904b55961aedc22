//! The subject of decisions: a pull request, or a branch without one.

use std::fmt;

use greenline_forge::PullNumber;

use crate::check::{FailedCheck, PassedCheck};
use crate::history::strip_control;

/// The subject of decisions. Its text is part of keys.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Subject {
    /// A pull request.
    Pull(PullNumber),
    /// A branch without one, such as the default branch.
    Branch(String),
}

impl Subject {
    /// Returns the subject of a failure.
    #[must_use]
    pub fn of(failure: &FailedCheck) -> Self {
        match &failure.pull {
            Some(pull) => Self::Pull(pull.number),
            None => Self::Branch(failure.branch.clone()),
        }
    }

    /// Returns the subject of a passed check.
    #[must_use]
    pub fn of_pass(passed: &PassedCheck) -> Self {
        match &passed.pull {
            Some(pull) => Self::Pull(pull.number),
            None => Self::Branch(passed.branch.clone()),
        }
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pull(number) => write!(f, "{number}"),
            Self::Branch(name) => write!(f, "branch:{name}"),
        }
    }
}

/// Returns the key that tries are counted by: the signature, or the check where the log gives none.
#[must_use]
pub fn cause(failure: &FailedCheck, signature: Option<&str>) -> String {
    signature.map_or_else(|| strip_control(failure.check.as_str()), str::to_owned)
}
