//! Prints a story: one JSON object per line for programs, sentences for people.

use std::fmt::Write;
use std::time::Duration;

use greenline_fake_github::project::Story;
use greenline_lead::plan::DecisionRecord;
use greenline_runtime::human;
use greenline_worker::command::{CommandRun, Phase, ProcessExit};
use greenline_worker::reproduce::{ReproductionOutcome, ReproductionResult};
use serde::Serialize;
use serde_json::Value;

use super::comment;
use super::event::DemoEvent;
use super::setup::DemoEnvironment;
use crate::print::style::{BAD, BOLD, DIM, GOOD, WARN};
use crate::print::{Output, text, when};
use crate::why;

/// The column of the text: after the time and the actor.
const INDENT: usize = 18;

/// Prints one story.
pub(super) struct DemoOutput {
    out: Output,
    begun: i64,
    last: i64,
    columns: usize,
}

/// An event with its time.
#[derive(Serialize)]
struct TimedEvent<'a> {
    #[serde(flatten)]
    event: &'a DemoEvent,
    elapsed_ms: i64,
}

impl DemoOutput {
    /// Creates a printer whose time begins now.
    pub(super) fn new(out: Output) -> Self {
        let columns = out.width().unwrap_or(80).min(100);
        Self { out, begun: when::now_ms(), last: 0, columns }
    }

    /// Prints the story's title.
    pub(super) fn begins(&self, story: Story) -> anyhow::Result<()> {
        if self.out.json {
            return Ok(());
        }
        let (name, about) = (story.name(), story.about());
        Ok(self.out.line(format_args!("{BOLD}{name}{BOLD:#}  {about}.\n"))?)
    }

    /// Prints the addresses of all parts.
    pub(super) fn environment(&mut self, environment: &DemoEnvironment) -> anyhow::Result<()> {
        if self.out.json {
            return Ok(());
        }
        self.last = when::now_ms() - self.begun;
        let github = format!("a fake GitHub at {}", environment.github.url());
        let lead = format!("Redis, a worker, and a lead at http://{}", environment.lead);
        Ok(self.out.block(self.line("here", &[&github, &lead]))?)
    }

    /// Prints an event; `at` is in ms since 1970.
    pub(super) fn event(&mut self, at: i64, event: &DemoEvent) -> anyhow::Result<()> {
        self.last = self.last.max(at - self.begun);
        if self.out.json {
            return self.out.object(&TimedEvent { event, elapsed_ms: self.last });
        }
        Ok(self.out.block(self.words(event))?)
    }

    /// Prints the lead's reasons.
    pub(super) fn why(&self, record: &DecisionRecord) -> anyhow::Result<()> {
        if self.out.json {
            return Ok(());
        }
        let mut words = format!("\n{BOLD}greenline why{BOLD:#}\n");
        for line in why::lines(record, when::now_ms()).lines() {
            let room = self.columns.saturating_sub(2);
            let _infallible = writeln!(words, "  {}", cut(line, room));
        }
        Ok(self.out.block(words)?)
    }

    /// Prints the last words after everything has ended.
    pub(super) fn farewell(out: Output, kept: bool) -> anyhow::Result<()> {
        if out.json {
            return Ok(());
        }
        let gone = if kept { "It is over" } else { "Everything is gone again" };
        let words = "`greenline up` does this for your own repositories";
        Ok(out.line(format_args!("\n{DIM}{gone}; {words}.{DIM:#}"))?)
    }

