//! Finds the failed step.
//!
//! The runner marks a failed step, but a job continues after one: with steps that tolerate failure,
//! and with reports and uploads that always run and may fail themselves.

use std::ops::Range;

use crate::finding::{Finding, Strength};
use crate::log::Log;
use crate::steps::{LogStep, StepKind};

/// The lines in which to look for the reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct FailingLines {
    /// The index of the failed step; `None` if the log does not say.
    pub(super) failing: Option<usize>,
    /// The lines in which findings count; empty if the job passed.
    pub(super) lines: Range<usize>,
    /// The lines in which failed tests count. If the job passed, all lines count, because its steps
    /// tolerated the failures.
    tests: Range<usize>,
}

impl FailingLines {
    /// Returns `true` if a finding is within the failure.
    pub(super) fn counts(&self, finding: &Finding) -> bool {
        self.lines.contains(&finding.line)
    }

    /// Returns `true` if the failed tests of a finding belong to this job.
    pub(super) fn counts_tests(&self, finding: &Finding) -> bool {
        self.tests.contains(&finding.line)
    }

    /// Returns the line of the final failure: the runner's verdict, or the end of the relevant
    /// lines.
    pub(super) fn failed_at(&self, log: &Log) -> usize {
        self.failing.and_then(|step| log.steps()[step].failed).unwrap_or(self.lines.end)
    }
}

/// Finds the failed step, or takes the whole log.
pub(super) fn failing(log: &Log, findings: &[Finding]) -> FailingLines {
    if passed(log) {
        return FailingLines { failing: None, lines: 0..0, tests: 0..log.len() };
    }
    let failing = failing_step(log, findings);
    let lines = match failing.map(|step| &log.steps()[step]) {
        // Lines after the runner's verdict no longer belong to the step.
        Some(step) => step.lines.start..step.failed.map_or(step.lines.end, |at| at + 1),
        None => 0..before_cleanup(log),
    };
    FailingLines { failing, tests: lines.clone(), lines }
}

/// Returns `true` if the runner reached the job's end without a complaint. Errors in the log were
/// then expected.
fn passed(log: &Log) -> bool {
    let kind = |kind| log.steps().iter().any(|step| step.kind == kind);
    kind(StepKind::Work)
        && kind(StepKind::Cleanup)
        && log.steps().iter().all(|step| step.failed.is_none())
        && !(0..log.len()).any(|at| log.text(at).starts_with("##[error]"))
}

/// Returns the last failed step with a finding: if an earlier one had not been tolerated
/// (`continue-on-error`), the later one would not have run. Reports and uploads always run, so they
/// count only if no other step failed.
fn failing_step(log: &Log, findings: &[Finding]) -> Option<usize> {
    let failed: Vec<usize> =
        (0..log.steps().len()).filter(|&at| log.steps()[at].failed.is_some()).collect();
    let works = |&at: &usize| {
        let step = &log.steps()[at];
        step.kind != StepKind::Cleanup && !runs_always(log, step) && explains(findings, step)
    };
    failed.iter().copied().rfind(works).or_else(|| failed.first().copied())
}

fn explains(findings: &[Finding], step: &LogStep) -> bool {
    findings
        .iter()
        .any(|finding| finding.strength >= Strength::Summary && step.lines.contains(&finding.line))
}

/// Returns `true` for a step that looks as if it always runs, such as a reporting action.
fn runs_always(log: &Log, step: &LogStep) -> bool {
    const REPORTS: [&str; 6] = ["upload", "report", "codecov", "coverage", "notify", "slack"];
    let heading = log.text(step.lines.start).to_ascii_lowercase();
    let is_action = heading.contains('/') && heading.contains('@');
    (is_action || heading.contains("codecov")) && REPORTS.iter().any(|word| heading.contains(word))
}

fn before_cleanup(log: &Log) -> usize {
    let cleanup = log.steps().iter().find(|step| step.kind == StepKind::Cleanup);
    cleanup.map_or(log.len(), |step| step.lines.start)
}
