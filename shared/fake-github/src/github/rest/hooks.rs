//! Webhooks of a repository and of an App, their deliveries, and asking for another try.

use std::sync::Arc;

use axum::extract::Path;
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::{Value, json};

use super::super::access::{AccessLevel, AppPermission, Caller};
use super::super::fake_server::FakeServer;
use super::super::middleware::RequestContext;
use super::super::render::time;
use super::super::response::{ApiRefusal, ApiResult, accepted, created, linked, no_content, ok};
use super::super::state::GitHubState;
use super::super::webhooks::{FakeHook, HookOwner, RecordedDelivery};
use super::{RepoRoute, RepoRoute2, words};

pub(crate) fn router() -> Router<Arc<FakeServer>> {
    Router::new()
        .route("/app/hook/config", get(app_config))
        .route("/app/hook/deliveries", get(app_deliveries))
        .route("/app/hook/deliveries/{id}", get(app_delivery))
        .route("/app/hook/deliveries/{id}/attempts", post(app_redeliver))
        .route("/repos/{owner}/{repo}/hooks", get(list).post(create))
        .route("/repos/{owner}/{repo}/hooks/{hook}", get(one).delete(remove))
        .route("/repos/{owner}/{repo}/hooks/{hook}/deliveries", get(deliveries))
        .route("/repos/{owner}/{repo}/hooks/{hook}/deliveries/{id}", get(delivery))
        .route("/repos/{owner}/{repo}/hooks/{hook}/deliveries/{id}/attempts", post(redeliver))
}

fn hook_of_app(ctx: &RequestContext, state: &GitHubState) -> Result<FakeHook, ApiRefusal> {
    let Caller::App(app) = ctx.caller else { return Err(ApiRefusal::needs_jwt()) };
    let found = state.hooks.values().find(|hook| hook.of == HookOwner::App(app));
    found.cloned().ok_or_else(ApiRefusal::missing)
}

fn hook_of_repo(
    ctx: &RequestContext,
    state: &GitHubState,
    id: u64,
    access: AccessLevel,
) -> Result<FakeHook, ApiRefusal> {
    ctx.may(state, AppPermission::RepositoryHooks, access)?;
    let found = state.hooks.get(&id).filter(|hook| hook.of == HookOwner::Repo(ctx.repo()));
    found.cloned().ok_or_else(ApiRefusal::missing)
}

fn config(hook: &FakeHook) -> Value {
    json!({"url": hook.url, "content_type": "json", "insecure_ssl": "0", "secret": "********"})
}

async fn app_config(ctx: RequestContext) -> ApiResult {
    let state = ctx.state();
    ok(&config(&hook_of_app(&ctx, &state)?))
}

fn status_words(code: u16) -> &'static str {
    match code {
        0 => "pending",
        200..=299 => "OK",
        504 => "timed out",
        502 => "failed to connect to host",
        _ => "Invalid HTTP Response",
    }
}

fn item(it: &RecordedDelivery) -> Value {
    json!({
        "id": it.id, "guid": it.guid, "delivered_at": time(it.at_ms), "redelivery": it.redelivery,
        "duration": 0.1, "status": status_words(it.status_code), "status_code": it.status_code,
        "event": it.event, "action": it.action, "installation_id": it.installation,
        "repository_id": it.repo, "throttled_at": null,
    })
}

/// Newest first, paged by a cursor as this list alone is.
fn listed(ctx: &RequestContext, state: &GitHubState, hook: &FakeHook) -> ApiResult {
    let before: u64 = ctx.word("cursor").and_then(|it| it.parse().ok()).unwrap_or(u64::MAX);
    let count: usize = ctx.word("per_page").and_then(|it| it.parse().ok()).unwrap_or(30);
    let of = |it: &&RecordedDelivery| it.hook == hook.id && it.status_code != 0;
    let older = state.deliveries.range(..before).rev().map(|(_, it)| it).filter(of);
    let mut all: Vec<&RecordedDelivery> = older.take(count.clamp(1, 100) + 1).collect();
    let more = all.len() > count;
    all.truncate(count);
    let link = all.last().filter(|_| more).map(|last| {
        let url = ctx.here();
        format!("<{url}?per_page={count}&cursor={}>; rel=\"next\"", last.id)
    });
    linked(&Value::Array(all.into_iter().map(item).collect()), link)
}

fn shown(state: &GitHubState, hook: &FakeHook, id: u64) -> ApiResult {
    let it = state.deliveries.get(&id).filter(|it| it.hook == hook.id);
    let it = it.ok_or_else(ApiRefusal::missing)?;
    let mut all = item(it);
    all["url"] = hook.url.as_str().into();
    let headers = json!({"X-GitHub-Delivery": it.guid, "X-GitHub-Event": it.event});
    all["request"] = json!({"headers": headers, "payload": it.json()});
    all["response"] = json!({"headers": {}, "payload": ""});
    ok(&all)
}

