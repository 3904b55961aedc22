//! Files and folders at a commit.

use base64::prelude::{BASE64_STANDARD, Engine};
use bytes::Bytes;
use http::Method;
use serde::Deserialize;

use crate::call::{ApiCall, BodyMode, RAW, escaped};
use crate::error::ForgeError;
use crate::forge::Forge;
use crate::model::or_default;
use crate::names::RepoName;

impl Forge {
    /// Returns a file at a branch, tag or commit, up to `cap` bytes. Returns `None` if it does not
    /// exist.
    ///
    /// `GET /repos/{owner}/{repo}/contents/{path}?ref={ref}`
    pub async fn file_at(
        &self,
        repo: &RepoName,
        path: &str,
        at: &str,
        cap: u64,
    ) -> Result<Option<Bytes>, ForgeError> {
        let purpose = format!("read {path} of {repo} at {at}");
        let (path, at) = (escaped(path.trim_start_matches('/'), true), escaped(at, false));
        let call = ApiCall::of(Method::GET, repo, format!("/contents/{path}?ref={at}"), purpose);
        match self.core.bytes(&call.accepting(RAW).taking(BodyMode::Whole(cap))).await {
            Ok(bytes) => Ok(Some(unwrapped(bytes))),
            Err(ForgeError::NotFound { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Lists the names in a folder at a branch, tag or commit, at most 1,000. The list is empty if
    /// the folder does not exist.
    ///
    /// `GET /repos/{owner}/{repo}/contents/{path}?ref={ref}`
    pub async fn names_in(
        &self,
        repo: &RepoName,
        folder: &str,
        at: &str,
    ) -> Result<Vec<String>, ForgeError> {
        let purpose = format!("list {folder:?} of {repo} at {at}");
        let (path, at) = (escaped(folder.trim_matches('/'), true), escaped(at, false));
        let call = ApiCall::get(repo, format!("/contents/{path}?ref={at}"), purpose);
        match self.core.json::<Vec<DirectoryEntry>>(&call).await {
            Ok(entries) => Ok(entries.into_iter().map(|entry| entry.name).collect()),
            Err(ForgeError::NotFound { .. }) => Ok(Vec::new()),
            Err(error) => Err(error),
        }
    }
}

/// A server that does not know the raw media type sends the file inside JSON.
fn unwrapped(bytes: Bytes) -> Bytes {
    if !bytes.starts_with(b"{") {
        return bytes;
    }
    let content = serde_json::from_slice(&bytes).ok().and_then(|wrapped: WrappedFile| {
        let all: String = wrapped.content.split_ascii_whitespace().collect();
        let is_file = wrapped.kind == "file" && wrapped.encoding == "base64";
        is_file.then(|| BASE64_STANDARD.decode(all).ok()).flatten()
    });
    content.map_or(bytes, Bytes::from)
}

/// A file inside JSON. Every field is required, because a file may itself be JSON.
#[derive(Deserialize)]
struct WrappedFile {
    #[serde(rename = "type")]
    kind: String,
    encoding: String,
    content: String,
    #[serde(rename = "git_url")]
    _git_url: Option<String>,
}

/// An entry of a folder.
#[derive(Deserialize)]
struct DirectoryEntry {
    #[serde(default, deserialize_with = "or_default")]
    name: String,
}
