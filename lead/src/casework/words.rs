//! Renders findings and decisions as text for people. Pure.

use greenline_diagnosis::Diagnosis;
use greenline_diagnosis::show;
use greenline_forge::model::Conclusion;
use greenline_forge::{PullNumber, RepoName, Sha};
use greenline_queue::Answered;

use super::book::{Finding, Stage};
use super::ended::{Answer, End, Reproduction};
use super::facts::Facts;
use crate::failure::{CheckName, FailedCheck, PullSeen, Source};
use crate::history::{Judged, Origin};
use crate::plan::{Action, Decision, Rule, TaskDraft, Told};
use crate::publish::{Block, Call, Fold, Line, Page, Remark};
use crate::repo_settings::{FILE, Problems};

/// Most annotations that one check makes.
const MOST_REMARKS: usize = 50;

/// Most other checks that the comment names.
const MOST_OTHERS: usize = 20;

/// The commands that the comment offers while something is open.
const ANSWERS: [&str; 4] = ["retry", "explain", "stop", "help"];

/// Renders the report on one check.
pub(super) fn page(
    facts: &Facts,
    decision: &Decision,
    judged: &Judged,
    failure: &FailedCheck,
) -> Page {
    let job = failure.check.as_str();
    let mut page = match facts.log.diagnosis() {
        Some(diagnosis) => Page::about(job, diagnosis),
        None => Page {
            headline: Line::quotes(job).and_says("fails, and there is no log of it to read"),
            ..Page::default()
        },
    };
    page.facts.push(Line::says("at").and_quotes(failure.head_sha.short()));
    page.facts.push(Line::says(&judged.because));
    page.next = next(decision, judged.origin, failure);
    if let Some(problems) = &facts.settings.rejected {
        page.folds.push(rejected(problems));
    }
    page.answers = ANSWERS.map(str::to_owned).to_vec();
    if failure.pull.as_ref().is_some_and(|pull| pull.from_fork) {
        page.answers = vec!["explain".to_owned(), "help".to_owned()];
    }
    if let Some(draft) = decision.action.task() {
        page.folds.push(commands(draft));
    }
    if !failure.details_url.is_empty() {
        page.behind = Some(Line::default().and_link("log", &failure.details_url));
    }
    page
}

/// Renders what was done and what comes next.
fn next(decision: &Decision, origin: Origin, failure: &FailedCheck) -> Vec<Line> {
    let sha = failure.head_sha.short();
    let reason = &decision.reason;
    let line = match (&decision.action, decision.rule) {
        (Action::Fix(draft) | Action::Investigate(draft), _) => {
            Line::says("A worker now runs the commands that show this at").and_quotes(sha).and_says(
                format!(
                    "in its sandbox, to see whether it fails there too (attempt {} of {}).",
                    draft.attempt, draft.attempts
                ),
            )
        }
        (Action::Rerun(_), _) if origin == Origin::Flaky => Line::says(format!(
            "Flaky: {reason}. The failed jobs run again, once; nothing to do for you."
        )),
        (Action::Rerun(_), _) => Line::says(format!(
            "Not the fault of this change: {reason}. The failed jobs run again, once; nothing to do for you."
        )),
        (Action::Escalate, _) => Line::says(format!("A person has to look: {reason}.")),
        (Action::Nothing, Rule::Fork) => Line::says(
            "This comes from a fork, whose code is never run here: this is an explanation, and all that is done.",
        ),
        (Action::Nothing, Rule::PreExisting) => {
            Line::says(format!("Not the fault of this change: {reason}."))
        }
        (Action::Nothing, _) => Line::says(format!("Nothing is done: {reason}.")),
    };
    let mut lines = vec![line];
    if let Action::Investigate(_) = decision.action {
        lines.push(Line::says(format!("Why it is looked at first: {reason}.")));
    }
    lines
}

fn commands(draft: &TaskDraft) -> Fold {
    let from = format!("The commands are {}.", draft.commands.from);
    let mut blocks = vec![Block::Line(Line::says(from))];
    if !draft.commands.setup.is_empty() {
        blocks.push(Block::Line(Line::says("Before, with network:")));
        blocks.push(Block::Text(draft.commands.setup.join("\n")));
    }
    blocks.push(Block::Line(Line::says("Without network:")));
    blocks.push(Block::Text(draft.commands.validation.join("\n")));
    Fold { summary: Line::says("The commands that show it"), blocks }
}

