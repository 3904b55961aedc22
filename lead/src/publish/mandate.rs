//! Whether this process may act outside, and until when it may believe so.

use std::sync::Arc;
use std::time::Duration;

use greenline_queue::Epoch;

/// Whether this process leads: asked before each act and while it is under way.
#[derive(Clone)]
pub struct Mandate(Arc<Ask>);

type Ask = dyn Fn() -> Option<(Epoch, Duration)> + Send + Sync;

impl Mandate {
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
    pub(crate) async fn while_it_lasts<T>(
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
