//! Workflow runs: their jobs, their logs, and re-runs.

use std::sync::Arc;

use http::Method;

use crate::call::ApiCall;
use crate::error::ForgeError;
use crate::forge::Forge;
use crate::log::{LogSource, LogStream};
use crate::model::{Listed, WorkflowJob, WorkflowRun};
use crate::names::{JobId, RepoName, RunId, Sha};
use crate::paging::{PER_PAGE, WorkflowJobsPage, WorkflowRunsPage};

/// A run has at most 256 jobs per matrix. Jobs beyond this number are not read.
const MOST_JOBS: usize = 2_000;

/// Runs of one commit beyond this number are not read.
const MOST_RUNS: usize = 500;

impl Forge {
    /// Returns a workflow run.
    ///
    /// `GET /repos/{owner}/{repo}/actions/runs/{run_id}`
    pub async fn run(&self, repo: &RepoName, id: RunId) -> Result<WorkflowRun, ForgeError> {
        let purpose = format!("read run {id} of {repo}");
        self.core.json(&ApiCall::get(repo, format!("/actions/runs/{id}"), purpose)).await
    }

    /// Lists the runs of a commit, newest first.
    ///
    /// `GET /repos/{owner}/{repo}/actions/runs?head_sha={sha}`
    pub async fn runs_of(
        &self,
        repo: &RepoName,
        sha: &Sha,
    ) -> Result<Listed<WorkflowRun>, ForgeError> {
        let purpose = format!("list the runs of {} in {repo}", sha.short());
        let path = format!("/actions/runs?head_sha={sha}&per_page={PER_PAGE}");
        self.core.pages::<WorkflowRunsPage>(&ApiCall::get(repo, path, purpose), MOST_RUNS).await
    }

    /// Lists the jobs of a run's newest attempt.
    ///
    /// `GET /repos/{owner}/{repo}/actions/runs/{run_id}/jobs?filter=latest`
    pub async fn jobs_of_run(
        &self,
        repo: &RepoName,
        id: RunId,
    ) -> Result<Listed<WorkflowJob>, ForgeError> {
        let purpose = format!("list the jobs of run {id} of {repo}");
        let path = format!("/actions/runs/{id}/jobs?filter=latest&per_page={PER_PAGE}");
        self.core.pages::<WorkflowJobsPage>(&ApiCall::get(repo, path, purpose), MOST_JOBS).await
    }

    /// Returns a job. A check run of GitHub Actions has the same id as its job.
    ///
    /// `GET /repos/{owner}/{repo}/actions/jobs/{job_id}`
    pub async fn job(&self, repo: &RepoName, id: JobId) -> Result<WorkflowJob, ForgeError> {
        let purpose = format!("read job {id} of {repo}");
        self.core.json(&ApiCall::get(repo, format!("/actions/jobs/{id}"), purpose)).await
    }

    /// Streams a job's log, up to `cap` bytes. Returns [`ForgeError::LogGone`] if the log has
    /// expired or is not written yet.
    ///
    /// `GET /repos/{owner}/{repo}/actions/jobs/{job_id}/logs`
    pub async fn job_log(
        &self,
        repo: &RepoName,
        id: JobId,
        cap: u64,
    ) -> Result<LogStream, ForgeError> {
        let purpose = format!("read the log of job {id} of {repo}");
        let call = ApiCall::get(repo, format!("/actions/jobs/{id}/logs"), purpose);
        let log = LogStream::open(Arc::clone(&self.core), call, LogSource::By(id), cap).await;
        match log {
            Err(ForgeError::NotFound { .. }) => Err(ForgeError::LogGone(id)),
            log => log,
        }
    }

    /// Streams the zip of all logs of one attempt of a run, up to `cap` bytes. A zip that
    /// [`LogStream::is_cut`] can't be read, because its directory is at the end.
    ///
    /// `GET /repos/{owner}/{repo}/actions/runs/{run_id}/attempts/{attempt_number}/logs`
    pub async fn run_logs(
        &self,
        repo: &RepoName,
        id: RunId,
        attempt: u64,
        cap: u64,
    ) -> Result<LogStream, ForgeError> {
        let purpose = format!("read the logs of run {id} of {repo}");
        let call =
            ApiCall::get(repo, format!("/actions/runs/{id}/attempts/{attempt}/logs"), purpose);
        LogStream::open(Arc::clone(&self.core), call, LogSource::Together, cap).await
    }

    /// Re-runs the failed jobs of a run and the jobs that depend on them. Returns
    /// [`ForgeError::Forbidden`] if the run is still running or too old.
    ///
    /// `POST /repos/{owner}/{repo}/actions/runs/{run_id}/rerun-failed-jobs`
    pub async fn rerun_failed_jobs(&self, repo: &RepoName, id: RunId) -> Result<(), ForgeError> {
        let purpose = format!("run the failed jobs of run {id} of {repo} again");
        let path = format!("/actions/runs/{id}/rerun-failed-jobs");
        self.core.done(&ApiCall::of(Method::POST, repo, path, purpose)).await
    }

    /// Re-runs one job of a run and the jobs that depend on it.
    ///
    /// `POST /repos/{owner}/{repo}/actions/jobs/{job_id}/rerun`
    pub async fn rerun_job(&self, repo: &RepoName, id: JobId) -> Result<(), ForgeError> {
        let purpose = format!("run job {id} of {repo} again");
        self.core
            .done(&ApiCall::of(Method::POST, repo, format!("/actions/jobs/{id}/rerun"), purpose))
            .await
    }
}
