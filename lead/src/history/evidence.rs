//! The history beside one result, from which the origin of a failure is judged.

use greenline_forge::{PullNumber, Sha};
use serde::{Deserialize, Serialize};

/// The outcome of one result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CheckColor {
    /// It passed.
    Green,
    /// It failed.
    Red,
    /// It failed, and the world outside did it.
    Infra,
}

impl CheckColor {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Green => "green",
            Self::Red => "red",
            Self::Infra => "infra",
        }
    }

    fn parse(text: &str) -> Option<Self> {
        [Self::Green, Self::Red, Self::Infra].into_iter().find(|color| color.as_str() == text)
    }
}

/// One result of the same check on the same commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckAttempt {
    /// Its name.
    pub name: String,
    /// When it ended, in ms.
    pub at: u64,
    pub color: CheckColor,
    /// The signature of the failure.
    pub signature: Option<String>,
}

impl CheckAttempt {
    /// From `at color signature`, as the script keeps it.
    pub(super) fn read(name: &str, text: &str) -> Option<Self> {
        let mut words = text.splitn(3, ' ');
        let at = words.next()?.parse().ok()?;
        let color = CheckColor::parse(words.next()?)?;
        let signature = words.next().filter(|word| !word.is_empty()).map(str::to_owned);
        Some(Self { name: name.to_owned(), at, color, signature })
    }
}

/// The check on the base branch: how it came out last, infrastructure aside.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum BaseState {
    /// Nobody has seen it.
    #[default]
    Unknown,
    /// It passed last.
    Green,
    /// It failed last.
    Red {
        /// With this signature.
        signature: Option<String>,
        /// Since this result.
        since_name: String,
        /// Since this commit.
        since_sha: String,
    },
}

/// A place where a signature was seen. Stored as JSON: the names outlive a release.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FailureOccurrence {
    /// The result's name.
    pub name: String,
    /// When, in ms.
    pub at: u64,
    /// On which commit.
    pub sha: Sha,
    /// On which branch.
    pub branch: String,
    /// On which pull request.
    pub pull: Option<PullNumber>,
    /// By whom.
    pub author: String,
    /// True if the branch was the base branch itself.
    pub base: bool,
}

/// All that is known beside one result.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Evidence {
    /// Results of the same check on the same commit, this one included, oldest first.
    pub attempts: Vec<CheckAttempt>,
    /// The check on the base branch.
    pub base: BaseState,
    /// Places where the same signature of the same check was seen, newest first, this one included.
    pub occurrences: Vec<FailureOccurrence>,
}

impl Evidence {
    /// Returns true if the same check has passed on the same commit after that result.
    #[must_use]
    pub fn is_green_since(&self, name: &str, at: u64) -> bool {
        // Of one second, the later job has the higher number.
        let order = |name: &str, at: u64| {
            (at, name.strip_prefix("check-").and_then(|job| job.parse::<u64>().ok()))
        };
        let since = |one: &CheckAttempt| order(&one.name, one.at) > order(name, at);
        self.attempts.iter().any(|one| one.color == CheckColor::Green && since(one))
    }
}