    fn words(&self, event: &DemoEvent) -> String {
        match event {
            DemoEvent::FailedCheck { repo, pull, branch, title, check, head_sha, .. } => {
                let place = match pull {
                    Some(pull) => format!("{repo}#{pull}"),
                    None => format!("{branch} of {repo}"),
                };
                let title = title.map_or(String::new(), |title| format!(", “{title}”"));
                let short = head_sha.get(..7).unwrap_or(head_sha);
                self.line("CI", &[&format!("`{check}` is red on {place} at {short}{title}")])
            }
            DemoEvent::Diagnosed { record, .. } => self.diagnosed(record),
            DemoEvent::TaskEnqueued { task_id, r#type, priority, validation } => {
                let what = format!("task {task_id}");
                let how = format!("{}, {priority} priority: {}", r#type, quoted(validation));
                self.line("queue", &[&what, &how])
            }
            DemoEvent::Claimed { worker, sandbox, .. } => self
                .line("worker", &[&format!("{worker} takes it"), &format!("sandbox: {sandbox}")]),
            DemoEvent::Reproduced { answer, .. } => self.reproduced(answer),
            DemoEvent::Rerun { check, .. } => {
                self.line("lead", &[&format!("has `{check}` run again, once")])
            }
            DemoEvent::IssueOpened { repo, issue, title, .. } => {
                self.line("GitHub", &[&format!("issue {repo}#{issue} is opened: {title}")])
            }
            DemoEvent::Commented { repo, pull, body, .. } => {
                let mut words =
                    self.line("GitHub", &[&format!("the comment on {repo}#{pull} reads")]);
                words.push('\n');
                for line in comment::shown(body, self.columns.saturating_sub(4)) {
                    let line = format!("  {DIM}│{DIM:#} {line}");
                    let _infallible = writeln!(words, "{}", line.trim_end());
                }
                words
            }
            DemoEvent::Done { ended_well, outcome, status, .. } => {
                self.done(*ended_well, outcome, status)
            }
        }
    }

    fn diagnosed(&self, record: &DecisionRecord) -> String {
        let kind = match (&record.category, record.confidence) {
            (Some(category), Some(sure)) => format!("{category}, {:.0} % sure", sure * 100.0),
            _ => "the log can't be read".to_owned(),
        };
        let headline = record.headline.as_deref().map(text::one_line).unwrap_or_default();
        let origin = format!("{}: {}", record.origin, record.because);
        let decision = format!("decides: {}, as {}", record.action, record.reason);
        self.line("lead", &[&kind, &headline, &origin, &decision])
    }

    fn reproduced(&self, answer: &ReproductionResult) -> String {
        let shows = answer.commands.iter().filter(|run| run.phase == Phase::Validation);
        let mut words = String::new();
        for run in shows {
            words.push_str(&self.line("worker", &[&ran(run)]));
        }
        if let Some(headline) = &answer.headline {
            let headline = text::cut(&text::one_line(headline), self.room());
            let _infallible = writeln!(words, "{:INDENT$}{headline}", "");
        }
        let (style, word) = match answer.outcome {
            ReproductionOutcome::Reproduced => (GOOD, "reproduced"),
            ReproductionOutcome::Different => (WARN, "another failure"),
            ReproductionOutcome::NotReproduced => (WARN, "not reproduced"),
        };
        let reason = text::wrapped(&format!("{word}: {}", answer.reason), self.room());
        for line in reason {
            let _infallible = writeln!(words, "{:INDENT$}{style}{line}{style:#}", "");
        }
        words
    }

    fn done(&self, well: bool, outcome: &str, status: &Value) -> String {
        let (style, word) = if well { (GOOD, "ended well") } else { (BAD, "did not end well") };
        let outcome = outcome.replace('_', " ");
        let took = human::duration(Duration::from_millis(self.last.unsigned_abs()));
        let number = |name: &str| status[name].as_u64().unwrap_or(0);
        let count = |name: &str, word: &str| format!("{} {word}", number(name));
        let tasks = [("pending_tasks", "pending"), ("running_tasks", "running"), ("done", "done")]
            .map(|(name, word)| count(name, word))
            .join(", ");
        let workers = human::count(number("active_workers"), "worker", "workers");
        let open = status["open_intents"].as_array().map_or(0, Vec::len);
        format!(
            "\n{style}{outcome}: the story {word}{style:#} {DIM}after {took}{DIM:#}\n\n\
             {BOLD}the lead's view{BOLD:#}\n  tasks     {tasks}\n  workers   {workers}, {} of {} slots \
             busy\n  outside   {open} actions open\n",
            number("busy_slots"),
            number("slots"),
        )
    }

    /// Formats a step: time, actor, text; long text is continued on further lines.
    fn line(&self, who: &str, what: &[&str]) -> String {
        let seconds = Duration::from_millis(self.last.unsigned_abs()).as_secs_f64();
        let mut words = format!("{DIM}{seconds:>6.2} s{DIM:#}  {BOLD}{who:<6}{BOLD:#}  ");
        let lines = what.iter().flat_map(|what| text::wrapped(&text::sanitize(what), self.room()));
        for (at, line) in lines.enumerate() {
            let indent = if at == 0 { 0 } else { INDENT };
            let _infallible = writeln!(words, "{:indent$}{line}", "");
        }
        words
    }

    fn room(&self) -> usize {
        self.columns.saturating_sub(INDENT)
    }
}

fn ran(run: &CommandRun) -> String {
    let took = human::duration(Duration::from_millis(run.duration_ms));
    let ended = match run.ended {
        ProcessExit::ExitCode(code) => format!("exit code {code}"),
        ProcessExit::Signal(signal) => format!("killed by signal {signal}"),
    };
    format!("ran `{}`: {ended} after {took}", text::one_line(&run.command))
}

fn quoted(commands: &[String]) -> String {
    let quoted: Vec<String> = commands.iter().map(|command| format!("`{command}`")).collect();
    quoted.join(", ")
}

/// Cuts a line that may hold colors to a number of columns; a cut line loses its colors.
fn cut(line: &str, columns: usize) -> String {
    let plain = anstream::adapter::strip_str(line).to_string();
    if text::width(&plain) <= columns { line.to_owned() } else { text::cut(&plain, columns) }
}
