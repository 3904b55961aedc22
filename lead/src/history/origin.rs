//! Judges where a failure comes from, given the history.
//!
//! Conservative: taking a real bug for flaky is the worst mistake. `flaky` therefore needs proof
//! (red and green on the same commit) or several signs at once, and never follows from a signature
//! that many failures share. A failure that keeps occurring on the same commit is not flaky,
//! whatever happens elsewhere. When the signs disagree the answer is `unknown`, and a task
//! investigates.

use std::fmt;

use greenline_diagnosis::{Category, Diagnosis, Verdict};
use serde::{Deserialize, Serialize};

use super::Observation;
use super::evidence::{BaseState, CheckAttempt, CheckColor, Evidence, FailureOccurrence};

/// Window in which the same signature elsewhere counts as a sign of flakiness, in ms.
pub(super) const LATELY_MS: u64 = 7 * 24 * 3600 * 1000;

/// The origin of a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FailureOrigin {
    /// The change that was pushed.
    PrCode,
    /// The base branch fails alike.
    PreExisting,
    /// It fails and passes without a change.
    Flaky,
    /// The world outside: network, limits, a lost runner.
    Infra,
    /// Nobody knows.
    Unknown,
}

impl FailureOrigin {
    /// The contract's name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::PrCode => "pr_code",
            Self::PreExisting => "pre_existing",
            Self::Flaky => "flaky",
            Self::Infra => "infra",
            Self::Unknown => "unknown",
        }
    }
}

impl fmt::Display for FailureOrigin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// An origin and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JudgedOrigin {
    /// The origin.
    pub origin: FailureOrigin,
    /// The reason, as a sentence without its full stop. Holds untrusted branch names.
    pub because: String,
}

fn judged(origin: FailureOrigin, because: impl Into<String>) -> JudgedOrigin {
    JudgedOrigin { origin, because: because.into() }
}

/// Returns true if the log blames the infrastructure.
#[must_use]
pub fn is_infra(diagnosis: &Diagnosis) -> bool {
    let outside = [Category::NetworkOrFlaky, Category::TimeoutOrOom].contains(&diagnosis.category);
    outside && diagnosis.verdict == Verdict::Rerun
}

/// The signature, if it tells this failure from others: one that only a runner's last words made
/// does not.
#[must_use]
pub fn distinctive_signature(diagnosis: &Diagnosis) -> Option<&str> {
    let nobody_spoke = diagnosis.framework.is_none() || diagnosis.category == Category::Unknown;
    if nobody_spoke { None } else { diagnosis.signature.as_deref() }
}

/// Kinds of failure that may come and go without a change. A compiler says the same each time.
fn may_be_flaky(category: Category) -> bool {
    use Category::{NetworkOrFlaky, TestAssertion, TimeoutOrOom};
    [TestAssertion, NetworkOrFlaky, TimeoutOrOom].contains(&category)
}

/// Judges where a failure comes from. Pure.
#[must_use]
pub fn origin(observation: &Observation<'_>, evidence: &Evidence) -> JudgedOrigin {
    let view = OriginView::new(observation, evidence);
    if observation.diagnosis().is_some_and(is_infra) {
        return view.infra();
    }
    view.same_commit()
        .or_else(|| view.on_the_base())
        .or_else(|| view.elsewhere())
        .unwrap_or_else(|| view.new_here())
}

/// A failure among what is known.
struct OriginView<'a> {
    observation: &'a Observation<'a>,
    evidence: &'a Evidence,
    category: Option<Category>,
    signature: Option<&'a str>,
}

impl<'a> OriginView<'a> {
    fn new(observation: &'a Observation<'a>, evidence: &'a Evidence) -> Self {
        let signature = observation.diagnosis().and_then(distinctive_signature);
        let category = observation.diagnosis().map(|diagnosis| diagnosis.category);
        Self { observation, evidence, category, signature }
    }

