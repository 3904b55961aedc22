//! From a decision to the task that a worker claims.
//!
//! Everything in it follows from the decision: its id from the failure, its keys from pull request
//! and signature, so that enqueueing it twice makes one task. Nothing a pull request says decides
//! what runs: commands are the base branch's, the prompt is ours, and what it quotes is fenced.

use chrono::DateTime;
use greenline_queue::{Priority, SharedKey, Task, TaskError, TaskId, TaskSpec, TaskType};
use serde::Serialize;
use sha2::{Digest, Sha256};

use super::decision::{Decision, NextStep, TaskDraft};
use super::subject::{Subject, cause};
use crate::check::FailedCheck;
use crate::history::distinctive_signature;
use crate::prompts::{
    CiFixTask, FailureVars, FencedBlock, InlineCode, InvestigateTask, PromptError, Prompts,
};

/// The most bytes of commands in a prompt; the log's excerpt has a budget of its own.
const COMMAND_BUDGET: usize = 4_096;
/// Most failed tests that a prompt names.
const MOST_TESTS: usize = 20;

/// The reason why no task can be made of a decision.
#[derive(Debug, thiserror::Error)]
pub enum DraftError {
    /// Its prompt can't be rendered: a mistake in a template.
    #[error(transparent)]
    Prompt(#[from] PromptError),
    /// It is not one that the queue takes.
    #[error(transparent)]
    Task(#[from] TaskError),
}

/// The inputs of a task besides prompt and commands. The names outlive a release.
#[derive(Debug, Serialize)]
struct FailureTaskInputs<'a> {
    repo: &'a str,
    pr_number: Option<u64>,
    branch: &'a str,
    base_branch: Option<&'a str>,
    head_sha: &'a str,
    check: &'a str,
    clone_url: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    hosts: Option<&'a [String]>,
    fork: bool,
    signature: Option<&'a str>,
    category: &'a str,
    origin: &'a str,
    failed_tests: &'a [String],
    attempt: u32,
    max_files: u32,
    protected_paths: &'a [String],
    lock_files: bool,
}

/// The id of the task that an action makes.
#[must_use]
pub fn id_of(action: &NextStep) -> Option<TaskId> {
    let kind = match action {
        NextStep::Fix(_) => "ci-fix",
        NextStep::Investigate(_) => "ci-look",
        NextStep::Rerun(_) | NextStep::Escalate | NextStep::Nothing => return None,
    };
    let draft = action.task()?;
    let id = match &draft.command_key {
        None => format!("{kind}-{}", draft.failure.key()),
        Some(command_key) => format!("{kind}-{}-{command_key}", draft.failure.key()),
    };
    match id.parse() {
        Ok(id) => Some(id),
        Err(error) => unreachable!("a key is made of what ids allow: {error}"),
    }
}

/// The task of a decision; none if it makes none.
///
/// # Errors
///
/// When the queue would not take it, as when commands hold what a shell can't read.
pub fn task_of(decision: &Decision, prompts: &Prompts) -> Result<Option<Task>, DraftError> {
    let (Some(id), Some(draft)) = (id_of(&decision.action), decision.action.task()) else {
        return Ok(None);
    };
    let (kind, deliverables): (_, &[&str]) = match &decision.action {
        NextStep::Fix(_) => ("fix_test_failure", &REPAIR),
        _ => ("investigate_failure", &LOOK),
    };
    let deliverables: Vec<String> = deliverables.iter().map(|text| (*text).to_owned()).collect();
    let failure = draft.failure_vars(deliverables.clone());
    let prompt = match &decision.action {
        NextStep::Fix(_) => prompts.render(&draft.fix_vars(failure))?,
        _ => prompts
            .render(&InvestigateTask { failure, doubt: InlineCode::new(&decision.reason) })?,
    };
    let spec = TaskSpec {
        prompt: Some(prompt),
        inputs: serde_json::value::to_raw_value(&draft.inputs()).ok(),
        deliverables,
        priority: Priority::High,
        setup: draft.commands.setup.clone(),
        validation: draft.commands.validation.clone(),
        timeout_minutes: draft.timeout_minutes,
        created_at: draft.failure.completed_at.and_then(|moment| time(moment.0)),
        max_cost_usd: Some(draft.max_cost_usd),
        concurrency_key: Some(shared_key(&subject_name(&draft.failure))),
        dedup_key: Some(shared_key(&draft.same_failure())),
        ..TaskSpec::new(id, built_in(kind))
    };
    Ok(Some(spec.build()?))
}

const REPAIR: [&str; 4] = [
    "The patch, left uncommitted in the working directory, with nothing else changed.",
    "The root cause in one or two sentences: what was wrong, and since which change if you know.",
    "What you changed and why that mends the cause, a sentence for each file.",
    "What you ran to see it fail and succeed, and anything that you are not sure of.",
];

const LOOK: [&str; 4] = [
    "The cause in one or two sentences, or what keeps you from knowing it.",
    "One of: pr_code, pre_existing, flaky, infra, unknown; and how sure you are.",
    "The proof: lines of the log or of files, word for word with their place, and commands with what \
     they printed.",
    "What a person should do next.",
];

impl TaskDraft {
    fn signature(&self) -> Option<&str> {
        distinctive_signature(&self.diagnosis)
    }

