//! The result of a run. Stored as the task's result: names here outlive a release.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::cancellation::CancelReason;
use super::command_list::Phase;
use super::human::{HumanBytes, HumanDuration};
use crate::workspace::Hidden;

/// The result of a run: its commands and its outcome.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommandReport {
    /// The commands that were started, in order.
    pub commands: Vec<CommandRun>,
    pub outcome: RunOutcome,
}

/// The result of one command.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommandRun {
    /// As in the task.
    pub command: String,
    pub phase: Phase,
    /// `exit_code` or `signal`.
    #[serde(flatten)]
    pub ended: ProcessExit,
    pub duration_ms: u64,
    /// The end of its combined output.
    pub tail: String,
    /// The number of bytes before those in `tail`.
    pub truncated_bytes: u64,
}

/// The end of a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ProcessExit {
    ExitCode(i32),
    Signal(i32),
}

/// The outcome of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum RunOutcome {
    /// All commands exited with 0.
    Passed,
    /// A command failed; later ones were not started.
    Failed {
        /// The index in the report's `commands`.
        which: usize,
    },
    /// The time limit was reached.
    TimedOut {
        /// The limit for all commands together.
        limit_ms: u64,
    },
    /// The processes exceeded the memory limit.
    OutOfMemory {
        /// The use when they were stopped.
        used_bytes: u64,
        limit_bytes: u64,
    },
    /// The run had too many processes.
    TooManyProcesses {
        /// The number when they were stopped.
        used: usize,
        limit: usize,
    },
    /// The workspace exceeded the disk limit.
    DiskFull {
        /// The use when the run was stopped.
        used_bytes: u64,
        limit_bytes: u64,
    },
    /// A command replaced a directory of the workspace, by a link for example, so that the next one
    /// would have run elsewhere.
    WorkspaceReplaced,
    /// Its workspace held too many files and directories.
    TooManyFiles {
        /// How many there were when it was stopped, or more.
        used: u64,
        /// How many there may be.
        limit: u64,
    },
    /// A part of its workspace could not be measured, and so counts as too much.
    Unmeasurable {
        /// Why.
        hidden: Hidden,
    },
    /// The machine ran out of memory, and of all runs of the worker this one held the most.
    MachineOutOfMemory {
        /// What it held.
        used_bytes: u64,
        /// What was left of the machine's.
        left_bytes: u64,
        /// What should be.
        wanted_bytes: u64,
    },
    /// The disk ran full, and of all runs of the worker this one held the most of it.
    MachineOutOfDisk {
        /// What it held.
        used_bytes: u64,
        /// What was left of the file system.
        left_bytes: u64,
        /// What should be.
        wanted_bytes: u64,
    },
    /// The run was cancelled.
    Cancelled { reason: CancelReason },
}

impl CommandReport {
    /// Returns `true` if all commands exited with 0.
    #[must_use]
    pub fn passed(&self) -> bool {
        self.outcome == RunOutcome::Passed
    }
}

impl fmt::Display for CommandReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let failed = match self.outcome {
            RunOutcome::Failed { which } => self.commands.get(which),
            _ => None,
        };
        if let Some(run) = failed {
            return write!(f, "{} `{}` {}", run.phase.as_str(), run.command, run.ended);
        }
        write!(f, "{}", self.outcome)?;
        match self.commands.last() {
            Some(run) if !self.passed() => {
                write!(f, ", in {} `{}`", run.phase.as_str(), run.command)
            }
            _ => Ok(()),
        }
    }
}

impl fmt::Display for RunOutcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Passed => f.write_str("passed"),
            Self::Failed { which } => write!(f, "command {} failed", which + 1),
            Self::TimedOut { limit_ms } => {
                write!(f, "timed out after {}", HumanDuration(Duration::from_millis(limit_ms)))
            }
            Self::OutOfMemory { used_bytes, limit_bytes } => {
                write!(
                    f,
                    "out of memory: used {}, limit {}",
                    HumanBytes(used_bytes),
                    HumanBytes(limit_bytes)
                )
            }
            Self::TooManyProcesses { used, limit } => {
                write!(f, "too many processes: used {used}, limit {limit}")
            }
            Self::DiskFull { used_bytes, limit_bytes } => write!(
                f,
                "the workspace is full: used {}, limit {}",
                HumanBytes(used_bytes),
                HumanBytes(limit_bytes)
            ),
            Self::WorkspaceReplaced => f.write_str(
                "a command replaced a directory of the workspace, so nothing more was run in it",
            ),
            Self::TooManyFiles { used, limit } => {
                write!(f, "the workspace holds too many files: {used} or more, limit {limit}")
            }
            Self::Unmeasurable { hidden: Hidden::Unreadable } => f.write_str(
                "the workspace can't be measured: the worker can't read a directory in it",
            ),
            Self::Unmeasurable { hidden: Hidden::TooDeep } => f.write_str(
                "the workspace can't be measured: something lies deeper than a path can name",
            ),
            Self::MachineOutOfMemory { used_bytes, left_bytes, wanted_bytes } => write!(
                f,
                "the machine runs out of memory: {} left, {} wanted; this task held the most: {}",
                HumanBytes(left_bytes),
                HumanBytes(wanted_bytes),
                HumanBytes(used_bytes)
            ),
            Self::MachineOutOfDisk { used_bytes, left_bytes, wanted_bytes } => write!(
                f,
                "the disk of the workspaces runs full: {} left, {} wanted; this task held the most: {}",
                HumanBytes(left_bytes),
                HumanBytes(wanted_bytes),
                HumanBytes(used_bytes)
            ),
            Self::Cancelled { reason: CancelReason::Operator } => {
                f.write_str("cancelled by an operator")
            }
            Self::Cancelled { reason: CancelReason::WorkerStopping } => {
                f.write_str("stopped because the worker stops")
            }
            Self::Cancelled { reason: CancelReason::LeaseLost } => {
                f.write_str("stopped because the lease was lost")
            }
        }
    }
}

