//! The one place that everything seen goes through, on its way to whoever acts on it.
//!
//! Webhooks and polling see the same things, twice, late and in any order; any lead may take them
//! in. Redis remembers what was seen, so each thing is *told* once, over restarts and changes of
//! leader. What is told waits in a stream until it was dealt with.
//!
//! | key | type | holds |
//! |---|---|---|
//! | `agent:lead:events` | STREAM | what was told and not yet dealt with |
//! | `agent:lead:events:attempts` | HASH | how often each was handed out |
//! | `agent:lead:seen:{repo}` | ZSET by ms | keys of what was told: 30 days since last seen, 50,000 |
//! | `agent:lead:pulls:{repo}` | HASH | open pull requests by number |
//! | `agent:lead:default_branch:{repo}` | ZSET by ms | commits of the default branch: 30 days, 1,000 |
//! | `agent:lead:deliveries` | ZSET by ms | webhooks taken in: 3 days, 100,000 |
//! | `agent:lead:last_webhook` | HASH | when each repository's checks last came by webhook |
//! | `agent:lead:cursor:{repo}` | HASH | how far polling is |

use std::collections::HashMap;
use std::sync::Arc;

use greenline_forge::webhook::Signature;
use greenline_forge::{RepoName, Sha, Timestamp};
use greenline_store::{Cmd, Script, Store, StoreError, cmd};

use super::event::{HeadMoved, PullClosed, RepoEvent};
use crate::check::{CheckedPull, FailedCheck};

/// Most events that may wait. Beyond that, webhooks are refused, and GitHub keeps them.
const MOST_WAITING: usize = 100_000;

/// Rows of one call: bounds how long Redis does nothing else.
const ROWS: usize = 500;

/// The way in, and what is known of repositories. Cheap to clone.
#[derive(Clone)]
pub struct EventStore {
    inner: Arc<EventStoreInner>,
}

struct EventStoreInner {
    store: Store,
    prefix: String,
    insert_events: Script,
    rename_repo: Script,
}

/// Tells new events from known ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Novelty {
    /// It is told now.
    New,
    /// It was told before.
    Known,
}

/// The result of taking in a webhook.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Inserted {
    /// Redis has it; this many things in it were new.
    Stored(usize),
    /// It came before.
    Known,
    /// Too much waits.
    Full,
}

/// The result of storing an event of the lead itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Admission {
    /// It is told, now or before.
    Stored,
    /// Too much waits: to be told later.
    Full,
}

/// The identity of a webhook.
pub(crate) struct WebhookDelivery<'a> {
    pub(crate) id: &'a str,
    pub(crate) signature: &'a Signature,
    /// The repository, if it is about a check of it.
    pub(crate) checked_repo: Option<&'a RepoName>,
}

/// Something to take in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum StoreUpdate {
    /// It happened.
    Event(RepoEvent),
    /// A pull request is open, and where it is.
    PullOpen(OpenPull),
    /// A pull request is closed.
    PullClosed(PullClosed),
    /// A commit is on the default branch.
    OnDefaultBranch { repo: RepoName, sha: Sha },
}

/// An open pull request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct OpenPull {
    /// The event to report if the head is new.
    pub(crate) head_moved: HeadMoved,
    /// Of two that differ, the later holds.
    pub(crate) updated_at: Option<Timestamp>,
}

/// The progress of polling a repository.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct PollCursor {
    /// When its last sweep ended, in ms; 0 if there was none.
    pub(crate) polled_ms: u64,
    /// When its checks last came by webhook, in ms.
    pub(crate) webhook_ms: u64,
}

impl EventStore {
    /// The funnel of a store.
    #[must_use]
    pub fn new(store: Store) -> Self {
        let prefix = format!("{}agent:lead:", store.namespace().prefix());
        let insert_events = Script::new("insert_events", include_str!("../lua/insert_events.lua"));
        let rename_repo = Script::new("rename_repo", include_str!("../lua/rename_repo.lua"));
        Self { inner: Arc::new(EventStoreInner { store, prefix, insert_events, rename_repo }) }
    }

