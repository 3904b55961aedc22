//! Which step failed.
//!
//! The runner marks a failed step, but a job goes on after one: with steps that tolerate failure,
//! and with reports and uploads that run whatever happened and may fail in their turn.

use std::ops::Range;

use crate::finding::{Finding, Strength};
use crate::log::Log;
use crate::steps::{Step, StepKind};

/// Where to look for the reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Scene {
    /// The step that failed, an index; none when the log does not say.
    pub(super) failing: Option<usize>,
    /// The lines in which findings count: none when the job passed.
    pub(super) lines: Range<usize>,
    /// The lines in which failed tests count. Of a job that passed all do: somebody let them fail.
    tests: Range<usize>,
}

impl Scene {
    /// Whether a finding is where the failure is.
    pub(super) fn counts(&self, finding: &Finding) -> bool {
        self.lines.contains(&finding.line)
    }

    /// Whether the failed tests of a finding are this job's.
    pub(super) fn counts_tests(&self, finding: &Finding) -> bool {
        self.tests.contains(&finding.line)
    }

    /// Where the failure was final: the runner's verdict, or the end of what counts.
    pub(super) fn failed_at(&self, log: &Log) -> usize {
        self.failing.and_then(|step| log.steps()[step].failed).unwrap_or(self.lines.end)
    }
}

/// Finds the failed step, or takes the whole log for it.
pub(super) fn scene(log: &Log, findings: &[Finding]) -> Scene {
    if passed(log) {
        return Scene { failing: None, lines: 0..0, tests: 0..log.len() };
    }
    let failing = failing_step(log, findings);
    let lines = match failing.map(|step| &log.steps()[step]) {
        // What a step's log says after the runner gave its verdict is no longer the step's.
        Some(step) => step.lines.start..step.failed.map_or(step.lines.end, |at| at + 1),
        None => 0..before_cleanup(log),
    };
    Scene { failing, tests: lines.clone(), lines }
}

/// Whether the runner came to the job's end and complained of nothing: then whatever looks like an
/// error was meant to be there.
fn passed(log: &Log) -> bool {
    let kind = |kind| log.steps().iter().any(|step| step.kind == kind);
    kind(StepKind::Work)
        && kind(StepKind::Cleanup)
        && log.steps().iter().all(|step| step.failed.is_none())
        && !(0..log.len()).any(|at| log.text(at).starts_with("##[error]"))
}

/// The last failed step that explains itself: had an earlier one not been tolerated
/// (`continue-on-error`), the later would not have run. Reports and uploads do run, so they count
/// only when nothing else failed.
fn failing_step(log: &Log, findings: &[Finding]) -> Option<usize> {
    let failed: Vec<usize> =
        (0..log.steps().len()).filter(|&at| log.steps()[at].failed.is_some()).collect();
    let works = |&at: &usize| {
        let step = &log.steps()[at];
        step.kind != StepKind::Cleanup && !runs_always(log, step) && explains(findings, step)
    };
    failed.iter().copied().rfind(works).or_else(|| failed.first().copied())
}

fn explains(findings: &[Finding], step: &Step) -> bool {
    findings
        .iter()
        .any(|finding| finding.strength >= Strength::Summary && step.lines.contains(&finding.line))
}

/// Whether a step looks like one that runs whatever happened before: an action that reports.
fn runs_always(log: &Log, step: &Step) -> bool {
    const REPORTS: [&str; 6] = ["upload", "report", "codecov", "coverage", "notify", "slack"];
    let heading = log.text(step.lines.start).to_ascii_lowercase();
    let is_action = heading.contains('/') && heading.contains('@');
    (is_action || heading.contains("codecov")) && REPORTS.iter().any(|word| heading.contains(word))
}

fn before_cleanup(log: &Log) -> usize {
    let cleanup = log.steps().iter().find(|step| step.kind == StepKind::Cleanup);
    cleanup.map_or(log.len(), |step| step.lines.start)
}
