//! Everything that a decision depends on, as values: whoever gathers it may be late or wrong, and a
//! test can write down any of it.

use greenline_diagnosis::Diagnosis;
use greenline_forge::{PullNumber, Sha};
use greenline_queue::TaskId;

use crate::check::FailedCheck;
use crate::history::JudgedOrigin;
use crate::repo_settings::RepoSettings;
use crate::repo_settings::detect_commands::DetectedCommands;

/// The input of a decision.
#[derive(Debug, Clone)]
pub struct Situation<'a> {
    pub failure: &'a FailedCheck,
    /// The pull request that it is on, as GitHub shows it now.
    pub pull: Option<&'a PullDetails>,
    pub clone_url: &'a str,
    /// Its log.
    pub log: LogState<'a>,
    /// The origin of the failure.
    pub judged: &'a JudgedOrigin,
    /// The repository settings of the base branch.
    pub settings: &'a RepoSettings,
    /// The commands that reproduce the failure.
    pub commands: &'a DetectedCommands,
    /// The files that the pull request changes; none if nobody looked.
    pub changed_files: Option<&'a [String]>,
    /// True if the commit is one of Greenline's own repairs.
    pub own_commit: bool,
    pub usage: &'a LimitUsage,
    /// The availability of repairs.
    pub repairs: Repairs,
    /// The wish of a person that it be tried now, by its name.
    pub command_key: Option<&'a str>,
}

/// The part of a pull request that planning needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PullDetails {
    /// Its number.
    pub number: PullNumber,
    /// Untrusted.
    pub title: String,
    /// The login of the author.
    pub author: String,
    pub base_branch: String,
    /// Its head now; not the failure's when somebody has pushed since.
    pub head_sha: Sha,
    pub open: bool,
    pub draft: bool,
    /// Its labels.
    pub labels: Vec<String>,
    /// True if the head is in a fork.
    pub fork: bool,
}

/// A failure's log.
#[derive(Debug, Clone, Copy)]
pub enum LogState<'a> {
    /// It was read.
    Read(&'a Diagnosis),
    /// GitHub keeps it no longer.
    Expired,
    /// There is none that can be read: a commit status, another app's check.
    None,
}

/// The availability of repairs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Repairs {
    /// There are workers that repair.
    On,
    /// There is no key for any model.
    NoModelKey,
    /// The operator has switched them off.
    SwitchedOff,
}

/// The past of a failure, without records of this very result, so that the same question has the
/// same answer after a restart.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct LimitUsage {
    /// True if this check was already re-run on this commit.
    pub rerun: bool,
    /// Repair tasks of this pull request and signature, ended or not.
    pub attempts: u32,
    /// Tasks of this pull request that have not ended.
    pub open: Vec<OpenTask>,
    /// Tasks of the repository today.
    pub tasks_today: u32,
    /// Dollars that they cost, or may cost.
    pub dollars_today: f64,
    /// The reason why repairs are off on this pull request, if they are.
    pub repair_off: Option<RepairOff>,
    /// True if people were told of this signature on this branch.
    pub notified: bool,
}

/// A task that has not ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenTask {
    /// Its id.
    pub id: TaskId,
    /// The commit that it works on.
    pub head_sha: Sha,
}

/// The reason why repairs are off on a pull request.
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
