//! `POST /webhooks/github`: open to everyone, believed by its signature alone.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Extension, Request, State};
use axum::response::{IntoResponse, Response};
use serde_json::json;

use super::{HttpState, Visit};

/// Takes a webhook in. How, and what is promised by the answer, says [`crate::watch`].
pub(super) async fn receive(
    State(server): State<Arc<HttpState>>,
    Extension(visit): Extension<Visit>,
    request: Request,
) -> Response {
    let (parts, body) = request.into_parts();
    let answer = server.webhooks.receive(&parts.headers, body, visit.client).await;
    let reply = match answer.hint() {
        None => json!({"result": answer.message()}),
        Some(hint) => json!({"error": answer.message(), "hint": hint}),
    };
    (answer.status(), Json(reply)).into_response()
}
