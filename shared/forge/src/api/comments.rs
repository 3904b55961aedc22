//! Comments, reactions and issues.

use http::Method;
use serde_json::json;

use crate::call::Call;
use crate::error::ForgeError;
use crate::forge::Forge;
use crate::model::{Comment, Issue, Listed, Reaction};
use crate::names::{CommentId, PullNumber, RepoName};
use crate::paging::PER_PAGE;

/// More comments than this are not read.
const MOST_COMMENTS: usize = 2_000;

impl Forge {
    /// The comments of an issue or pull request, oldest first. Remarks on lines are not among
    /// them.
    ///
    /// `GET /repos/{owner}/{repo}/issues/{issue_number}/comments`
    pub async fn comments(
        &self,
        repo: &RepoName,
        number: PullNumber,
    ) -> Result<Listed<Comment>, ForgeError> {
        let path = format!("/issues/{number}/comments?per_page={PER_PAGE}");
        let call = Call::get(repo, path, format!("list the comments of {repo}#{number}"));
        self.core.pages::<Vec<Comment>>(&call, MOST_COMMENTS).await
    }

    /// The oldest comment that `ours` says is ours and that begins with a hidden mark. Anyone can
    /// write a mark, so `ours` looks at the author.
    ///
    /// `GET /repos/{owner}/{repo}/issues/{issue_number}/comments`
    pub async fn comment_marked(
        &self,
        repo: &RepoName,
        number: PullNumber,
        mark: &str,
        ours: impl Fn(&Comment) -> bool,
    ) -> Result<Option<Comment>, ForgeError> {
        let marked = |comment: &Comment| comment.body.trim_start().starts_with(mark);
        let comments = self.comments(repo, number).await?.items;
        Ok(comments.into_iter().find(|comment| marked(comment) && ours(comment)))
    }

    /// One comment.
    ///
    /// `GET /repos/{owner}/{repo}/issues/comments/{comment_id}`
    pub async fn comment(&self, repo: &RepoName, id: CommentId) -> Result<Comment, ForgeError> {
        let purpose = format!("read comment {id} of {repo}");
        self.core.json(&Call::get(repo, format!("/issues/comments/{id}"), purpose)).await
    }

    /// Writes a comment. Look with [`Forge::comment_marked`] before doing it again.
    ///
    /// `POST /repos/{owner}/{repo}/issues/{issue_number}/comments`
    pub async fn create_comment(
        &self,
        repo: &RepoName,
        number: PullNumber,
        body: &str,
    ) -> Result<Comment, ForgeError> {
        let purpose = format!("comment on {repo}#{number}");
        let call = Call::of(Method::POST, repo, format!("/issues/{number}/comments"), purpose);
        self.core.json(&call.with(&json!({ "body": body }))?).await
    }

    /// Rewrites a comment of our own.
    ///
    /// `PATCH /repos/{owner}/{repo}/issues/comments/{comment_id}`
    pub async fn update_comment(
        &self,
        repo: &RepoName,
        id: CommentId,
        body: &str,
    ) -> Result<Comment, ForgeError> {
        let purpose = format!("update comment {id} of {repo}");
        let call = Call::of(Method::PATCH, repo, format!("/issues/comments/{id}"), purpose);
        self.core.json(&call.with(&json!({ "body": body }))?).await
    }

    /// Reacts to a comment. Doing it twice is as doing it once.
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
        let mut call = Call::of(Method::POST, repo, path, purpose);
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
        let call = Call::of(Method::POST, repo, "/issues", format!("open an issue in {repo}"));
        let issue = json!({ "title": title, "body": body, "labels": labels });
        self.core.json(&call.with(&issue)?).await
    }

    /// The open issues with a label, newest first: how to find our own again. Pull requests are
    /// left out.
    ///
    /// `GET /repos/{owner}/{repo}/issues?labels={label}&state=open`
    pub async fn open_issues_labelled(
        &self,
        repo: &RepoName,
        label: &str,
    ) -> Result<Vec<Issue>, ForgeError> {
        let label = crate::call::escaped(label, false);
        let path = format!("/issues?state=open&labels={label}&per_page={PER_PAGE}");
        let call = Call::get(repo, path, format!("list issues of {repo}"));
        let issues: Vec<Issue> = self.core.json(&call).await?;
        Ok(issues.into_iter().filter(|issue| !issue.is_pull_request()).collect())
    }

    /// Rewrites an issue, and closes it where `close` says so.
    ///
    /// `PATCH /repos/{owner}/{repo}/issues/{issue_number}`
    pub async fn update_issue(
        &self,
        repo: &RepoName,
        number: PullNumber,
        body: &str,
        close: bool,
    ) -> Result<Issue, ForgeError> {
        let call = Call::of(
            Method::PATCH,
            repo,
            format!("/issues/{number}"),
            format!("update issue {repo}#{number}"),
        );
        let state = if close { "closed" } else { "open" };
        self.core.json(&call.with(&json!({ "body": body, "state": state }))?).await
    }
}
