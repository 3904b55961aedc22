//! Hands what was seen to whoever deals with it, and remembers it until they have.
//!
//! - The leader alone hands out, oldest first. A new leader begins with all that nobody has
//!   dealt with: a crash on the way misses nothing, and something may be handed out twice.
//! - What was handed out and dropped without [`DispatchedEvent::done`] comes again, a few times.
//! - On the way, a check learns which pull request it belongs to, and whether its commit is
//!   really on the default branch: a fork may call its branch like that, too.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use greenline_forge::model::CompareState;
use greenline_forge::{ForgeError, RepoName, Sha};
use greenline_queue::{Epoch, QueueError};
use greenline_store::{BlockingConnection, StoreError, backoff, cmd};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tracing::{error, warn};

use super::event::RepoEvent;
use super::event_store::{EventStore, StoreUpdate};
use super::{Watch, metrics, parse};
use crate::check::CheckedPull;
use crate::loops::retry_log::RetryLog;

/// Most deliveries of an event before it is given up.
const MOST_TRIES: u32 = 8;

/// Delay before an event that could not be handled is delivered again.
const RETRY_DELAY: Duration = Duration::from_secs(15);

/// Number of events read at a time.
const BATCH: usize = 64;

/// Longest wait of one read for new events.
const READ_WAIT: Duration = Duration::from_millis(500);

/// Something that was seen, to be dealt with.
#[derive(Debug)]
pub struct DispatchedEvent {
    /// It.
    pub event: RepoEvent,
    /// Number of deliveries, this one included.
    pub tries: u32,
    ack: EventAck,
}

#[derive(Debug)]
struct EventAck {
    id: String,
    ack_sender: mpsc::UnboundedSender<AckMessage>,
    settled: bool,
}

/// Something that comes back.
#[derive(Debug)]
struct AckMessage {
    id: String,
    kind: AckKind,
}

#[derive(Debug)]
enum AckKind {
    Done,
    Later(Duration),
    Dropped,
}

impl DispatchedEvent {
    /// It was dealt with, and is forgotten.
    pub fn done(mut self) {
        self.ack.settle(AckKind::Done);
    }

    /// It can't be dealt with now; this does not count as a try.
    pub fn retry_after(mut self, wait: Duration) {
        self.ack.settle(AckKind::Later(wait));
    }
}

impl EventAck {
    fn settle(&mut self, kind: AckKind) {
        self.settled = true;
        // Nobody hears it when the lead stops: then it is handed out again.
        let _received = self.ack_sender.send(AckMessage { id: self.id.clone(), kind });
    }
}

impl Drop for EventAck {
    fn drop(&mut self) {
        if !self.settled {
            self.settle(AckKind::Dropped);
        }
    }
}

/// Hands out while this lead leads, until it is to stop or nobody takes anything any more.
pub(super) async fn run(
    watch: Arc<Watch>,
    sender: mpsc::Sender<DispatchedEvent>,
    stop: CancellationToken,
) {
    let mut leader_status = watch.shared.leadership.leader_status();
    let mut errors = RetryLog::new("dispatch events");
    let (ack_sender, acks) = mpsc::unbounded_channel();
    let mut dispatcher = Dispatcher::new(watch.clone(), sender, ack_sender, acks);
    while !stop.is_cancelled() && !dispatcher.sender.is_closed() {
        let Some(epoch) = watch.shared.leadership.epoch().filter(|_| watch.repos.are_known())
        else {
            let update = tokio::time::timeout(READ_WAIT, leader_status.changed());
            stop.run_until_cancelled(update).await;
            continue;
        };
        dispatcher.begin(epoch);
        match stop.run_until_cancelled(dispatcher.dispatch_next()).await {
            Some(Ok(())) => errors.succeeded(),
            Some(Err(error)) => {
                dispatcher.connection = None;
                let wait = errors.failed(&QueueError::from(error));
                stop.run_until_cancelled(tokio::time::sleep(wait)).await;
            }
            None => {}
        }
    }
    dispatcher.drain_acks().await;
}

struct Dispatcher {
    watch: Arc<Watch>,
    sender: mpsc::Sender<DispatchedEvent>,
    ack_sender: mpsc::UnboundedSender<AckMessage>,
    acks: mpsc::UnboundedReceiver<AckMessage>,
    connection: Option<BlockingConnection>,
    epoch: Option<Epoch>,
    after: String,
    /// Events to be delivered again, and when, by the monotonic clock.
    delayed: HashMap<String, Duration>,
}

type Entries = Vec<(String, HashMap<String, String>)>;

impl Dispatcher {
    fn new(
        watch: Arc<Watch>,
        sender: mpsc::Sender<DispatchedEvent>,
        ack_sender: mpsc::UnboundedSender<AckMessage>,
        acks: mpsc::UnboundedReceiver<AckMessage>,
    ) -> Self {
        let (after, delayed) = ("0-0".to_owned(), HashMap::new());
        Self { watch, sender, ack_sender, acks, connection: None, epoch: None, after, delayed }
    }

