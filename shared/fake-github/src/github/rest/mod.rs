//! The REST endpoints, one module for each section of GitHub's own documentation.

mod actions;
mod apps;
mod checks;
mod contents;
mod history;
mod hooks;
mod issues;
mod meta;
mod pulls;
mod repos;
mod smart_git;
mod statuses;

use std::sync::Arc;

use axum::Router;
use axum::extract::Path;
use axum::routing::any;

use super::fake_server::FakeServer;
use super::response::ApiRefusal;

/// Owner and name, which the passage has already looked up, and one more part of a path.
pub(crate) type RepoRoute<T> = Path<(String, String, T)>;
/// The same with two more parts.
pub(crate) type RepoRoute2<T, U> = Path<(String, String, T, U)>;

pub(crate) fn router() -> Router<Arc<FakeServer>> {
    Router::new()
        .merge(actions::router())
        .merge(apps::router())
        .merge(checks::router())
        .merge(contents::router())
        .merge(history::router())
        .merge(hooks::router())
        .merge(issues::router())
        .merge(meta::router())
        .merge(pulls::router())
        .merge(repos::router())
        .merge(smart_git::router())
        .merge(statuses::router())
        .merge(super::graphql::router())
        .fallback(any(async || ApiRefusal::missing()))
}

/// The texts of an array; of objects their `name`.
pub(crate) fn words(value: &serde_json::Value) -> Vec<String> {
    let all = value.as_array().map(Vec::as_slice).unwrap_or_default();
    let word = |it: &serde_json::Value| it.as_str().or(it["name"].as_str()).map(str::to_owned);
    all.iter().filter_map(word).collect()
}
