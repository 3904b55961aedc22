//! Commit statuses.

use std::sync::Arc;

use axum::extract::Path;
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::{Value, json};

use super::super::access::{Access, Permission};
use super::super::answer::{Answer, Refusal, created, linked};
use super::super::front::Ask;
use super::super::state::{Repo, Status};
use super::super::world::World;
use super::Of;

pub(crate) fn router() -> Router<Arc<World>> {
    Router::new()
        .route("/repos/{owner}/{repo}/statuses/{sha}", post(create))
        .route("/repos/{owner}/{repo}/commits/{reference}/status", get(combined))
        .route("/repos/{owner}/{repo}/commits/{reference}/statuses", get(list))
}

async fn create(ask: Ask, Path((_, _, sha)): Of<String>, Json(body): Json<Value>) -> Answer {
    let mut state = ask.state();
    let repo = ask.may(&state, Permission::Statuses, Access::Write)?;
    if !repo.commits.contains_key(&sha) {
        return Err(Refusal::new(422, format!("No commit found for SHA: {sha}")));
    }
    let known = ["error", "failure", "pending", "success"];
    let given = body["state"].as_str().filter(|state| known.contains(state));
    let given = given.ok_or_else(|| Refusal::invalid("Status", "state", "invalid"))?;
    let text = |name: &str| body[name].as_str().map(str::to_owned);
    let status = Status {
        id: state.next_id(),
        sha,
        state: given.to_owned(),
        context: text("context").unwrap_or_else(|| "default".to_owned()),
        description: text("description"),
        target_url: text("target_url"),
        creator: ask.caller.login(),
        created_ms: state.now_ms(),
    };
    state.put_status(ask.repo(), status.clone());
    let repo = ask.may(&state, Permission::Statuses, Access::Write)?;
    created(&ask.render(&state).status(repo, &status))
}

fn resolve(repo: &Repo, reference: &str) -> Result<String, Refusal> {
    let none = || Refusal::new(422, format!("No commit found for SHA: {reference}"));
    repo.resolve(reference).ok_or_else(none)
}

async fn combined(ask: Ask, Path((_, _, reference)): Of<String>) -> Answer {
    let state = ask.state();
    let repo = ask.may(&state, Permission::Statuses, Access::Read)?;
    let (render, sha) = (ask.render(&state), resolve(repo, &reference)?);
    let latest = repo.latest_statuses(&sha);
    let total = latest.len();
    let has = |wanted: &str| latest.iter().any(|status| status.state == wanted);
    let overall = if has("failure") || has("error") {
        "failure"
    } else if has("pending") || total == 0 {
        "pending"
    } else {
        "success"
    };
    let all = latest.into_iter().map(|status| render.simple_status(repo, status)).collect();
    let (statuses, link) = ask.paging().cut(all);
    let url = format!("{}/commits/{sha}", render.repo_url(repo));
    let body = json!({
        "state": overall, "statuses": statuses, "sha": sha, "total_count": total,
        "repository": render.minimal_repo(repo), "commit_url": url, "url": format!("{url}/status"),
    });
    linked(&body, link)
}

async fn list(ask: Ask, Path((_, _, reference)): Of<String>) -> Answer {
    let state = ask.state();
    let repo = ask.may(&state, Permission::Statuses, Access::Read)?;
    let (render, sha) = (ask.render(&state), resolve(repo, &reference)?);
    let all = repo.statuses.iter().rev().filter(|status| status.sha == sha);
    ask.paging().list(all.map(|status| render.status(repo, status)).collect())
}
