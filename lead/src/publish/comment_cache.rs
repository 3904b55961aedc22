//! A cache of the comment on a pull request: its id and its last text.
//!
//! It is only a cache. GitHub holds the truth, and the comment is found again without it.

use std::collections::HashMap;

use greenline_forge::{CommentId, PullNumber, RepoName};
use greenline_queue::{Queue, QueueError};
use greenline_store::{StoreError, cmd, pipe};

use super::comment_body::CommentBody;

/// Longer than most pull requests live.
const KEPT_MS: u64 = 90 * 24 * 3_600 * 1_000;

#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct CachedComment {
    pub(crate) id: Option<CommentId>,
    /// Number of times the comment was created.
    pub(crate) times_created: u64,
    pub(crate) hash: String,
    pub(crate) body: Option<CommentBody>,
}

fn key(queue: &Queue, repo: &RepoName, pull: PullNumber) -> String {
    let prefix = queue.store().namespace().prefix().to_owned();
    format!("{prefix}agent:lead:comment:{}#{pull}", repo.folded())
}

impl CachedComment {
    pub(crate) async fn read(
        queue: &Queue,
        repo: &RepoName,
        pull: PullNumber,
    ) -> Result<Self, StoreError> {
        let key = key(queue, repo, pull);
        let fields: HashMap<String, String> =
            queue.store().command(cmd("HGETALL").arg(key)).await?;
        let text = |name: &str| fields.get(name).map(String::as_str).unwrap_or_default();
        Ok(Self {
            id: text("id").parse().ok(),
            times_created: text("times_created").parse().unwrap_or(0),
            hash: text("hash").to_owned(),
            body: serde_json::from_str(text("body")).ok(),
        })
    }

    pub(crate) async fn write(
        &self,
        queue: &Queue,
        repo: &RepoName,
        pull: PullNumber,
        body: Option<&CommentBody>,
    ) -> Result<(), QueueError> {
        let key = key(queue, repo, pull);
        let id = self.id.map(|id| id.to_string()).unwrap_or_default();
        let body = serde_json::to_string(&body).expect("a page is JSON");
        let mut both = pipe();
        both.cmd("HSET").arg(&key).arg("id").arg(id).arg("times_created").arg(self.times_created);
        both.arg("hash").arg(&self.hash).arg("body").arg(body);
        both.cmd("PEXPIRE").arg(&key).arg(KEPT_MS);
        queue.store().pipeline(&both).await?;
        Ok(())
    }
}
