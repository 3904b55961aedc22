//! Which step failed.
//!
//! The runner marks a failed step, but a job goes on after one: with steps that tolerate failure,
//! and with reports and uploads that run whatever happened and may fail in their turn.

use crate::finding::{Finding, Strength};
use crate::log::Log;
use crate::steps::{Step, StepKind};

/// Where to look for the reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Scene {
    /// The step that failed, an index; none when the log does not say.
    pub(super) failing: Option<usize>,
    /// The lines in which findings count.
    lines: std::ops::Range<usize>,
}

impl Scene {
    /// Whether a finding is where the failure is.
    pub(super) fn counts(&self, finding: &Finding) -> bool {
        self.lines.contains(&finding.line)
    }
}

/// Finds the failed step, or takes the whole log for it.
pub(super) fn scene(log: &Log, findings: &[Finding]) -> Scene {
    let failing = failing_step(log, findings);
    let lines = failing.map_or(0..log.len(), |step| log.steps()[step].lines.clone());
    Scene { failing, lines }
}

/// The first failed step, unless a later one of the workflow's own work failed too: then the first
/// was tolerated (`continue-on-error`), for otherwise the later would not have run.
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

/// Whether a step looks like one that runs whatever happened before: a report, an upload.
fn runs_always(log: &Log, step: &Step) -> bool {
    const REPORTS: [&str; 9] = [
        "upload", "report", "codecov", "coverage", "publish", "notify", "slack", "cleanup",
        "summary",
    ];
    let heading = log.text(step.lines.start).to_ascii_lowercase();
    REPORTS.iter().any(|word| heading.contains(word))
}