    /// Names a failed check, unless it was named before.
    ///
    /// # Errors
    ///
    /// When Redis does not take it; offer it again.
    pub async fn insert_failed_check(&self, failed: FailedCheck) -> Result<Novelty, StoreError> {
        let inserted =
            self.insert_all(&[StoreUpdate::Event(RepoEvent::CheckFailed(failed))]).await?;
        Ok(if inserted == 0 { Novelty::Known } else { Novelty::New })
    }

    /// Takes in what polling saw; how many things were new. Waits for nothing: what finds no room
    /// is seen again by the next sweep.
    pub(crate) async fn insert_all(&self, updates: &[StoreUpdate]) -> Result<usize, StoreError> {
        let mut inserted = 0;
        for part in updates.chunks(ROWS) {
            match self.call(None, part).await? {
                Inserted::Stored(new) => inserted += new,
                Inserted::Known | Inserted::Full => return Ok(inserted),
            }
        }
        Ok(inserted)
    }

    /// Tells something that the lead itself has seen.
    pub(crate) async fn insert(&self, event: RepoEvent) -> Result<Admission, StoreError> {
        Ok(match self.call(None, &[StoreUpdate::Event(event)]).await? {
            Inserted::Stored(_) | Inserted::Known => Admission::Stored,
            Inserted::Full => Admission::Full,
        })
    }

    /// Takes in a webhook, whole or not at all.
    pub(crate) async fn insert_delivery(
        &self,
        delivery: WebhookDelivery<'_>,
        updates: &[StoreUpdate],
    ) -> Result<Inserted, StoreError> {
        self.call(Some(delivery), updates).await
    }

    async fn call(
        &self,
        by: Option<WebhookDelivery<'_>>,
        updates: &[StoreUpdate],
    ) -> Result<Inserted, StoreError> {
        let mut call =
            self.inner.insert_events.call(5 + updates.len() * 6, 512 * (updates.len() + 1));
        call.arg(&self.inner.prefix);
        let checked_repo =
            by.as_ref().and_then(|it| it.checked_repo).map(RepoName::folded).unwrap_or_default();
        // The bytes of the signature, in one spelling: their text has many.
        let signature = by.as_ref().map(|it| it.signature.to_string()).unwrap_or_default();
        let id = by.map_or("", |it| it.id);
        call.arg(id).arg(signature).arg(checked_repo).arg(MOST_WAITING);
        for update in updates {
            add_row(&mut call, update);
        }
        let answer: String = self.inner.store.run(&self.inner.insert_events, &call).await?;
        Ok(match answer.as_str() {
            "known" => Inserted::Known,
            "full" => Inserted::Full,
            inserted => Inserted::Stored(inserted.bytes().filter(|digit| *digit == b'1').count()),
        })
    }

    /// The open pull request whose head is this commit, as far as it is known.
    pub(crate) async fn pull_with_head(
        &self,
        repo: &RepoName,
        sha: &Sha,
    ) -> Result<Option<CheckedPull>, StoreError> {
        let pulls = self.open_pulls(repo).await?;
        Ok(pulls
            .into_iter()
            .find(|open| open.head_moved.head == *sha)
            .map(|open| open.head_moved.pull))
    }

    /// The open pull requests that are known.
    pub(crate) async fn open_pulls(&self, repo: &RepoName) -> Result<Vec<OpenPull>, StoreError> {
        let key = self.key(&format!("pulls:{}", repo.folded()));
        let fields: HashMap<String, String> = self.command(cmd("HGETALL").arg(key)).await?;
        Ok(fields.values().filter_map(|text| read_pull(text)).collect())
    }

    /// Returns true if the commit is known to be on the default branch.
    pub(crate) async fn is_on_default_branch(
        &self,
        repo: &RepoName,
        sha: &Sha,
    ) -> Result<bool, StoreError> {
        let key = self.key(&format!("default_branch:{}", repo.folded()));
        let found: Option<f64> = self.command(cmd("ZSCORE").arg(key).arg(sha.as_str())).await?;
        Ok(found.is_some())
    }

