//! The loops beside the claim loop: renewing claims, and letting time take effect in the queue.

use std::sync::Arc;
use std::time::Duration;

use greenline_queue::QueueError;
use greenline_store::backoff;
use tokio::time::{MissedTickBehavior, interval, sleep};
use tokio_util::sync::CancellationToken;

use crate::claim_loop::PULSE_INTERVAL;
use crate::state::WorkerState;

impl WorkerState {
    /// Renews the worker's registration and all claims, until told to end.
    pub(crate) async fn heartbeat_loop(self: Arc<Self>, end: CancellationToken) {
        let mut beats = interval(self.options.heartbeat);
        beats.set_missed_tick_behavior(MissedTickBehavior::Delay);
        while end.run_until_cancelled(beats.tick()).await.is_some() {
            let mut backoff_delays = backoff();
            while let Err(error) = self.beat().await {
                self.redis_status.down("renew claims", &error);
                let pause = sleep(backoff_delays.next().unwrap_or(PULSE_INTERVAL));
                if end.run_until_cancelled(pause).await.is_none() {
                    return;
                }
            }
        }
    }

    pub(crate) async fn beat(&self) -> Result<(), QueueError> {
        let claims = self.active_claims.claims();
        let words = [("running", claims.len().to_string())];
        let reply = self.queue.heartbeat(&self.profile, &words, &claims).await;
        if let Some(notify) = &self.on_heartbeat {
            let away = if reply.is_err() { ", Redis is away" } else { "" };
            notify(&format!("{} of {} slots busy{away}", claims.len(), self.options.slots));
        }
        self.active_claims.apply(&claims, &reply?);
        self.redis_status.up();
        Ok(())
    }

    /// Ticks the queue about once a second. If another process just did, it waits a little longer.
    pub(crate) async fn tick_loop(self: Arc<Self>, end: CancellationToken) {
        let mut wait = Duration::from_secs(1);
        while end.run_until_cancelled(sleep(wait)).await.is_some() {
            let jitter = fastrand::u64(0..500);
            wait = match self.queue.tick().await {
                Ok(tick) if tick.took_effect => Duration::from_secs(1),
                Ok(_) => Duration::from_millis(1_500 + jitter),
                Err(error) => {
                    self.redis_status.down("let time take effect", &error);
                    Duration::from_secs(1)
                }
            };
        }
    }
}
