//! What the lead answers over HTTP.
//!
//! `/health`, `/ready` and the page at `/`, which tells nothing of this deployment, are open, and
//! webhooks are believed by their signature; everything else needs a token. Pages and the API
//! answer only to names of this lead. Every error is JSON with what is wrong and how to mend it.

mod answer;
mod places;
mod reach;
mod serve;
mod webhooks;

use std::sync::Arc;
use std::time::Duration;

use axum::Extension;
use axum::Json;
use axum::Router;
use axum::body::HttpBody;
use axum::extract::{MatchedPath, Request, State};
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::{get, post};
use greenline_runtime::metrics::Exporter;
use greenline_store::cmd;
use serde_json::json;

use crate::access::{Right, Tokens};
use crate::daemon::Shared;
use crate::numbers;
use crate::snapshot::Snapshots;
use crate::status::{Myself, Status};
use crate::watch::Door;
use answer::{Problem, refused};

pub(crate) use reach::Client;
pub use reach::Reach;
pub(crate) use serve::{Visit, serve};

/// Longest time Redis may take to answer for `/ready` to succeed.
const READY_WITHIN: Duration = Duration::from_secs(1);

/// Longest time for any answer.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);

/// The largest body that a request may have; only webhooks are read, and have their own limit.
const LARGEST_BODY: u64 = 64 * 1024;

/// The state that the handlers share.
pub(crate) struct Desk {
    pub(crate) shared: Arc<Shared>,
    pub(crate) tokens: Tokens,
    pub(crate) exporter: Exporter,
    pub(crate) snapshots: Snapshots,
    pub(crate) door: Door,
    pub(crate) reach: Reach,
}

/// All routes.
pub(crate) fn router(desk: Desk) -> Router {
    let desk = Arc::new(desk);
    let guarded = Router::new()
        .route("/metrics", get(metrics))
        .route("/api/v1/status", get(status))
        // Before the guard, so that a wrong method needs a token too.
        .method_not_allowed_fallback(async || Problem::WRONG_METHOD)
        .layer(from_fn_with_state(desk.clone(), with_token));
    Router::new()
        .route("/", get(front_page))
        .route("/health", get(health))
        .route("/ready", get(ready))
        .merge(guarded)
        .fallback(async || Problem::NO_SUCH_PAGE)
        .method_not_allowed_fallback(async || Problem::WRONG_METHOD)
        .layer(from_fn(bounded))
        // Bounds its bodies and its time itself.
        .route("/webhooks/github", post(webhooks::receive))
        .layer(from_fn_with_state(desk.clone(), by_a_known_name))
        .layer(from_fn(answer::with_security_headers))
        .layer(from_fn(counted))
        .with_state(desk)
}

/// The process is alive and its loops turn; Redis may be away.
async fn health(State(desk): State<Arc<Desk>>) -> Response {
    match desk.shared.turns.check() {
        Ok(()) => Json(json!({"status": "healthy"})).into_response(),
        Err(stuck) => {
            let body = Json(json!({"status": "stuck", "reason": stuck.to_string()}));
            (StatusCode::SERVICE_UNAVAILABLE, body).into_response()
        }
    }
}

/// It can do its work now.
async fn ready(State(desk): State<Arc<Desk>>) -> Response {
    let ping = cmd("PING");
    let pong = desk.shared.queue.store().command::<String>(&ping);
    let reason = match tokio::time::timeout(READY_WITHIN, pong).await {
        Ok(Ok(_)) => return Json(json!({"status": "ready"})).into_response(),
        // Not the whole error: it names addresses, and this door is open.
        Ok(Err(_)) => "Redis can't be used; the lead's log says why",
        Err(_) => "Redis did not answer within 1 s",
    };
    let body = Json(json!({"status": "not ready", "reason": reason}));
    (StatusCode::SERVICE_UNAVAILABLE, body).into_response()
}

/// All numbers for Prometheus. Without Redis they are the last known, and
/// `greenline_redis_up` says so.
async fn metrics(State(desk): State<Arc<Desk>>) -> Response {
    if let Ok(snapshot) = desk.snapshots.get().await {
        numbers::show(&snapshot);
    }
    let text = "text/plain; version=0.0.4; charset=utf-8";
    ([(CONTENT_TYPE, text)], desk.exporter.render()).into_response()
}

async fn status(State(desk): State<Arc<Desk>>) -> Response {
    let snapshot = match desk.snapshots.get().await {
        Ok(snapshot) => snapshot,
        Err(error) => return Problem::without_redis(&error).into_response(),
    };
    let shared = &desk.shared;
    let standing = shared.office.standing().borrow().clone();
    let me = Myself {
        id: &shared.id,
        standing: &standing,
        leading: shared.office.epoch().is_some(),
        uptime: shared.clock.steady().saturating_sub(shared.started_at),
    };
    Json(Status::of(&snapshot, &me)).into_response()
}

async fn front_page() -> Html<&'static str> {
    Html(include_str!("http/front_page.html"))
}

async fn with_token(State(desk): State<Arc<Desk>>, request: Request, next: Next) -> Response {
    match desk.tokens.admit(request.headers(), Right::for_method(request.method())) {
        Ok(()) => next.run(request).await,
        Err(refusal) => refused(refusal),
    }
}

/// Paths that answer whatever name they are asked by: probes and scrapers use addresses of the
/// moment, and what is there needs a token or a signature, or tells nothing.
const NAMELESS: [&str; 4] = ["/health", "/ready", "/metrics", "/webhooks/github"];

async fn by_a_known_name(
    State(desk): State<Arc<Desk>>,
    Extension(visit): Extension<Visit>,
    request: Request,
    next: Next,
) -> Response {
    let open = NAMELESS.contains(&request.uri().path());
    if open || desk.reach.is_asked(request.uri(), request.headers(), visit.local) {
        return next.run(request).await;
    }
    Problem::WRONG_NAME.into_response()
}

/// Refuses what is too large, and gives up on what takes too long.
async fn bounded(request: Request, next: Next) -> Response {
    if request.body().size_hint().lower() > LARGEST_BODY {
        return Problem::TOO_LARGE.into_response();
    }
    match tokio::time::timeout(ANSWER_WITHIN, next.run(request)).await {
        Ok(answer) => answer,
        Err(_) => Problem::TOO_SLOW.into_response(),
    }
}

async fn counted(route: Option<MatchedPath>, request: Request, next: Next) -> Response {
    let answer = next.run(request).await;
    // What matches no route shares one label, or anyone could make up new ones.
    let route = route.as_ref().map_or("other", MatchedPath::as_str);
    numbers::answered(route, answer.status().as_u16());
    answer
}
