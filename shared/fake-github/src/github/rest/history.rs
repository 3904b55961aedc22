//! The commits of a branch, and one commit compared with another.

use std::sync::Arc;

use axum::Router;
use axum::extract::Path;
use axum::routing::get;
use serde_json::{Value, json};

use super::super::access::{AccessLevel, AppPermission};
use super::super::fake_server::FakeServer;
use super::super::git::{self, GitError};
use super::super::middleware::RequestContext;
use super::super::render::Render;
use super::super::response::{ApiRefusal, ApiResult, ok};
use super::super::state::{FakeFileChange, FakeRepo};
use super::RepoRoute;

pub(crate) fn router() -> Router<Arc<FakeServer>> {
    Router::new()
        .route("/repos/{owner}/{repo}/commits", get(commits))
        .route("/repos/{owner}/{repo}/compare/{*range}", get(compare))
}

fn resolve(repo: &FakeRepo, reference: &str) -> Result<String, ApiRefusal> {
    repo.resolve(reference).ok_or_else(ApiRefusal::missing)
}

fn unreadable(_: GitError) -> ApiRefusal {
    ApiRefusal::new(500, "Server Error")
}

async fn commits(ctx: RequestContext) -> ApiResult {
    let (git, sha) = {
        let state = ctx.state();
        let repo = ctx.may(&state, AppPermission::Contents, AccessLevel::Read)?;
        let reference = ctx.word("sha").unwrap_or(&repo.default_branch);
        (repo.git.clone(), resolve(repo, reference)?)
    };
    let all = git::history(&git, &sha).await.map_err(unreadable)?;
    let state = ctx.state();
    let repo = ctx.may(&state, AppPermission::Contents, AccessLevel::Read)?;
    ctx.paging().list(shown(&ctx.render(&state), repo, &all))
}

fn shown(render: &Render<'_>, repo: &FakeRepo, all: &[String]) -> Vec<Value> {
    let known = all.iter().filter_map(|sha| repo.commits.get(sha));
    known.map(|commit| render.commit(repo, commit)).collect()
}

/// The range between two commits.
struct ComparedCommits {
    base: String,
    head: String,
    fork_point: String,
    /// The head's own commits, newest first.
    ahead: Vec<String>,
    behind: Vec<String>,
    files: Vec<FakeFileChange>,
}

impl ComparedCommits {
    async fn of(git: &std::path::Path, base: String, head: String) -> Result<Self, GitError> {
        let fork_point = git::merge_base(git, &base, &head).await?;
        let ahead = git::between(git, &base, &head).await?;
        let behind = git::between(git, &head, &base).await?;
        let files = git::changed_files(git, &fork_point, &head).await?;
        Ok(Self { base, head, fork_point, ahead, behind, files })
    }

    fn status(&self) -> &'static str {
        match (self.ahead.is_empty(), self.behind.is_empty()) {
            (true, true) => "identical",
            (false, true) => "ahead",
            (true, false) => "behind",
            (false, false) => "diverged",
        }
    }
}

async fn compare(ctx: RequestContext, Path((_, _, range)): RepoRoute<String>) -> ApiResult {
    let (base, head) = range.split_once("...").ok_or_else(ApiRefusal::missing)?;
    let (git, base, head) = {
        let state = ctx.state();
        let repo = ctx.may(&state, AppPermission::Contents, AccessLevel::Read)?;
        (repo.git.clone(), resolve(repo, base)?, resolve(repo, head)?)
    };
    let between = ComparedCommits::of(&git, base, head).await.map_err(|_| ApiRefusal::missing())?;
    let state = ctx.state();
    let repo = ctx.may(&state, AppPermission::Contents, AccessLevel::Read)?;
    let render = ctx.render(&state);
    let one = |sha: &String| repo.commits.get(sha).map(|commit| render.commit(repo, commit));
    let mut commits = shown(&render, repo, &between.ahead);
    commits.reverse();
    let files = between.files.iter().take(300);
    let files: Vec<Value> = files.map(|file| render.file(repo, &between.head, file)).collect();
    let html = format!("{}/compare/{range}", render.repo_html(repo));
    ok(&json!({
        "url": format!("{}/compare/{range}", render.repo_url(repo)),
        "html_url": html, "permalink_url": html,
        "diff_url": format!("{html}.diff"), "patch_url": format!("{html}.patch"),
        "base_commit": one(&between.base), "merge_base_commit": one(&between.fork_point),
        "status": between.status(),
        "ahead_by": between.ahead.len(), "behind_by": between.behind.len(),
        "total_commits": between.ahead.len(), "commits": commits, "files": files,
    }))
}
