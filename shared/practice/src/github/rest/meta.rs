//! Rate limits and users.

use std::sync::Arc;

use axum::Router;
use axum::extract::Path;
use axum::routing::get;
use serde_json::json;

use super::super::access::Caller;
use super::super::answer::{Answer, Refusal, ok};
use super::super::front::Ask;
use super::super::limits::Resource;
use super::super::world::World;

pub(crate) fn router() -> Router<Arc<World>> {
    Router::new()
        .route("/rate_limit", get(rate_limit))
        .route("/user", get(myself))
        .route("/user/repos", get(own_repos))
        .route("/users/{login}", get(user))
}

async fn rate_limit(ask: Ask) -> Answer {
    let mut state = ask.state();
    let (who, now) = (ask.caller.account_key(), state.now_ms());
    let core = state.limits.standing(&who, Resource::Core, now).json();
    let graphql = state.limits.standing(&who, Resource::Graphql, now).json();
    ok(&json!({"resources": {"core": core, "search": core, "graphql": graphql}, "rate": core}))
}

async fn myself(ask: Ask) -> Answer {
    let state = ask.state();
    match &ask.caller {
        Caller::Token { login, app: None, .. } => {
            let user = state.users.get(login).ok_or_else(Refusal::bad_credentials)?;
            ok(&ask.render(&state).full_user(user))
        }
        Caller::Token { .. } => Err(Refusal::new(403, "Resource not accessible by integration")),
        _ => Err(Refusal::needs_authentication()),
    }
}

async fn own_repos(ask: Ask) -> Answer {
    if ask.caller.app().is_some() {
        return Err(Refusal::new(403, "Resource not accessible by integration"));
    }
    let state = ask.state();
    let render = ask.render(&state);
    let own = state.repos.values().filter(|repo| ask.caller.works_on(&state, repo));
    ask.paging().list(own.map(|repo| render.repo(repo)).collect())
}

async fn user(ask: Ask, Path(login): Path<String>) -> Answer {
    let state = ask.state();
    let user = state.users.get(&login).ok_or_else(Refusal::missing)?;
    ok(&ask.render(&state).full_user(user))
}
