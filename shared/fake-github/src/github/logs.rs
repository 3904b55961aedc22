//! The host that keeps the logs: another one than the API's, reached by a link that is signed and
//! short-lived, and that must not be sent the credential.
//!
//! It records what it was sent, and refuses whoever sends a credential, as the real one does.

use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, State as With};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;

use super::fake_server::FakeServer;
use super::faults::{self, ApiFault};

/// A request to the log host.
#[derive(Debug, Clone)]
pub struct LogRequest {
    /// The path.
    pub path: String,
    /// A credential that should not have been sent.
    pub authorization: Option<String>,
    pub status: u16,
}

/// The target of a signed link.
#[derive(Debug, Clone)]
pub(crate) struct Ticket {
    pub(crate) bytes: Bytes,
    pub(crate) content_type: &'static str,
    pub(crate) expires_ms: u64,
}

pub(crate) fn router(server: Arc<FakeServer>) -> Router {
    Router::new().route("/logs/{ticket}", get(fetch)).with_state(server)
}

/// A link to these bytes, good for a minute.
pub(crate) fn link(server: &FakeServer, bytes: Bytes, content_type: &'static str) -> String {
    let mut state = server.state();
    let name = uuid::Uuid::now_v7().simple().to_string();
    let expires_ms = state.now_ms() + 60_000;
    state.log_tickets.insert(name.clone(), Ticket { bytes, content_type, expires_ms });
    format!("{}/logs/{name}?sig=fake", server.logs_url)
}

async fn fetch(
    With(server): With<Arc<FakeServer>>,
    Path(name): Path<String>,
    headers: HeaderMap,
) -> Response {
    let (response, fault) = answer(&server, &name, &headers);
    server.shape(response, fault).await
}

fn answer(server: &FakeServer, name: &str, headers: &HeaderMap) -> (Response, Option<ApiFault>) {
    let mut state = server.state();
    let sent = headers.get(header::AUTHORIZATION);
    let authorization = sent.map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
    let ticket = state.log_tickets.get(name).cloned();
    let good = ticket.filter(|ticket| ticket.expires_ms > state.now_ms());
    let response = match good {
        _ if authorization.is_some() => denied(),
        None => denied(),
        Some(ticket) => {
            let kind = [(header::CONTENT_TYPE, ticket.content_type)];
            (kind, ticket.bytes).into_response()
        }
    };
    let path = format!("/logs/{name}");
    let fault = faults::take(&mut state.faults, &format!("GET {path}"));
    let status = response.status().as_u16();
    state.log_requests.push(LogRequest { path, authorization, status });
    (response, fault)
}

fn denied() -> Response {
    let body = "<?xml version=\"1.0\" encoding=\"utf-8\"?><Error><Code>AuthenticationFailed</Code></Error>";
    (StatusCode::FORBIDDEN, [(header::CONTENT_TYPE, "application/xml")], body).into_response()
}
