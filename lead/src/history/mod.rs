//! The history of checks: where each failure was seen, and which tests are flaky.
//!
//! - Every result that the lead sees, red or green, is [recorded](History::observe) once. Recording
//!   it again changes nothing and returns the same answer, so a restart may repeat.
//! - [`origin()`] judges from the history where a failure comes from. It is pure and conservative.
//! - Entries are kept for 30 days. Lists are capped; no key grows without bound.
//!
//! Keys, all under `agent:lead:history:{repo}:` (`␟` is U+001F, which no name holds):
//!
//! | key | type | holds |
//! |---|---|---|
//! | `commit:{sha}` | HASH | `{check}␟{result}` → `{ms} {green, red or infra} {signature}` |
//! | `tests:{sha}␟{check}` | SET | names of tests that failed on it |
//! | `observation:{check}␟{signature}` | ZSET by ms | where a signature was seen, as JSON; the newest 200 |
//! | `base:{branch}␟{check}` | HASH | the state of the check on a base branch, and its start |
//! | `flakes` | ZSET by ms | `{check}␟{test}␟{sha}` that both failed and passed; the newest 10,000 |
//! | `reproductions:{check}` | HASH | task → true if a worker reproduced the failure |
//! | `runs:{day}` | HASH | number of results of each check |
//!
//! and `agent:lead:history`, a SET of the repositories.

mod evidence;
mod flaky;
mod metrics;
mod origin;

use std::collections::BTreeSet;

use greenline_diagnosis::Diagnosis;
use greenline_forge::{PullNumber, RepoName, Sha};
use greenline_store::{Cmd, Script, Store, StoreError, pipe};

pub use evidence::{BaseState, CheckAttempt, CheckColor, Evidence, FailureOccurrence};
pub use flaky::FlakyTest;
pub use origin::{FailureOrigin, JudgedOrigin, distinctive_signature, is_infra, origin};

pub(crate) use metrics::METRICS;

use crate::check::{CheckName, FailedCheck, PassedCheck};

/// Retention of results, in ms.
const KEEP_MS: u64 = 30 * DAY_MS;
const DAY_MS: u64 = 24 * 3600 * 1000;
/// Most failed tests of one result that are stored.
const MOST_TESTS: usize = 200;
const LONGEST_TEST: usize = 500;

/// One result of a check.
#[derive(Debug, Clone)]
pub struct Observation<'a> {
    pub repo: &'a RepoName,
    pub check: &'a CheckName,
    /// The result's name: the same for the same end of the check, however it was seen.
    pub name: String,
    /// On which commit.
    pub sha: &'a Sha,
    /// On which branch.
    pub branch: &'a str,
    /// On which pull request.
    pub pull: Option<PullNumber>,
    /// The branch that it is to be merged into; without a pull request, the branch itself.
    pub base_branch: &'a str,
    /// The author of the change.
    pub author: &'a str,
    /// When it ended, in ms.
    pub at: u64,
    pub outcome: CheckOutcome<'a>,
}

/// The outcome of a check.
#[derive(Debug, Clone, Copy)]
pub enum CheckOutcome<'a> {
    /// It passed.
    Passed,
    /// It failed; with what its log says, if it could be read.
    Failed(Option<&'a Diagnosis>),
}

impl<'a> Observation<'a> {
    /// A failure with its diagnosis, and who wrote what failed; `now` stands in for a time of
    /// the failure that nobody said.
    #[must_use]
    pub fn of_failure(
        failure: &'a FailedCheck,
        diagnosis: Option<&'a Diagnosis>,
        author: &'a str,
        now: u64,
    ) -> Self {
        let pull = failure.pull.as_ref();
        Self {
            repo: &failure.repo,
            check: &failure.check,
            name: failure.key(),
            sha: &failure.head_sha,
            branch: &failure.branch,
            pull: pull.map(|pull| pull.number),
            base_branch: pull.map_or(&failure.branch, |pull| &pull.base),
            author,
            at: failure.completed_at.map_or(now, |moment| moment.0),
            outcome: CheckOutcome::Failed(diagnosis),
        }
    }

    /// A green result.
    #[must_use]
    pub fn of_pass(passed: &'a PassedCheck, author: &'a str, now: u64) -> Self {
        let pull = passed.pull.as_ref();
        Self {
            repo: &passed.repo,
            check: &passed.check,
            name: passed.key(),
            sha: &passed.head_sha,
            branch: &passed.branch,
            pull: pull.map(|pull| pull.number),
            base_branch: pull.map_or(&passed.branch, |pull| &pull.base),
            author,
            at: passed.completed_at.map_or(now, |moment| moment.0),
            outcome: CheckOutcome::Passed,
        }
    }

    fn color(&self) -> CheckColor {
        match self.outcome {
            CheckOutcome::Passed => CheckColor::Green,
            CheckOutcome::Failed(Some(diagnosis)) if is_infra(diagnosis) => CheckColor::Infra,
            CheckOutcome::Failed(_) => CheckColor::Red,
        }
    }