fn rejected(problems: &Problems) -> Fold {
    let summary =
        Line::says("The settings file on the base branch is invalid, older settings hold");
    Fold { summary, blocks: vec![Block::Text(problems.to_string())] }
}

/// Remarks at places in files.
pub(super) fn remarks(diagnosis: Option<&Diagnosis>) -> Vec<Remark> {
    let Some(diagnosis) = diagnosis else { return Vec::new() };
    let placed = show::problems(diagnosis).into_iter().filter_map(|problem| {
        let place = problem.place?;
        let line = u64::from(place.line?);
        let (title, message) = (problem.title, problem.message);
        Some(Remark { path: place.path, line, title, message })
    });
    placed.take(MOST_REMARKS).collect()
}

/// Renders the notification for a person.
pub(super) fn call(
    decision: &Decision,
    failure: &FailedCheck,
    diagnosis: Option<&Diagnosis>,
) -> Call {
    let place = match &failure.pull {
        Some(pull) => format!("{}#{}", failure.repo, pull.number),
        None => format!("{} on {}", failure.repo, failure.branch),
    };
    let says = diagnosis.and_then(|it| it.headline.as_ref()).map(|line| line.text.trim());
    Call {
        headline: format!("{}: {} fails at {}", place, failure.check, failure.head_sha.short()),
        text: match says {
            Some(says) => format!("{says}\n{}", decision.reason),
            None => decision.reason.clone(),
        },
        url: failure.details_url.clone(),
    }
}

/// The one page of a subject; none if nothing was found. What needs people comes first.
pub(super) fn whole_page(findings: &[Finding]) -> Option<Page> {
    let (first, others) = findings.split_first()?;
    if first.stage == Stage::Green {
        let facts = findings.iter().take(MOST_OTHERS).map(|it| it.page.headline.clone());
        return Some(Page {
            headline: Line::says("All that failed here is green again"),
            facts: facts.collect(),
            ..Page::default()
        });
    }
    let mut page = first.page.clone();
    let red: Vec<&Finding> = others.iter().filter(|it| it.stage != Stage::Green).collect();
    if !red.is_empty() {
        page.folds.insert(0, others_of(&red));
    }
    let green = others.iter().filter(|it| it.stage == Stage::Green);
    page.next.extend(green.take(MOST_OTHERS).map(|it| it.page.headline.clone()));
    Some(page)
}

fn others_of(red: &[&Finding]) -> Fold {
    let summary = match red.len() {
        1 => "1 other check fails".to_owned(),
        many => format!("{many} other checks fail"),
    };
    let mut blocks = Vec::new();
    for finding in red.iter().take(MOST_OTHERS) {
        blocks.push(Block::Item(finding.page.headline.clone()));
        blocks.extend(finding.page.next.iter().cloned().map(Block::Line));
    }
    Fold { summary: Line::says(summary), blocks }
}

/// The check run's one line.
pub(super) fn title(findings: &[Finding]) -> String {
    let red: Vec<&Finding> = findings.iter().filter(|it| it.stage != Stage::Green).collect();
    match red.as_slice() {
        [] => "Green again".to_owned(),
        [one] => format!("{} fails{}", one.check(), doing(one.stage)),
        [one, others @ ..] => {
            format!("{} and {} more fail{}", one.check(), others.len(), doing(one.stage))
        }
    }
}

fn doing(stage: Stage) -> &'static str {
    match stage {
        Stage::NeedsPerson => ": a person has to look",
        Stage::Working => ": a worker looks at it",
        Stage::Rerunning => ": it runs again",
        Stage::Waiting => ": another is looked at first",
        Stage::Told | Stage::Green => "",
    }
}

/// The queue did not take the task.
pub(super) fn refused(why: &str) -> Vec<Line> {
    vec![
        Line::says("A worker should look at it, and the queue did not take the task:")
            .and_quotes(why),
    ]
}

