//! Comments, reactions and issues.

use http::Method;
use serde_json::json;

use crate::call::ApiCall;
use crate::error::ForgeError;
use crate::forge::Forge;
use crate::model::{Issue, IssueComment, Listed, Reaction};
use crate::names::{CommentId, PullNumber, RepoName};
use crate::paging::PER_PAGE;

/// Comments beyond this number are not read.
const MOST_COMMENTS: usize = 2_000;

impl Forge {
    /// Lists the comments of an issue or pull request, oldest first, without review comments on
    /// lines.
    ///
    /// `GET /repos/{owner}/{repo}/issues/{issue_number}/comments`
    pub async fn comments(
        &self,
        repo: &RepoName,
        number: PullNumber,
    ) -> Result<Listed<IssueComment>, ForgeError> {
        let path = format!("/issues/{number}/comments?per_page={PER_PAGE}");
        let call = ApiCall::get(repo, path, format!("list the comments of {repo}#{number}"));
        self.core.pages::<Vec<IssueComment>>(&call, MOST_COMMENTS).await
    }

    /// Returns the oldest comment that begins with a hidden mark and for which `ours` returns
    /// `true`. Anyone can write a mark, so `ours` checks the author.
    ///
    /// `GET /repos/{owner}/{repo}/issues/{issue_number}/comments`
    pub async fn comment_marked(
        &self,
        repo: &RepoName,
        number: PullNumber,
        mark: &str,
        ours: impl Fn(&IssueComment) -> bool,
    ) -> Result<Option<IssueComment>, ForgeError> {
        let marked = |comment: &IssueComment| comment.body.trim_start().starts_with(mark);
        let comments = self.comments(repo, number).await?.items;
        Ok(comments.into_iter().find(|comment| marked(comment) && ours(comment)))
    }

    /// Returns a comment.
    ///
    /// `GET /repos/{owner}/{repo}/issues/comments/{comment_id}`
    pub async fn comment(
        &self,
        repo: &RepoName,
        id: CommentId,
    ) -> Result<IssueComment, ForgeError> {
        let purpose = format!("read comment {id} of {repo}");
        self.core.json(&ApiCall::get(repo, format!("/issues/comments/{id}"), purpose)).await
    }

    /// Creates a comment. Look with [`Forge::comment_marked`] before repeating the call.
    ///
    /// `POST /repos/{owner}/{repo}/issues/{issue_number}/comments`
    pub async fn create_comment(
        &self,
        repo: &RepoName,
        number: PullNumber,
        body: &str,
    ) -> Result<IssueComment, ForgeError> {
        let purpose = format!("comment on {repo}#{number}");
        let call = ApiCall::of(Method::POST, repo, format!("/issues/{number}/comments"), purpose);
        self.core.json(&call.with(&json!({ "body": body }))?).await
    }

    /// Replaces the text of Greenline's own comment.
    ///
    /// `PATCH /repos/{owner}/{repo}/issues/comments/{comment_id}`
    pub async fn update_comment(
        &self,
        repo: &RepoName,
        id: CommentId,
        body: &str,
    ) -> Result<IssueComment, ForgeError> {
        let purpose = format!("update comment {id} of {repo}");
        let call = ApiCall::of(Method::PATCH, repo, format!("/issues/comments/{id}"), purpose);
        self.core.json(&call.with(&json!({ "body": body }))?).await
    }

    /// Adds a reaction to a comment. Repeating the call changes nothing.
    ///
    /// `POST /repos/{owner}/{repo}/issues/comments/{comment_id}/reactions`
    pub async fn react(
        &self,
        repo: &RepoName,
        id: CommentId,
        reaction: Reaction,
    ) -> Result<(), ForgeError> {
        let purpose = format!("react to comment {id} of {repo}");
        let path = format!("/issues/comments/{id}/reactions");
        let mut call = ApiCall::of(Method::POST, repo, path, purpose);
        call.repeatable = true;
        self.core.done(&call.with(&json!({ "content": reaction }))?).await
    }

    /// Opens an issue.
    ///
    /// `POST /repos/{owner}/{repo}/issues`
    pub async fn create_issue(
        &self,
        repo: &RepoName,
        title: &str,
        body: &str,
        labels: &[&str],
    ) -> Result<Issue, ForgeError> {
        let call = ApiCall::of(Method::POST, repo, "/issues", format!("open an issue in {repo}"));
        let issue = json!({ "title": title, "body": body, "labels": labels });
        self.core.json(&call.with(&issue)?).await
    }

    /// Lists the open issues with a label, newest first, without pull requests. Greenline finds its
    /// own issue this way.
    ///
    /// `GET /repos/{owner}/{repo}/issues?labels={label}&state=open`
    pub async fn open_issues_labelled(
        &self,
        repo: &RepoName,
        label: &str,
    ) -> Result<Vec<Issue>, ForgeError> {
        let label = crate::call::escaped(label, false);
        let path = format!("/issues?state=open&labels={label}&per_page={PER_PAGE}");
        let call = ApiCall::get(repo, path, format!("list issues of {repo}"));
        let issues: Vec<Issue> = self.core.json(&call).await?;
        Ok(issues.into_iter().filter(|issue| !issue.is_pull_request()).collect())
    }

    /// Updates an issue, and closes it if `close` is set.
    ///
    /// `PATCH /repos/{owner}/{repo}/issues/{issue_number}`
    pub async fn update_issue(
        &self,
        repo: &RepoName,
        number: PullNumber,
        body: &str,
        close: bool,
    ) -> Result<Issue, ForgeError> {
        let call = ApiCall::of(
            Method::PATCH,
            repo,
            format!("/issues/{number}"),
            format!("update issue {repo}#{number}"),
        );
        let state = if close { "closed" } else { "open" };
        self.core.json(&call.with(&json!({ "body": body, "state": state }))?).await
    }
}
