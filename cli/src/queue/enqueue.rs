//! `greenline queue enqueue`.

use std::fmt::Write;
use std::io::Read;
use std::path::PathBuf;

use anyhow::Context;
use chrono::{DateTime, Utc};
use clap::builder::NonEmptyStringValueParser;
use greenline_queue::{Enqueued, Label, Priority, Queue, SharedKey, Task, TaskId, TaskSpec};
use greenline_runtime::say;
use serde::Serialize;

use super::choose::priority_parser;
use super::input::{Fault, Tasks};
use crate::ending::{Complaint, Ended};
use crate::print::style::{BAD, of_status};
use crate::print::table::{Align, Cell, Table};
use crate::progress::Progress;
use crate::session::Session;

/// How many tasks are handed to the queue between two looks at the progress.
const AT_ONCE: usize = 2_000;

/// How many outcomes a person is shown.
const SHOWN: usize = 20;

/// How many mistakes are told at once.
const MOST_FAULTS: usize = 20;

/// Enqueue tasks from files, stdin or a command
///
/// A file holds one task as JSON, an array of them, or one on each line. All are read and checked
/// before the first is enqueued. A task whose id is in the queue already changes nothing, so the
/// same call may be repeated.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "Examples:
  greenline queue enqueue --command 'cargo test'
  greenline queue enqueue --id nightly --label gpu --command 'make bench'
  greenline queue enqueue tasks.json
  jq -c '.tasks[]' plan.json | greenline queue enqueue --json -

A task:
  {\"task_id\": \"hello-1\", \"type\": \"run_command\", \"validation\": [\"echo hello\"]}

Exit code 1 if a task was refused.")]
pub(crate) struct Args {
    /// Files with tasks; - is stdin
    #[arg(value_name = "FILE")]
    files: Vec<PathBuf>,
    #[command(flatten)]
    short: ShortForm,
}

/// A task that runs commands, said on the command line.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "A task that runs commands")]
struct ShortForm {
    /// Run this command; several run one after the other
    #[arg(long, value_name = "COMMAND", conflicts_with = "files", value_parser = NonEmptyStringValueParser::new())]
    command: Vec<String>,
    /// Run this before, with network
    #[arg(long, value_name = "COMMAND", requires = "command")]
    setup: Vec<String>,
    /// Its id; made up if there is none
    #[arg(long, requires = "command")]
    id: Option<TaskId>,
    /// critical, high, normal or low
    #[arg(long, value_name = "PRIORITY", requires = "command", value_parser = priority_parser(), hide_possible_values = true)]
    priority: Option<Priority>,
    /// Only a worker with this label takes it
    #[arg(long = "label", value_name = "LABEL", requires = "command")]
    labels: Vec<Label>,
    /// How long an attempt may take [default: 30]
    #[arg(long, value_name = "N", requires = "command")]
    timeout_minutes: Option<u32>,
    /// Not before this time, or so much later: 2026-01-31T12:00:00Z, 10m
    #[arg(long, value_name = "TIME", requires = "command", value_parser = time)]
    not_before: Option<DateTime<Utc>>,
    /// After this task has succeeded
    #[arg(long, value_name = "ID", requires = "command")]
    depends_on: Vec<TaskId>,
    /// Only one live task has this key
    #[arg(long, value_name = "KEY", requires = "command")]
    dedup_key: Option<SharedKey>,
    /// One task of this key runs at a time
    #[arg(long, value_name = "KEY", requires = "command")]
    concurrency_key: Option<SharedKey>,
    /// Only after a person's yes
    #[arg(long, requires = "command")]
    requires_approval: bool,
}

/// What became of one task.
#[derive(Serialize)]
struct OutcomeLine<'a> {
    task_id: &'a TaskId,
    #[serde(flatten)]
    outcome: &'a Enqueued,
}

