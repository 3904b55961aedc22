//! Hands what was seen to whoever deals with it, and remembers it until they have.
//!
//! - The leader alone hands out, oldest first. A new leader begins with all that nobody has
//!   dealt with: a crash on the way misses nothing, and something may be handed out twice.
//! - What was handed out and dropped without [`Handed::done`] comes again, a few times.
//! - On the way, a check learns which pull request it belongs to, and whether its commit is
//!   really on the default branch: a fork may call its branch like that, too.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use greenline_forge::model::CompareState;
use greenline_forge::{ForgeError, RepoName, Sha};
use greenline_queue::{Epoch, QueueError};
use greenline_store::{Blocking, StoreError, backoff, cmd};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tracing::{error, warn};

use super::funnel::{Funnel, News};
use super::sighting::Sighting;
use super::{Watch, numbers, reading};
use crate::failure::PullSeen;
use crate::trouble::Trouble;

/// Most deliveries of an event before it is given up.
const MOST_TRIES: u32 = 8;

/// Delay before an event that could not be handled is delivered again.
const REST: Duration = Duration::from_secs(15);

/// Number of events read at a time.
const BATCH: usize = 64;

/// Longest wait of one read for new events.
const LOOK: Duration = Duration::from_millis(500);

/// Something that was seen, to be dealt with.
#[derive(Debug)]
pub struct Handed {
    /// It.
    pub sighting: Sighting,
    /// Number of deliveries, this one included.
    pub tries: u32,
    receipt: Receipt,
}

#[derive(Debug)]
struct Receipt {
    id: String,
    back: mpsc::UnboundedSender<Returned>,
    settled: bool,
}

/// Something that comes back.
#[derive(Debug)]
struct Returned {
    id: String,
    how: How,
}

#[derive(Debug)]
enum How {
    Done,
    Later(Duration),
    Dropped,
}

impl Handed {
    /// It was dealt with, and is forgotten.
    pub fn done(mut self) {
        self.receipt.settle(How::Done);
    }

    /// It can't be dealt with now; this does not count as a try.
    pub fn later(mut self, wait: Duration) {
        self.receipt.settle(How::Later(wait));
    }
}

impl Receipt {
    fn settle(&mut self, how: How) {
        self.settled = true;
        // Nobody hears it when the lead stops: then it is handed out again.
        let _heard = self.back.send(Returned { id: self.id.clone(), how });
    }
}

impl Drop for Receipt {
    fn drop(&mut self) {
        if !self.settled {
            self.settle(How::Dropped);
        }
    }
}

/// Hands out while this lead leads, until it is to stop or nobody takes anything any more.
pub(super) async fn run(watch: Arc<Watch>, out: mpsc::Sender<Handed>, stop: CancellationToken) {
    let mut standing = watch.shared.office.standing();
    let mut trouble = Trouble::new("hand on what was seen on GitHub");
    let (back, returns) = mpsc::unbounded_channel();
    let mut hand = Hand::new(watch.clone(), out, back, returns);
    while !stop.is_cancelled() && !hand.out.is_closed() {
        let Some(epoch) = watch.shared.office.epoch().filter(|_| watch.repos.are_known()) else {
            let news = tokio::time::timeout(LOOK, standing.changed());
            stop.run_until_cancelled(news).await;
            continue;
        };
        hand.begin(epoch);
        match stop.run_until_cancelled(hand.turn()).await {
            Some(Ok(())) => trouble.over(),
            Some(Err(error)) => {
                hand.connection = None;
                let wait = trouble.met(&QueueError::from(error));
                stop.run_until_cancelled(tokio::time::sleep(wait)).await;
            }
            None => {}
        }
    }
    hand.settle_what_came_back().await;
}

struct Hand {
    watch: Arc<Watch>,
    out: mpsc::Sender<Handed>,
    back: mpsc::UnboundedSender<Returned>,
    returns: mpsc::UnboundedReceiver<Returned>,
    connection: Option<Blocking>,
    epoch: Option<Epoch>,
    after: String,
    /// Events to be delivered again, and when, by the monotonic clock.
    resting: HashMap<String, Duration>,
}

type Entries = Vec<(String, HashMap<String, String>)>;

impl Hand {
    fn new(
        watch: Arc<Watch>,
        out: mpsc::Sender<Handed>,
        back: mpsc::UnboundedSender<Returned>,
        returns: mpsc::UnboundedReceiver<Returned>,
    ) -> Self {
        let (after, resting) = ("0-0".to_owned(), HashMap::new());
        Self { watch, out, back, returns, connection: None, epoch: None, after, resting }
    }

