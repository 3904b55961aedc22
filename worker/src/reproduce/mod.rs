//! Checks whether a CI failure occurs here too: the task types `fix_test_failure` and
//! `investigate_failure`, until repairs are available.
//!
//! The exact commit is checked out, the task's `setup` and `validation` run, and their output is
//! diagnosed like a CI log. The [`Answer`] says whether it is the same failure.
//!
//! - A fork's code is never run, nor even fetched.
//! - Everything else runs in the [`crate::sandbox`], or not at all, unless the operator allowed it
//!   explicitly ([`Safety`]).
//! - git runs in the sandbox too, before anything of the checkout ran; never again after.
//! - A task with an answer is done, whatever the answer. It fails, and is retried, only if the
//!   environment was at fault: an unreachable server, a full disk.

mod answer;
mod checkout;
mod listen;
mod order;

use std::time::{Duration, Instant};

use greenline_diagnosis::Options;
use greenline_runtime::hosts::HostList;
use greenline_runtime::settings::Secret;

pub use answer::{Answer, Reproduction};
pub use checkout::Access;
use checkout::{Checkout, NoCheckout};
use listen::Listener;
use order::{Order, Whose};

use crate::command::{
    CancelReason, CommandList, CommandReport, CommandRunner, Ended, Ground, Job, Limits, Outcome,
    OutputLog,
};
use crate::handler::{Assignment, Attempt, Handler, Verdict, with_causes};
use crate::relay::relay;
use crate::sandbox::{FAILED, FAILURE_MARK, Sandbox};
use crate::workspace::{TaskAttempt, Workspace, Workspaces};

/// The most bytes of all tails of one answer.
const ALL_TAILS: usize = 64 * 1024;

/// The protection against other people's code.
#[derive(Debug, Clone)]
pub enum Safety {
    /// A sandbox that was tried.
    Sandbox(Sandbox),
    /// No sandbox, with the reason: then nothing runs.
    Refuse(String),
    /// No sandbox, and the operator allows that.
    RunInTheOpen,
}

impl Safety {
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
    limits: Limits,
    safety: Safety,
    access: Access,
    how: Options,
}

/// The result of an attempt without an answer.
enum NoAnswer {
    /// Stopped on request.
    HandedBack,
    /// The task is invalid: no retry helps.
    Never(String),
    /// The environment was at fault.
    Later(String),
}

impl From<NoAnswer> for Verdict {
    fn from(why: NoAnswer) -> Self {
        match why {
            NoAnswer::HandedBack => Self::HandedBack,
            NoAnswer::Never(error) => Self::Failed { error, retryable: false, result: None },
            NoAnswer::Later(error) => Self::Failed { error, retryable: true, result: None },
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
        limits: Limits,
        safety: Safety,
        access: Access,
    ) -> Self {
        Self { runner, workspaces, limits, safety, access, how: Options::default() }
    }

    async fn attempt(&self, assignment: Assignment) -> Verdict {
        let answer = match self.answer(&assignment).await {
            Ok(answer) => answer,
            Err(why) => return why.into(),
        };
        match serde_json::to_string(&answer) {
            Ok(result) => Verdict::Done(result),
            Err(error) => NoAnswer::Never(format!("the answer can't be written: {error}")).into(),
        }
    }

    async fn answer(&self, assignment: &Assignment) -> Result<Answer, NoAnswer> {
        let spec = assignment.task.spec();
        let order = Order::of(spec).map_err(|error| NoAnswer::Never(error.to_string()))?;
        let isolation = self.safety.isolation();
        let not = |reason: &str| Ok(Answer::not_reproduced(reason, &isolation));
        match order.whose {
            Whose::Forks => return not("the head is a fork's, and what a fork brings is not run"),
            Whose::Unknown => return not("the task does not say whether the head is a fork's"),
            Whose::Own => {}
        }
        if let Safety::Refuse(why) = &self.safety {
            return not(&format!("no isolation: {why}"));
        }
        if spec.validation.is_empty() {
            return not("the task names no command that would show the failure");
        }
        let commands = CommandList::new(spec.setup.clone(), spec.validation.clone())
            .map_err(|error| NoAnswer::Never(error.to_string()))?;
        let attempt = TaskAttempt::new(spec.task_id.as_str(), assignment.fence)
            .map_err(|error| NoAnswer::Never(error.to_string()))?;
        let workspace = self.workspaces.create(attempt).await;
        let workspace = workspace.map_err(|error| NoAnswer::Later(with_causes(&error)))?;
        let answer = self.look(assignment, &order, &commands, &workspace).await;
        if let Err(error) = workspace.remove().await {
            tracing::warn!(cause = with_causes(&error), "Left a workspace behind");
        }
        answer
    }

    /// Checks out, runs, and compares.
    async fn look(
        &self,
        assignment: &Assignment,
        order: &Order,
        commands: &CommandList,
        workspace: &Workspace,
    ) -> Result<Answer, NoAnswer> {
        let spec = assignment.task.spec();
        let begun = Instant::now();
        let time = Duration::from_secs(60 * u64::from(spec.timeout_minutes));
        let count = spec.setup.len() + spec.validation.len();
        let limits = Limits {
            time,
            tail_bytes: self.limits.tail_bytes.min(ALL_TAILS / count.max(1)),
            ..self.limits
        };
        let run = Run { reproduce: self, assignment, workspace };

        let checkout = Checkout::new(order, &self.access);
        let ground = match &self.safety {
            Safety::Sandbox(sandbox) => checkout.ground(sandbox),
            _ => Ground::Open,
        };
        let with = (&checkout.variables()[..], checkout.token());
        let fetched = run.job(&checkout.commands(), limits, &ground, with).await?;
        let isolation = self.safety.isolation();
        match checkout.judge(&fetched.report) {
            Ok(()) => {}
            Err(NoCheckout::Never(reason)) => {
                return Ok(Answer::not_reproduced(&reason, &isolation));
            }
            Err(NoCheckout::Later(error)) => return Err(NoAnswer::Later(error)),
        }

        let ground = match &self.safety {
            Safety::Sandbox(sandbox) => run.ground(sandbox, order.hosts.as_ref()).await,
            _ => Ground::Open,
        };
        let limits = Limits { time: time.saturating_sub(begun.elapsed()), ..limits };
        let heard = run.job(commands, limits, &ground, (&[], None)).await?;
        Ok(Answer::judge(order.signature.as_deref(), heard, &self.how, self.cost(), &isolation))
    }

    /// Describes what this machine's sandbox withholds from tests.
    fn cost(&self) -> Option<&'static str> {
        match &self.safety {
            Safety::Sandbox(sandbox) => sandbox.isolation().costs().first().copied(),
            _ => None,
        }
    }
}

