//! The election: takes the lead, keeps it, gives it up.
//!
//! Everyone asks every second: the leader to renew its lease, and to learn soon of a Redis that
//! has lost it; a standby to take over soon after a leader that said goodbye, and a lease after
//! one that did not. While an answer of Redis is outstanding, the office is given up as soon as
//! its time is over.

use std::sync::Arc;
use std::time::Duration;

use greenline_queue::{Epoch, Intent, Leadership, QueueError};
use greenline_store::backoff;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::loops::loop_health::LeadLoop;
use crate::loops::retry_log::RetryLog;
use crate::metrics;
use crate::state::LeadState;

/// Interval between renewals, if the lease is long enough for it.
const ELECTION_PAUSE: Duration = Duration::from_secs(1);

/// Longest time that releasing the lease may take. After it, the standby waits for the lease to
/// expire.
const RESIGN_WITHIN: Duration = Duration::from_secs(2);

/// Stands for election until it is to stop. To [resign] is for the caller, once nothing acts.
pub(crate) async fn run(shared: Arc<LeadState>, stop: CancellationToken) {
    let mut errors = RetryLog::new("hold the election");
    let mut election = Election { shared, last_leader: None };
    loop {
        election.shared.loop_health.progressed(LeadLoop::Election);
        let wait = match stop.run_until_cancelled(election.ask_for_lease()).await {
            None => break,
            Some(Ok(())) => {
                errors.succeeded();
                ELECTION_PAUSE.min(election.shared.lease / 4)
            }
            Some(Err(error)) => errors.failed(&error),
        };
        let wait = election.bounded_by_lease(tokio::time::sleep(wait));
        if stop.run_until_cancelled(wait).await.is_none() {
            break;
        }
    }
}

struct Election {
    shared: Arc<LeadState>,
    last_leader: Option<String>,
}

impl Election {
    /// Asks Redis who leads, and acts on it.
    async fn ask_for_lease(&mut self) -> Result<(), QueueError> {
        let shared = self.shared.clone();
        let asked_at = shared.clock.steady();
        let answer = self.bounded_by_lease(shared.queue.lead(&shared.id, shared.lease)).await?;
        match answer {
            Leadership::Ours(epoch) => {
                self.observe_leader(&shared.id);
                if shared.leadership.epoch() == Some(epoch) {
                    shared.leadership.renewed(epoch, asked_at);
                    return Ok(());
                }
                self.step_down(None, "Redis had lost or ended the lease");
                // First the intents, then the office: who acts knows what was left open.
                let intents = shared.queue.open_intents().await?;
                if shared.leadership.renewed(epoch, asked_at) {
                    took_over(epoch, &intents);
                }
            }
            Leadership::Other { holder } => {
                self.observe_leader(&holder);
                self.step_down(Some(holder), "another lead has taken over");
            }
        }
        Ok(())
    }

    /// Waits for something, and gives the office up in time if it takes too long.
    async fn bounded_by_lease<T>(&self, what: impl Future<Output = T>) -> T {
        tokio::pin!(what);
        if let Some(left) = self.shared.leadership.time_left() {
            tokio::select! {
                done = &mut what => return done,
                () = tokio::time::sleep(left) => {
                    self.step_down(None, "the lease could not be renewed in time");
                }
            }
        }
        what.await
    }

    fn step_down(&self, leader: Option<String>, why: &str) {
        if self.shared.leadership.time_left().is_some() {
            warn!(
                lead.id = self.shared.id,
                "Lead {} does not lead any more: {why}", self.shared.id
            );
            metrics::set_leading(false);
        }
        self.shared.leadership.lost(leader);
    }

    /// Counts changes of leader, whoever they are.
    fn observe_leader(&mut self, leader: &str) {
        if self.last_leader.as_deref() == Some(leader) {
            return;
        }
        if self.last_leader.is_some() {
            metrics::leader_changed();
        }
        if leader != self.shared.id {
            info!(leader, "LeaderStatus by, {leader} leads");
        }
        self.last_leader = Some(leader.to_owned());
    }
}

/// Says goodbye, so that a standby need not wait for the lease to end. Said even if this lead
/// does not believe to lead: the last answer may have been lost.
pub(crate) async fn resign(shared: &LeadState) {
    let led = shared.leadership.time_left().is_some();
    shared.leadership.lost(None);
    metrics::set_leading(false);
    match tokio::time::timeout(RESIGN_WITHIN, resign_with_retries(shared)).await {
        Ok(true) => info!(lead.id = shared.id, "Lead {} resigned", shared.id),
        Ok(false) => {}
        Err(_) if led => {
            warn!("Could not resign, as Redis can't be used; the lease ends by itself");
        }
        Err(_) => {}
    }
}

/// Repeated until it has an answer: the connection may have broken since the last call.
async fn resign_with_retries(shared: &LeadState) -> bool {
    let mut pauses = backoff();
    loop {
        match shared.queue.resign(&shared.id).await {
            Ok(led) => return led,
            Err(_) => tokio::time::sleep(pauses.next().unwrap_or(RESIGN_WITHIN)).await,
        }
    }
}

fn took_over(epoch: Epoch, intents: &[Intent]) {
    metrics::took_over(epoch, intents.len());
    info!(epoch = epoch.0, open_intents = intents.len(), "Leading under epoch {}", epoch.0);
    for intent in intents {
        warn!(
            intent.action = intent.action,
            intent.epoch = intent.epoch.0,
            intent.begun_at = intent.begun_at,
            "The outside action {} was begun before and not ended",
            intent.action
        );
    }
}