    /// A new leadership begins with everything.
    fn begin(&mut self, epoch: Epoch) {
        if self.epoch.replace(epoch) != Some(epoch) {
            self.after = "0-0".to_owned();
            self.delayed.clear();
        }
    }

    async fn dispatch_next(&mut self) -> Result<(), StoreError> {
        self.process_acks().await?;
        for id in self.due_again() {
            let found: Entries = self.range(&id).await?;
            self.delayed.remove(&id);
            self.dispatch_entries(found).await?;
        }
        let found = self.read_next().await?;
        if let Some((last, _)) = found.last() {
            let last = last.clone();
            self.dispatch_entries(found).await?;
            self.after = last;
        }
        Ok(())
    }

    fn due_again(&self) -> Vec<String> {
        let now = self.watch.shared.clock.steady();
        self.delayed.iter().filter(|(_, at)| **at <= now).map(|(id, _)| id.clone()).collect()
    }

    async fn process_acks(&mut self) -> Result<(), StoreError> {
        while let Ok(AckMessage { id, kind }) = self.acks.try_recv() {
            let now = self.watch.shared.clock.steady();
            match kind {
                AckKind::Done => {
                    if let Err(error) = delete_event(&self.watch.event_store, &id).await {
                        // To be forgotten a turn later.
                        let _kept = self.ack_sender.send(AckMessage { id, kind: AckKind::Done });
                        return Err(error);
                    }
                }
                AckKind::Later(wait) => {
                    count_attempt(&self.watch.event_store, &id, -1).await?;
                    self.delayed.insert(id, now + wait);
                }
                AckKind::Dropped => {
                    self.delayed.insert(id, now + RETRY_DELAY);
                }
            }
        }
        Ok(())
    }

    /// At the end: what was dealt with is not to be handed out again by the next leader.
    async fn drain_acks(&mut self) {
        let mut pauses = backoff().take(3);
        while self.process_acks().await.is_err() {
            let Some(pause) = pauses.next() else { return };
            tokio::time::sleep(pause).await;
        }
    }

    /// Returns the events after those delivered; waits a moment for them.
    async fn read_next(&mut self) -> Result<Entries, StoreError> {
        let mut call = cmd("XREAD");
        call.arg("COUNT")
            .arg(BATCH)
            .arg("BLOCK")
            .arg(u64::try_from(READ_WAIT.as_millis()).unwrap_or(1));
        call.arg("STREAMS").arg(self.watch.event_store.key("events")).arg(&self.after);
        let connection = match &mut self.connection {
            Some(connection) => connection,
            none => none.insert(self.watch.event_store.store().blocking().await?),
        };
        let found: Option<Vec<(String, Entries)>> = connection.command(&call, READ_WAIT).await?;
        Ok(found.into_iter().flatten().flat_map(|(_, entries)| entries).collect())
    }

    async fn range(&self, id: &str) -> Result<Entries, StoreError> {
        let mut call = cmd("XRANGE");
        call.arg(self.watch.event_store.key("events")).arg(id).arg(id);
        self.watch.event_store.store().command(&call).await
    }

    async fn dispatch_entries(&mut self, entries: Entries) -> Result<(), StoreError> {
        for (id, mut fields) in entries {
            let text = fields.remove("event").unwrap_or_default();
            let Ok(event) = serde_json::from_str::<RepoEvent>(&text) else {
                warn!(id, "Something that was seen on GitHub can't be read; it is left out");
                metrics::given_up();
                delete_event(&self.watch.event_store, &id).await?;
                continue;
            };
            self.dispatch_one(id, event).await?;
        }
        Ok(())
    }

    async fn dispatch_one(&mut self, id: String, mut event: RepoEvent) -> Result<(), StoreError> {
        let event_store = &self.watch.event_store;
        if event == RepoEvent::RepositoriesChanged {
            self.watch.repos.refresh_soon();
            return delete_event(event_store, &id).await;
        }
        if event.repo().is_some_and(|repo| !self.watch.repos.wants(repo)) {
            return delete_event(event_store, &id).await;
        }
        let tries = count_attempt(event_store, &id, 1).await?;
        if tries > MOST_TRIES {
            error!(id, tries, event = event.kind(), "Giving up on something that was seen");
            metrics::given_up();
            return delete_event(event_store, &id).await;
        }
        if let Err(error) = resolve_pull(&self.watch, &mut event).await {
            let wait = error.wait(&self.watch)?;
            count_attempt(event_store, &id, -1).await?;
            self.delayed.insert(id, self.watch.shared.clock.steady() + wait);
            return Ok(());
        }
        if tries == 1 {
            metrics::dispatched(&event);
        }
        let ack = EventAck { id, ack_sender: self.ack_sender.clone(), settled: false };
        // If nobody takes it any more, it is dropped and waits for the next leader.
        let _taken = self.sender.send(DispatchedEvent { event, tries, ack }).await;
        Ok(())
    }
}

