//! Fetches the facts about a failure from GitHub: pull request, log, settings, commands.

use greenline_diagnosis::{Diagnosis, DiagnosisOptions, LogReader, diagnose_read};
use greenline_forge::{CheckRunId, ForgeError, JobId, PullNumber, RepoName, model};
use tracing::debug;

use super::Handlers;
use super::error::HandlerError;
use crate::check::{CheckSource, FailedCheck};
use crate::history::distinctive_signature;
use crate::plan::{LogState, PullDetails};
use crate::repo_settings::detect_commands::{
    DetectedCommands, FailingStep, PROJECT_FILES, ProjectFiles, WORKFLOWS, commands,
};
use crate::repo_settings::{EffectiveSettings, FILE, LARGEST_FILE, RepoSettings};

/// The most of a log that is read: GitHub's own are seldom over 100 MB.
const LARGEST_LOG: u64 = 512 << 20;

/// The most of a project's file that is read for a guess.
const LARGEST_PROJECT_FILE: u64 = 256 << 10;

/// Most files of a pull request that are read; GitHub lists no more.
const MOST_FILES: usize = 3_000;

/// More workflows than this are not read for a guess.
const MOST_WORKFLOWS: usize = 12;

/// Time after a job's end within which GitHub may still be storing its log.
const LOG_COMES_WITHIN_MS: u64 = 20_000;

/// Most annotations that are read of another app's check.
const MOST_ANNOTATIONS: usize = 100;

/// All that is known of a failure without history.
pub(super) struct FailureContext {
    pub(super) pull: Option<PullDetails>,
    pub(super) clone_url: String,
    pub(super) log: FetchedLog,
    pub(super) settings: EffectiveSettings,
    pub(super) commands: DetectedCommands,
    pub(super) changed_files: Option<Vec<String>>,
    pub(super) own_commit: bool,
}

/// A log, owned.
pub(super) enum FetchedLog {
    Read(Box<Diagnosis>),
    Expired,
    None,
}

impl FetchedLog {
    pub(super) fn as_log(&self) -> LogState<'_> {
        match self {
            Self::Read(diagnosis) => LogState::Read(diagnosis),
            Self::Expired => LogState::Expired,
            Self::None => LogState::None,
        }
    }

    pub(super) fn diagnosis(&self) -> Option<&Diagnosis> {
        match self {
            Self::Read(diagnosis) => Some(diagnosis),
            Self::Expired | Self::None => None,
        }
    }
}

impl Handlers {
    pub(super) async fn failure_context(
        &self,
        failure: &FailedCheck,
    ) -> Result<FailureContext, HandlerError> {
        // Nobody who holds this waits for a turn.
        let _permit = self.fetching.acquire().await;
        let repo = &failure.repo;
        let pull = match &failure.pull {
            Some(observation) => Some(self.pull(repo, observation.number).await?),
            None => None,
        };
        let base = pull.as_ref().map_or(&failure.branch, |pull| &pull.base_branch);
        let settings = self.settings_of(repo, base).await?;
        let log = if is_outdated(failure, pull.as_ref()) {
            FetchedLog::None
        } else {
            self.log(failure).await?
        };
        let commands = self.commands(failure, base, &settings.settings, log.diagnosis()).await?;
        let changed_files = match &pull {
            Some(pull) if !settings.settings.ignore.paths.is_empty() => {
                Some(self.files(repo, pull.number).await?)
            }
            _ => None,
        };
        let own_commit = pull.is_some() && self.is_own(failure).await?;
        let clone_url = self.forge.repo(repo).await?.clone_url;
        Ok(FailureContext { pull, clone_url, log, settings, commands, changed_files, own_commit })
    }

    /// A pull request as it is now.
    pub(super) async fn pull(
        &self,
        repo: &RepoName,
        number: PullNumber,
    ) -> Result<PullDetails, HandlerError> {
        let pull = self.forge.pull(repo, number).await?;
        Ok(PullDetails {
            number,
            fork: pull.is_from_fork(),
            open: pull.is_open(),
            draft: pull.draft,
            author: pull.user.login,
            base_branch: pull.base.branch,
            head_sha: pull.head.sha,
            labels: pull.labels.into_iter().map(|label| label.name).collect(),
            title: pull.title,
        })
    }

