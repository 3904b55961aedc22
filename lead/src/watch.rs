//! What happens on GitHub, told once and kept until it was dealt with.
//!
//! Webhooks come in at a door, polling sweeps over what no webhook said, and both end in one
//! [`Funnel`], which tells each thing once. What is told is [`Handed`] to one consumer, which
//! says when it is done.
//!
//! - A failed check is told once, whoever saw it first, over restarts and changes of leader, and
//!   is handed out at least once: again, if the lead dies before the consumer is done.
//! - Nothing is decided here. A red check is a red check, however old.
//! - One repository that can't be seen holds up no other.

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

/// How many things may be in the consumer's hands, or on the way there.
const IN_HAND: usize = 16;

/// What all parts of watching share.
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
