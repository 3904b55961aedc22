//! The claims that this worker holds: renewed together, stopped one by one.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use greenline_queue::{Claim, Fence, HeartbeatReply, TaskId};

use crate::command::{CancelReason, Cancellation};

/// All claims of one worker, including prefetched ones. Clones share the claims.
#[derive(Clone, Default)]
pub(crate) struct ActiveClaims(Arc<Mutex<HashMap<TaskId, ActiveClaim>>>);

struct ActiveClaim {
    fence: Fence,
    cancellation: Cancellation,
}

impl ActiveClaims {
    pub(crate) fn add(&self, claim: &Claim) {
        let held = ActiveClaim { fence: claim.fence.clone(), cancellation: Cancellation::new() };
        self.lock().insert(claim.id.clone(), held);
    }

    pub(crate) fn remove(&self, claim: &Claim) {
        let mut held = self.lock();
        if held.get(&claim.id).is_some_and(|one| one.fence == claim.fence) {
            held.remove(&claim.id);
        }
    }

    /// Returns the handle that stops a claim's run; a fresh one if the claim is no longer held.
    pub(crate) fn cancellation(&self, claim: &Claim) -> Cancellation {
        self.lock().get(&claim.id).map(|held| held.cancellation.clone()).unwrap_or_default()
    }

    /// Returns the claims that a heartbeat renews.
    pub(crate) fn claims(&self) -> Vec<(TaskId, Fence)> {
        self.lock().iter().map(|(id, held)| (id.clone(), held.fence.clone())).collect()
    }

    /// Applies the replies of a heartbeat.
    pub(crate) fn apply(&self, claims: &[(TaskId, Fence)], beats: &[HeartbeatReply]) {
        let held = self.lock();
        for ((id, fence), beat) in claims.iter().zip(beats) {
            let Some(one) = held.get(id).filter(|one| one.fence == *fence) else { continue };
            match beat {
                HeartbeatReply::Held => {}
                HeartbeatReply::Lost => {
                    tracing::warn!(task.id = %id, "Lost the lease on task {id}, dropping its work");
                    one.cancellation.cancel(CancelReason::LeaseLost);
                }
                HeartbeatReply::CancelAsked(why) => {
                    tracing::info!(task.id = %id, why, "Stopping task {id}, as asked");
                    one.cancellation.cancel(CancelReason::Operator);
                }
            }
        }
    }

    /// Stops all runs because the worker stops.
    pub(crate) fn stop_all(&self) {
        for held in self.lock().values() {
            held.cancellation.cancel(CancelReason::WorkerStopping);
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<TaskId, ActiveClaim>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
