//! The tick loop: every lead, leading or not, lets time take effect once a second.
//!
//! As it calls Redis all the time, it is also the one that says when Redis goes and comes back.

use std::sync::Arc;
use std::time::Duration;

use greenline_queue::{QueueError, TickReport};
use greenline_runtime::human;
use greenline_store::Backoff;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::loops::loop_health::LeadLoop;
use crate::loops::retry_log::next_wait;
use crate::metrics;
use crate::state::LeadState;

const PAUSE: Duration = Duration::from_secs(1);

/// Ticks until it is to stop.
pub(crate) async fn run(shared: Arc<LeadState>, stop: CancellationToken) {
    let mut outage = None;
    loop {
        shared.loop_health.progressed(LeadLoop::Ticks);
        let wait = match shared.queue.tick().await {
            Ok(tick) => {
                outage_ended(&shared, &mut outage);
                log_tick(&tick);
                PAUSE
            }
            Err(error) => outage_began(&shared, &mut outage, &error),
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

fn outage_began(shared: &LeadState, outage: &mut Option<Outage>, error: &QueueError) -> Duration {
    let outage = outage.get_or_insert_with(|| {
        warn!(error = %error, "Redis can't be used; trying again until it can");
        metrics::redis_up(false);
        Outage { since: shared.clock.steady(), waits: None }
    });
    next_wait(&mut outage.waits)
}

fn outage_ended(shared: &LeadState, outage: &mut Option<Outage>) {
    metrics::redis_up(true);
    if let Some(outage) = outage.take() {
        let length = shared.clock.steady().saturating_sub(outage.since);
        let outage_ms = u64::try_from(length.as_millis()).unwrap_or(u64::MAX);
        info!(outage_ms, "Redis is back after {}", human::duration(length));
    }
}

fn log_tick(tick: &TickReport) {
    if !tick.took_effect {
        return;
    }
    metrics::ticked(tick);
    if tick.reaped > 0 {
        let tasks = human::count(tick.reaped, "task", "tasks");
        info!(reaped = tick.reaped, "Took {tasks} from workers that are gone");
    }
    if tick.repaired > 0 {
        let tasks = human::count(tick.repaired, "task", "tasks");
        warn!(repaired = tick.repaired, "Put {tasks} back that stood in no list");
    }
}
