//! The marks of the CI systems.
//!
//! - GitHub writes `##[group]Run …` at a step's start, then its script and settings,
//!   `##[endgroup]`, the output, and `##[error]Process completed with exit code 1.` if it failed.
//!   Jobs open groups as well, so a heading counts only with a runner's content under it.
//! - Azure has `##[section]Starting: …`, GitLab and Buildkite have headings, act and Gitea `⭐ Run
//!   …`, Jenkins stages, Travis a line after each command. A verdict at the end of the job applies
//!   to the last working step.
//! - Marks count only at the start of a line, directly after the runner's timestamp.

use std::ops::Range;

use crate::log::Log;

use super::{LogStep, StepKind};

/// The CI system that ran the job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum CiSystem {
    GitHub,
    Act,
    Azure,
    GitLab,
    Jenkins,
    CircleCi,
    Travis,
    Buildkite,
}

/// The meaning of a line for the steps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum StepMark {
    Begins(StepKind),
    /// The step failed.
    Failed,
    /// A step failed; the line does not name it.
    JobFailed,
    /// A line of the runner about something else.
    Aside,
    /// Not a line of the runner.
    Nothing,
}

/// Returns `true` if a line may be a mark of any CI system.
pub(crate) fn is_frame(line: &[u8]) -> bool {
    const MARKS: [&[u8]; 13] = [
        b"##[group]Run ",
        b"##[error]Process completed",
        b"##[error]The ",
        b"##[section]",
        b"Post job cleanup.",
        b"Cleaning up ",
        b"Executing \"",
        b"Running after",
        b"ERROR: Job failed",
        b"ERROR: script returned",
        b"[Pipeline] {",
        b"The command \"",
        b"~~~ ",
    ];
    match line.first() {
        Some(b'#' | b'P' | b'C' | b'E' | b'R' | b'T' | b'~') => {
            MARKS.iter().any(|mark| line.starts_with(mark))
        }
        Some(b'[') => line.starts_with(b"[Pipeline] {") || after_act(line).is_some(),
        _ => false,
    }
}

fn after_act(line: &[u8]) -> Option<&[u8]> {
    const NEAR: usize = 200;
    let end = memchr::memchr(b']', &line[..line.len().min(NEAR)])?;
    let content = line[end + 1..].trim_ascii_start();
    ["⭐ Run ", "❌  Failure", "🏁  Job"]
        .iter()
        .find_map(|mark| content.strip_prefix(mark.as_bytes()))
}

impl CiSystem {
    /// Identifies the CI system by the log's first lines; GitHub by default.
    pub(super) fn of(log: &Log) -> Self {
        const OPENING: usize = 300;
        let known = |at: usize| Self::by_line(log.text(at)).filter(|_| log.has_timestamp_at(at));
        (0..log.len().min(OPENING)).find_map(known).unwrap_or(Self::GitHub)
    }

    fn by_line(line: &str) -> Option<Self> {
        const SIGNS: [(&str, CiSystem); 13] = [
            ("##[group]Run ", CiSystem::GitHub),
            ("Current runner version: ", CiSystem::GitHub),
            ("##[section]Starting: ", CiSystem::Azure),
            ("Running with gitlab-runner ", CiSystem::GitLab),
            ("[Pipeline] ", CiSystem::Jenkins),
            ("#!/bin/bash -eo pipefail", CiSystem::CircleCi),
            ("#!/bin/sh -eo pipefail", CiSystem::CircleCi),
            ("Build-agent version ", CiSystem::CircleCi),
            ("Worker information", CiSystem::Travis),
            ("Build system information", CiSystem::Travis),
            ("~~~ Running ", CiSystem::Buildkite),
            ("~~~ Preparing ", CiSystem::Buildkite),
            ("⭐ Run ", CiSystem::Act),
        ];
        let sign = SIGNS.iter().find(|(sign, _)| line.starts_with(sign));
        let by_act = || after_act(line.as_bytes()).filter(|_| line.starts_with('['));
        sign.map(|(_, runner)| *runner).or_else(|| by_act().map(|_| Self::Act))
    }

    /// Returns `true` if this runner's verdict is the last line of a step.
    pub(super) fn speaks_last(self) -> bool {
        self == Self::GitHub
    }

