//! What the lead answers over HTTP.
//!
//! `/health`, `/ready` and the page at `/`, which tells nothing of this deployment, are open, and
//! webhooks are believed by their signature; everything else needs a token. Pages and the API
//! answer only to names of this lead. Every error is JSON with what is wrong and how to mend it.

pub(crate) mod access;
mod connections;
mod error;
pub(crate) mod health_check;
mod places;
mod reach;
pub(crate) mod snapshot;
pub(crate) mod status;
mod webhook_route;

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
use greenline_runtime::metrics::MetricsExporter;
use greenline_store::cmd;
use serde_json::json;

use self::access::{ApiTokens, Right};
use self::snapshot::Snapshots;
use self::status::{LeadIdentity, StatusResponse};
use crate::metrics;
use crate::state::LeadState;
use crate::watch::WebhookReceiver;
use error::{ApiError, access_denied};

pub(crate) use connections::{Visit, serve};
pub(crate) use reach::Client;
pub use reach::Reach;

/// Longest time Redis may take to answer for `/ready` to succeed.
const READY_WITHIN: Duration = Duration::from_secs(1);

/// Longest time for any answer.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);

/// The largest body that a request may have; only webhooks are read, and have their own limit.
const LARGEST_BODY: u64 = 64 * 1024;

/// The state that the handlers share.
pub(crate) struct HttpState {
    pub(crate) shared: Arc<LeadState>,
    pub(crate) tokens: ApiTokens,
    pub(crate) exporter: MetricsExporter,
    pub(crate) snapshots: Snapshots,
    pub(crate) webhooks: WebhookReceiver,
    pub(crate) reach: Reach,
}

/// All routes.
pub(crate) fn router(server: HttpState) -> Router {
    let server = Arc::new(server);
    let guarded = Router::new()
        .route("/metrics", get(metrics))
        .route("/api/v1/status", get(status))
        // Before the guard, so that a wrong method needs a token too.
        .method_not_allowed_fallback(async || ApiError::WRONG_METHOD)
        .layer(from_fn_with_state(server.clone(), with_token));
    Router::new()
        .route("/", get(front_page))
        .route("/health", get(health))
        .route("/ready", get(ready))
        .merge(guarded)
        .fallback(async || ApiError::NO_SUCH_PAGE)
        .method_not_allowed_fallback(async || ApiError::WRONG_METHOD)
        .layer(from_fn(with_limits))
        // Bounds its bodies and its time itself.
        .route("/webhooks/github", post(webhook_route::receive))
        .layer(from_fn_with_state(server.clone(), by_a_known_name))
        .layer(from_fn(error::with_security_headers))
        .layer(from_fn(count_requests))
        .with_state(server)
}

/// The process is alive and its loops turn; Redis may be away.
async fn health(State(server): State<Arc<HttpState>>) -> Response {
    match server.shared.loop_health.check() {
        Ok(()) => Json(json!({"status": "healthy"})).into_response(),
        Err(stuck) => {
            let body = Json(json!({"status": "stuck", "reason": stuck.to_string()}));
            (StatusCode::SERVICE_UNAVAILABLE, body).into_response()
        }
    }
}

/// It can do its work now.
async fn ready(State(server): State<Arc<HttpState>>) -> Response {
    let ping = cmd("PING");
    let pong = server.shared.queue.store().command::<String>(&ping);
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
async fn metrics(State(server): State<Arc<HttpState>>) -> Response {
    if let Ok(snapshot) = server.snapshots.get().await {
        metrics::set_gauges(&snapshot);
    }
    let text = "text/plain; version=0.0.4; charset=utf-8";
    ([(CONTENT_TYPE, text)], server.exporter.render()).into_response()
}

async fn status(State(server): State<Arc<HttpState>>) -> Response {
    let snapshot = match server.snapshots.get().await {
        Ok(snapshot) => snapshot,
        Err(error) => return ApiError::without_redis(&error).into_response(),
    };
    let shared = &server.shared;
    let leader_status = shared.leadership.leader_status().borrow().clone();
    let identity = LeadIdentity {
        id: &shared.id,
        leader_status: &leader_status,
        leading: shared.leadership.epoch().is_some(),
        uptime: shared.clock.steady().saturating_sub(shared.started_at),
    };
    Json(StatusResponse::of(&snapshot, &identity)).into_response()
}

async fn front_page() -> Html<&'static str> {
    Html(include_str!("front_page.html"))
}

async fn with_token(
    State(server): State<Arc<HttpState>>,
    request: Request,
    next: Next,
) -> Response {
    match server.tokens.admit(request.headers(), Right::for_method(request.method())) {
        Ok(()) => next.run(request).await,
        Err(denied) => access_denied(denied),
    }
}

/// Paths that answer whatever name they are asked by: probes and scrapers use addresses of the
/// moment, and what is there needs a token or a signature, or tells nothing.
const NAMELESS: [&str; 4] = ["/health", "/ready", "/metrics", "/webhooks/github"];

async fn by_a_known_name(
    State(server): State<Arc<HttpState>>,
    Extension(visit): Extension<Visit>,
    request: Request,
    next: Next,
) -> Response {
    let open = NAMELESS.contains(&request.uri().path());
    if open || server.reach.is_asked(request.uri(), request.headers(), visit.local) {
        return next.run(request).await;
    }
    ApiError::WRONG_NAME.into_response()
}

/// Refuses what is too large, and gives up on what takes too long.
async fn with_limits(request: Request, next: Next) -> Response {
    if request.body().size_hint().lower() > LARGEST_BODY {
        return ApiError::TOO_LARGE.into_response();
    }
    match tokio::time::timeout(ANSWER_WITHIN, next.run(request)).await {
        Ok(answer) => answer,
        Err(_) => ApiError::TOO_SLOW.into_response(),
    }
}

async fn count_requests(route: Option<MatchedPath>, request: Request, next: Next) -> Response {
    let answer = next.run(request).await;
    // What matches no route shares one label, or anyone could make up new ones.
    let route = route.as_ref().map_or("other", MatchedPath::as_str);
    metrics::request_answered(route, answer.status().as_u16());
    answer
}
