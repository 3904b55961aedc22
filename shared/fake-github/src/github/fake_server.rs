//! The state that all handlers share: the data behind its lock, and the servers' addresses.

use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};

use axum::body::{Body, Bytes};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use tokio::sync::Notify;

use super::faults::ApiFault;
use super::limits;
use super::response::ApiRefusal;
use super::state::GitHubState;

pub(crate) struct FakeServer {
    state: Mutex<GitHubState>,
    /// Scheme, host and port of the API and of git.
    pub(crate) url: String,
    /// The same of the host that keeps the logs.
    pub(crate) logs_url: String,
    pub(crate) folder: PathBuf,
    /// Rung when a webhook was sent.
    pub(crate) sent: Notify,
}

impl FakeServer {
    pub(crate) fn new(state: GitHubState, url: String, logs_url: String, folder: PathBuf) -> Self {
        let state = Mutex::new(state);
        Self { state, url, logs_url, folder, sent: Notify::new() }
    }

    /// The state. Never held while waiting.
    pub(crate) fn state(&self) -> MutexGuard<'_, GitHubState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Does to an answer what the trouble says.
    pub(crate) async fn shape(&self, response: Response, fault: Option<ApiFault>) -> Response {
        match fault {
            Some(ApiFault::Slow(delay)) => {
                tokio::time::sleep(delay).await;
                response
            }
            Some(ApiFault::Truncated(after)) => truncate(response, after).await,
            Some(ApiFault::AnswerLost) => bad_gateway(502),
            Some(ApiFault::Status(status)) => bad_gateway(status),
            Some(ApiFault::Page) => page(),
            _ => response,
        }
    }
}

/// Returns the refusal that a fault causes before the call is handled.
pub(crate) fn refuses(fault: Option<&ApiFault>) -> Option<Response> {
    match fault? {
        ApiFault::Status(status) => Some(bad_gateway(*status)),
        ApiFault::SecondaryLimit(wait) => Some(limits::secondary(*wait).into_response()),
        ApiFault::Page => Some(page()),
        _ => None,
    }
}

fn bad_gateway(status: u16) -> Response {
    ApiRefusal::new(status, "Server Error").into_response()
}

fn page() -> Response {
    let kind = [(header::CONTENT_TYPE, "text/html; charset=utf-8")];
    (StatusCode::OK, kind, "<html><body>Unicorn</body></html>").into_response()
}

/// Keeps the length that was promised, and breaks off.
async fn truncate(response: Response, after: usize) -> Response {
    let (mut parts, body) = response.into_parts();
    let bytes = axum::body::to_bytes(body, usize::MAX).await.unwrap_or_default();
    parts.headers.insert(header::CONTENT_LENGTH, HeaderValue::from(bytes.len()));
    let begun = bytes.slice(..after.min(bytes.len()));
    let broken = std::io::Error::other("the wire broke");
    let pieces: [Result<Bytes, std::io::Error>; 2] = [Ok(begun), Err(broken)];
    Response::from_parts(parts, Body::from_stream(stream::iter(pieces)))
}
