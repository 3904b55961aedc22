//! Webhooks of a repository and of an App, their deliveries, and asking for another try.

use std::sync::Arc;

use axum::extract::Path;
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::{Value, json};

use super::super::access::{Access, Caller, Permission};
use super::super::answer::{Answer, Refusal, accepted, created, linked, no_content, ok};
use super::super::front::Ask;
use super::super::render::time;
use super::super::state::State;
use super::super::webhooks::{Delivery, Hook, HookOwner};
use super::super::world::World;
use super::{Of, Of2, words};

pub(crate) fn router() -> Router<Arc<World>> {
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

fn hook_of_app(ask: &Ask, state: &State) -> Result<Hook, Refusal> {
    let Caller::App(app) = ask.caller else { return Err(Refusal::needs_jwt()) };
    let found = state.hooks.values().find(|hook| hook.of == HookOwner::App(app));
    found.cloned().ok_or_else(Refusal::missing)
}

fn hook_of_repo(ask: &Ask, state: &State, id: u64, access: Access) -> Result<Hook, Refusal> {
    ask.may(state, Permission::RepositoryHooks, access)?;
    let found = state.hooks.get(&id).filter(|hook| hook.of == HookOwner::Repo(ask.repo()));
    found.cloned().ok_or_else(Refusal::missing)
}

fn config(hook: &Hook) -> Value {
    json!({"url": hook.url, "content_type": "json", "insecure_ssl": "0", "secret": "********"})
}

async fn app_config(ask: Ask) -> Answer {
    let state = ask.state();
    ok(&config(&hook_of_app(&ask, &state)?))
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

fn item(it: &Delivery) -> Value {
    json!({
        "id": it.id, "guid": it.guid, "delivered_at": time(it.at_ms), "redelivery": it.redelivery,
        "duration": 0.1, "status": status_words(it.status_code), "status_code": it.status_code,
        "event": it.event, "action": it.action, "installation_id": it.installation,
        "repository_id": it.repo, "throttled_at": null,
    })
}

/// Newest first, paged by a cursor as this list alone is.
fn listed(ask: &Ask, state: &State, hook: &Hook) -> Answer {
    let before: u64 = ask.word("cursor").and_then(|it| it.parse().ok()).unwrap_or(u64::MAX);
    let count: usize = ask.word("per_page").and_then(|it| it.parse().ok()).unwrap_or(30);
    let of = |it: &&Delivery| it.hook == hook.id && it.status_code != 0;
    let older = state.deliveries.range(..before).rev().map(|(_, it)| it).filter(of);
    let mut all: Vec<&Delivery> = older.take(count.clamp(1, 100) + 1).collect();
    let more = all.len() > count;
    all.truncate(count);
    let link = all.last().filter(|_| more).map(|last| {
        let url = ask.here();
        format!("<{url}?per_page={count}&cursor={}>; rel=\"next\"", last.id)
    });
    linked(&Value::Array(all.into_iter().map(item).collect()), link)
}

fn shown(state: &State, hook: &Hook, id: u64) -> Answer {
    let it = state.deliveries.get(&id).filter(|it| it.hook == hook.id);
    let it = it.ok_or_else(Refusal::missing)?;
    let mut all = item(it);
    all["url"] = hook.url.as_str().into();
    let headers = json!({"X-GitHub-Delivery": it.guid, "X-GitHub-Event": it.event});
    all["request"] = json!({"headers": headers, "payload": it.json()});
    all["response"] = json!({"headers": {}, "payload": ""});
    ok(&all)
}

fn again(state: &mut State, hook: &Hook, id: u64) -> Answer {
    state.deliveries.get(&id).filter(|it| it.hook == hook.id).ok_or_else(Refusal::missing)?;
    state.redeliver(id);
    accepted(&json!({}))
}

async fn app_deliveries(ask: Ask) -> Answer {
    let state = ask.state();
    listed(&ask, &state, &hook_of_app(&ask, &state)?)
}

async fn app_delivery(ask: Ask, Path(id): Path<u64>) -> Answer {
    let state = ask.state();
    shown(&state, &hook_of_app(&ask, &state)?, id)
}

async fn app_redeliver(ask: Ask, Path(id): Path<u64>) -> Answer {
    let mut state = ask.state();
    let hook = hook_of_app(&ask, &state)?;
    again(&mut state, &hook, id)
}

async fn deliveries(ask: Ask, Path((_, _, hook)): Of<u64>) -> Answer {
    let state = ask.state();
    listed(&ask, &state, &hook_of_repo(&ask, &state, hook, Access::Read)?)
}

async fn delivery(ask: Ask, Path((_, _, hook, id)): Of2<u64, u64>) -> Answer {
    let state = ask.state();
    shown(&state, &hook_of_repo(&ask, &state, hook, Access::Read)?, id)
}

async fn redeliver(ask: Ask, Path((_, _, hook, id)): Of2<u64, u64>) -> Answer {
    let mut state = ask.state();
    let hook = hook_of_repo(&ask, &state, hook, Access::Write)?;
    again(&mut state, &hook, id)
}

fn hook_json(ask: &Ask, state: &State, hook: &Hook) -> Value {
    let Some(repo) = state.repos.get(&ask.repo()) else { return Value::Null };
    let url = format!("{}/hooks/{}", ask.render(state).repo_url(repo), hook.id);
    json!({
        "id": hook.id, "type": "Repository", "name": "web", "active": true,
        "events": hook.events, "config": config(hook), "url": url,
        "test_url": format!("{url}/test"), "ping_url": format!("{url}/pings"),
        "deliveries_url": format!("{url}/deliveries"),
        "created_at": time(hook.created_ms), "updated_at": time(hook.created_ms),
        "last_response": {"code": null, "status": "unused", "message": null},
    })
}

async fn list(ask: Ask) -> Answer {
    let state = ask.state();
    ask.may(&state, Permission::RepositoryHooks, Access::Read)?;
    let own = state.hooks.values().filter(|hook| hook.of == HookOwner::Repo(ask.repo()));
    ask.paging().list(own.map(|hook| hook_json(&ask, &state, hook)).collect())
}

async fn create(ask: Ask, Json(body): Json<Value>) -> Answer {
    let mut state = ask.state();
    ask.may(&state, Permission::RepositoryHooks, Access::Write)?;
    let config = &body["config"];
    let url =
        config["url"].as_str().ok_or_else(|| Refusal::invalid("Hook", "url", "missing_field"))?;
    let events = words(&body["events"]);
    let hook = Hook {
        id: state.next_id(),
        of: HookOwner::Repo(ask.repo()),
        url: url.to_owned(),
        secret: config["secret"].as_str().unwrap_or_default().to_owned(),
        events: if events.is_empty() { vec!["push".to_owned()] } else { events },
        created_ms: state.now_ms(),
    };
    state.hooks.insert(hook.id, hook.clone());
    created(&hook_json(&ask, &state, &hook))
}

async fn one(ask: Ask, Path((_, _, id)): Of<u64>) -> Answer {
    let state = ask.state();
    let hook = hook_of_repo(&ask, &state, id, Access::Read)?;
    ok(&hook_json(&ask, &state, &hook))
}

async fn remove(ask: Ask, Path((_, _, id)): Of<u64>) -> Answer {
    let mut state = ask.state();
    hook_of_repo(&ask, &state, id, Access::Write)?;
    state.hooks.remove(&id);
    no_content()
}
