//! Git itself, over smart HTTP at `/owner/name.git`.

use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, RawQuery};
use axum::http::{HeaderName, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::any;

use super::super::access::{AccessLevel, AppPermission, Caller};
use super::super::fake_server::FakeServer;
use super::super::git::{self, SmartRequest};
use super::super::middleware::RequestContext;
use super::super::response::ApiRefusal;
use super::super::state::FakeRepo;

pub(crate) fn router() -> Router<Arc<FakeServer>> {
    Router::new().route("/{owner}/{repo}/{*service}", any(serve))
}

async fn serve(
    ctx: RequestContext,
    method: Method,
    Path((owner, name, service)): Path<(String, String, String)>,
    RawQuery(query): RawQuery,
    body: Bytes,
) -> Response {
    let query = query.unwrap_or_default();
    let Some(name) = name.strip_suffix(".git") else {
        return ApiRefusal::missing().into_response();
    };
    let pushes = service == "git-receive-pack" || query.contains("git-receive-pack");
    let (repo, git) = match allowed(&ctx, &format!("{owner}/{name}"), pushes) {
        Ok(found) => found,
        Err(denied) => return denied.into_response(),
    };
    let text = |name: HeaderName| {
        ctx.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    };
    let login = ctx.caller.login();
    let request = SmartRequest {
        method: method.as_str(),
        path: &format!("/{service}"),
        query: &query,
        content_type: text(header::CONTENT_TYPE),
        encoding: text(header::CONTENT_ENCODING),
        protocol: text(HeaderName::from_static("git-protocol")),
        user: &login,
        body: &body,
    };
    let Ok(output) = git::http(&git, &request).await else {
        return ApiRefusal::new(500, "Server Error").into_response();
    };
    // What can't be read again stays as it was known; the client has its own answer.
    if service == "git-receive-pack" {
        let _as_it_was = ctx.server.look_at_branches(repo, &login).await;
    }
    cgi(&output)
}

/// The repository, if the caller may read it or push to it.
fn allowed(
    ctx: &RequestContext,
    name: &str,
    pushes: bool,
) -> Result<(u64, std::path::PathBuf), Denied> {
    let state = ctx.state();
    let repo: &FakeRepo = match state.repo_named(name) {
        Some(repo) if ctx.caller.sees(&state, repo) => repo,
        _ if matches!(ctx.caller, Caller::Nobody) => return Err(Denied::Nobody),
        _ => return Err(Denied::NotFound),
    };
    let access = if pushes { AccessLevel::Write } else { AccessLevel::Read };
    match ctx.caller.needs(&state, repo, AppPermission::Contents, access) {
        Ok(()) => Ok((repo.id, repo.git.clone())),
        Err(_) if matches!(ctx.caller, Caller::Nobody) => Err(Denied::Nobody),
        Err(_) => {
            let text = format!("Permission to {name}.git denied to {}.", ctx.caller.login());
            Err(Denied::Forbidden(text))
        }
    }
}

/// The reason why git is refused.
enum Denied {
    /// It may try again with a credential.
    Nobody,
    NotFound,
    Forbidden(String),
}

impl IntoResponse for Denied {
    fn into_response(self) -> Response {
        let realm = [(header::WWW_AUTHENTICATE, "Basic realm=\"GitHub\"")];
        match self {
            Self::Nobody => {
                (StatusCode::UNAUTHORIZED, realm, "Repository not found.").into_response()
            }
            Self::NotFound => (StatusCode::NOT_FOUND, "Repository not found.").into_response(),
            Self::Forbidden(text) => (StatusCode::FORBIDDEN, text).into_response(),
        }
    }
}

/// An answer of a CGI program: headers, an empty line, the body.
fn cgi(output: &[u8]) -> Response {
    let end = output.windows(4).position(|four| four == b"\r\n\r\n").unwrap_or(output.len());
    let head = String::from_utf8_lossy(&output[..end]).into_owned();
    let body = output.get(end + 4..).unwrap_or_default().to_vec();
    let mut response = body.into_response();
    response.headers_mut().remove(header::CONTENT_TYPE);
    for line in head.lines() {
        let Some((name, value)) = line.split_once(": ") else { continue };
        if name == "Status" {
            let code = value.split(' ').next().and_then(|code| code.parse::<u16>().ok());
            *response.status_mut() =
                code.and_then(|code| StatusCode::from_u16(code).ok()).unwrap_or_default();
            continue;
        }
        let name = HeaderName::from_bytes(name.as_bytes());
        if let (Ok(name), Ok(value)) = (name, HeaderValue::from_str(value)) {
            response.headers_mut().insert(name, value);
        }
    }
    response
}
