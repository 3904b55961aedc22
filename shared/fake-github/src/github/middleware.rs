//! The layers that every call passes: journal, injected faults, authentication, limits, renamed
//! repositories, and ETags.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::MutexGuard;

use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{FromRequestParts, Request, State as With};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::access::{AccessLevel, AppPermission, Caller, FakeToken, TokenOwner};
use super::fake_server::{FakeServer, refuses};
use super::faults::{self, ApiFault};
use super::graphql;
use super::journal::{self, CallAuthor, RecordedCall};
use super::limits::{Resource, Spent};
use super::render::Render;
use super::response::{ApiRefusal, Paging, unescape};
use super::state::{FakeRepo, GitHubState};

/// The context of a call.
#[derive(Clone)]
pub(crate) struct RequestContext {
    pub(crate) server: Arc<FakeServer>,
    pub(crate) caller: Caller,
    pub(crate) query: HashMap<String, String>,
    pub(crate) headers: HeaderMap,
    pub(crate) partial: bool,
    api: String,
    url: String,
    repo: Option<u64>,
}

impl<S: Send + Sync> FromRequestParts<S> for RequestContext {
    type Rejection = ApiRefusal;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiRefusal> {
        parts.extensions.get::<Self>().cloned().ok_or_else(ApiRefusal::missing)
    }
}

impl RequestContext {
    pub(crate) fn state(&self) -> MutexGuard<'_, GitHubState> {
        self.server.state()
    }

    pub(crate) fn repo(&self) -> u64 {
        self.repo.unwrap_or_default()
    }

    pub(crate) fn render<'a>(&'a self, state: &'a GitHubState) -> Render<'a> {
        Render { state, api: &self.api, web: &self.server.url }
    }

    pub(crate) fn paging(&self) -> Paging {
        Paging::of(&self.query, &self.url)
    }

    /// The address of the call, without its query.
    pub(crate) fn here(&self) -> &str {
        &self.url
    }

    pub(crate) fn word(&self, name: &str) -> Option<&str> {
        self.query.get(name).map(String::as_str)
    }

    pub(crate) fn wants(&self, media: &str) -> bool {
        let accept = self.headers.get(header::ACCEPT).and_then(|value| value.to_str().ok());
        accept.is_some_and(|accept| accept.contains(media))
    }

    /// The repository, if the caller may do this with it.
    pub(crate) fn may<'a>(
        &self,
        state: &'a GitHubState,
        permission: AppPermission,
        access: AccessLevel,
    ) -> Result<&'a FakeRepo, ApiRefusal> {
        let repo = state.repos.get(&self.repo()).ok_or_else(ApiRefusal::missing)?;
        self.caller.needs(state, repo, permission, access)?;
        Ok(repo)
    }
}

/// Puts the passage before a router.
pub(crate) fn guard(inner: Router<Arc<FakeServer>>, server: Arc<FakeServer>) -> Router {
    // The outer router has no routes, so that paths can still be rewritten before the inner one
    // looks at them.
    Router::new()
        .fallback_service(inner.with_state(Arc::clone(&server)))
        .layer(from_fn_with_state(server, pass))
}

/// A call before it is handled.
struct ParsedRequest {
    method: Method,
    path: String,
    full_path: String,
    body: Option<Value>,
    roots: Vec<String>,
    resource: Resource,
    line: String,
}

impl ParsedRequest {
    fn of(parts: &Parts, bytes: &[u8]) -> Self {
        let body: Option<Value> = serde_json::from_slice(bytes).ok();
        let full_path = parts.uri.path_and_query().map(ToString::to_string).unwrap_or_default();
        let path = parts.uri.path().to_owned();
        let is_graphql = path.ends_with("/graphql");
        let roots = match &body {
            Some(body) if is_graphql => graphql::roots(body),
            _ => Vec::new(),
        };
        let line = journal::line(parts.method.as_str(), &full_path, &roots);
        let resource = if is_graphql { Resource::Graphql } else { Resource::Core };
        Self { method: parts.method.clone(), path, full_path, body, roots, resource, line }
    }

    /// Returns true if the call counts as creating content.
    fn writes(&self) -> bool {
        match self.resource {
            Resource::Graphql => self.roots.iter().any(|root| graphql::is_mutation(root)),
            Resource::Core => {
                !matches!(self.method, Method::GET | Method::HEAD)
                    && !self.path.ends_with("/access_tokens")
            }
        }
    }

    /// Git and pages are not the API.
    fn is_api(&self) -> bool {
        !self.path.contains(".git/")
    }
}

