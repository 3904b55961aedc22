//! Errors as JSON, and the headers that all answers carry.

use axum::Json;
use axum::extract::Request;
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, REFERRER_POLICY, WWW_AUTHENTICATE,
    X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use serde_json::json;

use crate::http::access::AccessDenied;
use crate::http::snapshot::SnapshotError;

/// Something that went wrong, and what the asker can do.
pub(super) struct ApiError<T = &'static str> {
    status: StatusCode,
    error: T,
    hint: &'static str,
}

impl ApiError {
    pub(super) const NO_SUCH_PAGE: Self = Self {
        status: StatusCode::NOT_FOUND,
        error: "there is nothing here",
        hint: "look at / for what is where",
    };
    pub(super) const WRONG_METHOD: Self = Self {
        status: StatusCode::METHOD_NOT_ALLOWED,
        error: "this can't be done here",
        hint: "use GET; the Allow header says what is possible",
    };
    pub(super) const WRONG_NAME: Self = Self {
        status: StatusCode::MISDIRECTED_REQUEST,
        error: "this lead does not answer to the name that it was asked by",
        hint: "ask it by its address or localhost, or add the name to the lead's \
               GREENLINE_HOST_NAMES (lead.host_names in greenline.toml)",
    };
    pub(super) const TOO_LARGE: Self = Self {
        status: StatusCode::PAYLOAD_TOO_LARGE,
        error: "the request's body is too large",
        hint: "send at most 64 KiB",
    };
    pub(super) const TOO_SLOW: Self = Self {
        status: StatusCode::SERVICE_UNAVAILABLE,
        error: "the answer took too long",
        hint: "look at /ready and the lead's log, then try again",
    };
}

impl ApiError<String> {
    pub(super) fn without_redis(error: &SnapshotError) -> Self {
        Self {
            status: StatusCode::SERVICE_UNAVAILABLE,
            error: error.to_string(),
            hint: "the lead goes on by itself as soon as Redis can be used; greenline doctor looks \
                   into it",
        }
    }
}

impl<T: serde::Serialize> IntoResponse for ApiError<T> {
    fn into_response(self) -> Response {
        let body = Json(json!({"error": self.error, "hint": self.hint}));
        (self.status, body).into_response()
    }
}

/// The answer to whom we do not let in.
pub(super) fn access_denied(denied: AccessDenied) -> Response {
    let (status, error, hint, challenge) = match denied {
        AccessDenied::NoToken => (
            StatusCode::UNAUTHORIZED,
            "a token is needed",
            "send one header \"Authorization: Bearer TOKEN\", with the lead's \
             GREENLINE_VIEWER_TOKEN or GREENLINE_OPERATOR_TOKEN",
            "Bearer realm=\"greenline\"",
        ),
        AccessDenied::WrongToken => (
            StatusCode::UNAUTHORIZED,
            "this token is not one of this lead",
            "use the lead's GREENLINE_VIEWER_TOKEN or GREENLINE_OPERATOR_TOKEN as it is set now",
            "Bearer realm=\"greenline\", error=\"invalid_token\"",
        ),
        AccessDenied::NotAllowed => (
            StatusCode::FORBIDDEN,
            "the viewer's token may only read",
            "use the operator's token (GREENLINE_OPERATOR_TOKEN)",
            "Bearer realm=\"greenline\", error=\"insufficient_scope\"",
        ),
    };
    let challenge = [(WWW_AUTHENTICATE, HeaderValue::from_static(challenge))];
    (challenge, ApiError { status, error, hint }).into_response()
}

/// Answers are for the asker alone, load nothing from elsewhere, and are what they say.
pub(super) async fn with_security_headers(request: Request, next: Next) -> Response {
    const HEADERS: [(HeaderName, &str); 5] = [
        (CACHE_CONTROL, "no-store"),
        (
            CONTENT_SECURITY_POLICY,
            "default-src 'none'; base-uri 'none'; form-action 'none'; \
             frame-ancestors 'none'",
        ),
        (REFERRER_POLICY, "no-referrer"),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (X_FRAME_OPTIONS, "DENY"),
    ];
    let mut answer = next.run(request).await;
    for (name, value) in HEADERS {
        answer.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    answer
}
