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

mod check_failed;
mod check_passed;
mod comment_command;
mod comment_text;
mod error;
mod failure_context;
mod open_failures;
mod pull_updated;
mod report;
mod task_ended;
mod task_result;

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
use crate::plan::{PlanStore, Subject};
use crate::prompts::Prompts;
use crate::publish::Publisher;
use crate::repo_settings::LastValidSettings;
use crate::watch::{DispatchedEvent, RepoEvent};
use error::HandlerError;
use open_failures::OpenFailures;

/// Most events handled at a time. Most of them wait for their turn or for GitHub: twenty failed
/// checks of one pull request must not block the others.
const MOST_AT_ONCE: usize = 128;

/// For how many failures facts are fetched at once.
const FETCHED_AT_ONCE: usize = 8;

/// Interval at which the flakiness metric is refreshed.
const MEASURED_EVERY: Duration = Duration::from_secs(60);

/// Most logs read at a time: each may take some 20 MB.
const LOGS_AT_ONCE: usize = 2;

pub(crate) struct Handlers {
    queue: Queue,
    forge: Forge,
    clock: Clock,
    publisher: Publisher,
    history: History,
    plan_store: PlanStore,
    settings: LastValidSettings,
    prompts: Prompts,
    open_failures: OpenFailures,
    fetching: Semaphore,
    reading: Semaphore,
    subject_locks: Lock<HashMap<String, Weak<Mutex<()>>>>,
}

impl Handlers {
    pub(crate) fn new(queue: Queue, forge: Forge, clock: Clock, publisher: Publisher) -> Self {
        let store = queue.store().clone();
        Self {
            forge,
            clock,
            publisher,
            history: History::new(store.clone()),
            plan_store: PlanStore::new(queue.clone()),
            settings: LastValidSettings::new(store.clone()),
            prompts: Prompts::builtin().expect("a test renders every template"),
            open_failures: OpenFailures::new(store),
            fetching: Semaphore::new(FETCHED_AT_ONCE),
            reading: Semaphore::new(LOGS_AT_ONCE),
            subject_locks: Lock::default(),
            queue,
        }
    }

    /// Waits for one's turn at a pull request or branch.
    async fn lock_subject(&self, key: String) -> tokio::sync::OwnedMutexGuard<()> {
        let lock = {
            let mut subject_locks =
                self.subject_locks.lock().unwrap_or_else(PoisonError::into_inner);
            subject_locks.retain(|_, lock| lock.strong_count() > 0);
            let known = subject_locks.get(&key).and_then(Weak::upgrade);
            known.unwrap_or_else(|| {
                let lock = Arc::new(Mutex::default());
                subject_locks.insert(key, Arc::downgrade(&lock));
                lock
            })
        };
        lock.lock_owned().await
    }

    async fn handle(&self, delivery: DispatchedEvent) {
        let _lock = match ordering_key(&delivery.event) {
            Some(key) => Some(self.lock_subject(key).await),
            None => None,
        };
        match self.dispatch(&delivery.event).await {
            Ok(()) => delivery.done(),
            Err(HandlerError::Gone(what)) => {
                warn!("{what}: nothing more is done about it");
                delivery.done();
            }
            Err(error) => match error.retry_after(&self.clock) {
                Some(wait) => {
                    debug!(%error, "To be dealt with later");
                    delivery.retry_after(wait);
                }
                // Dropped: it is handed out again a few times.
                None => warn!(
                    tries = delivery.tries,
                    "Failed to deal with a {}: {error}",
                    kind(&delivery)
                ),
            },
        }
    }

    async fn dispatch(&self, event: &RepoEvent) -> Result<(), HandlerError> {
        match event {
            RepoEvent::CheckFailed(failure) => self.on_check_failed(failure, None).await,
            RepoEvent::CheckPassed(passed) => self.on_check_passed(passed).await,
            RepoEvent::PullClosed(closed) => self.on_pull_closed(closed).await,
            RepoEvent::HeadMoved(moved) => self.on_head_moved(moved).await,
            RepoEvent::Command(mention) => self.on_comment_command(mention).await,
            RepoEvent::TaskEnded(ended) => self.on_task_ended(ended).await,
            // The watch itself looks anew; a push shows in what its checks say.
            RepoEvent::Push(_) | RepoEvent::RepositoriesChanged => Ok(()),
        }
    }
}

fn kind(delivery: &DispatchedEvent) -> &'static str {
    delivery.event.kind()
}

/// Returns the key whose events are handled in order.
fn ordering_key(event: &RepoEvent) -> Option<String> {
    let of_pull = |number| Subject::Pull(number);
    let subject = match event {
        RepoEvent::CheckFailed(it) => Subject::of(it),
        RepoEvent::CheckPassed(it) => Subject::of_pass(it),
        RepoEvent::PullClosed(it) => of_pull(it.number),
        RepoEvent::HeadMoved(it) => of_pull(it.pull.number),
        RepoEvent::Command(it) => of_pull(it.number),
        RepoEvent::TaskEnded(it) => it.subject(),
        RepoEvent::Push(_) | RepoEvent::RepositoriesChanged => return None,
    };
    Some(subject_key(event.repo()?, &subject))
}

fn subject_key(repo: &RepoName, subject: &Subject) -> String {
    format!("{}:{subject}", repo.folded())
}

/// Keeps the metric of flakiness, until it is to stop. Every lead does: all read the same history.
pub(crate) async fn update_flake_rate(handlers: Arc<Handlers>, stop: CancellationToken) {
    while !stop.is_cancelled() {
        // Redis being away is said by the tick, and the number stays what it was.
        if let Err(error) = handlers.history.update_flake_rate(handlers.clock.wall_ms()).await {
            debug!(%error, "The flake rate was not measured");
        }
        stop.run_until_cancelled(tokio::time::sleep(MEASURED_EVERY)).await;
    }
}

/// Deals with what is handed out, until it is to stop. What is under way then comes to its end.
pub(crate) async fn run(
    handlers: Arc<Handlers>,
    mut events: Receiver<DispatchedEvent>,
    stop: CancellationToken,
) {
    let mut running = JoinSet::new();
    while let Some(Some(one)) = stop.run_until_cancelled(events.recv()).await {
        let handlers = handlers.clone();
        running.spawn(async move { handlers.handle(one).await });
        while running.len() >= MOST_AT_ONCE {
            running.join_next().await;
        }
    }
    while running.join_next().await.is_some() {}
    // Its sender ends with the same token; nothing ends before it is told to.
    stop.cancelled().await;
}
