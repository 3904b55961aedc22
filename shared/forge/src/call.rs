//! A call to GitHub's API, before it is sent.

use std::fmt::Write;
use std::sync::Arc;

use bytes::Bytes;
use http::Method;
use serde::Serialize;

use crate::account::CallScope;
use crate::error::{ForgeError, Purpose};
use crate::names::RepoName;

// A proxy or a stand-in for GitHub may know only the plain media type.
pub(crate) const JSON: &str = "application/vnd.github+json, application/json;q=0.9";
pub(crate) const RAW: &str = "application/vnd.github.raw+json, application/json;q=0.1";

/// The most bytes to read of a response if the call sets no limit.
const USUAL_CAP: u64 = 32 << 20;

#[derive(Debug, Clone)]
pub(crate) struct ApiCall {
    pub(crate) purpose: Purpose,
    pub(crate) about: CallScope,
    pub(crate) method: Method,
    pub(crate) place: CallTarget,
    pub(crate) accept: &'static str,
    pub(crate) body: Option<Bytes>,
    /// Repeating the call has the same effect as making it once.
    pub(crate) repeatable: bool,
    pub(crate) take: BodyMode,
}

/// The target of a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum CallTarget {
    /// An escaped path below the base address.
    Rest(String),
    /// An absolute address from GitHub. The client checks that it is below the base address.
    Next(String),
    Graphql,
}

impl CallTarget {
    /// Returns the rate limit that the call counts against, as far as it is known beforehand.
    pub(crate) fn resource(&self) -> &'static str {
        if *self == Self::Graphql { "graphql" } else { "core" }
    }
}

/// The way a response is consumed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BodyMode {
    /// Buffered, up to this many bytes.
    Whole(u64),
    /// Streamed. A redirect to another host is returned to the caller.
    Flowing,
}

impl ApiCall {
    pub(crate) fn new(
        method: Method,
        about: CallScope,
        path: impl Into<String>,
        purpose: impl Into<Purpose>,
    ) -> Self {
        let repeatable = method != Method::POST;
        Self {
            purpose: purpose.into(),
            about,
            method,
            place: CallTarget::Rest(path.into()),
            accept: JSON,
            body: None,
            repeatable,
            take: BodyMode::Whole(USUAL_CAP),
        }
    }

    /// Builds a GET about a repository; `path` follows `/repos/OWNER/NAME`.
    pub(crate) fn get(repo: &RepoName, path: impl AsRef<str>, purpose: impl Into<Purpose>) -> Self {
        Self::of(Method::GET, repo, path, purpose)
    }

    /// Builds a call about a repository; `path` follows `/repos/OWNER/NAME`.
    pub(crate) fn of(
        method: Method,
        repo: &RepoName,
        path: impl AsRef<str>,
        purpose: impl Into<Purpose>,
    ) -> Self {
        let path = format!("/repos/{repo}{}", path.as_ref());
        Self::new(method, CallScope::Repo(repo.clone()), path, purpose)
    }

    pub(crate) fn with(mut self, body: &(impl Serialize + ?Sized)) -> Result<Self, ForgeError> {
        let unwritten = |error: serde_json::Error| ForgeError::Unreadable {
            purpose: Arc::clone(&self.purpose),
            why: error.to_string(),
        };
        self.body = Some(serde_json::to_vec(body).map_err(unwritten)?.into());
        Ok(self)
    }

    pub(crate) fn accepting(mut self, accept: &'static str) -> Self {
        self.accept = accept;
        self
    }

    pub(crate) fn taking(mut self, take: BodyMode) -> Self {
        self.take = take;
        self
    }

    pub(crate) fn at(&self, place: CallTarget) -> Self {
        Self { place, ..self.clone() }
    }
}

/// Escapes one piece of a path, so that nothing in it can end the piece. Slashes stay if
/// `keep_slashes` is set.
pub(crate) fn escaped(text: &str, keep_slashes: bool) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        let plain = byte.is_ascii_alphanumeric() || b"-_~".contains(&byte);
        if plain || (keep_slashes && byte == b'/') {
            out.push(char::from(byte));
        } else if byte == b'.' && !only_dots(text) {
            out.push('.');
        } else {
            // Writing to a `String` can't fail.
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

/// `.` and `..` would act as steps in the path.
fn only_dots(text: &str) -> bool {
    text.split('/').any(|piece| piece == "." || piece == "..")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_in_a_path_stays_one_piece() {
        assert_eq!(escaped("feature/a b?c#d", false), "feature%2Fa%20b%3Fc%23d");
        assert_eq!(escaped("src/lib.rs", true), "src/lib.rs");
        assert_eq!(escaped("é", false), "%C3%A9");
    }

    #[test]
    fn what_is_repeated_is_what_may_be() {
        let repo = "acme/app".parse().unwrap();
        assert!(ApiCall::of(Method::PATCH, &repo, "", "hint").repeatable);
        assert!(!ApiCall::of(Method::POST, &repo, "", "make").repeatable);
    }
}
