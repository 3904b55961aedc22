//! Renders findings and decisions as text for people. Pure.

use greenline_diagnosis::Diagnosis;
use greenline_diagnosis::show;
use greenline_forge::model::Conclusion;
use greenline_forge::{PullNumber, RepoName, Sha};
use greenline_queue::ApprovalOutcome;

use super::failure_context::FailureContext;
use super::open_failures::{FailureStage, OpenFailure};
use super::task_result::{ReproductionReport, ReproductionVerdict, TaskEnd};
use crate::check::{CheckName, CheckSource, CheckedPull, FailedCheck};
use crate::history::{FailureOrigin, JudgedOrigin};
use crate::plan::{Decision, DecisionRecord, DecisionRule, NextStep, TaskDraft};
use crate::publish::{
    CheckAnnotation, CollapsedSection, CommentBody, MarkdownLine, Notification, SectionBlock,
};
use crate::repo_settings::{FILE, RepoSettingsProblems};

/// Most annotations that one check makes.
const MOST_ANNOTATIONS: usize = 50;

/// Most other checks that the comment names.
const MOST_LISTED: usize = 20;

/// The commands that the comment offers while something is open.
const COMMENT_COMMANDS: [&str; 4] = ["retry", "explain", "stop", "help"];

/// Renders the report on one check.
pub(super) fn failure_comment(
    context: &FailureContext,
    decision: &Decision,
    judged: &JudgedOrigin,
    failure: &FailedCheck,
) -> CommentBody {
    let job = failure.check.as_str();
    let mut body = match context.log.diagnosis() {
        Some(diagnosis) => CommentBody::for_diagnosis(job, diagnosis),
        None => CommentBody {
            headline: MarkdownLine::code(job).and_text("fails, and its log is not available"),
            ..CommentBody::default()
        },
    };
    body.facts.push(MarkdownLine::text("at").and_code(failure.head_sha.short()));
    body.facts.push(MarkdownLine::text(&judged.because));
    body.next = next_step(decision, judged.origin, failure);
    if let Some(problems) = &context.settings.rejected {
        body.sections.push(rejected_settings(problems));
    }
    body.commands = COMMENT_COMMANDS.map(str::to_owned).to_vec();
    if failure.pull.as_ref().is_some_and(|pull| pull.from_fork) {
        body.commands = vec!["explain".to_owned(), "help".to_owned()];
    }
    if let Some(draft) = decision.action.task() {
        body.sections.push(commands_section(draft));
    }
    if !failure.details_url.is_empty() {
        body.log_link = Some(MarkdownLine::default().and_link("log", &failure.details_url));
    }
    body
}

/// Renders what was done and what comes next.
fn next_step(
    decision: &Decision,
    origin: FailureOrigin,
    failure: &FailedCheck,
) -> Vec<MarkdownLine> {
    let sha = failure.head_sha.short();
    let reason = &decision.reason;
    let line = match (&decision.action, decision.rule) {
        (NextStep::Fix(draft) | NextStep::Investigate(draft), _) => {
            MarkdownLine::text("A worker now runs the failing commands at").and_code(sha).and_text(
                format!(
                    "in its sandbox and tries to reproduce the failure (attempt {} of {}).",
                    draft.attempt, draft.attempts
                ),
            )
        }
        (NextStep::Rerun(_), _) if origin == FailureOrigin::Flaky => MarkdownLine::text(format!(
            "Flaky: {reason}. The failed jobs are re-run once. You don't need to do anything."
        )),
        (NextStep::Rerun(_), _) => MarkdownLine::text(format!(
            "Not caused by this change: {reason}. The failed jobs are re-run once. You don't need to do anything."
        )),
        (NextStep::Escalate, _) => MarkdownLine::text(format!("This needs a person: {reason}.")),
        (NextStep::Nothing, DecisionRule::Fork) => MarkdownLine::text(
            "This pull request comes from a fork. Code of forks is never run, so this is only an explanation.",
        ),
        (NextStep::Nothing, DecisionRule::PreExisting) => {
            MarkdownLine::text(format!("Not caused by this change: {reason}."))
        }
        (NextStep::Nothing, _) => MarkdownLine::text(format!("No action: {reason}.")),
    };
    let mut lines = vec![line];
    if let NextStep::Investigate(_) = decision.action {
        lines.push(MarkdownLine::text(format!("Reason to investigate first: {reason}.")));
    }
    lines
}

fn commands_section(draft: &TaskDraft) -> CollapsedSection {
    let from = format!("The commands are {}.", draft.commands.from);
    let mut blocks = vec![SectionBlock::Line(MarkdownLine::text(from))];
    if !draft.commands.setup.is_empty() {
        blocks.push(SectionBlock::Line(MarkdownLine::text("Setup, with network:")));
        blocks.push(SectionBlock::Text(draft.commands.setup.join("\n")));
    }
    blocks.push(SectionBlock::Line(MarkdownLine::text("Validation, without network:")));
    blocks.push(SectionBlock::Text(draft.commands.validation.join("\n")));
    CollapsedSection { summary: MarkdownLine::text("Commands that reproduce it"), blocks }
}

