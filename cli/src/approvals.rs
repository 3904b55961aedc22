//! `greenline approvals`: requests that need a person's approval.
//!
//! An answer is bound to the hash of the content that was shown: if the content has changed when
//! the answer arrives, it does not count.

use clap::Subcommand;
use greenline_diagnosis::show::visible;
use greenline_queue::{
    Approval, ApprovalDecision, ApprovalOutcome, Queue, TaskFilter, TaskId, TaskRecord, TaskStatus,
    content_hash,
};
use serde::Serialize;

use crate::error::{CliError, ExitStatus};
use crate::global::Global;
use crate::print::style::{BOLD, DIM};
use crate::print::when;
use crate::queue::resolve;
use crate::session::Session;
use crate::{confirm, operator};

/// The most approvals to show.
const MOST: usize = 1_000;

/// List what needs your approval, and answer
#[derive(Debug, clap::Args)]
#[command(after_long_help = "Examples:
  greenline approvals
  greenline approvals approve deploy-17
  greenline approvals reject deploy-17 --reason 'not on a Friday'")]
pub(crate) struct Args {
    #[command(subcommand)]
    action: Option<ApprovalsCommand>,
}

#[derive(Debug, Subcommand)]
enum ApprovalsCommand {
    /// List open requests, with exactly what would run
    List,
    /// Approve what is shown
    Approve(ApproveArgs),
    /// Reject it; the task is cancelled
    Reject(RejectArgs),
}

#[derive(Debug, clap::Args)]
struct ApproveArgs {
    /// Task id, or a unique prefix of it
    id: String,
    /// Reason, for the record
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    reason: String,
    /// Hash of the content that you have seen, as the list shows it; skips the question
    #[arg(long, value_name = "HASH")]
    hash: Option<String>,
    /// Approve whatever it is now, without asking
    #[arg(long, short)]
    yes: bool,
}

#[derive(Debug, clap::Args)]
struct RejectArgs {
    /// Task id, or a unique prefix of it
    id: String,
    /// Reason, for the person who asked
    #[arg(long, value_name = "TEXT")]
    reason: String,
}

pub(crate) fn run(global: &Global, args: Args) -> anyhow::Result<ExitStatus> {
    Session::client(global)?.run(async |session| match args.action {
        None | Some(ApprovalsCommand::List) => list(&session).await,
        Some(ApprovalsCommand::Approve(args)) => approve(&session, args).await,
        Some(ApprovalsCommand::Reject(args)) => reject(&session, args).await,
    })
}

/// The request and the content that would run.
#[derive(Debug, Serialize)]
struct PendingApproval {
    task_id: TaskId,
    content_hash: String,
    asked_at: Option<i64>,
    expires_at: Option<i64>,
    /// The task's JSON, byte for byte.
    shown: String,
}

impl PendingApproval {
    /// A worker that adopted the task may not write a request: then the task itself is shown.
    fn of(record: &TaskRecord, approval: Option<Approval>) -> anyhow::Result<Self> {
        let task_id = record.id.parse()?;
        Ok(match approval.filter(|approval| approval.state == "open") {
            Some(approval) => Self {
                task_id,
                // Of what a person sees, not of what the question says.
                content_hash: content_hash(approval.shown.as_bytes()),
                asked_at: Some(approval.asked_at),
                expires_at: Some(approval.expires_at),
                shown: approval.shown,
            },
            None => Self {
                task_id,
                content_hash: content_hash(record.payload.as_bytes()),
                asked_at: record.enqueued_at,
                expires_at: None,
                shown: record.payload.clone(),
            },
        })
    }

    async fn find(queue: &Queue, id: &str) -> anyhow::Result<Self> {
        let id = resolve(queue, id).await?;
        let approval = queue.approval(id.as_str()).await?;
        match queue.record(&id).await? {
            Some(record) if record.status == TaskStatus::AwaitingApproval.as_str() => {
                Self::of(&record, approval)
            }
            Some(record) => {
                let message =
                    format!("task {id} does not wait for approval: it is {}", record.status);
                Err(CliError::negative(message).into())
            }
            None => Err(CliError::negative(format!("task {id} was forgotten meanwhile")).into()),
        }
    }