    /// A new leadership begins with everything.
    fn begin(&mut self, epoch: Epoch) {
        if self.epoch.replace(epoch) != Some(epoch) {
            self.after = "0-0".to_owned();
            self.resting.clear();
        }
    }

    async fn turn(&mut self) -> Result<(), StoreError> {
        self.settle_returns().await?;
        for id in self.rested() {
            let found: Entries = self.range(&id).await?;
            self.resting.remove(&id);
            self.hand_out(found).await?;
        }
        let found = self.next().await?;
        if let Some((last, _)) = found.last() {
            let last = last.clone();
            self.hand_out(found).await?;
            self.after = last;
        }
        Ok(())
    }

    fn rested(&self) -> Vec<String> {
        let now = self.watch.shared.clock.steady();
        self.resting.iter().filter(|(_, at)| **at <= now).map(|(id, _)| id.clone()).collect()
    }

    async fn settle_returns(&mut self) -> Result<(), StoreError> {
        while let Ok(Returned { id, how }) = self.returns.try_recv() {
            let now = self.watch.shared.clock.steady();
            match how {
                How::Done => {
                    if let Err(error) = forget(&self.watch.funnel, &id).await {
                        // To be forgotten a turn later.
                        let _kept = self.back.send(Returned { id, how: How::Done });
                        return Err(error);
                    }
                }
                How::Later(wait) => {
                    count(&self.watch.funnel, &id, -1).await?;
                    self.resting.insert(id, now + wait);
                }
                How::Dropped => {
                    self.resting.insert(id, now + REST);
                }
            }
        }
        Ok(())
    }

    /// At the end: what was dealt with is not to be handed out again by the next leader.
    async fn settle_what_came_back(&mut self) {
        let mut patience = backoff().take(3);
        while self.settle_returns().await.is_err() {
            let Some(pause) = patience.next() else { return };
            tokio::time::sleep(pause).await;
        }
    }

    /// Returns the events after those delivered; waits a moment for them.
    async fn next(&mut self) -> Result<Entries, StoreError> {
        let mut call = cmd("XREAD");
        call.arg("COUNT").arg(BATCH).arg("BLOCK").arg(u64::try_from(LOOK.as_millis()).unwrap_or(1));
        call.arg("STREAMS").arg(self.watch.funnel.key("sightings")).arg(&self.after);
        let connection = match &mut self.connection {
            Some(connection) => connection,
            none => none.insert(self.watch.funnel.store().blocking().await?),
        };
        let found: Option<Vec<(String, Entries)>> = connection.command(&call, LOOK).await?;
        Ok(found.into_iter().flatten().flat_map(|(_, entries)| entries).collect())
    }

    async fn range(&self, id: &str) -> Result<Entries, StoreError> {
        let mut call = cmd("XRANGE");
        call.arg(self.watch.funnel.key("sightings")).arg(id).arg(id);
        self.watch.funnel.store().command(&call).await
    }

    async fn hand_out(&mut self, entries: Entries) -> Result<(), StoreError> {
        for (id, mut fields) in entries {
            let text = fields.remove("sighting").unwrap_or_default();
            let Ok(sighting) = serde_json::from_str::<Sighting>(&text) else {
                warn!(id, "Something that was seen on GitHub can't be read; it is left out");
                numbers::given_up();
                forget(&self.watch.funnel, &id).await?;
                continue;
            };
            self.hand_one(id, sighting).await?;
        }
        Ok(())
    }

    async fn hand_one(&mut self, id: String, mut sighting: Sighting) -> Result<(), StoreError> {
        let funnel = &self.watch.funnel;
        if sighting == Sighting::Repositories {
            self.watch.repos.look_anew();
            return forget(funnel, &id).await;
        }
        if sighting.repo().is_some_and(|repo| !self.watch.repos.wants(repo)) {
            return forget(funnel, &id).await;
        }
        let tries = count(funnel, &id, 1).await?;
        if tries > MOST_TRIES {
            error!(id, tries, saw = sighting.kind(), "Giving up on something that was seen");
            numbers::given_up();
            return forget(funnel, &id).await;
        }
        if let Err(problem) = place(&self.watch, &mut sighting).await {
            let wait = problem.wait(&self.watch)?;
            count(funnel, &id, -1).await?;
            self.resting.insert(id, self.watch.shared.clock.steady() + wait);
            return Ok(());
        }
        if tries == 1 {
            numbers::handed_on(&sighting);
        }
        let receipt = Receipt { id, back: self.back.clone(), settled: false };
        // If nobody takes it any more, it is dropped and waits for the next leader.
        let _taken = self.out.send(Handed { sighting, tries, receipt }).await;
        Ok(())
    }
}