    fn diagnosis(&self) -> Option<&'a Diagnosis> {
        match self.outcome {
            CheckOutcome::Passed => None,
            CheckOutcome::Failed(diagnosis) => diagnosis,
        }
    }

    fn failed_tests(&self) -> BTreeSet<String> {
        let tests = self.diagnosis().map_or(&[][..], |diagnosis| &diagnosis.failed_tests);
        let tests = tests.iter().take(MOST_TESTS);
        tests.map(|name| strip_control(name).chars().take(LONGEST_TEST).collect()).collect()
    }

    /// Returns true if the result is the base branch's own.
    fn is_base(&self) -> bool {
        self.pull.is_none() && self.branch == self.base_branch
    }

    fn occurrence(&self) -> FailureOccurrence {
        FailureOccurrence {
            name: self.name.clone(),
            at: self.at,
            sha: self.sha.clone(),
            branch: self.branch.to_owned(),
            pull: self.pull,
            author: self.author.to_owned(),
            base: self.is_base(),
        }
    }
}

/// The history of checks. Cheap to clone.
#[derive(Clone)]
pub struct History {
    store: Store,
    observe: Script,
}

impl History {
    /// The history in a store.
    #[must_use]
    pub fn new(store: Store) -> Self {
        let observe = Script::new("observe_result", include_str!("../lua/observe_result.lua"));
        Self { store, observe }
    }

    /// Writes a result down, once, and reads what is known beside it.
    ///
    /// # Errors
    ///
    /// When Redis does not do it; the same call may be repeated.
    pub async fn observe(&self, observation: &Observation<'_>) -> Result<Evidence, StoreError> {
        type ObserveReply = (Vec<String>, [Option<String>; 4], Vec<String>, u64);
        let call = self.call(observation);
        let (attempts, base, occurrences, flaked): ObserveReply =
            self.store.run(&self.observe, &call).await?;
        metrics::observed(observation.color(), flaked == 1);
        Ok(evidence(&attempts, base, &occurrences))
    }

    /// Writes down, once, what came of trying to see a failure of a check on a worker.
    ///
    /// # Errors
    ///
    /// When Redis does not do it; the same call may be repeated.
    pub async fn record_reproduction(
        &self,
        repo: &RepoName,
        check: &CheckName,
        task: &str,
        outcome: &str,
    ) -> Result<(), StoreError> {
        let key = format!("{}reproductions:{}", self.prefix(repo), strip_control(check.as_str()));
        let mut call = pipe();
        call.cmd("HSET").arg(&key).arg(task).arg(outcome);
        call.cmd("PEXPIRE").arg(&key).arg(KEEP_MS);
        self.store.pipeline(&call).await?;
        Ok(())
    }

    fn call(&self, observation: &Observation<'_>) -> Cmd {
        let tests = observation.failed_tests();
        let signature = observation.diagnosis().and_then(distinctive_signature).unwrap_or_default();
        let occurrence = serde_json::to_string(&observation.occurrence()).unwrap_or_default();
        let mut call = self.observe.call(14 + tests.len(), 1_024);
        call.arg(self.prefix(observation.repo))
            .arg(self.repos_key())
            .arg(observation.repo.folded());
        call.arg(strip_control(observation.check.as_str()))
            .arg(observation.sha.as_str())
            .arg(&observation.name);
        call.arg(observation.color().as_str())
            .arg(observation.at)
            .arg(observation.at / DAY_MS)
            .arg(signature);
        call.arg(occurrence)
            .arg(strip_control(observation.base_branch))
            .arg(u8::from(observation.is_base()))
            .arg(KEEP_MS);
        for test in tests {
            call.arg(test);
        }
        call
    }

    fn prefix(&self, repo: &RepoName) -> String {
        format!("{}:{}:", self.repos_key(), repo.folded())
    }

    fn repos_key(&self) -> String {
        format!("{}agent:lead:history", self.store.namespace().prefix())
    }
}

/// A name as a part of keys and members, whose parts U+001F keeps apart.
pub(crate) fn strip_control(name: &str) -> String {
    name.chars().filter(|letter| !letter.is_control()).collect()
}

/// The script's answer. What somebody else wrote there is left out, not believed.
fn evidence(attempts: &[String], base: [Option<String>; 4], occurrences: &[String]) -> Evidence {
    let attempts = attempts.chunks_exact(2);
    let mut attempts: Vec<CheckAttempt> =
        attempts.filter_map(|pair| CheckAttempt::read(&pair[0], &pair[1])).collect();
    attempts.sort_by_key(|attempt| attempt.at);
    let [state, signature, since_name, since_sha] = base;
    let base = match state.as_deref() {
        Some("green") => BaseState::Green,
        Some("red") => BaseState::Red {
            signature: signature.filter(|signature| !signature.is_empty()),
            since_name: since_name.unwrap_or_default(),
            since_sha: since_sha.unwrap_or_default(),
        },
        _ => BaseState::Unknown,
    };
    let occurrences =
        occurrences.iter().filter_map(|text| serde_json::from_str(text).ok()).collect();
    Evidence { attempts, base, occurrences }
}

#[cfg(test)]
mod tests;
