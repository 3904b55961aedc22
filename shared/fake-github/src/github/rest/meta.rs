//! Rate limits and users.

use std::sync::Arc;

use axum::Router;
use axum::extract::Path;
use axum::routing::get;
use serde_json::json;

use super::super::access::Caller;
use super::super::fake_server::FakeServer;
use super::super::limits::Resource;
use super::super::middleware::RequestContext;
use super::super::response::{ApiRefusal, ApiResult, ok};

pub(crate) fn router() -> Router<Arc<FakeServer>> {
    Router::new()
        .route("/rate_limit", get(rate_limit))
        .route("/user", get(myself))
        .route("/user/repos", get(own_repos))
        .route("/users/{login}", get(user))
}

async fn rate_limit(ctx: RequestContext) -> ApiResult {
    let mut state = ctx.state();
    let (author, now) = (ctx.caller.account_key(), state.now_ms());
    let core = state.limits.standing(&author, Resource::Core, now).json();
    let graphql = state.limits.standing(&author, Resource::Graphql, now).json();
    ok(&json!({"resources": {"core": core, "search": core, "graphql": graphql}, "rate": core}))
}

async fn myself(ctx: RequestContext) -> ApiResult {
    let state = ctx.state();
    match &ctx.caller {
        Caller::Token { login, app: None, .. } => {
            let user = state.users.get(login).ok_or_else(ApiRefusal::bad_credentials)?;
            ok(&ctx.render(&state).full_user(user))
        }
        Caller::Token { .. } => Err(ApiRefusal::new(403, "Resource not accessible by integration")),
        _ => Err(ApiRefusal::needs_authentication()),
    }
}

async fn own_repos(ctx: RequestContext) -> ApiResult {
    if ctx.caller.app().is_some() {
        return Err(ApiRefusal::new(403, "Resource not accessible by integration"));
    }
    let state = ctx.state();
    let render = ctx.render(&state);
    let own = state.repos.values().filter(|repo| ctx.caller.works_on(&state, repo));
    ctx.paging().list(own.map(|repo| render.repo(repo)).collect())
}

async fn user(ctx: RequestContext, Path(login): Path<String>) -> ApiResult {
    let state = ctx.state();
    let user = state.users.get(&login).ok_or_else(ApiRefusal::missing)?;
    ok(&ctx.render(&state).full_user(user))
}