/// Renders the result of a task.
pub(super) fn after(end: &End, failure: &FailedCheck) -> Vec<Line> {
    let sha = failure.head_sha.short();
    match end {
        End::Answered(answer) => answered_by_worker(answer, sha),
        End::Failed(why) => {
            vec![Line::says("A worker tried to see it fail, and could not:").and_quotes(why)]
        }
        End::Cancelled(why) => vec![Line::says("The task was cancelled:").and_quotes(why)],
    }
}

fn answered_by_worker(answer: &Answer, sha: &str) -> Vec<Line> {
    let Answer { outcome, headline, reason, isolation } = answer;
    let how = Line::says("How:").and_quotes(reason).and_says("· sandbox:").and_quotes(isolation);
    let what = match outcome {
        Reproduction::Reproduced => {
            Line::says("Reproduced: a worker saw the same failure at").and_quotes(sha)
        }
        Reproduction::Different => {
            let line = Line::says("A worker saw another failure at").and_quotes(sha);
            match headline {
                Some(headline) => line.and_says(":").and_quotes(headline),
                None => line,
            }
        }
        Reproduction::NotReproduced => Line::says("Not reproduced at").and_quotes(sha),
    };
    vec![what, how]
}

/// Renders the list of commands.
pub(super) fn help() -> Vec<Line> {
    const WORDS: [(&str, &str); 7] = [
        ("fix", "tries it once more, whatever was tried before"),
        ("retry", "runs the failed jobs again"),
        ("explain", "shows what was seen, what was decided, and why"),
        ("approve", "says yes to what was proposed"),
        ("reject", "says no to it"),
        ("stop", "leaves this pull request alone from now on"),
        ("help", "shows this"),
    ];
    let line = |(word, does): (&str, &str)| {
        Line::quotes(format!("@greenline {word}")).and_says(does.to_owned() + ".")
    };
    WORDS.into_iter().map(line).collect()
}

/// A person wants the jobs to run again.
pub(super) fn rerun_for(by: &str) -> Vec<Line> {
    vec![Line::quotes(by).and_says("asked for it: the failed jobs run again.")]
}

/// A person wants nothing more to be done.
pub(super) fn stopped(by: &str) -> Vec<Line> {
    let line =
        Line::quotes(by).and_says("said stop: nothing more is tried here, until somebody says");
    vec![line.and_quotes("@greenline fix").and_says(".")]
}

/// Renders the result of an answer to a question.
pub(super) fn answered(by: &str, yes: bool, answered: &Answered) -> Line {
    let said = if yes { "said yes" } else { "said no" };
    let line = Line::quotes(by).and_says(said);
    match answered {
        Answered::Done => line.and_says("to what was proposed."),
        Answered::Before(how) => line.and_says("; it was answered before:").and_quotes(how),
        Answered::OtherContent => {
            line.and_says("; something else is proposed by now than was shown: look again.")
        }
        Answered::Expired => line.and_says("; it came too late."),
        Answered::Unknown => line.and_says("; nothing waits for an answer here."),
    }
}

/// Renders the decisions so far, newest first.
pub(super) fn story(story: &[Told]) -> Fold {
    let entry = |told: &Told| {
        let line = Line::quotes(&told.check).and_says("at");
        let line = line.and_quotes(told.head_sha.get(..7).unwrap_or(&told.head_sha));
        let says = format!(": {}, as {} (rule {}).", told.action, told.reason, told.rule);
        Block::Item(line.and_says(says))
    };
    let mut blocks: Vec<Block> = story.iter().rev().take(MOST_OTHERS).map(entry).collect();
    if blocks.is_empty() {
        blocks.push(Block::Line(Line::says("Nothing was decided here yet.")));
    }
    Fold { summary: Line::says("What was decided here, and why"), blocks }
}

/// Somebody asks where nothing failed.
pub(super) fn nothing_known() -> Page {
    Page { headline: Line::says("No failed check is known here"), ..Page::default() }
}

