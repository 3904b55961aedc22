//! From what was found to what it means: which step, which finding, what kind, what to do.

mod excerpt;
mod ranking;
mod signature;
mod step;
mod verdict;

use crate::contract::{Annotation, Diagnosis, FailedTest, Quote};
use crate::cut;
use crate::finding::{Finding, Strength};
use crate::log::Log;

/// Puts the diagnosis together. `budget` is in bytes of excerpt.
pub(crate) fn diagnosis(log: &Log, findings: &[Finding], budget: usize) -> Diagnosis {
    let scene = step::scene(log, findings);
    let ranked = ranking::ranked(log, findings, &scene);
    let chosen = ranked.first().copied();
    let tests = failed_tests(findings, &scene);
    let judged = verdict::judge(log, chosen, &ranked, &scene);
    Diagnosis {
        category: judged.category,
        verdict: judged.verdict,
        confidence: judged.confidence,
        reason: judged.reason,
        headline: chosen.map(|finding| quote(log, finding.line)),
        evidence: evidence(log, &ranked),
        excerpt: excerpt::excerpt(log, &ranked, &scene, budget),
        failed_tests: tests.iter().map(|test| test.name.clone()).collect(),
        failed_test_details: tests,
        annotations: annotations(log, findings, &scene),
        signature: chosen.map(|finding| signature::signature(finding, judged.category)),
        framework: chosen
            .filter(|finding| finding.strength >= Strength::Summary)
            .map(|finding| finding.tool.to_string()),
        job: job_name(log),
        step: scene.failing.map(|step| quote(log, log.steps()[step].lines.start)),
    }
}

/// A line as it is quoted: word for word, cut when nobody would read it to its end.
fn quote(log: &Log, at: usize) -> Quote {
    const LONGEST: usize = 1_000;
    Quote { line: log.number(at), text: cut::at_char(log.text(at), LONGEST).to_owned() }
}

/// The headlines of the best findings, in the log's order.
fn evidence(log: &Log, ranked: &[&Finding]) -> Vec<Quote> {
    const MOST: usize = 10;
    let enough =
        ranked.first().map_or(Strength::Cause, |best| best.strength.min(Strength::Summary));
    let mut lines: Vec<usize> = ranked
        .iter()
        .filter(|finding| finding.strength >= enough)
        .take(MOST)
        .map(|finding| finding.line)
        .collect();
    lines.sort_unstable();
    lines.dedup();
    lines.into_iter().map(|line| quote(log, line)).collect()
}

/// Each failed test once; of two mentions the one that says more fills in what the other lacks.
fn failed_tests(findings: &[Finding], scene: &step::Scene) -> Vec<FailedTest> {
    let mut tests: Vec<FailedTest> = Vec::new();
    for test in
        findings.iter().filter(|finding| scene.counts(finding)).flat_map(|finding| &finding.tests)
    {
        match tests.iter_mut().find(|known| known.name == test.name) {
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

fn annotations(log: &Log, findings: &[Finding], scene: &step::Scene) -> Vec<Annotation> {
    const MOST: usize = 1_000;
    findings
        .iter()
        .filter(|finding| scene.counts(finding) && finding.strength >= Strength::Cause)
        .filter_map(|finding| {
            Some(Annotation {
                tool: finding.tool.to_string(),
                location: finding.location.clone()?,
                message: cut::at_char(&finding.message, 1_000).to_owned(),
                log_line: log.number(finding.line),
            })
        })
        .take(MOST)
        .collect()
}

fn job_name(log: &Log) -> Option<String> {
    (0..log.len().min(200))
        .find_map(|at| log.text(at).strip_prefix("Complete job name: "))
        .map(str::to_owned)
}
