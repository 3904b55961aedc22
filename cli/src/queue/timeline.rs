//! A task's history in words. Pure: facts in, text out.

use std::fmt::Write;

use greenline_queue::{Approval, Priority, TaskDetails, TaskRecord, TaskStatus, TaskType};
use greenline_runtime::human;
use serde_json::Value;

use super::task_result;
use crate::print::style::{BOLD, DIM, of_status};
use crate::print::{text, when};

/// Formats the history as of `now_ms`. `why` holds the reasons why it does not run yet.
pub(super) fn render(
    task: &TaskDetails,
    approval: Option<&Approval>,
    why: &[String],
    now_ms: i64,
) -> String {
    let mut page = String::new();
    headline(&mut page, &task.record, now_ms);
    for reason in why {
        line(&mut page, &format!("  {}", text::one_line(reason)));
    }
    what(&mut page, task);
    timeline(&mut page, task, approval, now_ms);
    if let Some(result) = &task.record.result {
        head(&mut page, "Result");
        task_result::write(&mut page, result);
    }
    next_steps(&mut page, &task.record);
    page
}

fn line(page: &mut String, words: &str) {
    page.push_str(words);
    page.push('\n');
}

fn head(page: &mut String, words: &str) {
    // Writing to a `String` can't fail, here and below.
    let _infallible = writeln!(page, "\n{BOLD}{words}{BOLD:#}");
}

fn headline(page: &mut String, record: &TaskRecord, now_ms: i64) {
    let style = of_status(&record.status);
    let _infallible = writeln!(
        page,
        "{BOLD}{}{BOLD:#} {style}{}{style:#}",
        text::one_line(&record.id),
        state(record, now_ms)
    );
    if let Some(error) = record.error.as_ref().filter(|_| record.status != "success") {
        line(page, &format!("  {}", text::one_line(error)));
    }
}

/// Describes its status.
fn state(record: &TaskRecord, now_ms: i64) -> String {
    let ended =
        record.finished_at.map_or(String::new(), |at| format!(", {}", when::age(at, now_ms)));
    let runs = record.started_at.or(record.claimed_at);
    match record.status.parse() {
        Ok(TaskStatus::Pending) => "waits for a worker".to_owned(),
        Ok(TaskStatus::Scheduled) => "waits for its time".to_owned(),
        Ok(TaskStatus::Waiting) => "waits for other tasks".to_owned(),
        Ok(TaskStatus::Blocked) => "waits for its turn".to_owned(),
        Ok(TaskStatus::AwaitingApproval) => "waits for a person's yes".to_owned(),
        Ok(TaskStatus::Running) => {
            let since =
                runs.map_or(String::new(), |at| format!(" for {}", when::between(at, now_ms)));
            format!("runs{since}")
        }
        Ok(TaskStatus::Success) => format!("succeeded{ended}"),
        Ok(TaskStatus::Failed) => format!("failed for good{ended}"),
        Ok(TaskStatus::Cancelled) => format!("was cancelled{ended}"),
        Err(_) => format!("has a status that nobody knows: {}", text::one_line(&record.status)),
    }
}

fn what(page: &mut String, story: &TaskDetails) {
    head(page, "What");
    let record = &story.record;
    let priority = match record.priority.as_str() {
        "normal" | "" => String::new(),
        priority => format!(", {} priority", text::known::<Priority>(priority)),
    };
    line(
        page,
        &format!("  {}{priority}{}", text::known::<TaskType>(&record.kind), limits(&story.task)),
    );
    if let Some(prompt) = story.task.get("prompt").and_then(Value::as_str) {
        line(page, &format!("  {}", text::cut(&text::one_line(prompt), 76)));
    }
    for phase in ["setup", "validation"] {
        for command in texts(&story.task, phase) {
            line(page, &format!("  {phase} `{}`", text::one_line(command)));
        }
    }
    if !record.depends_on.is_empty() {
        line(page, &format!("  after {}", text::one_line(&record.depends_on.join(", "))));
    }
    if !story.children.is_empty() {
        line(page, &format!("  before {}", text::one_line(&story.children.join(", "))));
    }
}

