//! Stopping: gives back what was not begun, waits for what runs, and gives that back after the grace period.

use std::time::Duration;

use greenline_queue::Claim;
use greenline_runtime::shutdown::Shutdown;
use tokio::time::timeout;

use crate::claim_loop::{ClaimLoop, PULSE_INTERVAL};

/// The time for runs to end once they were told to.
pub(crate) const STOP_TIMEOUT: Duration = Duration::from_secs(10);

/// The time to return unstarted tasks.
pub(crate) const RELEASE_TIMEOUT: Duration = Duration::from_secs(5);

impl ClaimLoop {
    /// Returns unstarted tasks, waits for running ones, then returns those.
    pub(crate) async fn stop(&mut self, stop: &Shutdown) {
        self.release_prefetched().await;
        self.drain_events();
        if self.busy() > 0 {
            tracing::info!(tasks = self.busy(), "Waiting for tasks to end");
        }
        let grace = self.state.options.grace;
        let ended = timeout(grace, stop.interrupt.run_until_cancelled(self.wait_for_tasks())).await;
        if !matches!(ended, Ok(Some(()))) {
            self.drain_events();
            tracing::warn!(tasks = self.busy(), "Handing tasks back that did not end in time");
            self.state.active_claims.stop_all();
            if timeout(STOP_TIMEOUT, self.wait_for_tasks()).await.is_err() {
                tracing::warn!(
                    tasks = self.busy(),
                    "Left tasks behind; their leases end by themselves"
                );
            }
        }
        self.tasks.shutdown().await;
    }

    pub(crate) async fn wait_for_tasks(&mut self) {
        while self.busy() > 0 {
            self.beat();
            if let Ok(Some(event)) = timeout(PULSE_INTERVAL, self.events.recv()).await {
                self.apply_event(&event);
            }
        }
    }

    async fn release_prefetched(&mut self) {
        let claims: Vec<Claim> = self.prefetched.drain(..).collect();
        let given: Vec<&Claim> = claims.iter().collect();
        let state = &self.state;
        let give = || state.queue.release(&state.profile.id, &given, "the worker stops");
        state.retry_until(RELEASE_TIMEOUT, "give tasks back", give).await;
        for claim in &claims {
            self.state.active_claims.remove(claim);
        }
    }
}
