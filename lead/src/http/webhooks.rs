//! `POST /webhooks/github`: open to everyone, believed by its signature alone.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Extension, Request, State};
use axum::response::{IntoResponse, Response};
use serde_json::json;

use super::{Desk, Visit};

/// Takes a webhook in. How, and what is promised by the answer, says [`crate::watch`].
pub(super) async fn receive(
    State(desk): State<Arc<Desk>>,
    Extension(visit): Extension<Visit>,
    request: Request,
) -> Response {
    let (parts, body) = request.into_parts();
    let answer = desk.door.receive(&parts.headers, body, visit.client).await;
    let said = match answer.mend() {
        None => json!({"result": answer.word()}),
        Some(mend) => json!({"error": answer.word(), "mend": mend}),
    };
    (answer.status(), Json(said)).into_response()
}