pub(super) async fn run(session: &Session, args: Args) -> anyhow::Result<Ended> {
    let most = usize::try_from(session.settings.queue.payload_max).unwrap_or(usize::MAX);
    let tasks = if args.short.command.is_empty() {
        read(&args.files, most)?
    } else {
        vec![args.short.task()?]
    };
    let queue = session.queue().await?;
    let ids: Vec<TaskId> = tasks.iter().map(|task| task.id().clone()).collect();
    let outcomes = file(session, &queue, tasks).await?;
    show(session, &ids, &outcomes)?;
    if !session.out.json {
        say_who_works(session, &queue).await?;
    }
    let all_accepted = outcomes.iter().all(Enqueued::is_accepted);
    Ok(if all_accepted { Ended::Done } else { Ended::No })
}

/// Reads all tasks, or tells all that is wrong with them.
fn read(files: &[PathBuf], most: usize) -> anyhow::Result<Vec<Task>> {
    if files.is_empty() {
        let mend = "name a file, - for stdin, or say --command 'cargo test'";
        return Err(Complaint::wrong("there is nothing to enqueue").mend(mend).into());
    }
    let mut found = Tasks::default();
    for file in files {
        let mut bytes = Vec::new();
        if file.as_os_str() == "-" {
            std::io::stdin().lock().read_to_end(&mut bytes).context("failed to read stdin")?;
            found.read("stdin", &bytes, most);
        } else {
            let name = file.display().to_string();
            bytes = std::fs::read(file)
                .map_err(|error| Complaint::wrong(format!("failed to read {name}: {error}")))?;
            found.read(&name, &bytes, most);
        }
    }
    if found.faults.is_empty() { Ok(found.tasks) } else { Err(all_of(&found.faults).into()) }
}

fn all_of(faults: &[Fault]) -> Complaint {
    let mut says = String::new();
    for (at, Fault { place, says: what }) in faults.iter().take(MOST_FAULTS).enumerate() {
        let before = if at == 0 { "" } else { "\nerror: " };
        let _infallible = write!(says, "{before}{place}: {what}");
    }
    let more = faults.len().saturating_sub(MOST_FAULTS);
    let more = if more > 0 { format!("{more} more like these; ") } else { String::new() };
    Complaint::wrong(says).mend(format!("{more}nothing was enqueued"))
}

impl ShortForm {
    fn task(self) -> anyhow::Result<Task> {
        let id = match self.id {
            Some(id) => id,
            None => made_up_id().parse()?,
        };
        let mut spec = TaskSpec::command(id, self.command);
        spec.setup = self.setup;
        spec.priority = self.priority.unwrap_or_default();
        spec.labels = self.labels.into_iter().collect();
        spec.timeout_minutes = self.timeout_minutes.unwrap_or(spec.timeout_minutes);
        spec.created_at = Some(Utc::now());
        spec.not_before = self.not_before;
        spec.depends_on = self.depends_on;
        spec.dedup_key = self.dedup_key;
        spec.concurrency_key = self.concurrency_key;
        spec.requires_approval = self.requires_approval;
        Ok(spec.build().map_err(|error| Complaint::wrong(flags_for_fields(&error.to_string())))?)
    }
}

/// An error about a field, told to somebody who wrote a flag.
fn flags_for_fields(error: &str) -> String {
    let field = error.split(':').next().unwrap_or_default();
    let flag = match field {
        "validation" => "--command".to_owned(),
        "setup" | "labels" | "depends_on" | "timeout_minutes" => {
            format!("--{}", field.trim_end_matches('s').replace('_', "-"))
        }
        _ => return error.to_owned(),
    };
    error.replacen(field, &flag, 1).replace("--timeout-minute:", "--timeout-minutes:")
}

/// Short enough to be typed, and hardly ever given twice; if it is, the queue says so.
fn made_up_id() -> String {
    let letter = || fastrand::char('a'..='z');
    let digit = || fastrand::digit(10);
    let pairs: String = (0..5).flat_map(|_| [letter(), digit()]).collect();
    format!("cmd-{pairs}")
}

/// A time, or how much later than now.
fn time(text: &str) -> Result<DateTime<Utc>, String> {
    if let Ok(time) = DateTime::parse_from_rfc3339(text) {
        return Ok(time.to_utc());
    }
    humantime::parse_duration(text).map(|later| Utc::now() + later).map_err(|_| {
        "write a time such as 2026-01-31T12:00:00Z, or 10m for in ten minutes".to_owned()
    })
}