/// A settings file that a pull request brings is wrong.
pub(super) fn wrong_settings(
    repo: &RepoName,
    pull: PullNumber,
    base: &str,
    head: &Sha,
    check: CheckName,
    problems: &Problems,
) -> Finding {
    let headline = Line::quotes(FILE).and_says("of this pull request is not valid");
    let next = Line::says(
        "Until that is mended, merging it changes nothing: the settings before it stay in force.",
    );
    let fold = Fold {
        summary: Line::says("What is wrong with it"),
        blocks: vec![Block::Text(problems.to_string())],
    };
    let remark = |problem: &crate::repo_settings::Problem| Remark {
        path: FILE.to_owned(),
        line: u64::try_from(problem.line).unwrap_or(1),
        title: problem.says.clone(),
        message: problem.mend.clone(),
    };
    Finding {
        failure: FailedCheck {
            repo: repo.clone(),
            check,
            source: Source::Status,
            conclusion: Conclusion::Failure,
            head_sha: head.clone(),
            branch: String::new(),
            pull: Some(PullSeen { number: pull, from_fork: false, base: base.to_owned() }),
            on_default_branch: false,
            details_url: String::new(),
            completed_at: None,
        },
        page: Page { headline, next: vec![next], folds: vec![fold], ..Page::default() },
        remarks: problems.0.iter().take(MOST_REMARKS).map(remark).collect(),
        stage: Stage::NeedsPerson,
        task: None,
        changed_by: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finding(check: &str, stage: Stage) -> Finding {
        let repo: RepoName = "acme/app".parse().unwrap();
        let head: Sha = "3f2a91c00000000000000000000000000000000f".parse().unwrap();
        let check = CheckName::new(check);
        let problems = Problems(Vec::new());
        let about = wrong_settings(&repo, PullNumber(812), "main", &head, check, &problems);
        let headline = Line::quotes(about.failure.check.as_str()).and_says("fails");
        let next = vec![Line::says("Nothing is done.")];
        Finding { page: Page { headline, next, ..Page::default() }, stage, ..about }
    }

    fn shown(findings: &[Finding]) -> String {
        whole_page(findings).unwrap().markdown("")
    }

    #[test]
    fn what_needs_people_leads_and_the_others_follow_in_a_fold() {
        let mut green = finding("lint", Stage::Working);
        let sha = green.failure.head_sha.clone();
        green.turn_green(&sha, "x");
        let findings = [finding("test", Stage::NeedsPerson), finding("docs", Stage::Told), green];
        assert_eq!(title(&findings), "test and 1 more fail: a person has to look");
        assert_eq!(
            shown(&findings),
            "\n**`test` fails**\n\nNothing is done.\n\n\
             `lint` is green at `3f2a91c`, the same commit that it failed on\n\n\
             <details><summary>1 other check fails</summary>\n\n- `docs` fails\n\n\
             Nothing is done.\n\n</details>\n"
        );
    }

    #[test]
    fn when_nothing_is_red_any_more_that_is_all_it_says() {
        let mut green = finding("lint", Stage::Working);
        let other: Sha = "a41c09e00000000000000000000000000000000f".parse().unwrap();
        green.turn_green(&other, "x");
        assert_eq!(title(std::slice::from_ref(&green)), "Green again");
        assert_eq!(
            shown(&[green]),
            "\n**All that failed here is green again**\n`lint` is green at `a41c09e`\n"
        );
        assert_eq!(whole_page(&[]), None);
    }

    #[test]
    fn what_a_worker_saw_is_said_in_a_sentence() {
        let failure = finding("test", Stage::Working).failure;
        let answer = |outcome| Answer {
            outcome,
            headline: Some("assert 1 == 2".to_owned()),
            reason: "pytest ended with 1".to_owned(),
            isolation: "landlock ABI 7".to_owned(),
        };
        let says = |end: End| {
            Page { next: after(&end, &failure), ..Page::default() }.markdown("").replace('\n', " ")
        };
        let same = says(End::Answered(answer(Reproduction::Reproduced)));
        assert!(same.contains("Reproduced: a worker saw the same failure at `3f2a91c`"), "{same}");
        assert!(same.contains("`landlock ABI 7`"), "{same}");
        let other = says(End::Answered(answer(Reproduction::Different)));
        assert!(other.contains("another failure at `3f2a91c`: `assert 1 == 2`"), "{other}");
        let none = says(End::Answered(answer(Reproduction::NotReproduced)));
        assert!(none.contains("Not reproduced at `3f2a91c`"), "{none}");
        let gone = says(End::Cancelled("ada said stop".to_owned()));
        assert!(gone.contains("The task was cancelled: `ada said stop`"), "{gone}");
    }
}