    /// The name of this failure on this pull request: one live task has it.
    fn same_failure(&self) -> String {
        let cause = short_hash(&cause(&self.failure, self.signature()));
        format!("{}:{cause}", subject_name(&self.failure))
    }

    fn inputs(&self) -> FailureTaskInputs<'_> {
        let (failure, pull) = (&self.failure, self.pull.as_ref());
        FailureTaskInputs {
            repo: failure.repo.as_str(),
            pr_number: pull.map(|pull| pull.number.0),
            branch: &failure.branch,
            base_branch: pull.map(|pull| pull.base_branch.as_str()),
            head_sha: failure.head_sha.as_str(),
            check: failure.check.as_str(),
            clone_url: &self.clone_url,
            hosts: self.hosts.as_deref(),
            fork: pull.is_some_and(|pull| pull.fork),
            signature: self.signature(),
            category: self.diagnosis.category.as_str(),
            origin: self.judged.origin.as_str(),
            failed_tests: &self.diagnosis.failed_tests,
            attempt: self.attempt,
            max_files: self.max_files,
            protected_paths: &self.protected_paths,
            lock_files: self.lock_files,
        }
    }

    fn fix_vars(&self, failure: FailureVars) -> CiFixTask {
        CiFixTask {
            failure,
            max_files: self.max_files,
            protected_paths: self
                .protected_paths
                .iter()
                .map(|path| InlineCode::new(path))
                .collect(),
            lock_files: self.lock_files,
        }
    }

    fn failure_vars(&self, deliverables: Vec<String>) -> FailureVars {
        let (failure, diagnosis) = (&self.failure, &self.diagnosis);
        let pull = self.pull.as_ref();
        let tests = &diagnosis.failed_tests;
        let setup = &self.commands.setup;
        FailureVars {
            repo: failure.repo.to_string(),
            check: InlineCode::new(failure.check.as_str()),
            head_sha: failure.head_sha.to_string(),
            branch: InlineCode::new(&failure.branch),
            pull: pull.map(|pull| pull.number.0),
            title: InlineCode::new(pull.map_or("", |pull| &pull.title)),
            attempt: self.attempt,
            attempts: self.attempts,
            category: diagnosis.category.as_str(),
            framework: diagnosis.framework.as_deref().map(InlineCode::new),
            origin: self.judged.origin.as_str(),
            because: InlineCode::new(&self.judged.because),
            headline: diagnosis.headline.as_ref().map(|line| InlineCode::new(&line.text)),
            failed_tests: tests.iter().take(MOST_TESTS).map(|test| InlineCode::new(test)).collect(),
            more_tests: tests.len().saturating_sub(MOST_TESTS),
            excerpt: FencedBlock::new(
                &diagnosis.excerpt.text,
                greenline_diagnosis::DiagnosisOptions::LARGEST_EXCERPT,
            ),
            setup: (!setup.is_empty()).then(|| FencedBlock::lines(setup, COMMAND_BUDGET)),
            validation: FencedBlock::lines(&self.commands.validation, COMMAND_BUDGET),
            commands_from: self.commands.from.to_string(),
            deliverables,
        }
    }
}

/// Returns the mutex key that lets one worker at a time work on it: `acme/app#812`.
fn subject_name(failure: &FailedCheck) -> String {
    match Subject::of(failure) {
        Subject::Pull(number) => format!("{}#{number}", failure.repo.folded()),
        Subject::Branch(name) => format!("{}@{name}", failure.repo.folded()),
    }
}

/// A key of the queue; one that it would not take is replaced by its hash.
fn shared_key(text: &str) -> SharedKey {
    let hashed = || match format!("hash-{}", short_hash(text)).parse() {
        Ok(key) => key,
        Err(error) => unreachable!("a hash is plain: {error}"),
    };
    text.parse().unwrap_or_else(|_| hashed())
}

fn short_hash(text: &str) -> String {
    let digest = Sha256::digest(text.as_bytes());
    digest[..8].iter().map(|byte| format!("{byte:02x}")).collect()
}

fn built_in(name: &str) -> TaskType {
    match name.parse() {
        Ok(kind) => kind,
        Err(error) => unreachable!("built-in types have plain names: {error}"),
    }
}

fn time(ms: u64) -> Option<DateTime<chrono::Utc>> {
    DateTime::from_timestamp_millis(i64::try_from(ms).ok()?)
}