async fn file(session: &Session, queue: &Queue, tasks: Vec<Task>) -> anyhow::Result<Vec<Enqueued>> {
    let total = tasks.len();
    let mut outcomes = Vec::with_capacity(total);
    let mut progress =
        (total > AT_ONCE).then(|| Progress::new(session.out, "enqueueing", total as u64));
    let mut rest = tasks.into_iter();
    loop {
        let some: Vec<Task> = rest.by_ref().take(AT_ONCE).collect();
        if some.is_empty() {
            return Ok(outcomes);
        }
        let filed = queue.enqueue_many(some).await;
        outcomes.extend(filed.with_context(|| {
            let count = outcomes.len();
            format!("{count} of {total} tasks are enqueued for sure; the same call again files each once")
        })?);
        if let Some(progress) = &mut progress {
            progress.set(outcomes.len() as u64, total as u64);
        }
    }
}

fn show(session: &Session, ids: &[TaskId], outcomes: &[Enqueued]) -> anyhow::Result<()> {
    let out = session.out;
    if out.json {
        for (task_id, outcome) in ids.iter().zip(outcomes) {
            out.object(&OutcomeLine { task_id, outcome })?;
        }
        return Ok(());
    }
    let shown = if out.is_terminal() { SHOWN } else { usize::MAX };
    let columns = [("task", Align::Left), ("is now", Align::Left)];
    let mut table = Table::new(&columns, None);
    for (id, outcome) in ids.iter().zip(outcomes).take(shown) {
        let style = match outcome {
            Enqueued::Filed { status } | Enqueued::Exists { status } => of_status(status.as_str()),
            Enqueued::Refused { .. } => BAD,
            Enqueued::Duplicate { .. } => anstyle::Style::new(),
        };
        table.row([Cell::from(id), Cell::styled(outcome, style)]);
    }
    out.block(table)?;
    if ids.len() > 1 {
        out.note(summary(outcomes));
    }
    Ok(())
}

fn summary(outcomes: &[Enqueued]) -> String {
    let count =
        |fits: fn(&Enqueued) -> bool| outcomes.iter().filter(|one| fits(one)).count() as u64;
    let filed = count(|one| matches!(one, Enqueued::Filed { .. }));
    let known = count(|one| matches!(one, Enqueued::Exists { .. } | Enqueued::Duplicate { .. }));
    let refused = count(|one| matches!(one, Enqueued::Refused { .. }));
    let mut words = vec![format!("{} enqueued", say::count(filed, "task", "tasks"))];
    if known > 0 {
        words.push(format!("{} there already", say::number(known)));
    }
    if refused > 0 {
        words.push(format!("{} refused", say::number(refused)));
    }
    words.join(", ")
}

/// A task that nobody will take should not be a surprise.
async fn say_who_works(session: &Session, queue: &Queue) -> anyhow::Result<()> {
    if queue.workers().await?.is_empty() {
        session.out.note("No worker is alive: `greenline up` or `greenline worker` starts one.");
    } else if let Some(pause) = queue.paused().await?.get("all") {
        session.out.note(format_args!(
            "Everything is paused by {}: `greenline queue resume` goes on.",
            pause.by
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn made_up_ids_are_ids() {
        assert!(made_up_id().parse::<TaskId>().is_ok());
    }

    #[test]
    fn an_error_about_a_field_names_the_flag() {
        assert_eq!(flags_for_fields("timeout_minutes: 0 is not"), "--timeout-minutes: 0 is not");
        assert_eq!(flags_for_fields("labels: at most 8"), "--label: at most 8");
        assert_eq!(flags_for_fields("validation: command 1"), "--command: command 1");
    }

    #[test]
    fn a_time_may_be_a_delay() {
        assert!(time("10m").unwrap() > Utc::now());
        assert!(time("2026-01-31T12:00:00Z").is_ok());
        assert!(time("tomorrow").unwrap_err().contains("10m"));
    }
}