fn again(state: &mut GitHubState, hook: &FakeHook, id: u64) -> ApiResult {
    state.deliveries.get(&id).filter(|it| it.hook == hook.id).ok_or_else(ApiRefusal::missing)?;
    state.redeliver(id);
    accepted(&json!({}))
}

async fn app_deliveries(ctx: RequestContext) -> ApiResult {
    let state = ctx.state();
    listed(&ctx, &state, &hook_of_app(&ctx, &state)?)
}

async fn app_delivery(ctx: RequestContext, Path(id): Path<u64>) -> ApiResult {
    let state = ctx.state();
    shown(&state, &hook_of_app(&ctx, &state)?, id)
}

async fn app_redeliver(ctx: RequestContext, Path(id): Path<u64>) -> ApiResult {
    let mut state = ctx.state();
    let hook = hook_of_app(&ctx, &state)?;
    again(&mut state, &hook, id)
}

async fn deliveries(ctx: RequestContext, Path((_, _, hook)): RepoRoute<u64>) -> ApiResult {
    let state = ctx.state();
    listed(&ctx, &state, &hook_of_repo(&ctx, &state, hook, AccessLevel::Read)?)
}

async fn delivery(ctx: RequestContext, Path((_, _, hook, id)): RepoRoute2<u64, u64>) -> ApiResult {
    let state = ctx.state();
    shown(&state, &hook_of_repo(&ctx, &state, hook, AccessLevel::Read)?, id)
}

async fn redeliver(ctx: RequestContext, Path((_, _, hook, id)): RepoRoute2<u64, u64>) -> ApiResult {
    let mut state = ctx.state();
    let hook = hook_of_repo(&ctx, &state, hook, AccessLevel::Write)?;
    again(&mut state, &hook, id)
}

fn hook_json(ctx: &RequestContext, state: &GitHubState, hook: &FakeHook) -> Value {
    let Some(repo) = state.repos.get(&ctx.repo()) else { return Value::Null };
    let url = format!("{}/hooks/{}", ctx.render(state).repo_url(repo), hook.id);
    json!({
        "id": hook.id, "type": "Repository", "name": "web", "active": true,
        "events": hook.events, "config": config(hook), "url": url,
        "test_url": format!("{url}/test"), "ping_url": format!("{url}/pings"),
        "deliveries_url": format!("{url}/deliveries"),
        "created_at": time(hook.created_ms), "updated_at": time(hook.created_ms),
        "last_response": {"code": null, "status": "unused", "message": null},
    })
}

async fn list(ctx: RequestContext) -> ApiResult {
    let state = ctx.state();
    ctx.may(&state, AppPermission::RepositoryHooks, AccessLevel::Read)?;
    let own = state.hooks.values().filter(|hook| hook.of == HookOwner::Repo(ctx.repo()));
    ctx.paging().list(own.map(|hook| hook_json(&ctx, &state, hook)).collect())
}

async fn create(ctx: RequestContext, Json(body): Json<Value>) -> ApiResult {
    let mut state = ctx.state();
    ctx.may(&state, AppPermission::RepositoryHooks, AccessLevel::Write)?;
    let config = &body["config"];
    let url = config["url"]
        .as_str()
        .ok_or_else(|| ApiRefusal::invalid("Hook", "url", "missing_field"))?;
    let events = words(&body["events"]);
    let hook = FakeHook {
        id: state.next_id(),
        of: HookOwner::Repo(ctx.repo()),
        url: url.to_owned(),
        secret: config["secret"].as_str().unwrap_or_default().to_owned(),
        events: if events.is_empty() { vec!["push".to_owned()] } else { events },
        created_ms: state.now_ms(),
    };
    state.hooks.insert(hook.id, hook.clone());
    created(&hook_json(&ctx, &state, &hook))
}

async fn one(ctx: RequestContext, Path((_, _, id)): RepoRoute<u64>) -> ApiResult {
    let state = ctx.state();
    let hook = hook_of_repo(&ctx, &state, id, AccessLevel::Read)?;
    ok(&hook_json(&ctx, &state, &hook))
}

async fn remove(ctx: RequestContext, Path((_, _, id)): RepoRoute<u64>) -> ApiResult {
    let mut state = ctx.state();
    hook_of_repo(&ctx, &state, id, AccessLevel::Write)?;
    state.hooks.remove(&id);
    no_content()
}