fn rejected_settings(problems: &RepoSettingsProblems) -> CollapsedSection {
    let summary = MarkdownLine::text(
        "The settings file on the base branch is invalid; the previous settings stay in force",
    );
    CollapsedSection { summary, blocks: vec![SectionBlock::Text(problems.to_string())] }
}

/// Remarks at places in files.
pub(super) fn annotations(diagnosis: Option<&Diagnosis>) -> Vec<CheckAnnotation> {
    let Some(diagnosis) = diagnosis else { return Vec::new() };
    let placed = show::problems(diagnosis).into_iter().filter_map(|problem| {
        let place = problem.place?;
        let line = u64::from(place.line?);
        let (title, message) = (problem.title, problem.message);
        Some(CheckAnnotation { path: place.path, line, title, message })
    });
    placed.take(MOST_ANNOTATIONS).collect()
}

/// Renders the notification for a person.
pub(super) fn notification(
    decision: &Decision,
    failure: &FailedCheck,
    diagnosis: Option<&Diagnosis>,
) -> Notification {
    let place = match &failure.pull {
        Some(pull) => format!("{}#{}", failure.repo, pull.number),
        None => format!("{} on {}", failure.repo, failure.branch),
    };
    let text = diagnosis.and_then(|it| it.headline.as_ref()).map(|line| line.text.trim());
    Notification {
        headline: format!("{}: {} fails at {}", place, failure.check, failure.head_sha.short()),
        text: match text {
            Some(text) => format!("{text}\n{}", decision.reason),
            None => decision.reason.clone(),
        },
        url: failure.details_url.clone(),
    }
}

/// The one page of a subject; none if nothing was found. What needs people comes first.
pub(super) fn combined_comment(open_failures: &[OpenFailure]) -> Option<CommentBody> {
    let (first, others) = open_failures.split_first()?;
    if first.stage == FailureStage::Green {
        let facts = open_failures.iter().take(MOST_LISTED).map(|it| it.body.headline.clone());
        return Some(CommentBody {
            headline: MarkdownLine::text("All failed checks are green again"),
            facts: facts.collect(),
            ..CommentBody::default()
        });
    }
    let mut body = first.body.clone();
    let failing_checks: Vec<&OpenFailure> =
        others.iter().filter(|it| it.stage != FailureStage::Green).collect();
    if !failing_checks.is_empty() {
        body.sections.insert(0, others_of(&failing_checks));
    }
    let green = others.iter().filter(|it| it.stage == FailureStage::Green);
    body.next.extend(green.take(MOST_LISTED).map(|it| it.body.headline.clone()));
    Some(body)
}

fn others_of(failing_checks: &[&OpenFailure]) -> CollapsedSection {
    let summary = match failing_checks.len() {
        1 => "1 other check fails".to_owned(),
        many => format!("{many} other checks fail"),
    };
    let mut blocks = Vec::new();
    for open_failure in failing_checks.iter().take(MOST_LISTED) {
        blocks.push(SectionBlock::Item(open_failure.body.headline.clone()));
        blocks.extend(open_failure.body.next.iter().cloned().map(SectionBlock::Line));
    }
    CollapsedSection { summary: MarkdownLine::text(summary), blocks }
}

/// Returns the one-line title of the check run.
pub(super) fn title(open_failures: &[OpenFailure]) -> String {
    let failing_checks: Vec<&OpenFailure> =
        open_failures.iter().filter(|it| it.stage != FailureStage::Green).collect();
    match failing_checks.as_slice() {
        [] => "Green again".to_owned(),
        [one] => format!("{} fails{}", one.check(), doing(one.stage)),
        [one, others @ ..] => {
            format!("{} and {} more fail{}", one.check(), others.len(), doing(one.stage))
        }
    }
}

fn doing(stage: FailureStage) -> &'static str {
    match stage {
        FailureStage::NeedsPerson => ": needs a person",
        FailureStage::Working => ": a worker investigates",
        FailureStage::Rerunning => ": re-running",
        FailureStage::Waiting => ": waits for another failure",
        FailureStage::Reported | FailureStage::Green => "",
    }
}

/// The queue did not take the task.
pub(super) fn refused(why: &str) -> Vec<MarkdownLine> {
    vec![MarkdownLine::text("The queue refused the task for a worker:").and_code(why)]
}