impl fmt::Display for ProcessExit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ExitCode(code) => write!(f, "exited with {code}"),
            Self::Signal(number) => match nix::sys::signal::Signal::try_from(*number) {
                Ok(signal) => write!(f, "was killed by {signal}"),
                Err(_) => write!(f, "was killed by signal {number}"),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(ended: ProcessExit) -> CommandRun {
        CommandRun {
            command: "cargo test".into(),
            phase: Phase::Validation,
            ended,
            duration_ms: 1200,
            tail: "boom\n".into(),
            truncated_bytes: 7,
        }
    }

    #[test]
    fn stored_reports_keep_their_shape() {
        let report = CommandReport {
            commands: vec![run(ProcessExit::ExitCode(101)), run(ProcessExit::Signal(9))],
            outcome: RunOutcome::Failed { which: 1 },
        };
        let stored = concat!(
            r#"{"commands":["#,
            r#"{"command":"cargo test","phase":"validation","exit_code":101,"#,
            r#""duration_ms":1200,"tail":"boom\n","truncated_bytes":7},"#,
            r#"{"command":"cargo test","phase":"validation","signal":9,"#,
            r#""duration_ms":1200,"tail":"boom\n","truncated_bytes":7}],"#,
            r#""outcome":{"kind":"failed","which":1}}"#,
        );
        assert_eq!(serde_json::to_string(&report).unwrap(), stored);
        assert_eq!(serde_json::from_str::<CommandReport>(stored).unwrap(), report);
    }

    #[test]
    fn stored_outcomes_keep_their_shape() {
        let shapes = [
            (RunOutcome::Passed, r#"{"kind":"passed"}"#),
            (RunOutcome::TimedOut { limit_ms: 5 }, r#"{"kind":"timed_out","limit_ms":5}"#),
            (
                RunOutcome::OutOfMemory { used_bytes: 2, limit_bytes: 1 },
                r#"{"kind":"out_of_memory","used_bytes":2,"limit_bytes":1}"#,
            ),
            (
                RunOutcome::TooManyProcesses { used: 2, limit: 1 },
                r#"{"kind":"too_many_processes","used":2,"limit":1}"#,
            ),
            (
                RunOutcome::DiskFull { used_bytes: 2, limit_bytes: 1 },
                r#"{"kind":"disk_full","used_bytes":2,"limit_bytes":1}"#,
            ),
            (
                RunOutcome::TooManyFiles { used: 2, limit: 1 },
                r#"{"kind":"too_many_files","used":2,"limit":1}"#,
            ),
            (
                RunOutcome::Unmeasurable { hidden: Hidden::TooDeep },
                r#"{"kind":"unmeasurable","hidden":"too_deep"}"#,
            ),
            (
                RunOutcome::MachineOutOfMemory { used_bytes: 3, left_bytes: 1, wanted_bytes: 2 },
                r#"{"kind":"machine_out_of_memory","used_bytes":3,"left_bytes":1,"wanted_bytes":2}"#,
            ),
            (
                RunOutcome::MachineOutOfDisk { used_bytes: 3, left_bytes: 1, wanted_bytes: 2 },
                r#"{"kind":"machine_out_of_disk","used_bytes":3,"left_bytes":1,"wanted_bytes":2}"#,
            ),
            (
                RunOutcome::Cancelled { reason: CancelReason::WorkerStopping },
                r#"{"kind":"cancelled","reason":"worker_stopping"}"#,
            ),
        ];
        for (outcome, stored) in shapes {
            assert_eq!(serde_json::to_string(&outcome).unwrap(), stored);
            assert_eq!(serde_json::from_str::<RunOutcome>(stored).unwrap(), outcome);
        }
    }

    #[test]
    fn a_report_says_what_happened_in_one_line() {
        let printed =
            |ended, outcome| CommandReport { commands: vec![run(ended)], outcome }.to_string();
        assert_eq!(
            printed(ProcessExit::ExitCode(101), RunOutcome::Failed { which: 0 }),
            "validation `cargo test` exited with 101"
        );
        let (used_bytes, limit_bytes) = ((4 << 30) + (1 << 20), 4 << 30);
        assert_eq!(
            printed(ProcessExit::Signal(9), RunOutcome::OutOfMemory { used_bytes, limit_bytes }),
            "out of memory: used 4.1 GiB, limit 4 GiB, in validation `cargo test`"
        );
        assert_eq!(printed(ProcessExit::ExitCode(0), RunOutcome::Passed), "passed");
        assert_eq!(ProcessExit::Signal(9).to_string(), "was killed by SIGKILL");
    }
}