/// The tries first: cut off in between, it comes once more, and no count is left of what is gone.
async fn forget(funnel: &Funnel, id: &str) -> Result<(), StoreError> {
    let tries = cmd("HDEL").arg(funnel.key("sightings:tries")).arg(id).clone();
    let _: u64 = funnel.store().command(&tries).await?;
    let gone = cmd("XDEL").arg(funnel.key("sightings")).arg(id).clone();
    let _: u64 = funnel.store().command(&gone).await?;
    Ok(())
}

async fn count(funnel: &Funnel, id: &str, by: i64) -> Result<u32, StoreError> {
    let call = cmd("HINCRBY").arg(funnel.key("sightings:tries")).arg(id).arg(by).clone();
    let tries: i64 = funnel.store().command(&call).await?;
    Ok(u32::try_from(tries.max(0)).unwrap_or(u32::MAX))
}

/// The reason why the subject of a check is unknown.
enum NotPlaced {
    Store(StoreError),
    Forge(ForgeError),
}

impl From<StoreError> for NotPlaced {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<ForgeError> for NotPlaced {
    fn from(error: ForgeError) -> Self {
        Self::Forge(error)
    }
}

impl NotPlaced {
    /// Returns how long to wait for GitHub; an error of Redis stays an error.
    fn wait(self, watch: &Watch) -> Result<Duration, StoreError> {
        let error = match self {
            Self::Store(error) => return Err(error),
            Self::Forge(error) => error,
        };
        warn!(%error, "A check has to wait, as GitHub does not say what it belongs to");
        let now = watch.shared.clock.wall_ms();
        let until = error.retry_at().map(|at| Duration::from_millis(at.0.saturating_sub(now)));
        Ok(until.unwrap_or(REST).max(Duration::from_secs(1)))
    }
}

/// Finds out what a check belongs to.
async fn place(watch: &Watch, sighting: &mut Sighting) -> Result<(), NotPlaced> {
    let (repo, sha, branch, pull, on_main, red) = match sighting {
        Sighting::Failed(it) => {
            (&it.repo, &it.head_sha, &it.branch, &mut it.pull, &mut it.on_default_branch, true)
        }
        Sighting::Passed(it) => {
            (&it.repo, &it.head_sha, &it.branch, &mut it.pull, &mut it.on_default_branch, false)
        }
        _ => return Ok(()),
    };
    if *on_main {
        *on_main = watch.funnel.is_on_main(repo, sha).await?
            || (pull.is_none() && is_on_main(watch, repo, branch, sha).await?);
    }
    if pull.is_none() && !*on_main {
        *pull = match watch.funnel.pull_at(repo, sha).await? {
            // A green check of an unknown commit is not worth a call.
            None if red => ask_for_pull(watch, repo, sha).await?,
            known => known,
        };
    }
    Ok(())
}

/// Asks GitHub whether a commit that claims to be on the default branch is. A fork's is not.
async fn is_on_main(
    watch: &Watch,
    repo: &RepoName,
    branch: &str,
    sha: &Sha,
) -> Result<bool, NotPlaced> {
    if watch.funnel.pull_at(repo, sha).await?.is_some() {
        return Ok(false);
    }
    let is = match watch.forge.compare(repo, branch, sha.as_str()).await {
        Ok(it) => matches!(it.status, CompareState::Identical | CompareState::Behind),
        Err(error) if error.is_passing() => return Err(error.into()),
        Err(_) => false,
    };
    if is {
        let news = News::OnMain { repo: repo.clone(), sha: sha.clone() };
        watch.funnel.take_in(&[news]).await?;
    }
    Ok(is)
}

/// Asks GitHub for the open pull request whose head this is.
async fn ask_for_pull(
    watch: &Watch,
    repo: &RepoName,
    sha: &Sha,
) -> Result<Option<PullSeen>, NotPlaced> {
    let pulls = match watch.forge.pulls_of_commit(repo, sha).await {
        Ok(pulls) => pulls,
        Err(error) if error.is_passing() => return Err(error.into()),
        Err(_) => return Ok(None),
    };
    let mut heads = pulls.iter().filter(|pull| pull.is_open() && pull.head.sha == *sha);
    let Some(pull) = heads.next() else { return Ok(None) };
    watch.funnel.take_in(&[reading::of_pull(repo, pull)]).await?;
    Ok(Some(reading::seen(pull)))
}