    /// Reads the repository settings of the base branch.
    pub(super) async fn settings_of(
        &self,
        repo: &RepoName,
        base: &str,
    ) -> Result<EffectiveSettings, HandlerError> {
        let file = self.settings_file(repo, base).await?;
        Ok(self.settings.effective(repo, file.as_deref()).await?)
    }

    /// The settings' text at a branch or commit. One byte more than is allowed is read, so that a
    /// file that is too large is told as that.
    pub(super) async fn settings_file(
        &self,
        repo: &RepoName,
        at: &str,
    ) -> Result<Option<String>, HandlerError> {
        let largest = u64::try_from(LARGEST_FILE).unwrap_or(u64::MAX);
        match self.forge.file_at(repo, FILE, at, largest + 1).await {
            Ok(file) => Ok(file.map(|bytes| String::from_utf8_lossy(&bytes).into_owned())),
            Err(ForgeError::TooLarge { .. }) => Ok(Some(" ".repeat(LARGEST_FILE + 1))),
            Err(error) => Err(error.into()),
        }
    }

    async fn log(&self, failure: &FailedCheck) -> Result<FetchedLog, HandlerError> {
        let _permit = self.reading.acquire().await;
        match failure.source {
            CheckSource::Job { job, .. } => self.job_log(failure, job).await,
            CheckSource::CheckRun { id } => self.check_output(&failure.repo, id).await,
            CheckSource::Status => Ok(FetchedLog::None),
        }
    }

    async fn job_log(&self, failure: &FailedCheck, job: JobId) -> Result<FetchedLog, HandlerError> {
        let mut stream = match self.forge.job_log(&failure.repo, job, LARGEST_LOG).await {
            Ok(stream) => stream,
            Err(error) if error.is_absent() => return self.no_log(failure),
            Err(error) => return Err(error.into()),
        };
        let mut reader = LogReader::new();
        stream.each(|bytes| reader.push(bytes)).await?;
        Ok(diagnosed(reader).await)
    }

    /// GitHub shows a log some seconds after its job has ended, and deletes it after some months.
    fn no_log(&self, failure: &FailedCheck) -> Result<FetchedLog, HandlerError> {
        let ended = failure.completed_at.map_or(0, |moment| moment.0);
        if self.clock.wall_ms().saturating_sub(ended) < LOG_COMES_WITHIN_MS {
            return Err(HandlerError::NotYet("its log is not there yet"));
        }
        Ok(FetchedLog::Expired)
    }

    /// Returns the output of another app's check, which stands in for a log.
    async fn check_output(
        &self,
        repo: &RepoName,
        id: CheckRunId,
    ) -> Result<FetchedLog, HandlerError> {
        let run = self.forge.check_run(repo, id).await?;
        let model::CheckOutput { title, summary, text, annotations_count } = run.output;
        let mut reader = LogReader::new();
        for part in [&title, &summary, &text] {
            reader.push(part.as_bytes());
            reader.push(b"\n");
        }
        let mut has_text = !(title.is_empty() && summary.is_empty() && text.is_empty());
        if annotations_count > 0 {
            for note in self.annotations(repo, id).await? {
                let line = format!("{}:{}: {}\n", note.path, note.start_line, note.message);
                reader.push(line.as_bytes());
                has_text = true;
            }
        }
        Ok(if has_text { diagnosed(reader).await } else { FetchedLog::None })
    }

    /// Returns the check's annotations, or none if they can't be read.
    async fn annotations(
        &self,
        repo: &RepoName,
        id: CheckRunId,
    ) -> Result<Vec<model::CheckRunAnnotation>, HandlerError> {
        match self.forge.annotations_of(repo, id, MOST_ANNOTATIONS).await {
            Ok(annotations) => Ok(annotations.items),
            Err(error) if error.is_transient() => Err(error.into()),
            Err(error) => {
                debug!(%error, "A check is diagnosed without its annotations");
                Ok(Vec::new())
            }
        }
    }

