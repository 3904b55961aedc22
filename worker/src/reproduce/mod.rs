//! Checks whether a CI failure occurs here too: the task types `fix_test_failure` and
//! `investigate_failure`, until repairs are available.
//!
//! The exact commit is checked out, the task's `setup` and `validation` run, and their output is
//! diagnosed like a CI log. The [`ReproductionResult`] says whether it is the same failure.
//!
//! - A fork's code is never run, nor even fetched.
//! - Everything else runs in the [`crate::sandbox`], or not at all, unless the operator allowed it
//!   explicitly ([`SandboxPolicy`]).
//! - git runs in the sandbox too, before anything of the checkout ran; never again after.
//! - A task with an answer is done, whatever the answer. It fails, and is retried, only if the
//!   environment was at fault: an unreachable server, a full disk.

mod capture;
mod checkout;
mod request;
mod result;

use std::time::{Duration, Instant};

use greenline_diagnosis::DiagnosisOptions;
use greenline_runtime::hosts::HostList;
use greenline_runtime::settings::Secret;

use capture::OutputCapture;
pub use checkout::CheckoutAccess;
use checkout::{Checkout, CheckoutError};
use request::{HeadOwner, ReproductionRequest};
pub use result::{ReproductionOutcome, ReproductionResult};

use crate::command::{
    CancelReason, CommandJob, CommandLimits, CommandList, CommandReport, CommandRunner,
    Confinement, OutputLog, RunOutcome,
};
use crate::handler::{Assignment, AttemptFuture, Handler, TaskOutcome, with_causes};
use crate::log_relay::relay;
use crate::sandbox::Sandbox;
use crate::workspace::{TaskAttempt, Workspace, Workspaces};

/// The most bytes of all tails of one answer.
const ALL_TAILS: usize = 64 * 1024;

/// The protection against other people's code.
#[derive(Debug, Clone)]
pub enum SandboxPolicy {
    /// A sandbox that was tried.
    Sandbox(Sandbox),
    /// No sandbox, with the reason: then nothing runs.
    Refuse(String),
    /// No sandbox, and the operator allows that.
    RunInTheOpen,
}

impl SandboxPolicy {
    fn isolation(&self) -> String {
        match self {
            Self::Sandbox(sandbox) => sandbox.isolation().to_string(),
            Self::Refuse(_) => "none".to_owned(),
            Self::RunInTheOpen => "none, as the operator wants".to_owned(),
        }
    }
}

/// Checks whether failures occur here too.
pub struct Reproduce {
    runner: CommandRunner,
    workspaces: Workspaces,
    limits: CommandLimits,
    safety: SandboxPolicy,
    access: CheckoutAccess,
    how: DiagnosisOptions,
}

/// The result of an attempt without an answer.
enum AttemptError {
    /// Stopped on request.
    Stopped,
    /// The worker can't run it now.
    HandedBack(String),
    /// The task is invalid: no retry helps.
    Never(String),
    /// The environment was at fault.
    Later(String),
}

impl From<AttemptError> for TaskOutcome {
    fn from(why: AttemptError) -> Self {
        match why {
            AttemptError::Stopped => Self::stopped(),
            AttemptError::HandedBack(reason) => Self::HandedBack { reason },
            AttemptError::Never(error) => Self::Failed { error, retryable: false, result: None },
            AttemptError::Later(error) => Self::Failed { error, retryable: true, result: None },
        }
    }
}

impl Reproduce {
    /// Creates a handler whose commands `runner` runs in `workspaces` within `limits`; the task
    /// sets their time.
    #[must_use]
    pub fn new(
        runner: CommandRunner,
        workspaces: Workspaces,
        limits: CommandLimits,
        safety: SandboxPolicy,
        access: CheckoutAccess,
    ) -> Self {
        Self { runner, workspaces, limits, safety, access, how: DiagnosisOptions::default() }
    }

    async fn attempt(&self, assignment: Assignment) -> TaskOutcome {
        let result = match self.reproduce(&assignment).await {
            Ok(result) => result,
            Err(why) => return why.into(),
        };
        match serde_json::to_string(&result) {
            Ok(result) => TaskOutcome::Done(result),
            Err(error) => {
                AttemptError::Never(format!("the answer can't be written: {error}")).into()
            }
        }
    }

    async fn reproduce(&self, assignment: &Assignment) -> Result<ReproductionResult, AttemptError> {
        let spec = assignment.task.spec();
        let request = ReproductionRequest::of(spec)
            .map_err(|error| AttemptError::Never(error.to_string()))?;
        let isolation = self.safety.isolation();
        let not = |reason: &str| Ok(ReproductionResult::not_reproduced(reason, &isolation));
        match request.head_owner {
            HeadOwner::Forks => {
                return not("the head is a fork's, and what a fork brings is not run");
            }
            HeadOwner::Unknown => {
                return not(concat!(
                    "inputs.fork is missing: only where it is false does the code run, because ",
                    "a fork may bring any"
                ));
            }
            HeadOwner::Own => {}
        }
        if let SandboxPolicy::Refuse(why) = &self.safety {
            return not(&format!("no isolation: {why}"));
        }
        if spec.validation.is_empty() {
            return not("the task names no command that would show the failure");
        }
        let commands = CommandList::new(spec.setup.clone(), spec.validation.clone())
            .map_err(|error| AttemptError::Never(error.to_string()))?;
        let attempt = TaskAttempt::new(spec.task_id.as_str(), assignment.fence)
            .map_err(|error| AttemptError::Never(error.to_string()))?;
        let workspace = self.workspaces.create(attempt).await;
        let workspace = workspace.map_err(|error| AttemptError::Later(with_causes(&error)))?;
        let result = self.run_and_compare(assignment, &request, &commands, &workspace).await;
        if let Err(error) = workspace.remove().await {
            tracing::warn!(cause = with_causes(&error), "Left a workspace behind");
        }
        result
    }

