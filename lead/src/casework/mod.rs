//! What becomes of what was seen: from a red check to the right next step, and to what people read.
//!
//! Each thing that [`crate::watch`] hands out is dealt with to its end and only then given back as
//! done: the facts are fetched, history is asked, the plan decides, the decision is noted, the task
//! enqueued, and what is to be said is handed to the publisher. Every step may be repeated and says
//! the same thing again, so a lead that dies in between leaves nothing half done: the next one is
//! handed the same thing.
//!
//! - What belongs to one pull request or branch is dealt with one after the other.
//! - Of logs, few are read at once: they are what takes memory.
//! - What fails in passing comes again later; what can't be dealt with is said in the log, comes
//!   again a few times, and holds nothing else up.

mod book;
mod commanded;
mod ended;
mod facts;
mod failed;
mod moved;
mod passed;
mod tell;
mod trouble;
mod words;

use std::collections::HashMap;
use std::sync::{Arc, Mutex as Lock, PoisonError, Weak};
use std::time::Duration;

use greenline_forge::{Forge, RepoName};
use greenline_queue::Queue;
use greenline_runtime::clock::Clock;
use tokio::sync::mpsc::Receiver;
use tokio::sync::{Mutex, Semaphore};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

use crate::history::History;
use crate::plan::{Ledger, Subject};
use crate::prompts::Prompts;
use crate::publish::Publisher;
use crate::repo_settings::SettingsBook;
use crate::watch::{Handed, Sighting};
use book::Book;
use trouble::Trouble;

/// How many things are in hand at once. Most of them wait for their turn or for GitHub: twenty
/// failed checks of one pull request are not to hold up the others.
const IN_HAND: usize = 128;

/// For how many failures facts are fetched at once.
const FETCHED_AT_ONCE: usize = 8;

/// How often the metric of flakiness is brought up to date.
const MEASURED_EVERY: Duration = Duration::from_secs(60);

/// How many logs are read at once: each may take some 20 MB while it is read.
const LOGS_AT_ONCE: usize = 2;

/// What casework needs.
pub(crate) struct Casework {
    queue: Queue,
    forge: Forge,
    clock: Clock,
    publisher: Publisher,
    history: History,
    ledger: Ledger,
    settings: SettingsBook,
    prompts: Prompts,
    book: Book,
    fetching: Semaphore,
    reading: Semaphore,
    turns: Lock<HashMap<String, Weak<Mutex<()>>>>,
}

impl Casework {
    pub(crate) fn new(queue: Queue, forge: Forge, clock: Clock, publisher: Publisher) -> Self {
        let store = queue.store().clone();
        Self {
            forge,
            clock,
            publisher,
            history: History::new(store.clone()),
            ledger: Ledger::new(queue.clone()),
            settings: SettingsBook::new(store.clone()),
            prompts: Prompts::builtin().expect("a test renders every template"),
            book: Book::new(store),
            fetching: Semaphore::new(FETCHED_AT_ONCE),
            reading: Semaphore::new(LOGS_AT_ONCE),
            turns: Lock::default(),
            queue,
        }
    }

    /// Waits for one's turn at a pull request or branch.
    async fn turn(&self, place: String) -> tokio::sync::OwnedMutexGuard<()> {
        let turn = {
            let mut turns = self.turns.lock().unwrap_or_else(PoisonError::into_inner);
            turns.retain(|_, turn| turn.strong_count() > 0);
            let known = turns.get(&place).and_then(Weak::upgrade);
            known.unwrap_or_else(|| {
                let turn = Arc::new(Mutex::default());
                turns.insert(place, Arc::downgrade(&turn));
                turn
            })
        };
        turn.lock_owned().await
    }

    async fn deal(&self, handed: Handed) {
        let _turn = match place(&handed.sighting) {
            Some(place) => Some(self.turn(place).await),
            None => None,
        };
        match self.take(&handed.sighting).await {
            Ok(()) => handed.done(),
            Err(Trouble::Gone(what)) => {
                warn!("{what}: nothing more is done about it");
                handed.done();
            }
            Err(trouble) => match trouble.comes_back_in(&self.clock) {
                Some(wait) => {
                    debug!(%trouble, "To be dealt with later");
                    handed.later(wait);
                }
                // Dropped: it is handed out again a few times.
                None => warn!(
                    tries = handed.tries,
                    "Failed to deal with a {}: {trouble}",
                    kind(&handed)
                ),
            },
        }
    }

    async fn take(&self, sighting: &Sighting) -> Result<(), Trouble> {
        match sighting {
            Sighting::Failed(failure) => self.failed(failure, None).await,
            Sighting::Passed(passed) => self.passed(passed).await,
            Sighting::PullClosed(closed) => self.closed(closed).await,
            Sighting::HeadMoved(moved) => self.moved(moved).await,
            Sighting::Command(mention) => self.commanded(mention).await,
            Sighting::TaskEnded(ended) => self.ended(ended).await,
            // The watch itself looks anew; a push shows in what its checks say.
            Sighting::Push(_) | Sighting::Repositories => Ok(()),
        }
    }
}

fn kind(handed: &Handed) -> &'static str {
    handed.sighting.kind()
}

/// What is dealt with one after the other.
fn place(sighting: &Sighting) -> Option<String> {
    let of_pull = |number| Subject::Pull(number);
    let subject = match sighting {
        Sighting::Failed(it) => Subject::of(it),
        Sighting::Passed(it) => Subject::of_pass(it),
        Sighting::PullClosed(it) => of_pull(it.number),
        Sighting::HeadMoved(it) => of_pull(it.pull.number),
        Sighting::Command(it) => of_pull(it.number),
        Sighting::TaskEnded(it) => it.subject(),
        Sighting::Push(_) | Sighting::Repositories => return None,
    };
    Some(place_of(sighting.repo()?, &subject))
}

fn place_of(repo: &RepoName, subject: &Subject) -> String {
    format!("{}:{subject}", repo.folded())
}

/// Keeps the metric of flakiness, until it is to stop. Every lead does: all read the same history.
pub(crate) async fn measure(casework: Arc<Casework>, stop: CancellationToken) {
    while !stop.is_cancelled() {
        // Redis being away is said by the tick, and the number stays what it was.
        if let Err(error) = casework.history.measure(casework.clock.wall_ms()).await {
            debug!(%error, "The flake rate was not measured");
        }
        stop.run_until_cancelled(tokio::time::sleep(MEASURED_EVERY)).await;
    }
}

/// Deals with what is handed out, until it is to stop. What is under way then comes to its end.
pub(crate) async fn run(
    casework: Arc<Casework>,
    mut handed: Receiver<Handed>,
    stop: CancellationToken,
) {
    let mut cases = JoinSet::new();
    while let Some(Some(one)) = stop.run_until_cancelled(handed.recv()).await {
        let casework = casework.clone();
        cases.spawn(async move { casework.deal(one).await });
        while cases.len() >= IN_HAND {
            cases.join_next().await;
        }
    }
    while cases.join_next().await.is_some() {}
    // Its sender ends with the same token; nothing ends before it is told to.
    stop.cancelled().await;
}