    async fn files(&self, repo: &RepoName, pull: PullNumber) -> Result<Vec<String>, HandlerError> {
        let files = self.forge.files_of_pull(repo, pull, MOST_FILES).await?;
        Ok(files.items.into_iter().map(|file| file.filename).collect())
    }

    async fn is_own(&self, failure: &FailedCheck) -> Result<bool, HandlerError> {
        match self.forge.commit(&failure.repo, failure.head_sha.as_str()).await {
            Ok(commit) => {
                let identity = self.publisher.identity().await?;
                Ok(commit.author.is_some_and(|author| identity.is(&author)))
            }
            // BranchPush over meanwhile: its next head will be seen.
            Err(error) if error.is_absent() => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// The commands that show the failure: named by the repository, or guessed from its base.
    async fn commands(
        &self,
        failure: &FailedCheck,
        base: &str,
        settings: &RepoSettings,
        diagnosis: Option<&Diagnosis>,
    ) -> Result<DetectedCommands, HandlerError> {
        let failing = FailingStep {
            check: &failure.check,
            step: diagnosis.and_then(|it| it.step.as_ref()).map(|step| step.text.as_str()),
            tool: diagnosis.and_then(|it| it.framework.as_deref()),
        };
        let named = settings.commands_for(&failure.check).0.validation.is_some();
        // A guess is worth its calls only where it can be used.
        let may_detect = diagnosis.is_some_and(|it| distinctive_signature(it).is_some()) && !named;
        let files = if may_detect {
            self.project_files(&failure.repo, base).await?
        } else {
            ProjectFiles::default()
        };
        Ok(commands(settings, &failing, &files))
    }

    async fn project_files(
        &self,
        repo: &RepoName,
        base: &str,
    ) -> Result<ProjectFiles, HandlerError> {
        let mut files = ProjectFiles::default();
        for name in self.forge.names_in(repo, "", base).await? {
            if PROJECT_FILES.contains(&name.as_str()) {
                files.add(&name, &self.text(repo, &name, base).await?);
            }
        }
        let is_workflow = |name: &String| name.ends_with(".yml") || name.ends_with(".yaml");
        let workflows = self.forge.names_in(repo, WORKFLOWS, base).await?;
        for name in workflows.into_iter().filter(is_workflow).take(MOST_WORKFLOWS) {
            let path = format!("{WORKFLOWS}/{name}");
            files.add_workflow(&path, &self.text(repo, &path, base).await?);
        }
        Ok(files)
    }

    /// A file's text; nothing for one that is too large to say anything.
    async fn text(&self, repo: &RepoName, path: &str, at: &str) -> Result<String, HandlerError> {
        match self.forge.file_at(repo, path, at, LARGEST_PROJECT_FILE).await {
            Ok(bytes) => Ok(String::from_utf8_lossy(&bytes.unwrap_or_default()).into_owned()),
            Err(ForgeError::TooLarge { .. }) => {
                debug!(path, "Too large to guess commands from");
                Ok(String::new())
            }
            Err(error) => Err(error.into()),
        }
    }
}

/// Returns true if nothing can come of the failure any more, so that its log is not worth a call.
fn is_outdated(failure: &FailedCheck, pull: Option<&PullDetails>) -> bool {
    let stale = |pull: &PullDetails| !pull.open || pull.head_sha != failure.head_sha;
    let without_pull = failure.pull.is_none() && !failure.on_default_branch;
    without_pull || pull.is_some_and(stale)
}

async fn diagnosed(reader: LogReader) -> FetchedLog {
    // Up to a third of a second of work for the largest logs.
    let work = || diagnose_read(reader, &DiagnosisOptions::default());
    match tokio::task::spawn_blocking(work).await {
        Ok(diagnosis) => FetchedLog::Read(Box::new(diagnosis)),
        // It does not panic; if it did, the log is as good as none.
        Err(_) => FetchedLog::None,
    }
}
