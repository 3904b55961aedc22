//! The one place that everything seen goes through, on its way to whoever acts on it.
//!
//! Webhooks and polling see the same things, twice, late and in any order; any lead may take them
//! in. Redis remembers what was seen, so each thing is *told* once, over restarts and changes of
//! leader. What is told waits in a stream until it was dealt with.
//!
//! | key | type | holds |
//! |---|---|---|
//! | `agent:lead:sightings` | STREAM | what was told and not yet dealt with |
//! | `agent:lead:sightings:tries` | HASH | how often each was handed out |
//! | `agent:lead:seen:{repo}` | ZSET by ms | keys of what was told: 30 days since last seen, 50,000 |
//! | `agent:lead:pulls:{repo}` | HASH | open pull requests by number |
//! | `agent:lead:main:{repo}` | ZSET by ms | commits of the default branch: 30 days, 1,000 |
//! | `agent:lead:deliveries` | ZSET by ms | webhooks taken in: 3 days, 100,000 |
//! | `agent:lead:heard` | HASH | when each repository's checks last came by webhook |
//! | `agent:lead:cursor:{repo}` | HASH | how far polling is |

use std::collections::HashMap;
use std::sync::Arc;

use greenline_forge::webhook::Signature;
use greenline_forge::{Moment, RepoName, Sha};
use greenline_store::{Cmd, Script, Store, StoreError, cmd};

use super::sighting::{HeadMoved, PullClosed, Sighting};
use crate::failure::{FailedCheck, PullSeen};

/// Most events that may wait. Beyond that, webhooks are refused, and GitHub keeps them.
const MOST_WAITING: usize = 100_000;

/// Rows of one call: bounds how long Redis does nothing else.
const ROWS: usize = 500;

/// The way in, and what is known of repositories. Cheap to clone.
#[derive(Clone)]
pub struct Funnel {
    inner: Arc<Inner>,
}

struct Inner {
    store: Store,
    prefix: String,
    take_in: Script,
    renamed: Script,
}

/// Tells new events from known ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Offered {
    /// It is told now.
    New,
    /// It was told before.
    Known,
}

/// The result of taking in a webhook.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TakenIn {
    /// Redis has it; this many things in it were new.
    Stored(usize),
    /// It came before.
    Known,
    /// Too much waits.
    Full,
}

/// The result of storing an event of the lead itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kept {
    /// It is told, now or before.
    Yes,
    /// Too much waits: to be told later.
    NotNow,
}

/// The identity of a webhook.
pub(crate) struct Delivery<'a> {
    pub(crate) id: &'a str,
    pub(crate) signature: &'a Signature,
    /// The repository, if it is about a check of it.
    pub(crate) heard: Option<&'a RepoName>,
}

/// Something to take in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum News {
    /// It happened.
    Seen(Sighting),
    /// A pull request is open, and where it is.
    Open(OpenPull),
    /// A pull request is closed.
    Closed(PullClosed),
    /// A commit is on the default branch.
    OnMain { repo: RepoName, sha: Sha },
}

/// An open pull request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct OpenPull {
    /// The event to report if the head is new.
    pub(crate) moved: HeadMoved,
    /// Of two that differ, the later holds.
    pub(crate) updated_at: Option<Moment>,
}

/// The progress of polling a repository.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Cursor {
    /// When its last sweep ended, in ms; 0 if there was none.
    pub(crate) swept_ms: u64,
    /// When its checks last came by webhook, in ms.
    pub(crate) heard_ms: u64,
}

impl Funnel {
    /// The funnel of a store.
    #[must_use]
    pub fn new(store: Store) -> Self {
        let prefix = format!("{}agent:lead:", store.namespace().prefix());
        let take_in = Script::new("take_in", include_str!("lua/take_in.lua"));
        let renamed = Script::new("renamed", include_str!("lua/renamed.lua"));
        Self { inner: Arc::new(Inner { store, prefix, take_in, renamed }) }
    }

    /// Names a failed check, unless it was named before.
    ///
    /// # Errors
    ///
    /// When Redis does not take it; offer it again.
    pub async fn offer(&self, failed: FailedCheck) -> Result<Offered, StoreError> {
        let told = self.take_in(&[News::Seen(Sighting::Failed(failed))]).await?;
        Ok(if told == 0 { Offered::Known } else { Offered::New })
    }

    /// Takes in what polling saw; how many things were new. Waits for nothing: what finds no room
    /// is seen again by the next sweep.
    pub(crate) async fn take_in(&self, news: &[News]) -> Result<usize, StoreError> {
        let mut told = 0;
        for part in news.chunks(ROWS) {
            match self.call(None, part).await? {
                TakenIn::Stored(new) => told += new,
                TakenIn::Known | TakenIn::Full => return Ok(told),
            }
        }
        Ok(told)
    }

    /// Tells something that the lead itself has seen.
    pub(crate) async fn tell(&self, sighting: Sighting) -> Result<Kept, StoreError> {
        Ok(match self.call(None, &[News::Seen(sighting)]).await? {
            TakenIn::Stored(_) | TakenIn::Known => Kept::Yes,
            TakenIn::Full => Kept::NotNow,
        })
    }

    /// Takes in a webhook, whole or not at all.
    pub(crate) async fn receive(
        &self,
        delivery: Delivery<'_>,
        news: &[News],
    ) -> Result<TakenIn, StoreError> {
        self.call(Some(delivery), news).await
    }

