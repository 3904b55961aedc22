//! Check runs, commit statuses, and Greenline's own check run.

use http::Method;
use serde_json::{Value, json};

use crate::call::{ApiCall, escaped};
use crate::error::ForgeError;
use crate::forge::Forge;
use crate::model::{CheckRun, CheckRunAnnotation, CheckRunDraft, CommitStatus, Listed};
use crate::names::{CheckRunId, RepoName, Sha};
use crate::paging::{CheckRunsPage, PER_PAGE};

/// GitHub lists the check runs of a commit's newest 1,000 suites. Check runs beyond this number are
/// not read.
const MOST_CHECKS: usize = 3_000;

/// The most annotations that GitHub accepts in one request.
const ANNOTATIONS_AT_ONCE: usize = 50;

/// The longest text that GitHub accepts in a check run's output.
const LONGEST_TEXT: usize = 65_535;

impl Forge {
    /// Lists the newest check run of each name on a commit.
    ///
    /// `GET /repos/{owner}/{repo}/commits/{ref}/check-runs`
    pub async fn check_runs_of(
        &self,
        repo: &RepoName,
        sha: &Sha,
    ) -> Result<Listed<CheckRun>, ForgeError> {
        let purpose = format!("list the check runs of {} in {repo}", sha.short());
        let path = format!("/commits/{sha}/check-runs?filter=latest&per_page={PER_PAGE}");
        self.core.pages::<CheckRunsPage>(&ApiCall::get(repo, path, purpose), MOST_CHECKS).await
    }

    /// Lists the check runs of one name on a commit, newest first. Greenline finds its own check
    /// run this way.
    ///
    /// `GET /repos/{owner}/{repo}/commits/{ref}/check-runs?check_name={name}`
    pub async fn check_runs_named(
        &self,
        repo: &RepoName,
        sha: &Sha,
        name: &str,
    ) -> Result<Vec<CheckRun>, ForgeError> {
        let purpose = format!("find check run {name} of {} in {repo}", sha.short());
        let name = escaped(name, false);
        let path = format!("/commits/{sha}/check-runs?check_name={name}&per_page={PER_PAGE}");
        let call = ApiCall::get(repo, path, purpose);
        Ok(self.core.pages::<CheckRunsPage>(&call, PER_PAGE).await?.items)
    }

    /// Returns a check run.
    ///
    /// `GET /repos/{owner}/{repo}/check-runs/{check_run_id}`
    pub async fn check_run(&self, repo: &RepoName, id: CheckRunId) -> Result<CheckRun, ForgeError> {
        let purpose = format!("read check run {id} of {repo}");
        self.core.json(&ApiCall::get(repo, format!("/check-runs/{id}"), purpose)).await
    }

    /// Lists the annotations of a check run, up to `most`.
    ///
    /// `GET /repos/{owner}/{repo}/check-runs/{check_run_id}/annotations`
    pub async fn annotations_of(
        &self,
        repo: &RepoName,
        id: CheckRunId,
        most: usize,
    ) -> Result<Listed<CheckRunAnnotation>, ForgeError> {
        let purpose = format!("list the annotations of check run {id} of {repo}");
        let path = format!("/check-runs/{id}/annotations?per_page={PER_PAGE}");
        self.core.pages::<Vec<CheckRunAnnotation>>(&ApiCall::get(repo, path, purpose), most).await
    }

    /// Lists every status that was ever set on a commit, newest first. The first of each context is
    /// the current one.
    ///
    /// `GET /repos/{owner}/{repo}/commits/{ref}/statuses`
    pub async fn statuses_of(
        &self,
        repo: &RepoName,
        sha: &Sha,
    ) -> Result<Listed<CommitStatus>, ForgeError> {
        let purpose = format!("list the statuses of {} in {repo}", sha.short());
        let call =
            ApiCall::get(repo, format!("/commits/{sha}/statuses?per_page={PER_PAGE}"), purpose);
        self.core.pages::<Vec<CommitStatus>>(&call, MOST_CHECKS).await
    }

    /// Creates a check run; only an app may. Look with [`Forge::check_runs_named`] before repeating
    /// the call. More than 50 annotations take several requests: if a later one fails, the check
    /// run exists with fewer annotations.
    ///
    /// `POST /repos/{owner}/{repo}/check-runs`, then `PATCH
    /// /repos/{owner}/{repo}/check-runs/{check_run_id}`
    pub async fn create_check_run(
        &self,
        repo: &RepoName,
        sha: &Sha,
        draft: &CheckRunDraft,
    ) -> Result<CheckRun, ForgeError> {
        let purpose = format!("make check run {} on {} of {repo}", draft.name, sha.short());
        let (first, rest) = split(&draft.annotations);
        let mut body = body(draft, first);
        body["name"] = json!(draft.name);
        body["head_sha"] = json!(sha);
        let call = ApiCall::of(Method::POST, repo, "/check-runs", purpose).with(&body)?;
        let made: CheckRun = self.core.json(&call).await?;
        self.annotate(repo, made.id, draft, rest).await?;
        Ok(made)
    }

    /// Updates Greenline's own check run. GitHub appends the annotations to the existing ones and
    /// never removes any.
    ///
    /// `PATCH /repos/{owner}/{repo}/check-runs/{check_run_id}`
    pub async fn update_check_run(
        &self,
        repo: &RepoName,
        id: CheckRunId,
        draft: &CheckRunDraft,
    ) -> Result<CheckRun, ForgeError> {
        let (first, rest) = split(&draft.annotations);
        let updated = self.patch_check_run(repo, id, &body(draft, first), first).await?;
        self.annotate(repo, id, draft, rest).await?;
        Ok(updated)
    }

    async fn annotate(
        &self,
        repo: &RepoName,
        id: CheckRunId,
        draft: &CheckRunDraft,
        annotations: &[CheckRunAnnotation],
    ) -> Result<(), ForgeError> {
        for some in annotations.chunks(ANNOTATIONS_AT_ONCE) {
            self.patch_check_run(repo, id, &json!({ "output": output(draft, some) }), some).await?;
        }
        Ok(())
    }

    async fn patch_check_run(
        &self,
        repo: &RepoName,
        id: CheckRunId,
        body: &Value,
        annotations: &[CheckRunAnnotation],
    ) -> Result<CheckRun, ForgeError> {
        let purpose = format!("update check run {id} of {repo}");
        let mut call = ApiCall::of(Method::PATCH, repo, format!("/check-runs/{id}"), purpose);
        // Annotations are appended, so sending them twice shows them twice.
        call.repeatable = annotations.is_empty();
        self.core.json(&call.with(body)?).await
    }
}

fn split(annotations: &[CheckRunAnnotation]) -> (&[CheckRunAnnotation], &[CheckRunAnnotation]) {
    annotations.split_at(annotations.len().min(ANNOTATIONS_AT_ONCE))
}

fn body(draft: &CheckRunDraft, annotations: &[CheckRunAnnotation]) -> Value {
    let mut body = json!({
        "external_id": draft.external_id,
        "output": output(draft, annotations),
        "status": if draft.conclusion.is_some() { "completed" } else { "in_progress" },
    });
    if let Some(url) = &draft.details_url {
        body["details_url"] = json!(url);
    }
    if let Some(conclusion) = &draft.conclusion {
        body["conclusion"] = json!(conclusion);
    }
    body
}

fn output(draft: &CheckRunDraft, annotations: &[CheckRunAnnotation]) -> Value {
    let summary: String = draft.summary.chars().take(LONGEST_TEXT).collect();
    json!({ "title": draft.title, "summary": summary, "annotations": annotations })
}