impl Handler for Reproduce {
    fn run(&self, assignment: Assignment) -> Attempt<'_> {
        Box::pin(self.attempt(assignment))
    }
}

/// The report of commands, and the output of the last one.
pub(crate) struct Heard {
    report: CommandReport,
    last_words: greenline_diagnosis::Reader,
}

/// A running attempt.
struct Run<'a> {
    reproduce: &'a Reproduce,
    assignment: &'a Assignment,
    workspace: &'a Workspace,
}

impl Run<'_> {
    /// The sandbox with the hosts that the repository wants, as far as the operator allows them.
    async fn ground(&self, sandbox: &Sandbox, wanted: Option<&HostList>) -> Ground {
        let Some(wanted) = wanted else { return Ground::in_sandbox(sandbox) };
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
        Ground::Sandboxed { sandbox: sandbox.clone(), during_setup }
    }

    async fn job(
        &self,
        commands: &CommandList,
        limits: Limits,
        ground: &Ground,
        (variables, input): (&[(&str, String)], Option<&Secret>),
    ) -> Result<Heard, NoAnswer> {
        let (output, reader) = OutputLog::new();
        let (to_keep, kept) = OutputLog::new();
        let listener = Listener::new(to_keep, limits.log_bytes);
        let job = Job {
            commands,
            workspace: self.workspace,
            // The stored output is bounded; the diagnosis reads to the end.
            limits: Limits { log_bytes: u64::MAX, ..limits },
            output,
            cancellation: &self.assignment.cancellation,
            ground,
            variables,
            input,
        };
        let (report, last_words, ()) = tokio::join!(
            self.reproduce.runner.run(job),
            listener.listen(reader),
            relay(kept, self.assignment.log.clone()),
        );
        let report = report.map_err(|error| NoAnswer::Later(with_causes(&error)))?;
        whether_it_counts(&report)?;
        Ok(Heard { report, last_words })
    }
}

/// Returns an error for a run that was stopped, or whose sandbox failed: it proves nothing about
/// the commit.
fn whether_it_counts(report: &CommandReport) -> Result<(), NoAnswer> {
    if let Outcome::Cancelled { reason } = report.outcome {
        return Err(match reason {
            CancelReason::WorkerStopping | CancelReason::LeaseLost => NoAnswer::HandedBack,
            CancelReason::Operator => NoAnswer::Later(report.to_string()),
        });
    }
    // The machine's own trouble; a task's own limits are an answer.
    let shortage = matches!(
        report.outcome,
        Outcome::MachineOutOfMemory { .. } | Outcome::MachineOutOfDisk { .. }
    );
    if shortage {
        return Err(NoAnswer::Later(report.to_string()));
    }
    let last = report.commands.last().filter(|run| run.ended == Ended::ExitCode(FAILED));
    match last.and_then(|run| run.tail.lines().rfind(|line| line.starts_with(FAILURE_MARK))) {
        Some(line) => Err(NoAnswer::Later(line.to_owned())),
        None => Ok(()),
    }
}
