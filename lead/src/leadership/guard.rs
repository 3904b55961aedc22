//! The permission of this process to act outside, and its end.

use std::sync::Arc;
use std::time::Duration;

use greenline_queue::Epoch;

/// The leadership of this process, checked before and during each action.
#[derive(Clone)]
pub struct LeaderGuard(Arc<LeaseQuery>);

type LeaseQuery = dyn Fn() -> Option<(Epoch, Duration)> + Send + Sync;

impl LeaderGuard {
    /// `ask` gives the epoch and how long it may still be believed, if this process leads.
    pub fn new(ask: impl Fn() -> Option<(Epoch, Duration)> + Send + Sync + 'static) -> Self {
        Self(Arc::new(ask))
    }

    /// The epoch under which this process may act now.
    #[must_use]
    pub fn epoch(&self) -> Option<Epoch> {
        (self.0)().map(|(epoch, _)| epoch)
    }

    /// Waits for something, and drops it when the mandate of `epoch` ends before; then none.
    pub(crate) async fn run_while_leading<T>(
        &self,
        epoch: Epoch,
        what: impl Future<Output = T>,
    ) -> Option<T> {
        tokio::select! {
            biased;
            () = self.end_of(epoch) => None,
            done = what => Some(done),
        }
    }

    async fn end_of(&self, epoch: Epoch) {
        while let Some((held, left)) = (self.0)()
            && held == epoch
        {
            // Renewed meanwhile, usually: then it is asked again.
            tokio::time::sleep(left).await;
        }
    }
}