/// Lists its requirements and limits: labels, keys, time, cost.
fn limits(task: &Value) -> String {
    let mut words = String::new();
    let labels: Vec<&str> = texts(task, "labels").collect();
    if !labels.is_empty() {
        let _infallible =
            write!(words, ", only on workers with {}", text::one_line(&labels.join(", ")));
    }
    for key in ["concurrency_key", "dedup_key"] {
        if let Some(value) = task.get(key).and_then(Value::as_str) {
            let _infallible = write!(words, ", {key} {}", text::one_line(value));
        }
    }
    if let Some(minutes) = task.get("timeout_minutes").and_then(Value::as_u64) {
        let _infallible = write!(words, ", at most {minutes} min");
    }
    if let Some(dollars) = task.get("max_cost_usd").and_then(Value::as_f64) {
        let _infallible = write!(words, ", at most ${dollars:.2}");
    }
    words
}

fn texts<'a>(task: &'a Value, field: &str) -> impl Iterator<Item = &'a str> {
    task.get(field).and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str)
}

fn timeline(page: &mut String, task: &TaskDetails, approval: Option<&Approval>, now_ms: i64) {
    head(page, "Timeline");
    let mut moments = Vec::new();
    if let Some(at) = task.record.enqueued_at {
        moments.push((at, "enqueued".to_owned()));
    }
    moments.extend(approval.and_then(answer));
    for attempt in &task.attempts {
        moments.extend(of_attempt(attempt));
    }
    if task.record.status == "running"
        && let Some(at) = task.record.claimed_at
    {
        moments
            .push((at, claimed(u64::from(task.record.attempt), task.record.worker_id.as_deref())));
    }
    if let Some(at) = task.scheduled_for {
        moments.push((at, "next try".to_owned()));
    }
    // Events of the same millisecond keep their order.
    moments.sort_by_key(|(at, _)| *at);
    for (at, words) in moments {
        let (clock, age) = (when::clock(at, now_ms), when::age(at, now_ms));
        let words = text::one_line(&words);
        let _infallible = writeln!(page, "  {clock}  {words} {DIM}({age}){DIM:#}");
    }
}

fn answer(approval: &Approval) -> Option<(i64, String)> {
    let by = approval.answered_by.as_ref().map_or(String::new(), |who| format!(" by {who}"));
    let why = approval.why.as_ref().map_or(String::new(), |why| format!(": {why}"));
    Some((approval.answered_at?, format!("{}{by}{why}", approval.state)))
}

fn claimed(attempt: u64, worker: Option<&str>) -> String {
    format!("attempt {attempt} on {}", worker.unwrap_or("a worker"))
}

/// Returns the beginning and the end of an attempt.
fn of_attempt(attempt: &Value) -> Vec<(i64, String)> {
    let number = |name: &str| attempt.get(name).and_then(Value::as_i64);
    let words = |name: &str| attempt.get(name).and_then(Value::as_str);
    let Some(ended_at) = number("ended_at") else { return vec![] };
    let count = attempt.get("attempt").and_then(Value::as_u64).unwrap_or(0);
    let began_at = number("started_at").or(number("claimed_at"));
    let took =
        began_at.map_or(String::new(), |at| format!(" after {}", when::between(at, ended_at)));
    let error = words("error").map_or(String::new(), |error| format!(": {error}"));
    let outcome = match words("outcome").unwrap_or_default() {
        "success" => "succeeded",
        "failed" => "failed",
        "released" => "was given back",
        "lost" => "was lost",
        "lost unstarted" => "was lost before it began",
        "cancelled" => "was cancelled",
        other => other,
    };
    let began = number("claimed_at").map(|at| (at, claimed(count, words("worker"))));
    let ended = (ended_at, format!("attempt {count} {outcome}{took}{error}"));
    began.into_iter().chain([ended]).collect()
}

