//! Events on GitHub, reported once and kept until they are handled.
//!
//! Webhooks arrive over HTTP, polling finds what no webhook reported, and both end in one
//! [`Funnel`], which removes duplicates. Events are [`Handed`] to one consumer, which acknowledges
//! them.
//!
//! - A failed check is reported once, whatever its source, over restarts and changes of leader. It
//!   is delivered at least once: again, if the lead dies before the consumer acknowledges.
//! - Nothing is decided here. A red check is a red check, however old.
//! - A repository that can't be read does not block the others.

mod body;
mod door;
mod funnel;
mod handing;
mod missed;
mod numbers;
mod options;
mod polling;
mod reading;
mod repos;
mod sighting;

use std::sync::Arc;
use std::time::Duration;

use greenline_forge::Forge;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::daemon::Shared;
use repos::Repos;

pub(crate) use door::Door;
pub(crate) use funnel::Kept;
pub use funnel::{Funnel, Offered};
pub use handing::Handed;
pub(crate) use numbers::describe_all;
pub use options::{WatchError, WatchOptions};
pub use sighting::{HeadMoved, Mention, PullClosed, Pushed, Sighting, TaskEnded};

/// Most events that may be delivered and not yet acknowledged.
const IN_HAND: usize = 16;

/// The state that all parts of watching share.
struct Watch {
    shared: Arc<Shared>,
    forge: Forge,
    funnel: Funnel,
    repos: Repos,
    poll_interval: Duration,
    takes_webhooks: bool,
}

/// Begins to watch. What is seen comes out of the channel, for one consumer.
pub(crate) fn run(
    shared: &Arc<Shared>,
    options: WatchOptions,
    parts: &mut JoinSet<()>,
    stop: &CancellationToken,
) -> mpsc::Receiver<Handed> {
    let WatchOptions { forge, repos, poll_interval, secrets } = options;
    let watch = Arc::new(Watch {
        shared: shared.clone(),
        forge,
        funnel: Funnel::new(shared.queue.store().clone()),
        repos: Repos::new(repos),
        poll_interval,
        takes_webhooks: secrets.is_some(),
    });
    let (out, handed) = mpsc::channel(IN_HAND);
    parts.spawn(polling::run(watch.clone(), stop.clone()));
    parts.spawn(handing::run(watch, out, stop.clone()));
    handed
}
