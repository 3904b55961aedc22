//! Handles events: from a failed check to the next step, and to the text that people read.
//!
//! Each event that [`crate::watch`] delivers is handled completely before it is acknowledged: fetch
//! the facts, query the history, decide, store the decision, enqueue the task, hand the texts to
//! the publisher. Every step is idempotent, so a lead that dies in between leaves nothing half
//! done: the next one receives the same event.
//!
//! - Events of one pull request or branch are handled in order.
//! - Few logs are read at a time, because they take the most memory.
//! - Transient failures are retried later. An event that can't be handled is logged, retried a few
//!   times, and does not block the others.

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

/// Most events handled at a time. Most of them wait for their turn or for GitHub: twenty failed
/// checks of one pull request must not block the others.
const IN_HAND: usize = 128;

/// For how many failures facts are fetched at once.
const FETCHED_AT_ONCE: usize = 8;

/// Interval at which the flakiness metric is refreshed.
const MEASURED_EVERY: Duration = Duration::from_secs(60);

/// Most logs read at a time: each may take some 20 MB.
const LOGS_AT_ONCE: usize = 2;

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

/// Returns the key whose events are handled in order.
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