async fn pass(With(server): With<Arc<FakeServer>>, request: Request, next: Next) -> Response {
    let (parts, body) = request.into_parts();
    let bytes = to_bytes(body, usize::MAX).await.unwrap_or_default();
    let seen = ParsedRequest::of(&parts, &bytes);
    let fault = faults::take(&mut server.state().faults, &seen.line);
    let caller = Caller::of(&server.state(), &parts.headers);
    let author = author(caller.as_ref().ok());
    let (response, points) = match caller {
        Err(refusal) => (refusal.into_response(), 0),
        Ok(caller) => serve(&server, caller, (parts, bytes), &seen, fault.as_ref(), next).await,
    };
    let status = response.status().as_u16();
    let page = matches!(fault, Some(ApiFault::Page));
    let whole =
        !page && response.extensions().get::<graphql::GraphqlOutcome>().is_none_or(|it| it.whole);
    let lost = matches!(fault, Some(ApiFault::AnswerLost));
    let call = RecordedCall {
        method: seen.method.to_string(),
        path: seen.full_path,
        graphql: seen.roots,
        author,
        body: seen.body,
        status,
        whole,
        points,
    };
    server.state().journal.push(call);
    server.merge_waiting().await;
    // What stood in the way has been answered already.
    let after = fault.filter(|fault| lost || refuses(Some(fault)).is_none());
    server.shape(response, after).await
}

fn author(caller: Option<&Caller>) -> CallAuthor {
    match caller {
        None | Some(Caller::Nobody) => CallAuthor::Nobody,
        Some(Caller::App(id)) => CallAuthor::App(*id),
        Some(Caller::Token {
            token: FakeToken { owner: TokenOwner::Installation(_), .. },
            login,
            ..
        }) => CallAuthor::Bot(login.clone()),
        Some(Caller::Token { login, .. }) => CallAuthor::Person(login.clone()),
    }
}

async fn serve(
    server: &Arc<FakeServer>,
    caller: Caller,
    (mut parts, bytes): (Parts, Bytes),
    seen: &ParsedRequest,
    fault: Option<&ApiFault>,
    next: Next,
) -> (Response, u64) {
    let key = caller.account_key();
    if !seen.is_api() {
        let ctx = RequestContext::of(server, caller, &parts, None, fault);
        parts.extensions.insert(ctx);
        return (next.run(Request::from_parts(parts, Body::from(bytes))).await, 0);
    }
    let free = seen.path.ends_with("/rate_limit");
    if let Err(refusal) = limit(server, &key, seen, fault, free) {
        return (with_standing(server, &key, seen.resource, refusal.into_response()), 0);
    }
    before(server, fault).await;
    let response = match (refuses(fault), route(server, &caller, &mut parts)) {
        (Some(refused), _) => refused,
        (None, Err(refusal)) => refusal.into_response(),
        (None, Ok(repo)) => {
            let etag = parts.headers.get(header::IF_NONE_MATCH).cloned();
            let ctx = RequestContext::of(server, caller, &parts, repo, fault);
            parts.extensions.insert(ctx);
            let response = next.run(Request::from_parts(parts, Body::from(bytes))).await;
            tag(seen, response, etag).await
        }
    };
    let cost = cost(seen, &response, free);
    let spent = Spent { resource: seen.resource, cost, writes: seen.writes() };
    let now = server.state().now_ms();
    server.state().limits.charge(&key, spent, now);
    (with_standing(server, &key, seen.resource, response), cost)
}

fn limit(
    server: &FakeServer,
    key: &str,
    seen: &ParsedRequest,
    fault: Option<&ApiFault>,
    free: bool,
) -> Result<(), ApiRefusal> {
    let mut state = server.state();
    let now = state.now_ms();
    if fault == Some(&ApiFault::PrimaryLimit) {
        state.limits.exhaust(key, seen.resource, now);
    }
    if free { Ok(()) } else { state.limits.check(key, seen.resource, now) }
}

/// Lets happen what happens just before a call is looked at.
async fn before(server: &FakeServer, fault: Option<&ApiFault>) {
    let Some(ApiFault::HeadMoves { repo, branch }) = fault else { return };
    let found = server
        .state()
        .repo_named(repo)
        .and_then(|repo| Some((repo.id, repo.branches.get(branch)?.sha.clone())));
    let Some((repo, parent)) = found else { return };
    let changes = [super::GitChange::write("MOVED", "someone was faster\n")];
    let pushing = super::changes::refs::NewPush {
        repo,
        branch,
        parent: Some(parent),
        by: "someone-else",
        message: "Be faster",
        changes: &changes,
        force: false,
    };
    // If it can't be moved, the call finds it where it was.
    let _not_moved = server.push(pushing).await;
}

