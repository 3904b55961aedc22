//! Interprets a response: done, refused, rate limited, or worth another attempt.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::error::{ForgeError, Purpose, RateLimitKind};
use crate::model::{or_default, or_none};
use crate::rate_limit::{RateLimitTracker, text};

/// The wait after a secondary limit that names no time, as GitHub's documentation asks.
const UNSAID: Duration = Duration::from_secs(60);

/// The body of an error response.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct ErrorBody {
    #[serde(default, deserialize_with = "or_default")]
    message: String,
    #[serde(default, deserialize_with = "or_none")]
    errors: Option<serde_json::Value>,
}

impl ErrorBody {
    /// Reads an error's body, whatever it is.
    pub(crate) fn read(body: &[u8]) -> Self {
        serde_json::from_slice(body).unwrap_or_else(|_| Self {
            message: String::from_utf8_lossy(body).chars().take(200).collect(),
            errors: None,
        })
    }

    /// Returns one line: the message, followed by its reasons.
    fn line(&self) -> String {
        let reasons: Vec<String> = match &self.errors {
            Some(serde_json::Value::Array(errors)) => errors.iter().map(reason).collect(),
            Some(serde_json::Value::String(error)) => vec![error.clone()],
            _ => Vec::new(),
        };
        let text = match reasons.as_slice() {
            [] => self.message.clone(),
            reasons => format!("{} ({})", self.message, reasons.join("; ")),
        };
        text.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(500).collect()
    }

    fn mentions(&self, words: &[&str]) -> bool {
        let message = self.message.to_ascii_lowercase();
        words.iter().any(|word| message.contains(word))
    }
}

/// Returns one reason: its message, or the field and what is wrong with it.
fn reason(error: &serde_json::Value) -> String {
    let part = |name: &str| error.get(name).and_then(serde_json::Value::as_str);
    match (error.as_str(), part("message"), part("field"), part("code")) {
        (Some(text), ..) | (_, Some(text), ..) => text.to_owned(),
        (_, _, Some(field), Some(code)) => format!("{field}: {code}"),
        _ => error.to_string(),
    }
}

/// Returns the limit that refused a call and how long it lasts.
pub(crate) fn limited(
    status: StatusCode,
    headers: &HeaderMap,
    error_body: &ErrorBody,
    rate_limits: &RateLimitTracker,
) -> Option<(RateLimitKind, Duration)> {
    if status != StatusCode::FORBIDDEN && status != StatusCode::TOO_MANY_REQUESTS {
        return None;
    }
    let used_up = text(headers, "x-ratelimit-remaining") == Some("0");
    if let Some(seconds) = text(headers, "retry-after").and_then(|received| received.parse().ok()) {
        let limit = if used_up { RateLimitKind::Primary } else { RateLimitKind::Secondary };
        return Some((limit, Duration::from_secs(seconds)));
    }
    if error_body.mentions(&["secondary rate limit", "abuse detection"]) {
        return Some((RateLimitKind::Secondary, UNSAID));
    }
    let refused = error_body.mentions(&["not accessible", "must have admin"]);
    if (used_up && !refused) || error_body.mentions(&["rate limit exceeded"]) {
        return Some((RateLimitKind::Primary, rate_limits.until_reset(headers).unwrap_or(UNSAID)));
    }
    (status == StatusCode::TOO_MANY_REQUESTS).then_some((RateLimitKind::Secondary, UNSAID))
}

/// Builds the error for a status. `body` is the part of the body that was read.
pub(crate) fn refusal(
    purpose: &Purpose,
    status: StatusCode,
    headers: &HeaderMap,
    error_body: &ErrorBody,
) -> ForgeError {
    let purpose = Arc::clone(purpose);
    let (message, permission) = (error_body.line(), permission(headers));
    match status.as_u16() {
        401 => ForgeError::Unauthorized { purpose, message },
        // A refusal for legal reasons is as final as a forbidden one.
        403 | 451 => ForgeError::Forbidden { purpose, message, permission },
        404 | 410 => ForgeError::NotFound { purpose, permission },
        405 | 409 => ForgeError::Conflict { purpose, message },
        status @ (408 | 500..) => ForgeError::Failing { purpose, status, message },
        status => ForgeError::Invalid { purpose, status, message },
    }
}

/// Returns the permissions or scopes of which any one is enough.
fn permission(headers: &HeaderMap) -> Option<String> {
    ["x-accepted-github-permissions", "x-accepted-oauth-scopes"]
        .iter()
        .find_map(|name| text(headers, name).filter(|received| !received.is_empty()))
        .map(|received| received.chars().take(200).collect())
}

/// Parses a response body.
pub(crate) fn read<T: DeserializeOwned>(purpose: &Purpose, body: &Bytes) -> Result<T, ForgeError> {
    let mut reader = serde_json::Deserializer::from_slice(body);
    serde_path_to_error::deserialize(&mut reader).map_err(|error| {
        let why = format!("{}: {}", error.path(), error.inner());
        ForgeError::Unreadable { purpose: Arc::clone(purpose), why }
    })
}
