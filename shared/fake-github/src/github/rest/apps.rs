//! Apps, their installations, and installations' tokens.

use std::sync::Arc;

use axum::extract::Path;
use axum::routing::{delete, get, post};
use axum::{Json, Router};
use serde_json::{Value, json};

use super::super::access::{
    AccessLevel, AppPermission, AppPermissions, Caller, FakeInstallation, FakeToken, TokenOwner,
};
use super::super::fake_server::FakeServer;
use super::super::middleware::RequestContext;
use super::super::render::{permissions, time};
use super::super::response::{ApiRefusal, ApiResult, created, no_content, ok};
use super::super::state::{FakeRepo, GitHubState};
use super::words;

pub(crate) fn router() -> Router<Arc<FakeServer>> {
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

fn app_of(ctx: &RequestContext) -> Result<u64, ApiRefusal> {
    match ctx.caller {
        Caller::App(id) => Ok(id),
        _ => Err(ApiRefusal::needs_jwt()),
    }
}

async fn app(ctx: RequestContext) -> ApiResult {
    let id = app_of(&ctx)?;
    let state = ctx.state();
    let mut all = ctx.render(&state).app(id);
    all["installations_count"] =
        state.installations.values().filter(|it| it.app == id).count().into();
    ok(&all)
}

async fn installations(ctx: RequestContext) -> ApiResult {
    let id = app_of(&ctx)?;
    let state = ctx.state();
    let render = ctx.render(&state);
    let all = state.installations.values().filter(|it| it.app == id);
    ctx.paging().list(all.map(|it| render.installation(it)).collect())
}

fn find(state: &GitHubState, app: u64, id: u64) -> Result<&FakeInstallation, ApiRefusal> {
    let found = state.installations.get(&id).filter(|it| it.app == app);
    found.ok_or_else(ApiRefusal::missing)
}

async fn installation(ctx: RequestContext, Path(id): Path<u64>) -> ApiResult {
    let app = app_of(&ctx)?;
    let state = ctx.state();
    ok(&ctx.render(&state).installation(find(&state, app, id)?))
}

async fn of_repository(ctx: RequestContext) -> ApiResult {
    let app = app_of(&ctx)?;
    let state = ctx.state();
    let id = state.installation_for(app, ctx.repo()).ok_or_else(ApiRefusal::missing)?;
    ok(&ctx.render(&state).installation(find(&state, app, id)?))
}

async fn of_account(ctx: RequestContext, Path(login): Path<String>) -> ApiResult {
    let app = app_of(&ctx)?;
    let state = ctx.state();
    let found = state.installations.values().find(|it| it.app == app && it.account == login);
    ok(&ctx.render(&state).installation(found.ok_or_else(ApiRefusal::missing)?))
}

async fn token(ctx: RequestContext, Path(id): Path<u64>, body: Option<Json<Value>>) -> ApiResult {
    let app = app_of(&ctx)?;
    let body = body.map(|Json(body)| body).unwrap_or_default();
    let mut state = ctx.state();
    let installation = find(&state, app, id)?.clone();
    if installation.suspended {
        return Err(ApiRefusal::new(403, "This installation has been suspended"));
    }
    let granted = narrowed(&installation.permissions, &body["permissions"])?;
    let repos = chosen(&state, &installation, &body)?;
    let expires_ms = state.now_ms() + HOUR_MS;
    let key = format!("ghs_{}", uuid::Uuid::now_v7().simple());
    let selection = if repos.is_some() { "selected" } else { "all" };
    let new = FakeToken {
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
fn narrowed(has: &AppPermissions, asked: &Value) -> Result<AppPermissions, ApiRefusal> {
    let Some(asked) = asked.as_object() else { return Ok(has.clone()) };
    let mut granted = AppPermissions::new();
    for (name, access) in asked {
        let access = if access == "read" { AccessLevel::Read } else { AccessLevel::Write };
        let permission = AppPermission::named(name);
        let held = permission.filter(|it| has.get(it).copied() >= Some(access));
        let text = "The permissions requested are not granted to this installation.";
        granted.insert(held.ok_or_else(|| ApiRefusal::new(422, text))?, access);
    }
    Ok(granted)
}

fn chosen(
    state: &GitHubState,
    of: &FakeInstallation,
    body: &Value,
) -> Result<Option<Vec<u64>>, ApiRefusal> {
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
    all.map(Some).ok_or_else(|| ApiRefusal::new(422, text))
}

async fn repositories(ctx: RequestContext) -> ApiResult {
    let Caller::Token { token, .. } = &ctx.caller else {
        return Err(ApiRefusal::needs_authentication());
    };
    let TokenOwner::Installation(id) = token.owner else {
        let text = "You must authenticate with an installation access token in order to list repositories for an installation.";
        return Err(ApiRefusal::new(403, text));
    };
    let state = ctx.state();
    let installation = state.installations.get(&id).ok_or_else(ApiRefusal::missing)?;
    let in_token = |repo: &&FakeRepo| token.repos.as_ref().is_none_or(|it| it.contains(&repo.id));
    let all = state.repos.values().filter(|repo| installation.holds(repo)).filter(in_token);
    let render = ctx.render(&state);
    ctx.paging().counted("repositories", all.map(|repo| render.repo(repo)).collect())
}

async fn revoke(ctx: RequestContext) -> ApiResult {
    if let Caller::Token { key, .. } = &ctx.caller {
        ctx.state().tokens.remove(key);
    }
    no_content()
}