    /// Interprets a line.
    pub(super) fn mark_at(self, log: &Log, at: usize) -> StepMark {
        let line = log.text(at);
        match self {
            _ if !log.has_timestamp_at(at) || line.is_empty() => StepMark::Nothing,
            Self::GitHub => github(log, at, line),
            Self::Act => act(line),
            Self::Azure => azure(line),
            Self::GitLab => gitlab(line),
            Self::Jenkins => jenkins(log, at, line),
            Self::CircleCi => circle(line),
            Self::Travis => travis(log, at, line),
            Self::Buildkite => buildkite(line),
        }
    }

    /// Returns the lines that show a step's script, from its heading.
    pub(super) fn script(self, log: &Log, at: usize) -> Range<usize> {
        // The longest script that people write fits.
        const LONGEST: usize = 2_000;
        let until = |end: fn(&str) -> bool| {
            let end = (at + 1..log.len().min(at + LONGEST)).find(|&line| end(log.text(line)));
            at..end.map_or(at + 1, |end| end + 1)
        };
        match self {
            Self::GitHub if log.text(at).starts_with(GROUP) => until(|line| line == "##[endgroup]"),
            Self::Azure => until(|line| line.contains("Starting Command Output")),
            _ => at..at + 1,
        }
    }
}

const GROUP: &str = "##[group]Run ";

fn github(log: &Log, at: usize, line: &str) -> StepMark {
    const VERDICTS: [&str; 5] = [
        "Process completed with exit code ",
        "The operation was canceled.",
        "The action ", // The action 'x' has timed out after 5 minutes.
        "The runner has received a shutdown signal",
        "The self-hosted runner",
    ];
    if line.starts_with(GROUP) && is_heading(log, at) {
        return StepMark::Begins(StepKind::Work);
    }
    if line == "Post job cleanup." || line == "Cleaning up orphan processes" {
        return StepMark::Begins(StepKind::Cleanup);
    }
    // Several jobs in one log, as `gh run view --log` writes them.
    if at > 0 && line.starts_with("Current runner version: ") {
        return StepMark::Begins(StepKind::Opening);
    }
    match line.strip_prefix("##[error]") {
        Some(content)
            if VERDICTS.iter().any(|verdict| content.starts_with(verdict))
                || content.contains("has timed out after")
                || content.contains("has exceeded the maximum execution time") =>
        {
            StepMark::Failed
        }
        _ if line.starts_with("##[") => StepMark::Aside,
        _ => StepMark::Nothing,
    }
}

/// Returns `true` if a group is a step's heading: it shows a shell, inputs or an environment, or
/// belongs to an action that needs none of them. A job's own `::group::Run tests` has none.
fn is_heading(log: &Log, at: usize) -> bool {
    const LONGEST: usize = 2_000;
    for line in at + 1..log.len().min(at + LONGEST) {
        let text = log.text(line);
        let settings = text.starts_with("shell: ") || text == "with:" || text == "env:";
        if settings || !log.unbroken(line - 1) {
            return true; // Lines are missing: it may have stood there.
        }
        if text == "##[endgroup]" {
            return line == at + 1 && is_action(log.text(at));
        }
        if text.starts_with("##[group]") {
            return false;
        }
    }
    false
}

/// `owner/name@v1`, `./of/this/repository`, `docker://image`.
fn is_action(heading: &str) -> bool {
    let what = heading.strip_prefix(GROUP).unwrap_or_default();
    let path = what.starts_with("./") || what.starts_with("docker://");
    !what.contains(' ') && (path || (what.contains('/') && what.contains('@')))
}

/// Returns the last line of a failed action, or of a job that stopped before its first step, where
/// no shell reports an exit code.
pub(super) fn last_words(log: &Log, step: &LogStep) -> Option<usize> {
    let by_shell = step.script.clone().any(|at| log.text(at).starts_with("shell: "));
    let speaks = |&at: &usize| {
        let line = log.text(at);
        !line.is_empty() && !line.starts_with("##[debug]")
    };
    let last = step.lines.clone().rfind(speaks)?;
    let error = log.text(last).starts_with("##[error]") && log.has_timestamp_at(last);
    (error && !by_shell && step.kind != StepKind::Cleanup).then_some(last)
}

fn act(line: &str) -> StepMark {
    let content = match line.split_once("] ") {
        Some((_, content)) if line.starts_with('[') => content.trim_start(),
        _ => line,
    };
    if content.starts_with('|') {
        StepMark::Nothing
    } else if content.starts_with("⭐ Run Post ") || content.starts_with("⭐ Run Complete ") {
        StepMark::Begins(StepKind::Cleanup)
    } else if content.starts_with("⭐ Run ") {
        StepMark::Begins(StepKind::Work)
    } else if content.starts_with("❌  Failure - ") {
        StepMark::Failed
    } else if content.len() < line.len() {
        StepMark::Aside
    } else {
        StepMark::Nothing
    }
}

