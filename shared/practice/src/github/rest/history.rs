//! The commits of a branch, and one commit compared with another.

use std::sync::Arc;

use axum::Router;
use axum::extract::Path;
use axum::routing::get;
use serde_json::{Value, json};

use super::super::access::{Access, Permission};
use super::super::answer::{Answer, Refusal, ok};
use super::super::front::Ask;
use super::super::git::{self, GitError};
use super::super::render::Render;
use super::super::state::{FileChange, Repo};
use super::super::world::World;
use super::Of;

pub(crate) fn router() -> Router<Arc<World>> {
    Router::new()
        .route("/repos/{owner}/{repo}/commits", get(commits))
        .route("/repos/{owner}/{repo}/compare/{*range}", get(compare))
}

fn resolve(repo: &Repo, reference: &str) -> Result<String, Refusal> {
    repo.resolve(reference).ok_or_else(Refusal::missing)
}

fn unreadable(_: GitError) -> Refusal {
    Refusal::new(500, "Server Error")
}

async fn commits(ask: Ask) -> Answer {
    let (git, sha) = {
        let state = ask.state();
        let repo = ask.may(&state, Permission::Contents, Access::Read)?;
        let reference = ask.word("sha").unwrap_or(&repo.default_branch);
        (repo.git.clone(), resolve(repo, reference)?)
    };
    let all = git::history(&git, &sha).await.map_err(unreadable)?;
    let state = ask.state();
    let repo = ask.may(&state, Permission::Contents, Access::Read)?;
    ask.paging().list(shown(&ask.render(&state), repo, &all))
}

fn shown(render: &Render<'_>, repo: &Repo, all: &[String]) -> Vec<Value> {
    let known = all.iter().filter_map(|sha| repo.commits.get(sha));
    known.map(|commit| render.commit(repo, commit)).collect()
}

/// The range between two commits.
struct Between {
    base: String,
    head: String,
    fork_point: String,
    /// The head's own commits, newest first.
    ahead: Vec<String>,
    behind: Vec<String>,
    files: Vec<FileChange>,
}

impl Between {
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

async fn compare(ask: Ask, Path((_, _, range)): Of<String>) -> Answer {
    let (base, head) = range.split_once("...").ok_or_else(Refusal::missing)?;
    let (git, base, head) = {
        let state = ask.state();
        let repo = ask.may(&state, Permission::Contents, Access::Read)?;
        (repo.git.clone(), resolve(repo, base)?, resolve(repo, head)?)
    };
    let between = Between::of(&git, base, head).await.map_err(|_| Refusal::missing())?;
    let state = ask.state();
    let repo = ask.may(&state, Permission::Contents, Access::Read)?;
    let render = ask.render(&state);
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