    /// Returns the progress of polling.
    pub(crate) async fn cursor(&self, repo: &RepoName) -> Result<PollCursor, StoreError> {
        let name = repo.folded();
        let key = self.key(&format!("cursor:{name}"));
        let polled: Option<u64> = self.command(cmd("HGET").arg(key).arg("polled_at")).await?;
        let last_webhook: Option<u64> =
            self.command(cmd("HGET").arg(self.key("last_webhook")).arg(&name)).await?;
        Ok(PollCursor { polled_ms: polled.unwrap_or(0), webhook_ms: last_webhook.unwrap_or(0) })
    }

    /// A sweep has ended.
    pub(crate) async fn set_polled(&self, repo: &RepoName, at_ms: u64) -> Result<(), StoreError> {
        const KEPT_MS: u64 = 30 * 86_400_000;
        let key = self.key(&format!("cursor:{}", repo.folded()));
        let _: u64 = self.command(cmd("HSET").arg(&key).arg("polled_at").arg(at_ms)).await?;
        let _: u64 = self.command(cmd("PEXPIRE").arg(&key).arg(KEPT_MS)).await?;
        Ok(())
    }

    /// A repository has another name now.
    pub(crate) async fn rename_repo(
        &self,
        old: &RepoName,
        new: &RepoName,
    ) -> Result<(), StoreError> {
        let mut call = self.inner.rename_repo.call(3, 256);
        call.arg(&self.inner.prefix).arg(old.folded()).arg(new.folded());
        let _: u64 = self.inner.store.run(&self.inner.rename_repo, &call).await?;
        Ok(())
    }

    pub(crate) fn key(&self, name: &str) -> String {
        format!("{}{name}", self.inner.prefix)
    }

    pub(crate) fn store(&self) -> &Store {
        &self.inner.store
    }

    async fn command<T: greenline_store::FromRedisValue>(
        &self,
        call: &Cmd,
    ) -> Result<T, StoreError> {
        self.inner.store.command(call).await
    }
}

fn add_row(call: &mut Cmd, update: &StoreUpdate) {
    match update {
        StoreUpdate::Event(event) => {
            let repo = event.repo().map(RepoName::folded).unwrap_or_default();
            let key = event.key().unwrap_or_default();
            push_row(call, ["event", &repo, &key, &json(event), "", ""]);
        }
        StoreUpdate::PullOpen(pull) => {
            let OpenPull { head_moved, updated_at } = pull;
            let (number, updated) = (head_moved.pull.number, updated_at.map_or(0, |at| at.0));
            let event = json(&RepoEvent::HeadMoved(head_moved.clone()));
            let (repo, head) = (head_moved.repo.folded(), head_moved.head.as_str());
            push_row(
                call,
                ["pull_open", &repo, &number.to_string(), &event, head, &updated.to_string()],
            );
        }
        StoreUpdate::PullClosed(closed) => {
            let key = format!("closed-{}-{}", closed.number, closed.head);
            let event = json(&RepoEvent::PullClosed(closed.clone()));
            push_row(
                call,
                [
                    "pull_closed",
                    &closed.repo.folded(),
                    &closed.number.to_string(),
                    &event,
                    &key,
                    "",
                ],
            );
        }
        StoreUpdate::OnDefaultBranch { repo, sha } => {
            push_row(call, ["on_default_branch", &repo.folded(), sha.as_str(), "", "", ""]);
        }
    }
}

fn push_row(call: &mut Cmd, words: [&str; 6]) {
    for word in words {
        call.arg(word);
    }
}

fn json(event: &RepoEvent) -> String {
    serde_json::to_string(event).unwrap_or_else(|error| unreachable!("texts and numbers: {error}"))
}

/// `UPDATED_MS SHA JSON`; none for what another version has written.
fn read_pull(text: &str) -> Option<OpenPull> {
    let mut parts = text.splitn(3, ' ');
    let updated: u64 = parts.next()?.parse().ok()?;
    let _sha = parts.next()?;
    match serde_json::from_str(parts.next()?).ok()? {
        RepoEvent::HeadMoved(head_moved) => {
            Some(OpenPull { head_moved, updated_at: (updated > 0).then_some(Timestamp(updated)) })
        }
        _ => None,
    }
}
