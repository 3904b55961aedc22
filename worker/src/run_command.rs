//! The task type `run_command`: commands in a workspace of their own.

use std::time::Duration;

use greenline_queue::LARGEST_PIECE;

use crate::command::{
    CancelReason, Cancellation, CommandList, CommandReport, CommandRunner, Ground, Job, Limits,
    Outcome, OutputEvent, OutputLog, OutputReader, Stream,
};
use crate::handler::{Assignment, Attempt, Handler, TaskLog, Verdict};
use crate::workspace::{TaskAttempt, Workspace, Workspaces};

/// What all tails of one report take at most, so that a result stays small.
const ALL_TAILS: usize = 128 * 1024;

/// Runs `setup` and `validation` commands.
pub struct RunCommand {
    runner: CommandRunner,
    workspaces: Workspaces,
    limits: Limits,
    ground: Ground,
}

impl RunCommand {
    /// Commands run by `runner`, in `workspaces`, within `limits`; their time is
    /// the task's own.
    #[must_use]
    pub fn new(runner: CommandRunner, workspaces: Workspaces, limits: Limits) -> Self {
        Self { runner, workspaces, limits, ground: Ground::Open }
    }

    /// Has them run on other ground than the worker's own.
    #[must_use]
    pub fn on(self, ground: Ground) -> Self {
        Self { ground, ..self }
    }

    async fn attempt(&self, assignment: Assignment) -> Verdict {
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
        let limits = Limits {
            time: Duration::from_secs(60 * u64::from(spec.timeout_minutes)),
            tail_bytes: self.limits.tail_bytes.min(ALL_TAILS / count.max(1)),
            ..self.limits
        };
        let verdict = self.run(&assignment, &commands, &workspace, limits).await;
        if let Err(error) = workspace.remove().await {
            tracing::warn!(cause = with_causes(&error), "Left a workspace behind");
        }
        verdict
    }

    async fn run(
        &self,
        assignment: &Assignment,
        commands: &CommandList,
        workspace: &Workspace,
        limits: Limits,
    ) -> Verdict {
        let (output, reader) = OutputLog::new();
        let cancellation: &Cancellation = &assignment.cancellation;
        let ground = &self.ground;
        let job = Job { commands, workspace, limits, output, cancellation, ground, variables: &[] };
        let (report, ()) = tokio::join!(self.runner.run(job), pump(reader, assignment.log.clone()));
        match report {
            Ok(report) => verdict(&report),
            Err(error) => failed(with_causes(&error), true),
        }
    }
}

impl Handler for RunCommand {
    fn run(&self, assignment: Assignment) -> Attempt<'_> {
        Box::pin(self.attempt(assignment))
    }
}

/// What a report means for the task.
fn verdict(report: &CommandReport) -> Verdict {
    let result = match serde_json::to_string(report) {
        Ok(result) => result,
        Err(error) => return failed(format!("the report can't be written: {error}"), false),
    };
    match report.outcome {
        Outcome::Passed => Verdict::Done(result),
        Outcome::Cancelled { reason: CancelReason::WorkerStopping | CancelReason::LeaseLost } => {
            Verdict::HandedBack
        }
        _ => Verdict::Failed { error: report.to_string(), retryable: true, result: Some(result) },
    }
}

fn failed(error: String, retryable: bool) -> Verdict {
    Verdict::Failed { error, retryable, result: None }
}

fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}

/// Brings what commands write to the task's log, as long as they write.
async fn pump(mut reader: OutputReader, log: TaskLog) {
    let mut lost = false;
    while let Some(events) = reader.next().await {
        let mut pieces = Vec::new();
        if lost {
            pieces.push(("note", "some output is missing here: Redis was away".to_owned()));
        }
        for event in events {
            append(&mut pieces, event);
        }
        lost = !log.write(pieces).await;
    }
}

fn append(pieces: &mut Vec<(&'static str, String)>, event: OutputEvent) {
    match event {
        OutputEvent::Written { stream, bytes, .. } => {
            let stream = match stream {
                Stream::Stdout => "out",
                Stream::Stderr => "err",
            };
            for chunk in bytes.chunks(LARGEST_PIECE) {
                pieces.push((stream, String::from_utf8_lossy(chunk).into_owned()));
            }
        }
        OutputEvent::LeftOut { bytes } => {
            pieces.push(("note", format!("{bytes} bytes of output are left out here")));
        }
        OutputEvent::LimitReached { limit } => {
            pieces.push(("note", format!("output beyond {limit} bytes is left out")));
        }
    }
}