fn azure(line: &str) -> StepMark {
    if let Some(name) = line.strip_prefix("##[section]Starting: ") {
        let after = name.starts_with("Post-job: ") || name == "Finalize Job";
        return StepMark::Begins(if after { StepKind::Cleanup } else { StepKind::Work });
    }
    match line.strip_prefix("##[error]") {
        Some(content) if content.contains(" exited with code '") => StepMark::Failed,
        Some(content) if content.contains(" failed with exit code ") => StepMark::Failed,
        Some(content) if content.starts_with("The operation was canceled") => StepMark::Failed,
        Some(content) if content.starts_with("The task has timed out") => StepMark::Failed,
        _ if line.starts_with("##[") => StepMark::Aside,
        _ => StepMark::Nothing,
    }
}

fn gitlab(line: &str) -> StepMark {
    const AFTER: [&str; 6] = [
        "Running after_script",
        "Running after script",
        "Uploading artifacts for failed job",
        "Saving cache for failed job",
        "Cleaning up project directory",
        "Cleaning up file based variables",
    ];
    const BEFORE: [&str; 4] = [
        "Preparing environment",
        "Getting source from Git repository",
        "Restoring cache",
        "Downloading artifacts",
    ];
    let quotes = |begin: &str, end: &str| line.starts_with(begin) && line.ends_with(end);
    let works = quotes("Executing \"", "\" stage of the job script")
        || quotes("Preparing the \"", "\" executor")
        || BEFORE.contains(&line);
    if works {
        StepMark::Begins(StepKind::Work)
    } else if AFTER.iter().any(|heading| line.starts_with(heading)) {
        StepMark::Begins(StepKind::Cleanup)
    } else if line.starts_with("ERROR: Job failed") {
        StepMark::JobFailed
    } else {
        StepMark::Nothing
    }
}

fn jenkins(log: &Log, at: usize, line: &str) -> StepMark {
    if line.starts_with("[Pipeline] { (Declarative: Post Actions)") {
        StepMark::Begins(StepKind::Cleanup)
    } else if line.starts_with("[Pipeline] { (") {
        let skipped = log.text(at + 1).starts_with("Stage \"")
            && log.text(at + 1).contains("\" skipped due to ");
        StepMark::Begins(if skipped { StepKind::Cleanup } else { StepKind::Work })
    } else if line.starts_with("ERROR: script returned exit code ") || line == "Finished: FAILURE" {
        StepMark::JobFailed
    } else if line.starts_with("[Pipeline] ") {
        StepMark::Aside
    } else {
        StepMark::Nothing
    }
}

fn circle(line: &str) -> StepMark {
    if line.starts_with("#!/bin/") && line.ends_with(" -eo pipefail") {
        StepMark::Begins(StepKind::Work)
    } else if line.starts_with("Exited with code ")
        || line.starts_with("CircleCI received exit code ")
    {
        StepMark::Failed
    } else {
        StepMark::Nothing
    }
}

/// Travis reports the end of each command; the following lines belong to the next one.
fn travis(log: &Log, at: usize, line: &str) -> StepMark {
    let verdict = |line: &str| {
        let rest = line.strip_prefix("The command \"")?;
        let code = rest
            .rsplit_once("\" exited with ")
            .or(rest.rsplit_once("\" failed and exited with "))?;
        Some(!code.1.starts_with("0."))
    };
    match verdict(line) {
        Some(true) => StepMark::Failed,
        Some(false) => StepMark::Aside,
        None if at > 0 && verdict(log.text(at - 1)).is_some() => StepMark::Begins(StepKind::Work),
        None => StepMark::Nothing,
    }
}

fn buildkite(line: &str) -> StepMark {
    let after = |name: &str| {
        ["pre-exit", "post-command", "post-artifact", "Uploading artifacts", "Cleaning up"]
            .iter()
            .any(|sign| name.contains(sign))
    };
    if let Some(name) = line.strip_prefix("~~~ ") {
        StepMark::Begins(if after(name) { StepKind::Cleanup } else { StepKind::Work })
    } else if line.starts_with("🚨 Error: ") || line.starts_with("user command error: ") {
        StepMark::Failed
    } else if line == "^^^ +++" {
        StepMark::Aside
    } else {
        StepMark::Nothing
    }
}
