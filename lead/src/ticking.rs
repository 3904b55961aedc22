//! The tick loop: every lead, leading or not, lets time take effect once a second.
//!
//! As it calls Redis all the time, it is also the one that says when Redis goes and comes back.

use std::sync::Arc;
use std::time::Duration;

use greenline_queue::{QueueError, Tick};
use greenline_runtime::say;
use greenline_store::Backoff;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::daemon::Shared;
use crate::numbers;
use crate::trouble::next_wait;
use crate::turns::Turning;

const PAUSE: Duration = Duration::from_secs(1);

/// Ticks until it is to stop.
pub(crate) async fn run(shared: Arc<Shared>, stop: CancellationToken) {
    let mut outage = None;
    loop {
        shared.turns.turned(Turning::Ticks);
        let wait = match shared.queue.tick().await {
            Ok(tick) => {
                back(&shared, &mut outage);
                report(&tick);
                PAUSE
            }
            Err(error) => away(&shared, &mut outage, &error),
        };
        if stop.run_until_cancelled(tokio::time::sleep(wait)).await.is_none() {
            return;
        }
    }
}

/// Redis does not do what it is asked to.
struct Outage {
    /// Since when, by the steady clock.
    since: Duration,
    waits: Option<Backoff>,
}

fn away(shared: &Shared, outage: &mut Option<Outage>, error: &QueueError) -> Duration {
    let outage = outage.get_or_insert_with(|| {
        warn!(error = %error, "Redis can't be used; trying again until it can");
        numbers::redis_up(false);
        Outage { since: shared.clock.steady(), waits: None }
    });
    next_wait(&mut outage.waits)
}

fn back(shared: &Shared, outage: &mut Option<Outage>) {
    numbers::redis_up(true);
    if let Some(outage) = outage.take() {
        let length = shared.clock.steady().saturating_sub(outage.since);
        let outage_ms = u64::try_from(length.as_millis()).unwrap_or(u64::MAX);
        info!(outage_ms, "Redis is back after {}", say::duration(length));
    }
}

fn report(tick: &Tick) {
    if !tick.took_effect {
        return;
    }
    numbers::ticked(tick);
    if tick.reaped > 0 {
        let tasks = say::count(tick.reaped, "task", "tasks");
        info!(reaped = tick.reaped, "Took {tasks} from workers that are gone");
    }
    if tick.mended > 0 {
        let tasks = say::count(tick.mended, "task", "tasks");
        warn!(mended = tick.mended, "Put {tasks} back that stood in no list");
    }
}