/// Renders the result of a task.
pub(super) fn after_task(end: &TaskEnd, failure: &FailedCheck) -> Vec<MarkdownLine> {
    let sha = failure.head_sha.short();
    match end {
        TaskEnd::Answered(answer) => answered_by_worker(answer, sha),
        TaskEnd::Failed(why) => {
            vec![MarkdownLine::text("A worker could not try to reproduce it:").and_code(why)]
        }
        TaskEnd::Cancelled(why) => {
            vec![MarkdownLine::text("The task was cancelled:").and_code(why)]
        }
    }
}

fn answered_by_worker(answer: &ReproductionReport, sha: &str) -> Vec<MarkdownLine> {
    let ReproductionReport { outcome, headline, reason, isolation } = answer;
    let how =
        MarkdownLine::text("How:").and_code(reason).and_text("· sandbox:").and_code(isolation);
    let what = match outcome {
        ReproductionVerdict::Reproduced => {
            MarkdownLine::text("Reproduced: a worker saw the same failure at").and_code(sha)
        }
        ReproductionVerdict::Different => {
            let line = MarkdownLine::text("A worker saw another failure at").and_code(sha);
            match headline {
                Some(headline) => line.and_text(":").and_code(headline),
                None => line,
            }
        }
        ReproductionVerdict::NotReproduced => MarkdownLine::text("Not reproduced at").and_code(sha),
    };
    vec![what, how]
}

/// Renders the list of commands.
pub(super) fn help() -> Vec<MarkdownLine> {
    const WORDS: [(&str, &str); 7] = [
        ("fix", "tries again, regardless of earlier tries"),
        ("retry", "re-runs the failed jobs"),
        ("explain", "shows the facts, the decisions and their reasons"),
        ("approve", "approves the proposal"),
        ("reject", "rejects the proposal"),
        ("stop", "stops all work on this pull request"),
        ("help", "shows this"),
    ];
    let line = |(command, does): (&str, &str)| {
        MarkdownLine::code(format!("@greenline {command}")).and_text(does.to_owned() + ".")
    };
    WORDS.into_iter().map(line).collect()
}

/// A person wants the jobs to run again.
pub(super) fn rerun_for(by: &str) -> Vec<MarkdownLine> {
    vec![MarkdownLine::code(by).and_text("asked for a re-run of the failed jobs.")]
}

/// A person wants nothing more to be done.
pub(super) fn stopped(by: &str) -> Vec<MarkdownLine> {
    let line = MarkdownLine::code(by)
        .and_text("asked to stop: nothing more is tried here until someone writes");
    vec![line.and_code("@greenline fix").and_text(".")]
}

/// Renders the result of an answer to a question.
pub(super) fn answered(by: &str, yes: bool, answered: &ApprovalOutcome) -> MarkdownLine {
    let answer_text = if yes { "said yes" } else { "said no" };
    let line = MarkdownLine::code(by).and_text(answer_text);
    match answered {
        ApprovalOutcome::Done => line.and_text("to what was proposed."),
        ApprovalOutcome::Before(how) => line.and_text("; it was answered before:").and_code(how),
        ApprovalOutcome::OtherContent => {
            line.and_text("; the proposal has changed since: look again.")
        }
        ApprovalOutcome::Expired => line.and_text("; it came too late."),
        ApprovalOutcome::Unknown => line.and_text("; nothing waits for an answer here."),
    }
}

/// Renders the decisions so far, newest first.
pub(super) fn decision_history(records: &[DecisionRecord]) -> CollapsedSection {
    let entry = |record: &DecisionRecord| {
        let line = MarkdownLine::code(&record.check).and_text("at");
        let line = line.and_code(record.head_sha.get(..7).unwrap_or(&record.head_sha));
        let text = format!(": {}, as {} (rule {}).", record.action, record.reason, record.rule);
        SectionBlock::Item(line.and_text(text))
    };
    let mut blocks: Vec<SectionBlock> = records.iter().rev().take(MOST_LISTED).map(entry).collect();
    if blocks.is_empty() {
        blocks.push(SectionBlock::Line(MarkdownLine::text("No decisions yet.")));
    }
    CollapsedSection { summary: MarkdownLine::text("Decisions and their reasons"), blocks }
}

/// Somebody asks where nothing failed.
pub(super) fn nothing_known() -> CommentBody {
    CommentBody {
        headline: MarkdownLine::text("No failed check is known here"),
        ..CommentBody::default()
    }
}

