//! Category, verdict, confidence and reason.
//!
//! When unsure, the verdict is `investigate`: re-running a real defect costs a day of trust,
//! looking at a flaky test costs minutes.

use crate::contract::{Category, Verdict};
use crate::finding::Finding;
use crate::log::Log;

use super::ranking::{FindingRank, RankedFinding};
use super::step::FailingLines;

/// The category and verdict for a log.
pub(super) struct VerdictParts {
    pub(super) category: Category,
    pub(super) verdict: Verdict,
    pub(super) confidence: f64,
    pub(super) reason: String,
}

/// The confidence below which no one should act without looking.
const SURE_ENOUGH: f64 = 0.5;

/// Decides from the chosen findings and their surroundings.
pub(super) fn judge(
    log: &Log,
    ranked: &[RankedFinding<'_>],
    failing: &FailingLines,
) -> VerdictParts {
    let Some(chosen) = ranked.first() else { return nothing_found() };
    let category = category(log, ranked, failing);
    let confidence = confidence(chosen, category, ranked);
    let wanted = chosen.finding.verdict.unwrap_or_else(|| usual(chosen.finding.category, category));
    let acts = matches!(wanted, Verdict::Fixable | Verdict::Rerun);
    let unsure = acts && confidence < SURE_ENOUGH;
    let verdict = if unsure { Verdict::Investigate } else { wanted };
    VerdictParts {
        category,
        verdict,
        confidence,
        reason: reason(chosen.finding, category, verdict, unsure),
    }
}

fn nothing_found() -> VerdictParts {
    VerdictParts {
        category: Category::Unknown,
        verdict: Verdict::Investigate,
        confidence: 0.0,
        reason: "nothing in the log looks like a failure".to_owned(),
    }
}

/// Returns the chosen finding's category, with two exceptions: a failure during an image's build
/// belongs to the image, and for an unknown tool the step's command may name the category.
fn category(log: &Log, ranked: &[RankedFinding<'_>], failing: &FailingLines) -> Category {
    let chosen = ranked[0].finding;
    let builds_image = |one: &&RankedFinding<'_>| {
        one.level >= FindingRank::Aside && one.finding.category == Category::DockerBuild
    };
    if chosen.category != Category::PermissionOrSecret
        && ranked.iter().any(|one| builds_image(&one))
    {
        return Category::DockerBuild;
    }
    match chosen.category {
        Category::Unknown => by_command(log, failing).unwrap_or(Category::Unknown),
        known => known,
    }
}

/// Returns the category that a word of the failed step's command names. Ambiguous words (`build`,
/// `check`, `make`) don't count.
fn by_command(log: &Log, failing: &FailingLines) -> Option<Category> {
    const PURPOSES: [(&[&str], Category); 4] = [
        (&["lint", "prettier", "eslint", "fmt", "clippy", "ruff", "flake8"], Category::LintError),
        (&["mypy", "pyright", "tsc", "typecheck"], Category::TypeError),
        (&["install"], Category::DependencyInstall),
        (&["test", "tests", "pytest", "tox"], Category::TestAssertion),
    ];
    let step = &log.steps()[failing.failing?];
    let heading = log.text(step.lines.start).strip_prefix("##[group]Run ")?;
    let mut words = heading.split(|char: char| char.is_whitespace() || char == ':');
    // The shell's own `test` compares, and `install` copies.
    let first = words.next().filter(|word| !matches!(*word, "test" | "install"));
    let words: Vec<&str> = first.into_iter().chain(words).collect();
    let word = |name: &str| words.contains(&name);
    PURPOSES.iter().find(|(words, _)| words.iter().any(|name| word(name))).map(|(_, kind)| *kind)
}

/// Returns the confidence by the origin of the headline, reduced if findings of the same level
/// disagree.
fn confidence(chosen: &RankedFinding<'_>, category: Category, ranked: &[RankedFinding<'_>]) -> f64 {
    let base = match chosen.level {
        FindingRank::Decided => 0.8,
        FindingRank::Root => 0.85,
        FindingRank::Cause => 0.95,
        FindingRank::Summary => 0.75,
        FindingRank::Aside => 0.6,
        FindingRank::Suspicion if category != Category::Unknown => 0.45,
        FindingRank::Suspicion => 0.3,
        FindingRank::Echo | FindingRank::SeenInGreen => 0.15,
    };
    let same = ranked.iter().filter(|one| one.level == chosen.level);
    let (all, agreeing) = same.fold((0_u32, 0_u32), |(all, agreeing), one| {
        (all + 1, agreeing + u32::from(one.finding.category == chosen.finding.category))
    });
    let doubt = 1.0 - f64::from(agreeing) / f64::from(all.max(1));
    (base * (1.0 - 0.4 * doubt) * 100.0).round() / 100.0
}

/// Returns the usual verdict of a category. A failed image takes the verdict of its inner cause.
fn usual(inner: Category, outer: Category) -> Verdict {
    match if inner == Category::Unknown { outer } else { inner } {
        Category::CompileError
        | Category::TypeError
        | Category::LintError
        | Category::TestAssertion
        | Category::SnapshotDiff
        | Category::DependencyInstall => Verdict::Fixable,
        Category::DockerBuild | Category::TimeoutOrOom | Category::Unknown => Verdict::Investigate,
        Category::GithubActionsConfig | Category::PermissionOrSecret => Verdict::Escalate,
        Category::NetworkOrFlaky => Verdict::Rerun,
    }
}

fn reason(chosen: &Finding, category: Category, verdict: Verdict, unsure: bool) -> String {
    let tool = &chosen.tool;
    let act = if unsure { "the log does not show enough to act on" } else { verdict.advice() };
    match category {
        Category::Unknown => format!("an error of a kind that nobody here knows: {act}"),
        known => format!("{}, as {tool} says: {act}", known.words()),
    }
}
