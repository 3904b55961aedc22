//! A call of GitHub's API, before it is made.

use std::fmt::Write;
use std::sync::Arc;

use bytes::Bytes;
use http::Method;
use serde::Serialize;

use crate::account::About;
use crate::error::{ForgeError, Purpose};
use crate::names::RepoName;

// What goes before GitHub, or stands for it, may know only the plain kind.
pub(crate) const JSON: &str = "application/vnd.github+json, application/json;q=0.9";
pub(crate) const RAW: &str = "application/vnd.github.raw+json, application/json;q=0.1";

/// Most bytes that we read of an answer, if the call does not say.
const USUAL_CAP: u64 = 32 << 20;

#[derive(Debug, Clone)]
pub(crate) struct Call {
    pub(crate) purpose: Purpose,
    pub(crate) about: About,
    pub(crate) method: Method,
    pub(crate) place: Place,
    pub(crate) accept: &'static str,
    pub(crate) body: Option<Bytes>,
    /// Whether doing it twice is as good as doing it once.
    pub(crate) repeatable: bool,
    pub(crate) take: Take,
}

/// Where a call goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Place {
    /// A path below the base, escaped.
    Rest(String),
    /// An absolute address that GitHub gave; the core checks whether it is one of its own.
    Next(String),
    Graphql,
}

impl Place {
    /// The limit that the call counts for, as far as it is known before.
    pub(crate) fn resource(&self) -> &'static str {
        if *self == Self::Graphql { "graphql" } else { "core" }
    }
}

/// How the answer is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Take {
    /// Whole, up to this many bytes.
    Whole(u64),
    /// As it flows; a redirect to elsewhere is handed back.
    Flowing,
}

impl Call {
    pub(crate) fn new(
        method: Method,
        about: About,
        path: impl Into<String>,
        purpose: impl Into<Purpose>,
    ) -> Self {
        let repeatable = method != Method::POST;
        Self {
            purpose: purpose.into(),
            about,
            method,
            place: Place::Rest(path.into()),
            accept: JSON,
            body: None,
            repeatable,
            take: Take::Whole(USUAL_CAP),
        }
    }

    /// A GET about a repository; `path` follows `/repos/OWNER/NAME`.
    pub(crate) fn get(repo: &RepoName, path: impl AsRef<str>, purpose: impl Into<Purpose>) -> Self {
        Self::of(Method::GET, repo, path, purpose)
    }

    /// A call about a repository; `path` follows `/repos/OWNER/NAME`.
    pub(crate) fn of(
        method: Method,
        repo: &RepoName,
        path: impl AsRef<str>,
        purpose: impl Into<Purpose>,
    ) -> Self {
        let path = format!("/repos/{repo}{}", path.as_ref());
        Self::new(method, About::Repo(repo.clone()), path, purpose)
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

    pub(crate) fn taking(mut self, take: Take) -> Self {
        self.take = take;
        self
    }

    pub(crate) fn at(&self, place: Place) -> Self {
        Self { place, ..self.clone() }
    }
}

/// A piece of a path, escaped: nothing in it can end the piece. Slashes stay with `keep_slashes`.
pub(crate) fn escaped(text: &str, keep_slashes: bool) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        let plain = byte.is_ascii_alphanumeric() || b"-_~".contains(&byte);
        if plain || (keep_slashes && byte == b'/') {
            out.push(char::from(byte));
        } else if byte == b'.' && !only_dots(text) {
            out.push('.');
        } else {
            // Writing to a String can't fail.
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

/// `.` and `..` would be taken for steps in the path.
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
        assert!(Call::of(Method::PATCH, &repo, "", "mend").repeatable);
        assert!(!Call::of(Method::POST, &repo, "", "make").repeatable);
    }
}
