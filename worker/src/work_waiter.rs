//! Waits for work beside the claim loop, so that the loop may stop waiting without interrupting a
//! call that may just have taken a token.

use greenline_queue::{QueueError, Waiter, WakeReason};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

/// Signals that there may be work.
pub(crate) struct WorkWaiter {
    requests: mpsc::Sender<()>,
    results: mpsc::Receiver<Result<WakeReason, QueueError>>,
    is_set: bool,
    waiting: JoinHandle<()>,
}

impl WorkWaiter {
    pub(crate) fn new(mut waiter: Waiter) -> Self {
        let (requests, mut requested) = mpsc::channel(1);
        let (wait, results) = mpsc::channel(1);
        let waiting = tokio::spawn(async move {
            while requested.recv().await.is_some() {
                if wait.send(waiter.wait().await).await.is_err() {
                    return;
                }
            }
        });
        Self { requests, results, is_set: false, waiting }
    }

    /// Waits for the signal. May be dropped: the next call then returns it.
    pub(crate) async fn wait(&mut self) -> Result<WakeReason, QueueError> {
        if !self.is_set {
            self.is_set = self.requests.send(()).await.is_ok();
        }
        let woken = self.results.recv().await;
        self.is_set = false;
        woken.unwrap_or(Err(QueueError::ShuttingDown))
    }
}

impl Drop for WorkWaiter {
    fn drop(&mut self) {
        self.waiting.abort();
    }
}
