//! A decision: one action, its reason, and if the pull request is told.

use std::fmt;

use greenline_diagnosis::Diagnosis;
use greenline_forge::{JobId, RunId};
use serde::{Deserialize, Serialize};

use super::situation::PullDetails;
use crate::check::FailedCheck;
use crate::history::JudgedOrigin;
use crate::repo_settings::detect_commands::DetectedCommands;

/// One decision about one failure.
#[derive(Debug, Clone, PartialEq)]
pub struct Decision {
    pub action: NextStep,
    /// The rule that decided.
    pub rule: DecisionRule,
    /// The reason, as a sentence without its full stop.
    pub reason: String,
    /// Controls if people are told on the pull request.
    pub reporting: Reporting,
}

/// The action of a decision. There is never more than one.
#[derive(Debug, Clone, PartialEq)]
pub enum NextStep {
    /// A repair is tried.
    Fix(Box<TaskDraft>),
    /// Somebody looks at it.
    Investigate(Box<TaskDraft>),
    /// The failed job runs again.
    Rerun(RerunRequest),
    /// A person is called.
    Escalate,
    /// Nothing.
    Nothing,
}

/// The job that is to run again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RerunRequest {
    /// The job.
    pub job: JobId,
    /// Its run, where it was said.
    pub run: Option<RunId>,
}

/// A task, before it is written.
#[derive(Debug, Clone, PartialEq)]
pub struct TaskDraft {
    pub failure: FailedCheck,
    /// On which pull request.
    pub pull: Option<PullDetails>,
    pub clone_url: String,
    pub diagnosis: Diagnosis,
    /// The origin of the failure.
    pub judged: JudgedOrigin,
    /// The commands that reproduce the failure.
    pub commands: DetectedCommands,
    /// Hosts that `setup` may reach, of those that the worker's operator allows.
    pub hosts: Option<Vec<String>>,
    /// The wish of a person that it was made for: such a task is another than the one before it.
    pub command_key: Option<String>,
    /// The number of this attempt at the failure, counted from 1.
    pub attempt: u32,
    /// Most attempts.
    pub attempts: u32,
    pub max_cost_usd: f64,
    pub timeout_minutes: u32,
    /// The most files that a patch may change.
    pub max_files: u32,
    /// Paths that it may not.
    pub protected_paths: Vec<String>,
    /// True if the repair may change lock files.
    pub lock_files: bool,
}

/// Controls if people are told on the pull request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reporting {
    /// The failure and the next step.
    Explain,
    /// Nothing: the failure is nobody's business here.
    Silent,
}

macro_rules! rules {
    ($($(#[$doc:meta])* $rule:ident $name:literal;)+) => {
        /// The rule that decided. Its name is public: `greenline why` and metrics show it.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum DecisionRule {
            $($(#[$doc])* $rule,)+
        }

        impl DecisionRule {
            /// All of them, in the order in which they are asked.
            pub const ALL: &[Self] = &[$(Self::$rule),+];

            /// Its name.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$rule => $name,)+
                }
            }
        }
    };
}

rules! {
    /// The check is Greenline's own.
    OwnCheck "own_check";
    /// Neither a pull request nor a default branch.
    NoPullRequest "no_pull_request";
    /// The pull request is closed.
    Closed "closed";
    /// Somebody has pushed since.
    HeadMoved "head_moved";
    /// The repository wants it left alone.
    Ignored "ignored";
    /// The head is a fork's: only explained.
    Fork "fork";
    /// The log has expired.
    LogExpired "log_expired";
    /// There is no log to read.
    NoLog "no_log";
    /// Flaky or the world outside: the job runs again.
    RunAgain "run_again";
    /// It ran again already.
    RanAgain "ran_again";
    /// It can't be run again from here.
    NoRerun "no_rerun";
    /// The default branch is broken.
    BaseBroken "base_broken";
    /// The base fails alike.
    PreExisting "pre_existing";
    /// The log says that a person has to act.
    NeedsPerson "needs_person";
    /// Greenline's own commit fails.
    OwnCommit "own_commit";
    /// Repairs are off.
    RepairsOff "repairs_off";
    /// Repairs are off for this pull request.
    PullSwitchedOff "pull_switched_off";
    /// It was tried as often as it may be.
    Attempts "attempts";
    /// Another task works on the pull request.
    OpenTasks "open_tasks";
    /// Today's tasks are used up.
    TasksToday "tasks_today";
    /// Today's money is used up.
    DollarsToday "dollars_today";
    /// No command reproduces it.
    NoCommands "no_commands";
    /// A repair is tried.
    Repair "repair";
    /// Somebody looks.
    Look "look";
}

impl fmt::Display for DecisionRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl NextStep {
    /// Its name.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Fix(_) => "fix",
            Self::Investigate(_) => "investigate",
            Self::Rerun(_) => "rerun",
            Self::Escalate => "escalate",
            Self::Nothing => "nothing",
        }
    }

    /// The task that it makes, if it makes one.
    #[must_use]
    pub fn task(&self) -> Option<&TaskDraft> {
        match self {
            Self::Fix(draft) | Self::Investigate(draft) => Some(draft),
            Self::Rerun(_) | Self::Escalate | Self::Nothing => None,
        }
    }
}
