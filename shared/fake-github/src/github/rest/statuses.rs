//! Commit statuses.

use std::sync::Arc;

use axum::extract::Path;
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::{Value, json};

use super::super::access::{AccessLevel, AppPermission};
use super::super::fake_server::FakeServer;
use super::super::middleware::RequestContext;
use super::super::response::{ApiRefusal, ApiResult, created, linked};
use super::super::state::{FakeRepo, FakeStatus};
use super::RepoRoute;

pub(crate) fn router() -> Router<Arc<FakeServer>> {
    Router::new()
        .route("/repos/{owner}/{repo}/statuses/{sha}", post(create))
        .route("/repos/{owner}/{repo}/commits/{reference}/status", get(combined))
        .route("/repos/{owner}/{repo}/commits/{reference}/statuses", get(list))
}

async fn create(
    ctx: RequestContext,
    Path((_, _, sha)): RepoRoute<String>,
    Json(body): Json<Value>,
) -> ApiResult {
    let mut state = ctx.state();
    let repo = ctx.may(&state, AppPermission::Statuses, AccessLevel::Write)?;
    if !repo.commits.contains_key(&sha) {
        return Err(ApiRefusal::new(422, format!("No commit found for SHA: {sha}")));
    }
    let known = ["error", "failure", "pending", "success"];
    let given = body["state"].as_str().filter(|state| known.contains(state));
    let given = given.ok_or_else(|| ApiRefusal::invalid("Status", "state", "invalid"))?;
    let text = |name: &str| body[name].as_str().map(str::to_owned);
    let status = FakeStatus {
        id: state.next_id(),
        sha,
        state: given.to_owned(),
        context: text("context").unwrap_or_else(|| "default".to_owned()),
        description: text("description"),
        target_url: text("target_url"),
        creator: ctx.caller.login(),
        created_ms: state.now_ms(),
    };
    state.put_status(ctx.repo(), status.clone());
    let repo = ctx.may(&state, AppPermission::Statuses, AccessLevel::Write)?;
    created(&ctx.render(&state).status(repo, &status))
}

fn resolve(repo: &FakeRepo, reference: &str) -> Result<String, ApiRefusal> {
    let none = || ApiRefusal::new(422, format!("No commit found for SHA: {reference}"));
    repo.resolve(reference).ok_or_else(none)
}

async fn combined(ctx: RequestContext, Path((_, _, reference)): RepoRoute<String>) -> ApiResult {
    let state = ctx.state();
    let repo = ctx.may(&state, AppPermission::Statuses, AccessLevel::Read)?;
    let (render, sha) = (ctx.render(&state), resolve(repo, &reference)?);
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
    let (statuses, link) = ctx.paging().cut(all);
    let url = format!("{}/commits/{sha}", render.repo_url(repo));
    let body = json!({
        "state": overall, "statuses": statuses, "sha": sha, "total_count": total,
        "repository": render.minimal_repo(repo), "commit_url": url, "url": format!("{url}/status"),
    });
    linked(&body, link)
}

async fn list(ctx: RequestContext, Path((_, _, reference)): RepoRoute<String>) -> ApiResult {
    let state = ctx.state();
    let repo = ctx.may(&state, AppPermission::Statuses, AccessLevel::Read)?;
    let (render, sha) = (ctx.render(&state), resolve(repo, &reference)?);
    let all = repo.statuses.iter().rev().filter(|status| status.sha == sha);
    ctx.paging().list(all.map(|status| render.status(repo, status)).collect())
}