    /// Checks out, runs, and compares.
    async fn run_and_compare(
        &self,
        assignment: &Assignment,
        request: &ReproductionRequest,
        commands: &CommandList,
        workspace: &Workspace,
    ) -> Result<ReproductionResult, AttemptError> {
        let spec = assignment.task.spec();
        let begun = Instant::now();
        let time = Duration::from_secs(60 * u64::from(spec.timeout_minutes));
        let count = spec.setup.len() + spec.validation.len();
        let limits = CommandLimits {
            time,
            tail_bytes: self.limits.tail_bytes.min(ALL_TAILS / count.max(1)),
            ..self.limits
        };
        let run = ReproductionRun { reproduce: self, assignment, workspace };

        let checkout = Checkout::new(request, &self.access);
        let confinement = match &self.safety {
            SandboxPolicy::Sandbox(sandbox) => checkout.confinement(sandbox),
            _ => Confinement::Open,
        };
        let with = (&checkout.variables()[..], checkout.token());
        let fetched = run.job(&checkout.commands(), limits, &confinement, with).await?;
        let isolation = self.safety.isolation();
        match checkout.judge(&fetched.report) {
            Ok(()) => {}
            Err(CheckoutError::Never(reason)) => {
                return Ok(ReproductionResult::not_reproduced(&reason, &isolation));
            }
            Err(CheckoutError::Later(error)) => return Err(AttemptError::Later(error)),
        }

        let confinement = match &self.safety {
            SandboxPolicy::Sandbox(sandbox) => {
                run.confinement(sandbox, request.hosts.as_ref()).await
            }
            _ => Confinement::Open,
        };
        let limits = CommandLimits { time: time.saturating_sub(begun.elapsed()), ..limits };
        let captured = run.job(commands, limits, &confinement, (&[], None)).await?;
        Ok(ReproductionResult::judge(
            request.signature.as_deref(),
            captured,
            &self.how,
            self.cost(),
            &isolation,
        ))
    }

    /// Describes what this machine's sandbox withholds from tests.
    fn cost(&self) -> Option<&'static str> {
        match &self.safety {
            SandboxPolicy::Sandbox(sandbox) => sandbox.isolation().costs().first().copied(),
            _ => None,
        }
    }
}

impl Handler for Reproduce {
    fn run(&self, assignment: Assignment) -> AttemptFuture<'_> {
        Box::pin(self.attempt(assignment))
    }
}

/// The report of commands, and the output of the last one.
pub(crate) struct CapturedRun {
    report: CommandReport,
    last_words: greenline_diagnosis::LogReader,
}

/// A running attempt.
struct ReproductionRun<'a> {
    reproduce: &'a Reproduce,
    assignment: &'a Assignment,
    workspace: &'a Workspace,
}

impl ReproductionRun<'_> {
    /// The sandbox with the hosts that the repository wants, as far as the operator allows them.
    async fn confinement(&self, sandbox: &Sandbox, wanted: Option<&HostList>) -> Confinement {
        let Some(wanted) = wanted else { return Confinement::in_sandbox(sandbox) };
        let (egress, refused) = sandbox.egress().narrowed(wanted);
        if !refused.is_empty() {
            let names: Vec<String> = refused.iter().map(ToString::to_string).collect();
            let names = names.join(", ");
            let text = format!(
                "the repository's [sandbox] hosts name {names}, which the operator of this worker \
                 does not allow"
            );
            self.assignment.log.write(vec![("note", text)]).await;
        }
        let during_setup = sandbox.outbound_by(&egress, &[]);
        Confinement::Sandboxed { sandbox: sandbox.clone(), during_setup }
    }

    async fn job(
        &self,
        commands: &CommandList,
        limits: CommandLimits,
        confinement: &Confinement,
        (variables, input): (&[(&str, String)], Option<&Secret>),
    ) -> Result<CapturedRun, AttemptError> {
        let (output, reader) = OutputLog::new();
        let (to_keep, kept) = OutputLog::new();
        let capture = OutputCapture::new(to_keep, limits.log_bytes);
        let job = CommandJob {
            commands,
            workspace: self.workspace,
            // The stored output is bounded; the diagnosis reads to the end.
            limits: CommandLimits { log_bytes: u64::MAX, ..limits },
            output,
            cancellation: &self.assignment.cancellation,
            confinement,
            variables,
            input,
        };
        let (report, last_words, ()) = tokio::join!(
            self.reproduce.runner.run(job),
            capture.capture(reader),
            relay(kept, self.assignment.log.clone()),
        );
        let report = report.map_err(|error| match error.is_shortage_of_users() {
            true => AttemptError::HandedBack(with_causes(&error)),
            false => AttemptError::Later(with_causes(&error)),
        })?;
        check_counts(&report)?;
        Ok(CapturedRun { report, last_words })
    }
}

/// Returns an error for a run that was stopped, or that the machine had no room for: it proves
/// nothing about the commit.
fn check_counts(report: &CommandReport) -> Result<(), AttemptError> {
    if let RunOutcome::Cancelled { reason } = report.outcome {
        return Err(match reason {
            CancelReason::WorkerStopping | CancelReason::LeaseLost => AttemptError::Stopped,
            CancelReason::Operator => AttemptError::Later(report.to_string()),
        });
    }
    // The machine's own trouble; a task's own limits are an answer.
    let shortage = matches!(
        report.outcome,
        RunOutcome::MachineOutOfMemory { .. } | RunOutcome::MachineOutOfDisk { .. }
    );
    if shortage {
        return Err(AttemptError::Later(report.to_string()));
    }
    Ok(())
}
