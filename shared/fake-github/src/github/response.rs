//! Answers: JSON, pages with their `Link` header, and refusals in GitHub's own words.

use std::collections::HashMap;

use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::access::{AccessLevel, AppPermission};

/// The result of a handler.
pub(crate) type ApiResult = Result<Response, ApiRefusal>;

pub(crate) fn ok(body: &Value) -> ApiResult {
    Ok(json_response(StatusCode::OK, body))
}

pub(crate) fn created(body: &Value) -> ApiResult {
    Ok(json_response(StatusCode::CREATED, body))
}

pub(crate) fn accepted(body: &Value) -> ApiResult {
    Ok(json_response(StatusCode::ACCEPTED, body))
}

pub(crate) fn no_content() -> ApiResult {
    Ok(StatusCode::NO_CONTENT.into_response())
}

pub(crate) fn json_response(status: StatusCode, body: &Value) -> Response {
    let kind = [(header::CONTENT_TYPE, "application/json; charset=utf-8")];
    (status, kind, body.to_string()).into_response()
}

/// A refusal, with the words that GitHub has for it.
#[derive(Debug)]
pub(crate) struct ApiRefusal {
    status: StatusCode,
    message: String,
    headers: Vec<(HeaderName, HeaderValue)>,
    errors: Option<Value>,
}

impl ApiRefusal {
    pub(crate) fn new(status: u16, message: impl Into<String>) -> Self {
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        Self { status, message: message.into(), headers: Vec::new(), errors: None }
    }

    pub(crate) fn not_found(message: &str) -> Self {
        Self::new(404, message)
    }

    /// The one answer for what is not there and for what may not be seen.
    pub(crate) fn missing() -> Self {
        Self::new(404, "Not Found")
    }

    pub(crate) fn unauthorized(message: &str) -> Self {
        Self::new(401, message)
    }

    pub(crate) fn bad_credentials() -> Self {
        Self::new(401, "Bad credentials")
    }

    pub(crate) fn needs_authentication() -> Self {
        Self::new(401, "Requires authentication")
    }

    pub(crate) fn needs_jwt() -> Self {
        Self::new(401, "A JSON web token could not be decoded")
    }

    pub(crate) fn not_accessible(
        app: bool,
        permission: AppPermission,
        access: AccessLevel,
    ) -> Self {
        let author = if app { "integration" } else { "personal access token" };
        let accepted = format!("{}={}", permission.name(), access.name());
        Self::new(403, format!("Resource not accessible by {author}"))
            .with("x-accepted-github-permissions", &accepted)
    }

    /// 422 with one error about one field.
    pub(crate) fn invalid(resource: &str, field: &str, code: &str) -> Self {
        let mut refusal = Self::new(422, "Validation Failed");
        refusal.errors = Some(json!([{"resource": resource, "field": field, "code": code}]));
        refusal
    }

    pub(crate) fn with(mut self, name: &'static str, value: &str) -> Self {
        if let Ok(value) = HeaderValue::from_str(value) {
            self.headers.push((HeaderName::from_static(name), value));
        }
        self
    }
}

impl IntoResponse for ApiRefusal {
    fn into_response(self) -> Response {
        let mut body = json!({
            "message": self.message,
            "documentation_url": "https://docs.github.com/rest",
            "status": self.status.as_u16().to_string(),
        });
        if let Some(errors) = self.errors {
            body["errors"] = errors;
        }
        let mut response = json_response(self.status, &body);
        response.headers_mut().extend(self.headers);
        response
    }
}

/// The requested page of a list.
#[derive(Debug, Clone)]
pub(crate) struct Paging {
    page: usize,
    per_page: usize,
    /// Scheme, host and path, and the query without `page`.
    here: String,
}

impl Paging {
    pub(crate) fn of(query: &HashMap<String, String>, url: &str) -> Self {
        let number = |name: &str| query.get(name).and_then(|value| value.parse::<usize>().ok());
        let mut rest: Vec<String> = query
            .iter()
            .filter(|(name, _)| *name != "page")
            .map(|(name, value)| format!("{name}={}", escape(value)))
            .collect();
        rest.sort();
        Self {
            page: number("page").unwrap_or(1).max(1),
            per_page: number("per_page").unwrap_or(30).clamp(1, 100),
            here: format!("{url}?{}", rest.join("&")),
        }
    }

    /// That page of `all`, and its `Link` header if there are others.
    pub(crate) fn cut(&self, all: Vec<Value>) -> (Vec<Value>, Option<String>) {
        let last = all.len().div_ceil(self.per_page).max(1);
        let skipped = (self.page - 1).saturating_mul(self.per_page);
        let page = all.into_iter().skip(skipped).take(self.per_page).collect();
        (page, self.link(last))
    }

    fn link(&self, last: usize) -> Option<String> {
        let to = |page: usize, rel: &str| {
            let joint = if self.here.ends_with('?') { "" } else { "&" };
            format!("<{}{joint}page={page}>; rel=\"{rel}\"", self.here)
        };
        let mut links = Vec::new();
        if self.page > 1 {
            links.push(to((self.page - 1).min(last), "prev"));
        }
        if self.page < last {
            links.push(to(self.page + 1, "next"));
            links.push(to(last, "last"));
        }
        if self.page > 1 {
            links.push(to(1, "first"));
        }
        (!links.is_empty()).then(|| links.join(", "))
    }

    /// A bare array.
    pub(crate) fn list(&self, all: Vec<Value>) -> ApiResult {
        let (page, link) = self.cut(all);
        linked(&Value::Array(page), link)
    }

    /// An object that counts its entries.
    pub(crate) fn counted(&self, name: &str, all: Vec<Value>) -> ApiResult {
        let total = all.len();
        let (page, link) = self.cut(all);
        linked(&json!({"total_count": total, name: page}), link)
    }
}

pub(crate) fn linked(body: &Value, link: Option<String>) -> ApiResult {
    let mut response = json_response(StatusCode::OK, body);
    if let Some(link) = link.and_then(|link| HeaderValue::from_str(&link).ok()) {
        response.headers_mut().insert(header::LINK, link);
    }
    Ok(response)
}

/// Percent-encodes what a query can't hold as it is.
pub(crate) fn escape(text: &str) -> String {
    let mut out = String::new();
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
                out.push(char::from(byte));
            }
            other => out.push_str(&format!("%{other:02X}")),
        }
    }
    out
}

/// The other way round.
pub(crate) fn unescape(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let hex = bytes.get(at + 1..at + 3).and_then(|hex| std::str::from_utf8(hex).ok());
        let decoded = hex.and_then(|hex| u8::from_str_radix(hex, 16).ok());
        match (bytes[at], decoded) {
            (b'%', Some(byte)) => {
                out.push(byte);
                at += 3;
            }
            (byte, _) => {
                out.push(if byte == b'+' { b' ' } else { byte });
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}