    fn show(&self, session: &Session) -> std::io::Result<()> {
        let now = when::now_ms();
        let asked =
            self.asked_at.map_or(String::new(), |at| format!(", asked {}", when::age(at, now)));
        let until =
            self.expires_at.map_or(String::new(), |at| format!(", until {}", when::clock(at, now)));
        session.out.line(format_args!("{BOLD}{}{BOLD:#}{asked}{until}", self.task_id))?;
        let pretty = serde_json::from_str::<serde_json::Value>(&self.shown)
            .and_then(|value| serde_json::to_string_pretty(&value))
            .unwrap_or_else(|_| self.shown.clone());
        for line in visible(&pretty).lines() {
            session.out.line(format_args!("  {line}"))?;
        }
        session.out.line(format_args!("  {DIM}hash {}{DIM:#}", self.content_hash))
    }
}

async fn list(session: &Session) -> anyhow::Result<ExitStatus> {
    let queue = session.queue().await?;
    let filter =
        TaskFilter { statuses: [TaskStatus::AwaitingApproval].into(), ..TaskFilter::default() };
    let records = queue.list(&filter, MOST).await?;
    if records.is_empty() && !session.out.json {
        session.out.note("Nothing waits for approval.");
    }
    for record in records {
        let question = PendingApproval::of(&record, queue.approval(&record.id).await?)?;
        if session.out.json {
            session.out.object(&question)?;
        } else {
            question.show(session)?;
        }
    }
    Ok(ExitStatus::Success)
}

async fn approve(session: &Session, args: ApproveArgs) -> anyhow::Result<ExitStatus> {
    let queue = session.queue().await?;
    let question = PendingApproval::find(&queue, &args.id).await?;
    let hash = match args.hash {
        Some(seen) if seen.len() >= 8 && question.content_hash.starts_with(&seen) => {
            question.content_hash
        }
        // An answer to other content: the queue refuses it with a message.
        Some(seen) => seen,
        None => {
            question.show(session)?;
            confirm::require(&format!("Let {} run", question.task_id), args.yes)?;
            question.content_hash
        }
    };
    let who = operator::name();
    let answer = ApprovalDecision {
        approval: question.task_id.as_str(),
        content_hash: &hash,
        who: &who,
        why: &args.reason,
    };
    print_decision(session, &question.task_id, "approved", queue.approve(&answer).await?)
}

async fn reject(session: &Session, args: RejectArgs) -> anyhow::Result<ExitStatus> {
    let queue = session.queue().await?;
    let question = PendingApproval::find(&queue, &args.id).await?;
    let who = operator::name();
    let answer = ApprovalDecision {
        approval: question.task_id.as_str(),
        content_hash: &question.content_hash,
        who: &who,
        why: &args.reason,
    };
    print_decision(session, &question.task_id, "rejected", queue.reject(&answer).await?)
}

#[derive(Serialize)]
struct DecisionLine<'a> {
    task_id: &'a TaskId,
    outcome: &'a str,
}

fn print_decision(
    session: &Session,
    task_id: &TaskId,
    outcome: &str,
    answered: ApprovalOutcome,
) -> anyhow::Result<ExitStatus> {
    let error = match answered {
        ApprovalOutcome::Done if session.out.json => {
            session.out.object(&DecisionLine { task_id, outcome })?;
            return Ok(ExitStatus::Success);
        }
        ApprovalOutcome::Done => {
            session.out.line(format_args!("{task_id}: {outcome}"))?;
            return Ok(ExitStatus::Success);
        }
        ApprovalOutcome::Before(state) => {
            CliError::negative(format!("{task_id} was {state} before"))
        }
        ApprovalOutcome::OtherContent => {
            CliError::negative(format!("{task_id} is not what you have seen: nothing was approved"))
                .hint("look again: greenline approvals")
        }
        ApprovalOutcome::Expired => {
            CliError::negative(format!("the time to answer for {task_id} is over"))
                .hint(format!("ask anew: greenline queue retry {task_id}"))
        }
        ApprovalOutcome::Unknown => {
            CliError::negative(format!("nobody asked for an approval of {task_id}"))
        }
    };
    Err(error.into())
}
