//! The task type `run_command`: commands in a separate workspace.

use std::time::Duration;

use crate::command::{
    CancelReason, Cancellation, CommandJob, CommandLimits, CommandList, CommandReport,
    CommandRunner, Confinement, OutputLog, RunOutcome,
};
use crate::handler::{Assignment, AttemptFuture, Handler, TaskOutcome, with_causes};
use crate::log_relay::relay;
use crate::workspace::{TaskAttempt, Workspace, Workspaces};

/// The most bytes of all tails of one report, so that a result stays small.
const ALL_TAILS: usize = 128 * 1024;

/// Runs `setup` and `validation` commands.
pub struct RunCommand {
    runner: CommandRunner,
    workspaces: Workspaces,
    limits: CommandLimits,
    confinement: Confinement,
}

impl RunCommand {
    /// Creates a handler whose commands `runner` runs in `workspaces` within `limits`; the task
    /// sets their time.
    #[must_use]
    pub fn new(runner: CommandRunner, workspaces: Workspaces, limits: CommandLimits) -> Self {
        Self { runner, workspaces, limits, confinement: Confinement::Open }
    }

    /// Sets the isolation of its commands.
    #[must_use]
    pub fn on(self, confinement: Confinement) -> Self {
        Self { confinement, ..self }
    }

    async fn attempt(&self, assignment: Assignment) -> TaskOutcome {
        let spec = assignment.task.spec();
        let commands = match CommandList::new(spec.setup.clone(), spec.validation.clone()) {
            Ok(commands) => commands,
            Err(error) => return failed(error.to_string(), false),
        };
        let attempt = match TaskAttempt::new(spec.task_id.as_str(), assignment.fence) {
            Ok(attempt) => attempt,
            Err(error) => return failed(error.to_string(), false),
        };
        let workspace = match self.workspaces.create(attempt).await {
            Ok(workspace) => workspace,
            Err(error) => return failed(with_causes(&error), true),
        };
        let count = spec.setup.len() + spec.validation.len();
        let limits = CommandLimits {
            time: Duration::from_secs(60 * u64::from(spec.timeout_minutes)),
            tail_bytes: self.limits.tail_bytes.min(ALL_TAILS / count.max(1)),
            ..self.limits
        };
        let outcome = self.run(&assignment, &commands, &workspace, limits).await;
        if let Err(error) = workspace.remove().await {
            tracing::warn!(cause = with_causes(&error), "Left a workspace behind");
        }
        outcome
    }

    async fn run(
        &self,
        assignment: &Assignment,
        commands: &CommandList,
        workspace: &Workspace,
        limits: CommandLimits,
    ) -> TaskOutcome {
        let (output, reader) = OutputLog::new();
        let cancellation: &Cancellation = &assignment.cancellation;
        let confinement = &self.confinement;
        let job = CommandJob {
            commands,
            workspace,
            limits,
            output,
            cancellation,
            confinement,
            variables: &[],
            input: None,
        };
        let (report, ()) =
            tokio::join!(self.runner.run(job), relay(reader, assignment.log.clone()));
        match report {
            Ok(report) => outcome(&report),
            Err(error) if error.is_shortage_of_users() => {
                TaskOutcome::HandedBack { reason: with_causes(&error) }
            }
            Err(error) => failed(with_causes(&error), true),
        }
    }
}

impl Handler for RunCommand {
    fn run(&self, assignment: Assignment) -> AttemptFuture<'_> {
        Box::pin(self.attempt(assignment))
    }
}

/// Maps a report to the task's outcome.
fn outcome(report: &CommandReport) -> TaskOutcome {
    let result = match serde_json::to_string(report) {
        Ok(result) => result,
        Err(error) => return failed(format!("the report can't be written: {error}"), false),
    };
    match report.outcome {
        RunOutcome::Passed => TaskOutcome::Done(result),
        RunOutcome::Cancelled {
            reason: CancelReason::WorkerStopping | CancelReason::LeaseLost,
        } => TaskOutcome::stopped(),
        _ => {
            TaskOutcome::Failed { error: report.to_string(), retryable: true, result: Some(result) }
        }
    }
}

fn failed(error: String, retryable: bool) -> TaskOutcome {
    TaskOutcome::Failed { error, retryable, result: None }
}