    async fn call(&self, by: Option<Delivery<'_>>, news: &[News]) -> Result<TakenIn, StoreError> {
        let mut call = self.inner.take_in.call(5 + news.len() * 6, 512 * (news.len() + 1));
        call.arg(&self.inner.prefix);
        let heard = by.as_ref().and_then(|it| it.heard).map(RepoName::folded).unwrap_or_default();
        // The bytes of the signature, in one spelling: their text has many.
        let signature = by.as_ref().map(|it| it.signature.to_string()).unwrap_or_default();
        let id = by.map_or("", |it| it.id);
        call.arg(id).arg(signature).arg(heard).arg(MOST_WAITING);
        for one in news {
            add_row(&mut call, one);
        }
        let answer: String = self.inner.store.run(&self.inner.take_in, &call).await?;
        Ok(match answer.as_str() {
            "known" => TakenIn::Known,
            "full" => TakenIn::Full,
            told => TakenIn::Stored(told.bytes().filter(|digit| *digit == b'1').count()),
        })
    }

    /// The open pull request whose head is this commit, as far as it is known.
    pub(crate) async fn pull_at(
        &self,
        repo: &RepoName,
        sha: &Sha,
    ) -> Result<Option<PullSeen>, StoreError> {
        let pulls = self.pulls(repo).await?;
        Ok(pulls.into_iter().find(|open| open.moved.head == *sha).map(|open| open.moved.pull))
    }

    /// The open pull requests that are known.
    pub(crate) async fn pulls(&self, repo: &RepoName) -> Result<Vec<OpenPull>, StoreError> {
        let key = self.key(&format!("pulls:{}", repo.folded()));
        let fields: HashMap<String, String> = self.ask(cmd("HGETALL").arg(key)).await?;
        Ok(fields.values().filter_map(|text| read_pull(text)).collect())
    }

    /// Returns true if the commit is known to be on the default branch.
    pub(crate) async fn is_on_main(&self, repo: &RepoName, sha: &Sha) -> Result<bool, StoreError> {
        let key = self.key(&format!("main:{}", repo.folded()));
        let found: Option<f64> = self.ask(cmd("ZSCORE").arg(key).arg(sha.as_str())).await?;
        Ok(found.is_some())
    }

    /// Returns the progress of polling.
    pub(crate) async fn cursor(&self, repo: &RepoName) -> Result<Cursor, StoreError> {
        let name = repo.folded();
        let key = self.key(&format!("cursor:{name}"));
        let swept: Option<u64> = self.ask(cmd("HGET").arg(key).arg("swept_at")).await?;
        let heard: Option<u64> = self.ask(cmd("HGET").arg(self.key("heard")).arg(&name)).await?;
        Ok(Cursor { swept_ms: swept.unwrap_or(0), heard_ms: heard.unwrap_or(0) })
    }

    /// A sweep has ended.
    pub(crate) async fn swept(&self, repo: &RepoName, at_ms: u64) -> Result<(), StoreError> {
        const KEPT_MS: u64 = 30 * 86_400_000;
        let key = self.key(&format!("cursor:{}", repo.folded()));
        let _: u64 = self.ask(cmd("HSET").arg(&key).arg("swept_at").arg(at_ms)).await?;
        let _: u64 = self.ask(cmd("PEXPIRE").arg(&key).arg(KEPT_MS)).await?;
        Ok(())
    }

    /// A repository has another name now.
    pub(crate) async fn renamed(&self, old: &RepoName, new: &RepoName) -> Result<(), StoreError> {
        let mut call = self.inner.renamed.call(3, 256);
        call.arg(&self.inner.prefix).arg(old.folded()).arg(new.folded());
        let _: u64 = self.inner.store.run(&self.inner.renamed, &call).await?;
        Ok(())
    }

    pub(crate) fn key(&self, name: &str) -> String {
        format!("{}{name}", self.inner.prefix)
    }

    pub(crate) fn store(&self) -> &Store {
        &self.inner.store
    }

    async fn ask<T: greenline_store::FromRedisValue>(&self, call: &Cmd) -> Result<T, StoreError> {
        self.inner.store.command(call).await
    }
}

fn add_row(call: &mut Cmd, news: &News) {
    match news {
        News::Seen(sighting) => {
            let repo = sighting.repo().map(RepoName::folded).unwrap_or_default();
            let key = sighting.key().unwrap_or_default();
            row(call, ["see", &repo, &key, &json(sighting), "", ""]);
        }
        News::Open(pull) => {
            let OpenPull { moved, updated_at } = pull;
            let (number, updated) = (moved.pull.number, updated_at.map_or(0, |at| at.0));
            let told = json(&Sighting::HeadMoved(moved.clone()));
            let (repo, head) = (moved.repo.folded(), moved.head.as_str());
            row(call, ["pull", &repo, &number.to_string(), &told, head, &updated.to_string()]);
        }
        News::Closed(closed) => {
            let key = format!("closed-{}-{}", closed.number, closed.head);
            let told = json(&Sighting::PullClosed(closed.clone()));
            row(
                call,
                ["unpull", &closed.repo.folded(), &closed.number.to_string(), &told, &key, ""],
            );
        }
        News::OnMain { repo, sha } => row(call, ["main", &repo.folded(), sha.as_str(), "", "", ""]),
    }
}

fn row(call: &mut Cmd, words: [&str; 6]) {
    for word in words {
        call.arg(word);
    }
}

fn json(sighting: &Sighting) -> String {
    serde_json::to_string(sighting)
        .unwrap_or_else(|error| unreachable!("texts and numbers: {error}"))
}

/// `UPDATED_MS SHA JSON`; none for what another version has written.
fn read_pull(text: &str) -> Option<OpenPull> {
    let mut parts = text.splitn(3, ' ');
    let updated: u64 = parts.next()?.parse().ok()?;
    let _sha = parts.next()?;
    match serde_json::from_str(parts.next()?).ok()? {
        Sighting::HeadMoved(moved) => {
            Some(OpenPull { moved, updated_at: (updated > 0).then_some(Moment(updated)) })
        }
        _ => None,
    }
}
