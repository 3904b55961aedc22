//! A failed or passed check of a commit, with a stable name.
//!
//! The same end of a check arrives by webhook and by polling, as a check run and as a job, in any
//! order. [`FailedCheck::key`] is the same for all of them, and a different one when the check runs
//! again. Stored as JSON: the names outlive a release.

use std::fmt;

use greenline_forge::model::Conclusion;
use greenline_forge::{CheckRunId, JobId, PullNumber, RepoName, RunId, Sha, Timestamp};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// The name of a check: a job with its matrix, a check run, or the context of a status.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct CheckName(String);

impl CheckName {
    /// The first 200 characters of a name: GitHub shows no more, and keys are made of it.
    #[must_use]
    pub fn new(text: &str) -> Self {
        Self(text.chars().take(200).collect())
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns true for Greenline's own check, which is never handled as a failure.
    #[must_use]
    pub fn is_ours(&self) -> bool {
        self.0 == "greenline"
    }
}

impl fmt::Display for CheckName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The origin of a check, which decides where its log is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum CheckSource {
    /// A job of GitHub Actions. It gets a new id when it runs again.
    Job {
        /// The job, and its check run.
        job: JobId,
        /// The run, where it was said; the job itself knows it.
        run: Option<RunId>,
        /// The attempt of the run, if GitHub named it.
        attempt: Option<u64>,
    },
    /// A check run of another app, which may end several times under one id.
    CheckRun {
        /// The check run.
        id: CheckRunId,
    },
    /// A commit status: one commit has one current status of each context.
    Status,
}

impl CheckSource {
    /// One word of a short list, for labels.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Job { .. } => "job",
            Self::CheckRun { .. } => "check_run",
            Self::Status => "status",
        }
    }
}

/// The open pull request whose head a check ran on, as it was when the check was seen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckedPull {
    /// Its number.
    pub number: PullNumber,
    /// True if the head is in a fork: such code is never executed and such branches are never
    /// written.
    pub from_fork: bool,
    /// The branch that it should be merged into.
    pub base: String,
}

/// One failed CI result on a commit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FailedCheck {
    /// The repository.
    pub repo: RepoName,
    pub check: CheckName,
    pub source: CheckSource,
    pub conclusion: Conclusion,
    /// The commit.
    pub head_sha: Sha,
    /// The branch, as far as it was said.
    pub branch: String,
    /// The pull request, if the commit is the head of an open one.
    pub pull: Option<CheckedPull>,
    pub on_default_branch: bool,
    /// The page that people see.
    pub details_url: String,
    /// When it ended.
    pub completed_at: Option<Timestamp>,
}

impl FailedCheck {
    /// Names this end of this check, the same however it was seen. Ids of tasks and intents are
    /// made of it: `[a-z0-9-]`, at most 60 letters.
    #[must_use]
    pub fn key(&self) -> String {
        key(&self.repo, &self.check, &self.source, &self.head_sha, self.completed_at)
    }

    /// Returns true if this failure ended after a pass of the same check. GitHub's times are whole
    /// seconds: within one second, the later job has the higher number.
    pub(crate) fn is_newer_than(&self, passed: &PassedCheck) -> bool {
        let job = |source: &CheckSource| match source {
            CheckSource::Job { job, .. } => Some(*job),
            CheckSource::CheckRun { .. } | CheckSource::Status => None,
        };
        let order = (self.completed_at, job(&self.source));
        order > (passed.completed_at, job(&passed.source))
    }
}

/// One green CI result on a commit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PassedCheck {
    /// The repository.
    pub repo: RepoName,
    pub check: CheckName,
    pub source: CheckSource,
    /// The commit.
    pub head_sha: Sha,
    /// The branch, as far as it was said.
    pub branch: String,
    /// The pull request, if the commit is the head of an open one.
    pub pull: Option<CheckedPull>,
    pub on_default_branch: bool,
    /// When it ended.
    pub completed_at: Option<Timestamp>,
}

impl PassedCheck {
    /// As [`FailedCheck::key`].
    #[must_use]
    pub fn key(&self) -> String {
        key(&self.repo, &self.check, &self.source, &self.head_sha, self.completed_at)
    }
}

fn key(
    repo: &RepoName,
    check: &CheckName,
    source: &CheckSource,
    sha: &Sha,
    ended: Option<Timestamp>,
) -> String {
    // GraphQL and webhooks agree on seconds only.
    let ended = ended.map_or(0, |moment| moment.0 / 1_000);
    match source {
        CheckSource::Job { job, .. } => format!("check-{job}"),
        CheckSource::CheckRun { id } => format!("check-{id}-{ended}"),
        CheckSource::Status => {
            // A status seen by polling has no id: its place and time are its name.
            let place = format!("{}\n{}\n{}", repo.folded(), sha, check);
            let digest = Sha256::digest(place.as_bytes());
            let digits: String = digest.iter().take(10).map(|byte| format!("{byte:02x}")).collect();
            format!("status-{digits}-{ended}")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failed(source: CheckSource, ended: u64) -> FailedCheck {
        FailedCheck {
            repo: "Acme/app".parse().unwrap(),
            check: CheckName::new("test (3.12)"),
            source,
            conclusion: Conclusion::Failure,
            head_sha: "3f2a91c00000000000000000000000000000000f".parse().unwrap(),
            branch: "feat/x".to_owned(),
            pull: Some(CheckedPull {
                number: PullNumber(812),
                from_fork: false,
                base: "main".into(),
            }),
            on_default_branch: false,
            details_url: String::new(),
            completed_at: Some(Timestamp(ended)),
        }
    }

    #[test]
    fn one_end_has_one_key_however_it_was_seen() {
        let job = |run, attempt| CheckSource::Job { job: JobId(4471), run, attempt };
        let by_job = failed(job(Some(RunId(9)), Some(2)), 1_000).key();
        assert_eq!(
            (by_job.as_str(), failed(job(None, None), 2_000).key()),
            ("check-4471", by_job.clone())
        );
        let status = failed(CheckSource::Status, 5_999);
        assert_eq!(status.key(), failed(CheckSource::Status, 5_000).key());
        assert_ne!(status.key(), failed(CheckSource::Status, 6_000).key());
        let other =
            FailedCheck { repo: "acme/APP".parse().unwrap(), ..failed(CheckSource::Status, 5_000) };
        assert_eq!(other.key(), status.key());
        let run = |ended| failed(CheckSource::CheckRun { id: CheckRunId(7) }, ended).key();
        assert_ne!(run(1_000), run(2_000), "another app may end one check run twice");
    }

    #[test]
    fn stored_failures_keep_their_shape() {
        let stored = r#"{"repo":"Acme/app","check":"test (3.12)","source":{"kind":"job","job":4471,"run":9,"attempt":2},"conclusion":"failure","head_sha":"3f2a91c00000000000000000000000000000000f","branch":"feat/x","pull":{"number":812,"from_fork":false,"base":"main"},"on_default_branch":false,"details_url":"","completed_at":"1970-01-01T00:00:01Z"}"#;
        let source = CheckSource::Job { job: JobId(4471), run: Some(RunId(9)), attempt: Some(2) };
        let failed = failed(source, 1_000);
        assert_eq!(serde_json::to_string(&failed).unwrap(), stored);
        assert_eq!(serde_json::from_str::<FailedCheck>(stored).unwrap(), failed);
    }
}
