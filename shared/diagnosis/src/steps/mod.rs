//! Steps of a job: their lines, their script, and whether they failed.
//!
//! Each CI system has its own marks (see `runner`); a log without marks is one step. A mark counts
//! only where the runner itself can have written it: a job may print anything, including logs of
//! other jobs. `choose` decides which failed step is the reason.

mod runner;

use std::ops::Range;

use crate::log::Log;

use runner::{CiSystem, StepMark};

pub(crate) use runner::is_frame;

/// The lines of one step of a job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogStep {
    /// Includes the heading.
    pub lines: Range<usize>,
    /// The step's script and settings, as the runner shows them before it starts.
    pub script: Range<usize>,
    /// The line on which the runner reports the failure, or the step's last line if the runner
    /// reports it only after cleaning up.
    pub failed: Option<usize>,
    pub kind: StepKind,
}

/// The role of a step in its job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StepKind {
    /// The runner's lines before the first step, or a log without steps.
    Opening,
    /// A step of the workflow.
    Work,
    /// The runner's work after the job's steps: errors there are not the reason.
    Cleanup,
}

/// Divides a log into its steps.
pub(crate) fn steps_of(log: &Log) -> Vec<LogStep> {
    let runner = CiSystem::of(log);
    let mut steps: Vec<LogStep> = Vec::new();
    for at in 0..log.len() {
        match runner.mark_at(log, at) {
            StepMark::Begins(kind) => {
                close(&mut steps, log, at);
                let script = runner.script(log, at);
                steps.push(LogStep { lines: at..at, script, failed: None, kind });
                continue;
            }
            mark => {
                if steps.is_empty() {
                    let kind = StepKind::Opening;
                    steps.push(LogStep { lines: 0..0, script: 0..0, failed: None, kind });
                }
                note(&mut steps, at, mark, runner.speaks_last() && !log.text(at).is_empty());
            }
        }
    }
    close(&mut steps, log, log.len());
    steps
}

/// Records the runner's line within a step. With `goes_on`, this line disproves an earlier verdict,
/// because a verdict would be the step's last line.
fn note(steps: &mut [LogStep], at: usize, mark: StepMark, goes_on: bool) {
    match (mark, steps.last_mut()) {
        (StepMark::Failed, Some(step)) => step.failed = Some(at),
        (StepMark::JobFailed, _) => {
            let worked = steps.iter_mut().rfind(|step| step.kind == StepKind::Work);
            if let Some(step) = worked.filter(|step| step.failed.is_none()) {
                let is_closed = !step.lines.is_empty();
                step.failed = Some(if is_closed { step.lines.end - 1 } else { at });
            }
        }
        (StepMark::Nothing, Some(step)) if goes_on => step.failed = None,
        _ => {}
    }
}

fn close(steps: &mut [LogStep], log: &Log, at: usize) {
    if let Some(last) = steps.last_mut() {
        last.lines.end = at;
        last.failed = last.failed.or_else(|| runner::last_words(log, last));
    }
}

#[cfg(test)]
mod tests;