    /// Returns how often the commit failed in the same way since it last passed.
    fn reds_in_a_row(&self) -> usize {
        let alike = |attempt: &&CheckAttempt| attempt.signature.as_deref() == self.signature;
        let since = self.evidence.attempts.iter().rev();
        let since = since.take_while(|attempt| attempt.color != CheckColor::Green);
        since.filter(|attempt| attempt.color == CheckColor::Red).filter(alike).count()
    }

    fn has_passed(&self) -> bool {
        self.evidence.attempts.iter().any(|attempt| attempt.color == CheckColor::Green)
    }

    fn base_branch(&self) -> &str {
        self.observation.base_branch
    }

    fn infra(&self) -> JudgedOrigin {
        let because = match self.category {
            Some(Category::TimeoutOrOom) => "a limit on time, memory or disk ended the job",
            _ => "the world outside failed, not the code",
        };
        judged(FailureOrigin::Infra, because)
    }

    fn same_commit(&self) -> Option<JudgedOrigin> {
        if !self.has_passed() {
            return None;
        }
        let short = self.observation.sha.short();
        if self.reds_in_a_row() > 1 {
            let because = format!("{short} passed once, and has failed ever since");
            return Some(judged(FailureOrigin::Unknown, because));
        }
        Some(judged(
            FailureOrigin::Flaky,
            format!("it failed and passed on the same commit {short}"),
        ))
    }

    fn on_the_base(&self) -> Option<JudgedOrigin> {
        let BaseState::Red { signature, since_name, since_sha } = &self.evidence.base else {
            return None;
        };
        let itself = *since_name == self.observation.name;
        if itself || self.signature.is_none() || signature.as_deref() != self.signature {
            return None;
        }
        let short = since_sha.get(..7).unwrap_or(since_sha);
        let because = format!("{} has failed alike since {short}", self.base_branch());
        Some(judged(FailureOrigin::PreExisting, because))
    }

    /// Seen lately, on commits other than this one.
    fn others(&self) -> impl Iterator<Item = &'a FailureOccurrence> {
        let own = self.observation;
        let lately =
            move |observation: &&FailureOccurrence| observation.at.abs_diff(own.at) <= LATELY_MS;
        let telling = self.signature.is_some();
        let occurrences = self.evidence.occurrences.iter().filter(lately);
        occurrences.filter(move |observation| telling && observation.sha != *own.sha)
    }

    fn elsewhere(&self) -> Option<JudgedOrigin> {
        if self.others().any(|observation| observation.base) {
            let because = format!("{} failed alike lately, and passes now", self.base_branch());
            return Some(judged(FailureOrigin::Unknown, because));
        }
        let foreign = |observation: &&FailureOccurrence| {
            observation.branch != self.observation.branch
                && !observation.author.eq_ignore_ascii_case(self.observation.author)
        };
        let observation = self.others().find(foreign)?;
        let steady = self.evidence.base == BaseState::Green && self.reds_in_a_row() <= 1;
        if steady && self.category.is_some_and(may_be_flaky) {
            let because = format!(
                "{} by {} fails alike, and {} passes",
                observation.branch,
                observation.author,
                self.base_branch()
            );
            return Some(judged(FailureOrigin::Flaky, because));
        }
        Some(judged(FailureOrigin::Unknown, format!("{} fails alike", observation.branch)))
    }

    fn new_here(&self) -> JudgedOrigin {
        if self.signature.is_none() {
            return judged(
                FailureOrigin::Unknown,
                "the log does not tell this failure from others",
            );
        }
        let own_base = self.observation.pull.is_none();
        match &self.evidence.base {
            BaseState::Green => judged(
                FailureOrigin::PrCode,
                format!("it is new here, and {} passes", self.base_branch()),
            ),
            BaseState::Red { since_name, .. }
                if own_base && *since_name == self.observation.name =>
            {
                judged(FailureOrigin::PrCode, format!("{} began to fail here", self.base_branch()))
            }
            BaseState::Red { .. } => {
                judged(FailureOrigin::Unknown, format!("{} fails otherwise", self.base_branch()))
            }
            BaseState::Unknown => judged(
                FailureOrigin::Unknown,
                format!("nothing is known of this check on {}", self.base_branch()),
            ),
        }
    }
}
