//! Waits for work beside the claim loop, so that the loop may stop waiting without interrupting a
//! call that may just have taken a token.

use greenline_queue::{QueueError, Waiter, Woken};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

/// Signals that there may be work.
pub(crate) struct Alarm {
    requests: mpsc::Sender<()>,
    rings: mpsc::Receiver<Result<Woken, QueueError>>,
    is_set: bool,
    waiting: JoinHandle<()>,
}

impl Alarm {
    pub(crate) fn new(mut waiter: Waiter) -> Self {
        let (requests, mut requested) = mpsc::channel(1);
        let (ring, rings) = mpsc::channel(1);
        let waiting = tokio::spawn(async move {
            while requested.recv().await.is_some() {
                if ring.send(waiter.wait().await).await.is_err() {
                    return;
                }
            }
        });
        Self { requests, rings, is_set: false, waiting }
    }

    /// Waits for the signal. May be dropped: the next call then returns it.
    pub(crate) async fn ring(&mut self) -> Result<Woken, QueueError> {
        if !self.is_set {
            self.is_set = self.requests.send(()).await.is_ok();
        }
        let rung = self.rings.recv().await;
        self.is_set = false;
        rung.unwrap_or(Err(QueueError::ShuttingDown))
    }
}

impl Drop for Alarm {
    fn drop(&mut self) {
        self.waiting.abort();
    }
}
