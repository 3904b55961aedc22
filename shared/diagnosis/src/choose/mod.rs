//! From findings to a diagnosis: the failed step, the finding that explains it, the category, the
//! verdict.

mod excerpt;
mod ranking;
mod signature;
mod step;
mod verdict;

use crate::contract::{Annotation, Diagnosis, FailedTest, Quote};
use crate::cut;
use crate::finding::{Finding, Strength};
use crate::log::Log;
use crate::passing_lines::PassingLines;

use ranking::{FindingRank, RankedFinding};
use step::FailingLines;

/// Builds the diagnosis. `budget` is the excerpt's size in bytes.
pub(crate) fn diagnosis(
    log: &Log,
    findings: &[Finding],
    passing_lines: &PassingLines,
    budget: usize,
) -> Diagnosis {
    let failing = step::failing(log, findings);
    let ranked = ranking::ranked(log, findings, &failing, passing_lines);
    let parts = verdict::judge(log, &ranked, &failing);
    let tests = failed_tests(findings, &failing);
    let step = failing.failing.map(|step| log.steps()[step].lines.start);
    let chosen = ranked.first();
    Diagnosis {
        headline: chosen.map(|one| quote(log, one.finding.line)),
        evidence: evidence(log, &ranked),
        excerpt: excerpt::excerpt(log, &ranked, &failing, passing_lines, budget),
        failed_tests: tests.iter().map(|test| test.name.clone()).collect(),
        failed_test_details: tests,
        annotations: annotations(log, &ranked),
        signature: chosen.map(|one| {
            let same = ranked.partition_point(|other| other.level >= one.level);
            signature::signature(
                &ranked[..same],
                parts.category,
                step.map_or("", |at| log.text(at)),
            )
        }),
        framework: chosen
            .filter(|one| one.level >= FindingRank::Aside)
            .map(|one| one.finding.tool.to_string()),
        job: job_name(log),
        step: step.map(|at| quote(log, at)),
        category: parts.category,
        verdict: parts.verdict,
        confidence: parts.confidence,
        reason: parts.reason,
    }
}

/// Quotes a line word for word, cut if it is very long.
fn quote(log: &Log, at: usize) -> Quote {
    const LONGEST: usize = 1_000;
    Quote { line: log.number(at), text: cut::at_char(log.text(at), LONGEST).to_owned() }
}

/// Returns the headlines of the best findings, in the log's order.
fn evidence(log: &Log, ranked: &[RankedFinding<'_>]) -> Vec<Quote> {
    const MOST: usize = 10;
    let enough =
        ranked.first().map_or(FindingRank::Cause, |best| best.level.min(FindingRank::Summary));
    let telling = ranked.iter().filter(|one| one.level >= enough).take(MOST);
    let mut lines: Vec<usize> = telling.map(|one| one.finding.line).collect();
    lines.sort_unstable();
    lines.dedup();
    lines.into_iter().map(|line| quote(log, line)).collect()
}

/// Returns each failed test once. Two mentions of a test are merged.
fn failed_tests(findings: &[Finding], failing: &FailingLines) -> Vec<FailedTest> {
    let mut tests: Vec<FailedTest> = Vec::new();
    let mut place = std::collections::HashMap::new();
    for test in findings
        .iter()
        .filter(|finding| failing.counts_tests(finding))
        .flat_map(|finding| &finding.tests)
    {
        let at = *place.entry(test.name.as_str()).or_insert(tests.len());
        match tests.get_mut(at) {
            Some(known) => {
                known.location = known.location.take().or_else(|| test.location.clone());
                known.message = known.message.take().or_else(|| test.message.clone());
                known.expected = known.expected.take().or_else(|| test.expected.clone());
                known.actual = known.actual.take().or_else(|| test.actual.clone());
            }
            None => tests.push(test.clone()),
        }
    }
    tests
}

/// Returns the findings with a place in a source file, in the log's order.
fn annotations(log: &Log, ranked: &[RankedFinding<'_>]) -> Vec<Annotation> {
    const MOST: usize = 1_000;
    let mut placed: Vec<&Finding> = ranked
        .iter()
        .filter(|one| one.level >= FindingRank::Aside && one.finding.strength >= Strength::Cause)
        .map(|one| one.finding)
        .filter(|finding| finding.location.is_some())
        .collect();
    placed.sort_by_key(|finding| finding.line);
    let annotation = |finding: &Finding| {
        Some(Annotation {
            tool: finding.tool.to_string(),
            location: finding.location.clone()?,
            message: cut::at_char(&finding.message, 1_000).to_owned(),
            log_line: log.number(finding.line),
        })
    };
    placed.into_iter().filter_map(annotation).take(MOST).collect()
}

fn job_name(log: &Log) -> Option<String> {
    (0..log.len().min(200))
        .find_map(|at| log.text(at).strip_prefix("Complete job name: "))
        .map(str::to_owned)
}
