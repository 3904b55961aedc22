//! Files at a commit.

use bytes::Bytes;
use http::Method;

use crate::call::{Call, RAW, Take, escaped};
use crate::error::ForgeError;
use crate::forge::Forge;
use crate::names::RepoName;

impl Forge {
    /// A file at a branch, tag or commit, up to `cap` bytes; none if it is not there.
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
        let call = Call::of(Method::GET, repo, format!("/contents/{path}?ref={at}"), purpose);
        match self.core.bytes(&call.accepting(RAW).taking(Take::Whole(cap))).await {
            Ok(bytes) => Ok(Some(bytes)),
            Err(ForgeError::NotFound { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }
}
