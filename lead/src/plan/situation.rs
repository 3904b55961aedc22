//! Everything that a decision depends on, as values: whoever gathers it may be late or wrong, and a
//! test can write down any of it.

use greenline_diagnosis::Diagnosis;
use greenline_forge::{PullNumber, Sha};
use greenline_queue::TaskId;

use crate::failure::FailedCheck;
use crate::history::Judged;
use crate::repo_settings::RepoSettings;
use crate::repo_settings::guess::Commands;

/// What a decision depends on.
#[derive(Debug, Clone)]
pub struct Situation<'a> {
    /// What failed.
    pub failure: &'a FailedCheck,
    /// The pull request that it is on, as GitHub shows it now.
    pub pull: Option<&'a PullRequest>,
    /// Where the repository can be cloned from.
    pub clone_url: &'a str,
    /// Its log.
    pub log: Log<'a>,
    /// Where it comes from.
    pub judged: &'a Judged,
    /// What the repository wants, by its base branch.
    pub settings: &'a RepoSettings,
    /// What reproduces the failure.
    pub commands: &'a Commands,
    /// The files that the pull request changes; none if nobody looked.
    pub changed_files: Option<&'a [String]>,
    /// Whether the commit is one of Greenline's own repairs.
    pub own_commit: bool,
    /// What was done before.
    pub past: &'a Past,
    /// Whether repairs can be tried at all.
    pub repairs: Repairs,
    /// The wish of a person that it be tried now, by its name.
    pub asked: Option<&'a str>,
}

/// What planning needs to know of a pull request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PullRequest {
    /// Its number.
    pub number: PullNumber,
    /// What it is called. Untrusted.
    pub title: String,
    /// Who opened it.
    pub author: String,
    /// Where it is to be merged.
    pub base_branch: String,
    /// Its head now; not the failure's when somebody has pushed since.
    pub head_sha: Sha,
    /// Whether it is open.
    pub open: bool,
    /// Whether it is a draft.
    pub draft: bool,
    /// Its labels.
    pub labels: Vec<String>,
    /// Whether its head is in another repository.
    pub fork: bool,
}

/// A failure's log.
#[derive(Debug, Clone, Copy)]
pub enum Log<'a> {
    /// It was read.
    Read(&'a Diagnosis),
    /// GitHub keeps it no longer.
    Expired,
    /// There is none that can be read: a commit status, another app's check.
    None,
}

/// Whether repairs can be tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Repairs {
    /// There are workers that repair.
    On,
    /// There is no key for any model.
    NoModelKey,
    /// The operator has switched them off.
    SwitchedOff,
}

/// What was done before, without what was done for this very result: so the same question has the
/// same answer after a restart.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Past {
    /// Whether this check was run again on this commit.
    pub rerun: bool,
    /// Repair tasks of this pull request and signature, ended or not.
    pub attempts: u32,
    /// Tasks of this pull request that have not ended.
    pub open: Vec<OpenTask>,
    /// Tasks of the repository today.
    pub tasks_today: u32,
    /// Dollars that they cost, or may cost.
    pub dollars_today: f64,
    /// Why nothing is to be repaired on this pull request any more.
    pub repair_off: Option<RepairOff>,
    /// Whether people were told of this signature on this branch.
    pub told: bool,
}

/// A task that has not ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenTask {
    /// Its id.
    pub id: TaskId,
    /// The commit that it works on.
    pub head_sha: Sha,
}

/// Why nothing is to be repaired on a pull request any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RepairOff {
    /// Somebody took a repair back.
    Reverted,
    /// Somebody said `@greenline stop`.
    Stopped,
}

impl RepairOff {
    pub(super) const ALL: [Self; 2] = [Self::Reverted, Self::Stopped];

    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Reverted => "reverted",
            Self::Stopped => "stopped",
        }
    }
}

/// The tasks of a pull request that a new head makes pointless: to be cancelled.
#[must_use]
pub fn superseded<'t>(open: &'t [OpenTask], head: &Sha) -> Vec<&'t TaskId> {
    open.iter().filter(|task| task.head_sha != *head).map(|task| &task.id).collect()
}