/// Finds the repository of a path, and answers for one that moved or may not be seen.
fn route(
    server: &FakeServer,
    caller: &Caller,
    parts: &mut Parts,
) -> Result<Option<u64>, ApiRefusal> {
    let path = parts.uri.path().to_owned();
    let inner = path.strip_prefix("/api/v3").or_else(|| path.strip_prefix("/api"));
    let inner = inner.unwrap_or(&path);
    let api = &path[..path.len() - inner.len()];
    parts.extensions.insert(Prefix(api.to_owned()));
    let state = server.state();
    let words: Vec<&str> = inner.splitn(5, '/').collect();
    let (id, rest) = match words.as_slice() {
        ["", "repos", owner, name, rest @ ..] => {
            let name = format!("{owner}/{}", unescape(name));
            let id = state.names.get(&name.to_lowercase()).copied();
            (Some(id.ok_or_else(ApiRefusal::missing)?), rest.join("/"))
        }
        ["", "repositories", id, rest @ ..] => (id.parse().ok(), rest.join("/")),
        _ => (None, String::new()),
    };
    let Some(id) = id else {
        set_path(parts, inner);
        return Ok(None);
    };
    let repo = state.repos.get(&id).filter(|repo| caller.sees(&state, repo));
    let repo = repo.ok_or_else(ApiRefusal::missing)?;
    if words[1] == "repos"
        && !format!("{}/{}", words[2], words[3]).eq_ignore_ascii_case(&repo.full_name())
    {
        let slash = if rest.is_empty() { "" } else { "/" };
        let query = parts.uri.query().map(|query| format!("?{query}")).unwrap_or_default();
        let to = format!("{}{api}/repositories/{id}{slash}{rest}{query}", server.url);
        return Err(ApiRefusal::new(301, "Moved Permanently").with("location", &to));
    }
    let slash = if rest.is_empty() { "" } else { "/" };
    set_path(parts, &format!("/repos/{}{slash}{rest}", repo.full_name()));
    Ok(Some(id))
}

/// The path prefix of an Enterprise Server.
#[derive(Clone)]
struct Prefix(String);

fn set_path(parts: &mut Parts, path: &str) {
    let query = parts.uri.query().map(|query| format!("?{query}")).unwrap_or_default();
    if let Ok(uri) = format!("{path}{query}").parse() {
        parts.uri = uri;
    }
}

impl RequestContext {
    fn of(
        server: &Arc<FakeServer>,
        caller: Caller,
        parts: &Parts,
        repo: Option<u64>,
        fault: Option<&ApiFault>,
    ) -> Self {
        let query = parts.uri.query().unwrap_or_default();
        let pair = |pair: &str| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (unescape(name), unescape(value))
        };
        let prefix = parts.extensions.get::<Prefix>().map(|it| it.0.as_str()).unwrap_or_default();
        let api = format!("{}{prefix}", server.url);
        Self {
            url: format!("{api}{}", parts.uri.path()),
            server: Arc::clone(server),
            caller,
            query: query.split('&').filter(|it| !it.is_empty()).map(pair).collect(),
            headers: parts.headers.clone(),
            partial: fault == Some(&ApiFault::PartialGraphql),
            api,
            repo,
        }
    }
}

/// Gives an answer its ETag, or says that nothing has changed since.
async fn tag(seen: &ParsedRequest, response: Response, known: Option<HeaderValue>) -> Response {
    if seen.method != Method::GET || response.status() != StatusCode::OK {
        return response;
    }
    let (mut parts, body) = response.into_parts();
    let bytes = to_bytes(body, usize::MAX).await.unwrap_or_default();
    let hex: String = Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect();
    let etag = format!("W/\"{hex}\"");
    let same = known.is_some_and(|known| {
        let known = known.to_str().unwrap_or_default();
        known
            .split(',')
            .any(|it| it.trim().trim_start_matches("W/") == etag.trim_start_matches("W/"))
    });
    if let Ok(value) = HeaderValue::from_str(&etag) {
        parts.headers.insert(header::ETAG, value);
    }
    if same {
        parts.status = StatusCode::NOT_MODIFIED;
        parts.headers.remove(header::CONTENT_TYPE);
        return Response::from_parts(parts, Body::empty());
    }
    Response::from_parts(parts, Body::from(bytes))
}

fn cost(seen: &ParsedRequest, response: &Response, free: bool) -> u64 {
    if free || response.status() == StatusCode::NOT_MODIFIED {
        return 0;
    }
    match (seen.resource, response.extensions().get::<graphql::GraphqlOutcome>()) {
        (Resource::Graphql, Some(answered)) => answered.points,
        _ => 1,
    }
}

fn with_standing(
    server: &FakeServer,
    key: &str,
    resource: Resource,
    mut response: Response,
) -> Response {
    let mut state = server.state();
    let now = state.now_ms();
    state.limits.standing(key, resource, now).write(response.headers_mut());
    response
}
