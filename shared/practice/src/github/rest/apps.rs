//! Apps, their installations, and installations' tokens.

use std::sync::Arc;

use axum::extract::Path;
use axum::routing::{delete, get, post};
use axum::{Json, Router};
use serde_json::{Value, json};

use super::super::access::{
    Access, Caller, Installation, Permission, Permissions, Token, TokenOwner,
};
use super::super::answer::{Answer, Refusal, created, no_content, ok};
use super::super::front::Ask;
use super::super::render::{permissions, time};
use super::super::state::{Repo, State};
use super::super::world::World;
use super::words;

pub(crate) fn router() -> Router<Arc<World>> {
    Router::new()
        .route("/app", get(app))
        .route("/app/installations", get(installations))
        .route("/app/installations/{id}", get(installation))
        .route("/app/installations/{id}/access_tokens", post(token))
        .route("/installation/repositories", get(repositories))
        .route("/installation/token", delete(revoke))
        .route("/repos/{owner}/{repo}/installation", get(of_repository))
        .route("/orgs/{login}/installation", get(of_account))
        .route("/users/{login}/installation", get(of_account))
}

const HOUR_MS: u64 = 3_600_000;

fn app_of(ask: &Ask) -> Result<u64, Refusal> {
    match ask.caller {
        Caller::App(id) => Ok(id),
        _ => Err(Refusal::needs_jwt()),
    }
}

async fn app(ask: Ask) -> Answer {
    let id = app_of(&ask)?;
    let state = ask.state();
    let mut all = ask.render(&state).app(id);
    all["installations_count"] =
        state.installations.values().filter(|it| it.app == id).count().into();
    ok(&all)
}

async fn installations(ask: Ask) -> Answer {
    let id = app_of(&ask)?;
    let state = ask.state();
    let render = ask.render(&state);
    let all = state.installations.values().filter(|it| it.app == id);
    ask.paging().list(all.map(|it| render.installation(it)).collect())
}

fn find(state: &State, app: u64, id: u64) -> Result<&Installation, Refusal> {
    let found = state.installations.get(&id).filter(|it| it.app == app);
    found.ok_or_else(Refusal::missing)
}

async fn installation(ask: Ask, Path(id): Path<u64>) -> Answer {
    let app = app_of(&ask)?;
    let state = ask.state();
    ok(&ask.render(&state).installation(find(&state, app, id)?))
}

async fn of_repository(ask: Ask) -> Answer {
    let app = app_of(&ask)?;
    let state = ask.state();
    let id = state.installation_for(app, ask.repo()).ok_or_else(Refusal::missing)?;
    ok(&ask.render(&state).installation(find(&state, app, id)?))
}

async fn of_account(ask: Ask, Path(login): Path<String>) -> Answer {
    let app = app_of(&ask)?;
    let state = ask.state();
    let found = state.installations.values().find(|it| it.app == app && it.account == login);
    ok(&ask.render(&state).installation(found.ok_or_else(Refusal::missing)?))
}

async fn token(ask: Ask, Path(id): Path<u64>, body: Option<Json<Value>>) -> Answer {
    let app = app_of(&ask)?;
    let body = body.map(|Json(body)| body).unwrap_or_default();
    let mut state = ask.state();
    let installation = find(&state, app, id)?.clone();
    if installation.suspended {
        return Err(Refusal::new(403, "This installation has been suspended"));
    }
    let granted = narrowed(&installation.permissions, &body["permissions"])?;
    let repos = chosen(&state, &installation, &body)?;
    let expires_ms = state.now_ms() + HOUR_MS;
    let key = format!("ghs_{}", uuid::Uuid::now_v7().simple());
    let selection = if repos.is_some() { "selected" } else { "all" };
    let new = Token {
        owner: TokenOwner::Installation(id),
        permissions: granted.clone(),
        repos,
        expires_ms: Some(expires_ms),
    };
    state.tokens.insert(key.clone(), new);
    created(&json!({
        "token": key, "expires_at": time(expires_ms), "permissions": permissions(&granted),
        "repository_selection": selection,
    }))
}

/// Returns the requested permissions if the installation has all of them.
fn narrowed(has: &Permissions, asked: &Value) -> Result<Permissions, Refusal> {
    let Some(asked) = asked.as_object() else { return Ok(has.clone()) };
    let mut granted = Permissions::new();
    for (name, access) in asked {
        let access = if access == "read" { Access::Read } else { Access::Write };
        let permission = Permission::named(name);
        let held = permission.filter(|it| has.get(it).copied() >= Some(access));
        let text = "The permissions requested are not granted to this installation.";
        granted.insert(held.ok_or_else(|| Refusal::new(422, text))?, access);
    }
    Ok(granted)
}

fn chosen(state: &State, of: &Installation, body: &Value) -> Result<Option<Vec<u64>>, Refusal> {
    let names = words(&body["repositories"]);
    if names.is_empty() {
        return Ok(of.repos.clone());
    }
    let id = |name: &String| {
        let repo = state.repo_named(&format!("{}/{name}", of.account));
        repo.filter(|repo| of.holds(repo)).map(|repo| repo.id)
    };
    let text = "There is at least one repository that does not exist or is not accessible to the parent installation.";
    let all: Option<Vec<u64>> = names.iter().map(id).collect();
    all.map(Some).ok_or_else(|| Refusal::new(422, text))
}

async fn repositories(ask: Ask) -> Answer {
    let Caller::Token { token, .. } = &ask.caller else {
        return Err(Refusal::needs_authentication());
    };
    let TokenOwner::Installation(id) = token.owner else {
        let text = "You must authenticate with an installation access token in order to list repositories for an installation.";
        return Err(Refusal::new(403, text));
    };
    let state = ask.state();
    let installation = state.installations.get(&id).ok_or_else(Refusal::missing)?;
    let in_token = |repo: &&Repo| token.repos.as_ref().is_none_or(|it| it.contains(&repo.id));
    let all = state.repos.values().filter(|repo| installation.holds(repo)).filter(in_token);
    let render = ask.render(&state);
    ask.paging().counted("repositories", all.map(|repo| render.repo(repo)).collect())
}

async fn revoke(ask: Ask) -> Answer {
    if let Caller::Token { key, .. } = &ask.caller {
        ask.state().tokens.remove(key);
    }
    no_content()
}