/// A settings file that a pull request brings is wrong.
pub(super) fn wrong_settings(
    repo: &RepoName,
    pull: PullNumber,
    base: &str,
    head: &Sha,
    check: CheckName,
    problems: &RepoSettingsProblems,
) -> OpenFailure {
    let headline = MarkdownLine::code(FILE).and_text("of this pull request is not valid");
    let next = MarkdownLine::text(
        "Until it is fixed, merging it changes nothing: the previous settings stay in force.",
    );
    let section = CollapsedSection {
        summary: MarkdownLine::text("Problems"),
        blocks: vec![SectionBlock::Text(problems.to_string())],
    };
    let annotation = |problem: &crate::repo_settings::RepoSettingsProblem| CheckAnnotation {
        path: FILE.to_owned(),
        line: u64::try_from(problem.line).unwrap_or(1),
        title: problem.message.clone(),
        message: problem.hint.clone(),
    };
    OpenFailure {
        failure: FailedCheck {
            repo: repo.clone(),
            check,
            source: CheckSource::Status,
            conclusion: Conclusion::Failure,
            head_sha: head.clone(),
            branch: String::new(),
            pull: Some(CheckedPull { number: pull, from_fork: false, base: base.to_owned() }),
            on_default_branch: false,
            details_url: String::new(),
            completed_at: None,
        },
        body: CommentBody {
            headline,
            next: vec![next],
            sections: vec![section],
            ..CommentBody::default()
        },
        annotations: problems.0.iter().take(MOST_ANNOTATIONS).map(annotation).collect(),
        stage: FailureStage::NeedsPerson,
        task: None,
        changed_by: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open_failure(check: &str, stage: FailureStage) -> OpenFailure {
        let repo: RepoName = "acme/app".parse().unwrap();
        let head: Sha = "3f2a91c00000000000000000000000000000000f".parse().unwrap();
        let check = CheckName::new(check);
        let problems = RepoSettingsProblems(Vec::new());
        let about = wrong_settings(&repo, PullNumber(812), "main", &head, check, &problems);
        let headline = MarkdownLine::code(about.failure.check.as_str()).and_text("fails");
        let next = vec![MarkdownLine::text("Nothing is done.")];
        OpenFailure {
            body: CommentBody { headline, next, ..CommentBody::default() },
            stage,
            ..about
        }
    }

    fn shown(open_failures: &[OpenFailure]) -> String {
        combined_comment(open_failures).unwrap().markdown("")
    }

    #[test]
    fn what_needs_people_leads_and_the_others_follow_in_a_fold() {
        let mut green = open_failure("lint", FailureStage::Working);
        let sha = green.failure.head_sha.clone();
        green.mark_passed(&sha, "x");
        let open_failures = [
            open_failure("test", FailureStage::NeedsPerson),
            open_failure("docs", FailureStage::Reported),
            green,
        ];
        assert_eq!(title(&open_failures), "test and 1 more fail: needs a person");
        assert_eq!(
            shown(&open_failures),
            "\n**`test` fails**\n\nNothing is done.\n\n\
             `lint` is green at `3f2a91c`, the same commit that it failed on\n\n\
             <details><summary>1 other check fails</summary>\n\n- `docs` fails\n\n\
             Nothing is done.\n\n</details>\n"
        );
    }

    #[test]
    fn when_nothing_is_red_any_more_that_is_all_it_says() {
        let mut green = open_failure("lint", FailureStage::Working);
        let other: Sha = "a41c09e00000000000000000000000000000000f".parse().unwrap();
        green.mark_passed(&other, "x");
        assert_eq!(title(std::slice::from_ref(&green)), "Green again");
        assert_eq!(
            shown(&[green]),
            "\n**All failed checks are green again**\n`lint` is green at `a41c09e`\n"
        );
        assert_eq!(combined_comment(&[]), None);
    }

    #[test]
    fn what_a_worker_saw_is_said_in_a_sentence() {
        let failure = open_failure("test", FailureStage::Working).failure;
        let answer = |outcome| ReproductionReport {
            outcome,
            headline: Some("assert 1 == 2".to_owned()),
            reason: "pytest ended with 1".to_owned(),
            isolation: "landlock ABI 7".to_owned(),
        };
        let text = |end: TaskEnd| {
            CommentBody { next: after_task(&end, &failure), ..CommentBody::default() }
                .markdown("")
                .replace('\n', " ")
        };
        let same = text(TaskEnd::Answered(answer(ReproductionVerdict::Reproduced)));
        assert!(same.contains("Reproduced: a worker saw the same failure at `3f2a91c`"), "{same}");
        assert!(same.contains("`landlock ABI 7`"), "{same}");
        let other = text(TaskEnd::Answered(answer(ReproductionVerdict::Different)));
        assert!(other.contains("another failure at `3f2a91c`: `assert 1 == 2`"), "{other}");
        let none = text(TaskEnd::Answered(answer(ReproductionVerdict::NotReproduced)));
        assert!(none.contains("Not reproduced at `3f2a91c`"), "{none}");
        let gone = text(TaskEnd::Cancelled("ada asked to stop".to_owned()));
        assert!(gone.contains("The task was cancelled: `ada asked to stop`"), "{gone}");
    }
}
