//! Events on GitHub, reported once and kept until they are handled.
//!
//! Webhooks arrive over HTTP, polling finds what no webhook reported, and both end in one
//! [`EventStore`], which removes duplicates. Events are [`DispatchedEvent`] to one consumer, which acknowledges
//! them.
//!
//! - A failed check is reported once, whatever its source, over restarts and changes of leader. It
//!   is delivered at least once: again, if the lead dies before the consumer acknowledges.
//! - Nothing is decided here. A red check is a red check, however old.
//! - A repository that can't be read does not block the others.

mod body;
mod dispatch;
mod event;
mod event_store;
mod metrics;
mod options;
mod parse;
mod polling;
mod redeliver;
mod repos;
mod webhook;

use std::sync::Arc;
use std::time::Duration;

use greenline_forge::Forge;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::state::LeadState;
use repos::WatchedRepos;

pub use dispatch::DispatchedEvent;
pub use event::{BranchPush, HeadMoved, Mention, PullClosed, RepoEvent, TaskEnded};
pub(crate) use event_store::Admission;
pub use event_store::{EventStore, Novelty};
pub(crate) use metrics::describe_all;
pub use options::{WatchError, WatchOptions};
pub(crate) use webhook::WebhookReceiver;

/// Most events that may be delivered and not yet acknowledged.
const MOST_IN_FLIGHT: usize = 16;

/// The state that all parts of watching share.
struct Watch {
    shared: Arc<LeadState>,
    forge: Forge,
    event_store: EventStore,
    repos: WatchedRepos,
    poll_interval: Duration,
    takes_webhooks: bool,
}

/// Begins to watch. What is seen comes out of the channel, for one consumer.
pub(crate) fn run(
    shared: &Arc<LeadState>,
    options: WatchOptions,
    parts: &mut JoinSet<()>,
    stop: &CancellationToken,
) -> mpsc::Receiver<DispatchedEvent> {
    let WatchOptions { forge, repos, poll_interval, secrets } = options;
    let watch = Arc::new(Watch {
        shared: shared.clone(),
        forge,
        event_store: EventStore::new(shared.queue.store().clone()),
        repos: WatchedRepos::new(repos),
        poll_interval,
        takes_webhooks: secrets.is_some(),
    });
    let (sender, events) = mpsc::channel(MOST_IN_FLIGHT);
    parts.spawn(polling::run(watch.clone(), stop.clone()));
    parts.spawn(dispatch::run(watch, sender, stop.clone()));
    events
}