/// The tries first: cut off in between, it comes once more, and no count is left of what is gone.
async fn delete_event(event_store: &EventStore, id: &str) -> Result<(), StoreError> {
    let tries = cmd("HDEL").arg(event_store.key("events:attempts")).arg(id).clone();
    let _: u64 = event_store.store().command(&tries).await?;
    let gone = cmd("XDEL").arg(event_store.key("events")).arg(id).clone();
    let _: u64 = event_store.store().command(&gone).await?;
    Ok(())
}

async fn count_attempt(event_store: &EventStore, id: &str, by: i64) -> Result<u32, StoreError> {
    let call = cmd("HINCRBY").arg(event_store.key("events:attempts")).arg(id).arg(by).clone();
    let tries: i64 = event_store.store().command(&call).await?;
    Ok(u32::try_from(tries.max(0)).unwrap_or(u32::MAX))
}

/// The reason why the subject of a check is unknown.
enum PullLookupError {
    Store(StoreError),
    Forge(ForgeError),
}

impl From<StoreError> for PullLookupError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<ForgeError> for PullLookupError {
    fn from(error: ForgeError) -> Self {
        Self::Forge(error)
    }
}

impl PullLookupError {
    /// Returns how long to wait for GitHub; an error of Redis stays an error.
    fn wait(self, watch: &Watch) -> Result<Duration, StoreError> {
        let error = match self {
            Self::Store(error) => return Err(error),
            Self::Forge(error) => error,
        };
        warn!(%error, "A check has to wait, as GitHub does not say what it belongs to");
        let now = watch.shared.clock.wall_ms();
        let until = error.retry_at().map(|at| Duration::from_millis(at.0.saturating_sub(now)));
        Ok(until.unwrap_or(RETRY_DELAY).max(Duration::from_secs(1)))
    }
}

/// Finds out what a check belongs to.
async fn resolve_pull(watch: &Watch, event: &mut RepoEvent) -> Result<(), PullLookupError> {
    let (repo, sha, branch, pull, on_default_branch, red) = match event {
        RepoEvent::CheckFailed(it) => {
            (&it.repo, &it.head_sha, &it.branch, &mut it.pull, &mut it.on_default_branch, true)
        }
        RepoEvent::CheckPassed(it) => {
            (&it.repo, &it.head_sha, &it.branch, &mut it.pull, &mut it.on_default_branch, false)
        }
        _ => return Ok(()),
    };
    if *on_default_branch {
        *on_default_branch = watch.event_store.is_on_default_branch(repo, sha).await?
            || (pull.is_none() && fetch_is_on_default_branch(watch, repo, branch, sha).await?);
    }
    if pull.is_none() && !*on_default_branch {
        *pull = match watch.event_store.pull_with_head(repo, sha).await? {
            // A green check of an unknown commit is not worth a call.
            None if red => fetch_pull(watch, repo, sha).await?,
            known => known,
        };
    }
    Ok(())
}

/// Asks GitHub whether a commit that claims to be on the default branch is. A fork's is not.
async fn fetch_is_on_default_branch(
    watch: &Watch,
    repo: &RepoName,
    branch: &str,
    sha: &Sha,
) -> Result<bool, PullLookupError> {
    if watch.event_store.pull_with_head(repo, sha).await?.is_some() {
        return Ok(false);
    }
    let behind_default_branch = match watch.forge.compare(repo, branch, sha.as_str()).await {
        Ok(it) => matches!(it.status, CompareState::Identical | CompareState::Behind),
        Err(error) if error.is_transient() => return Err(error.into()),
        Err(_) => false,
    };
    if behind_default_branch {
        let update = StoreUpdate::OnDefaultBranch { repo: repo.clone(), sha: sha.clone() };
        watch.event_store.insert_all(&[update]).await?;
    }
    Ok(behind_default_branch)
}

/// Asks GitHub for the open pull request whose head this is.
async fn fetch_pull(
    watch: &Watch,
    repo: &RepoName,
    sha: &Sha,
) -> Result<Option<CheckedPull>, PullLookupError> {
    let pulls = match watch.forge.pulls_of_commit(repo, sha).await {
        Ok(pulls) => pulls,
        Err(error) if error.is_transient() => return Err(error.into()),
        Err(_) => return Ok(None),
    };
    let mut heads = pulls.iter().filter(|pull| pull.is_open() && pull.head.sha == *sha);
    let Some(pull) = heads.next() else { return Ok(None) };
    watch.event_store.insert_all(&[parse::update_of_pull(repo, pull)]).await?;
    Ok(Some(parse::pull_ref(pull)))
}