fn next_steps(page: &mut String, record: &TaskRecord) {
    let id = text::one_line(&record.id);
    let mut steps = Vec::new();
    if record.attempt > 0 {
        let follow = if record.status == "running" { " -f" } else { "" };
        steps.push(format!("its output: greenline queue log{follow} {id}"));
    }
    match record.status.parse() {
        Ok(TaskStatus::Failed | TaskStatus::Cancelled) => {
            steps.push(format!("once more: greenline queue retry {id}"));
        }
        Ok(status) if !TaskStatus::is_final(status) => {
            steps.push(format!("call it off: greenline queue cancel {id}"));
        }
        _ => {}
    }
    if record.crashes > 0 {
        let count = u64::from(record.crashes);
        let verb = if count == 1 { "was" } else { "were" };
        let workers = human::count(count, "worker", "workers");
        steps.push(format!(
            "{workers} {verb} lost while it ran; if that repeats, look at the task's memory"
        ));
    }
    if !steps.is_empty() {
        page.push('\n');
    }
    for step in steps {
        let _infallible = writeln!(page, "{DIM}{step}{DIM:#}");
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const T: i64 = 1_767_225_600_000;

    fn story() -> TaskDetails {
        TaskDetails {
            record: TaskRecord {
                id: "ci-1".to_owned(),
                kind: "run_command".to_owned(),
                status: "failed".to_owned(),
                priority: "high".to_owned(),
                enqueued_at: Some(T),
                finished_at: Some(T + 60_000),
                attempt: 2,
                failures: 1,
                crashes: 1,
                error: Some("validation `x` exited with 1".to_owned()),
                ..TaskRecord::default()
            },
            attempts: vec![
                json!({"attempt": 1, "fence": 7, "outcome": "lost", "worker": "w1",
                    "claimed_at": T + 1000, "started_at": T + 1000, "ended_at": T + 20_000,
                    "error": "its worker stopped renewing the lease"}),
                json!({"attempt": 2, "fence": 8, "outcome": "failed", "worker": "w2",
                    "claimed_at": T + 21_000, "started_at": T + 22_000, "ended_at": T + 60_000,
                    "error": "validation `x` exited with 1"}),
            ],
            children: vec!["ci-2".to_owned()],
            lock: None,
            lease_until: None,
            scheduled_for: None,
            task: json!({"labels": ["gpu"], "validation": ["x"], "timeout_minutes": 5}),
        }
    }

    fn without_styles(page: &str) -> String {
        anstream::adapter::strip_str(page).to_string()
    }

    #[test]
    fn a_story_reads_from_what_it_is_to_what_came_of_it() {
        let page = without_styles(&render(&story(), None, &[], T + 120_000));
        let order = [
            "ci-1 failed for good, 1 min ago\n  validation `x` exited with 1\n",
            "run_command, high priority, only on workers with gpu, at most 5 min",
            "validation `x`\n",
            "before ci-2",
            "enqueued (2 min ago)",
            "attempt 1 on w1",
            "attempt 1 was lost after 19 s: its worker stopped renewing the lease",
            "attempt 2 on w2",
            "attempt 2 failed after 38 s: validation `x` exited with 1 (1 min ago)",
            "greenline queue log ci-1",
            "greenline queue retry ci-1",
            "1 worker was lost while it ran; if that repeats, look at the task's memory",
        ];
        let mut from = 0;
        for part in order {
            let at = page[from..].find(part);
            assert!(at.is_some(), "{part:?} is missing or in the wrong place:\n{page}");
            from += at.unwrap_or(0);
        }
    }

    #[test]
    fn a_task_that_waits_says_why() {
        let mut story = story();
        story.record.status = "pending".to_owned();
        story.record.error = None;
        story.record.attempt = 0;
        let page = without_styles(&render(
            &story,
            None,
            &["no worker with label gpu is alive".to_owned()],
            T,
        ));
        assert!(page.starts_with("ci-1 waits for a worker\n  no worker with label gpu is alive\n"));
        assert!(!page.contains("queue log") && page.contains("queue cancel ci-1"));
    }

    #[test]
    fn text_from_outside_stays_in_its_line() {
        let mut story = story();
        story.record.error = Some("a\x1b[2J\nState   fine".to_owned());
        let page = render(&story, None, &[], T);
        assert!(page.contains("a<U+001B>[2J State fine\n"), "{page}");
        story.record.kind = "run_command\n\x1b]0;x\x07".to_owned();
        story.record.priority = "high\x1b[2J\u{9b}1A\nState   fine".to_owned();
        story.record.depends_on = vec!["a\nb\x07".to_owned()];
        story.task = json!({"labels": ["gpu\n\u{202e}"]});
        let page = without_styles(&render(&story, None, &[], T));
        let what = "  ? run_command <U+001B>]0;x<U+0007>, ? high<U+001B>[2J<U+009B>1A State fine priority, only on workers with gpu <U+202E>\n  after a b<U+0007>\n";
        assert!(page.contains(what), "{page}");
    }
}
