//! The steps of a job: where each begins, what it ran, whether it says it failed.
//!
//! GitHub writes `##[group]Run …` at a step's begin, then its script and environment, then
//! `##[endgroup]`, then what it printed, then `##[error]…` if it failed. A log without such marks is
//! one step. Which failed step is the job's reason is not decided here (see `choose`).

use std::ops::Range;

use crate::log::Log;

/// A stretch of the log that one step of the job wrote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// All its lines, heading included.
    pub lines: Range<usize>,
    /// The lines of its script and settings, as the runner shows them before it starts.
    pub script: Range<usize>,
    /// The line on which the runner says that the step failed.
    pub failed: Option<usize>,
    /// What kind of step it is.
    pub kind: StepKind,
}

/// What a step is to its job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StepKind {
    /// The runner's own words before the first step, or a log without steps.
    Opening,
    /// A step of the workflow.
    Work,
    /// What the runner does after the job's steps: the errors there are not the reason.
    Cleanup,
}

/// Cuts a log into its steps.
pub(crate) fn steps_of(log: &Log) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    for at in 0..log.len() {
        if let Some(kind) = begins(log.text(at), steps.is_empty()) {
            close(&mut steps, at);
            steps.push(Step { lines: at..at, script: script_from(log, at), failed: None, kind });
        } else if let Some(step) = steps.last_mut()
            && says_failed(log.text(at))
        {
            step.failed = Some(at);
        }
    }
    close(&mut steps, log.len());
    steps
}

fn close(steps: &mut [Step], at: usize) {
    if let Some(last) = steps.last_mut() {
        last.lines.end = at;
    }
}

fn begins(line: &str, first: bool) -> Option<StepKind> {
    if line.starts_with("##[group]Run ") {
        Some(StepKind::Work)
    } else if line.starts_with("Post job cleanup.")
        || line.starts_with("Cleaning up orphan processes")
    {
        Some(StepKind::Cleanup)
    } else {
        first.then_some(StepKind::Opening)
    }
}

/// The heading's group, up to its end: the longest script that people write fits.
fn script_from(log: &Log, at: usize) -> Range<usize> {
    const LONGEST: usize = 2_000;
    if !log.text(at).starts_with("##[group]Run ") {
        return at..at;
    }
    let end = log.ahead(at, LONGEST, |line| line == "##[endgroup]");
    at..end.map_or(at + 1, |end| end + 1)
}

/// The runner's own verdict on a step; other `##[error]` lines are annotations.
fn says_failed(line: &str) -> bool {
    let Some(said) = line.strip_prefix("##[error]") else { return false };
    ["Process completed with exit code ", "The operation was canceled.", "The action "]
        .iter()
        .any(|verdict| said.starts_with(verdict))
        || said.contains("has timed out after") // The action 'x' has timed out after 5 minutes.
}
