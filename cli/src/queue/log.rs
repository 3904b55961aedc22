//! `greenline queue log`.

use std::pin::pin;

use futures_util::StreamExt;
use greenline_queue::{LogPiece, Queue, TaskId, TaskStatus};

use super::selection::resolve;
use crate::error::{CliError, ExitStatus};
use crate::print::style::DIM;
use crate::print::{Output, text};
use crate::session::Session;

/// Print a task's output, or follow it
#[derive(Debug, clap::Args)]
#[command(after_long_help = "Examples:
  greenline queue log ci-fix-812
  greenline queue log -f ci-fix-812       until the task has ended

The queue keeps the last of a task's output: see worker.output_log.")]
pub(crate) struct Args {
    /// Task id, or a unique prefix of it
    id: String,
    /// Continue until the task has ended
    #[arg(long, short)]
    follow: bool,
    /// Only the output of this attempt
    #[arg(long, value_name = "N")]
    attempt: Option<u32>,
}

pub(super) async fn run(session: &Session, args: &Args) -> anyhow::Result<ExitStatus> {
    let queue = session.queue().await?;
    let id = resolve(&queue, &args.id).await?;
    let mut printer =
        Printer { out: session.out, attempt: args.attempt, last: None, in_line: false };
    if args.follow {
        follow(&queue, &id, &mut printer).await?;
    } else {
        let pieces = queue.read_log(&id, "0").await?;
        printer.print(&pieces)?;
        if pieces.is_empty() {
            session.out.note("It has printed nothing that is still kept.");
        }
    }
    Ok(ExitStatus::Success)
}

/// Prints output until the task has ended and no more comes.
async fn follow(queue: &Queue, id: &TaskId, printer: &mut Printer) -> anyhow::Result<()> {
    let mut pieces = pin!(queue.follow_log(id, "0"));
    let mut quiet_rounds = 0;
    while let Some(some) = pieces.next().await {
        let some = some?;
        printer.print(&some)?;
        quiet_rounds =
            if some.is_empty() && has_ended(queue, id).await? { quiet_rounds + 1 } else { 0 };
        // One more round: a worker's last output may arrive after it settled the task.
        if quiet_rounds == 2 {
            break;
        }
    }
    Ok(())
}

async fn has_ended(queue: &Queue, id: &TaskId) -> anyhow::Result<bool> {
    let Some(record) = queue.record(id).await? else {
        return Err(CliError::negative(format!("task {id} was forgotten meanwhile")).into());
    };
    Ok(record.status.parse::<TaskStatus>().is_ok_and(TaskStatus::is_final))
}

struct Printer {
    out: Output,
    attempt: Option<u32>,
    last: Option<u32>,
    /// Whether the last line that was printed has not ended yet.
    in_line: bool,
}

impl Printer {
    fn print(&mut self, pieces: &[LogPiece]) -> anyhow::Result<()> {
        let only = self.attempt;
        let wanted = |piece: &&LogPiece| only.is_none_or(|attempt| attempt == piece.attempt);
        for piece in pieces.iter().filter(wanted) {
            if self.out.json {
                self.out.object(piece)?;
                continue;
            }
            if self.last.is_some_and(|last| last != piece.attempt) {
                self.end_line()?;
                self.out.line(format_args!("{DIM}attempt {}{DIM:#}", piece.attempt))?;
            }
            self.last = Some(piece.attempt);
            let words = text::sanitize(&piece.text);
            match piece.stream.as_str() {
                "note" => {
                    self.end_line()?;
                    self.out.line(format_args!("{DIM}{}{DIM:#}", words.trim_end()))?;
                }
                _ => {
                    self.in_line = !words.is_empty() && !words.ends_with('\n');
                    self.out.block(words)?;
                }
            }
        }
        Ok(())
    }

    /// What Greenline itself says stands on lines of its own.
    fn end_line(&mut self) -> anyhow::Result<()> {
        if std::mem::take(&mut self.in_line) {
            self.out.line("")?;
        }
        Ok(())
    }
}
