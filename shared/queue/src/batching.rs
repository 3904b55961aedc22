//! Batches calls: items that arrive while a call is in flight go together in the next one. There is
//! no timer, so a single caller never waits for others.

use std::future::Future;

use tokio::sync::{mpsc, oneshot};

use crate::QueueError;

/// The channel of a reply.
type ReplySender<R> = oneshot::Sender<Result<R, QueueError>>;

/// The time of the next call, after a reply.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum BatchTiming {
    /// Immediately, with the items that wait by then.
    AtOnce,
    /// After yielding once, so that callers that were just answered can enqueue again. Without
    /// this, ten callers split into batches of one and nine.
    AfterCallers,
}

/// Gathers calls for single items into calls for many.
pub(crate) struct Batcher<T, R> {
    calls: mpsc::Sender<(T, ReplySender<R>)>,
}

impl<T: Send + 'static, R: Send + 'static> Batcher<T, R> {
    /// Creates a coalescer. `run` returns a result for each item of a batch, in order. It ends with
    /// its last handle.
    pub(crate) fn new<F, Fut>(most: usize, next: BatchTiming, run: F) -> Self
    where
        F: Fn(Vec<T>) -> Fut + Send + 'static,
        Fut: Future<Output = Result<Vec<R>, QueueError>> + Send,
    {
        let (calls, mut waiting) = mpsc::channel::<(T, ReplySender<R>)>(4 * most);
        tokio::spawn(async move {
            let mut batch = Vec::with_capacity(most);
            while waiting.recv_many(&mut batch, most).await > 0 {
                let (items, replies): (Vec<T>, Vec<ReplySender<R>>) = batch.drain(..).unzip();
                answer(replies, run(items).await);
                if next == BatchTiming::AfterCallers {
                    tokio::task::yield_now().await;
                }
            }
        });
        Self { calls }
    }

    /// Returns one item's result.
    pub(crate) async fn call(&self, item: T) -> Result<R, QueueError> {
        let (reply, answer) = oneshot::channel();
        self.calls.send((item, reply)).await.map_err(|_| QueueError::ShuttingDown)?;
        answer.await.map_err(|_| QueueError::ShuttingDown)?
    }
}

/// A caller may have stopped waiting for its reply.
fn answer<R>(replies: Vec<ReplySender<R>>, answers: Result<Vec<R>, QueueError>) {
    match answers {
        Ok(answers) => {
            for (reply, answer) in replies.into_iter().zip(answers) {
                let _unheard = reply.send(Ok(answer));
            }
        }
        Err(error) => {
            for reply in replies {
                let _unheard = reply.send(Err(error.clone()));
            }
        }
    }
}
