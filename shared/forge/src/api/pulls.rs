//! Pull requests, their files, labels and reviewers.

use http::Method;
use serde_json::json;

use crate::call::{ApiCall, escaped};
use crate::error::ForgeError;
use crate::forge::Forge;
use crate::model::{FileChange, IssueLabel, Listed, PullRequest};
use crate::names::{PullNumber, RepoName};
use crate::paging::PER_PAGE;

/// The most files of a pull request that GitHub lists.
const MOST_FILES: usize = 3_000;

impl Forge {
    /// Returns a pull request.
    ///
    /// `GET /repos/{owner}/{repo}/pulls/{pull_number}`
    pub async fn pull(
        &self,
        repo: &RepoName,
        number: PullNumber,
    ) -> Result<PullRequest, ForgeError> {
        let purpose = format!("read pull request {repo}#{number}");
        self.core.json(&ApiCall::get(repo, format!("/pulls/{number}"), purpose)).await
    }

    /// Lists the files that a pull request changes, up to `most`.
    ///
    /// `GET /repos/{owner}/{repo}/pulls/{pull_number}/files`
    pub async fn files_of_pull(
        &self,
        repo: &RepoName,
        number: PullNumber,
        most: usize,
    ) -> Result<Listed<FileChange>, ForgeError> {
        let purpose = format!("list the files of {repo}#{number}");
        let call =
            ApiCall::get(repo, format!("/pulls/{number}/files?per_page={PER_PAGE}"), purpose);
        self.core.pages::<Vec<FileChange>>(&call, most.min(MOST_FILES)).await
    }

    /// Adds labels and keeps the existing ones. GitHub creates labels that the repository lacks.
    ///
    /// `POST /repos/{owner}/{repo}/issues/{issue_number}/labels`
    pub async fn add_labels(
        &self,
        repo: &RepoName,
        number: PullNumber,
        labels: &[&str],
    ) -> Result<(), ForgeError> {
        let purpose = format!("label {repo}#{number}");
        let mut call = ApiCall::of(Method::POST, repo, format!("/issues/{number}/labels"), purpose);
        // Adding a label twice has the effect of adding it once.
        call.repeatable = true;
        self.core.done(&call.with(&json!({ "labels": labels }))?).await
    }

    /// Removes a label. Succeeds if the label is not set.
    ///
    /// `DELETE /repos/{owner}/{repo}/issues/{issue_number}/labels/{name}`
    pub async fn remove_label(
        &self,
        repo: &RepoName,
        number: PullNumber,
        label: &str,
    ) -> Result<(), ForgeError> {
        let path = format!("/issues/{number}/labels/{}", escaped(label, false));
        let purpose = format!("take label {label} from {repo}#{number}");
        match self.core.done(&ApiCall::of(Method::DELETE, repo, path, purpose)).await {
            Err(ForgeError::NotFound { .. }) => Ok(()),
            other => other,
        }
    }

    /// Lists the labels of an issue or pull request.
    ///
    /// `GET /repos/{owner}/{repo}/issues/{issue_number}/labels`
    pub async fn labels(
        &self,
        repo: &RepoName,
        number: PullNumber,
    ) -> Result<Vec<String>, ForgeError> {
        let path = format!("/issues/{number}/labels?per_page={PER_PAGE}");
        let call = ApiCall::get(repo, path, format!("list the labels of {repo}#{number}"));
        let labels: Vec<IssueLabel> = self.core.json(&call).await?;
        Ok(labels.into_iter().map(|label| label.name).collect())
    }

    /// Requests reviews. GitHub ignores people who were already asked.
    ///
    /// `POST /repos/{owner}/{repo}/pulls/{pull_number}/requested_reviewers`
    pub async fn request_reviewers(
        &self,
        repo: &RepoName,
        number: PullNumber,
        logins: &[&str],
    ) -> Result<(), ForgeError> {
        let purpose = format!("ask for a review of {repo}#{number}");
        let path = format!("/pulls/{number}/requested_reviewers");
        let call = ApiCall::of(Method::POST, repo, path, purpose);
        self.core.done(&call.with(&json!({ "reviewers": logins }))?).await
    }
}
