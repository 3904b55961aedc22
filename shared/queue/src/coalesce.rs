//! Many callers, few round trips: what comes while a call is in flight goes
//! together in the next. Never by a timer: a caller alone waits for nobody.

use std::future::Future;

use tokio::sync::{mpsc, oneshot};

use crate::QueueError;

/// Where an answer goes.
type Reply<R> = oneshot::Sender<Result<R, QueueError>>;

/// When the next call goes, once one was answered.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Next {
    /// With what waits by then.
    AtOnce,
    /// When those who were just answered have had their turn: callers who come
    /// again at once go together then. Of ten, else one goes, then nine.
    AfterCallers,
}

/// Gathers calls for one item into calls for many.
pub(crate) struct Coalescer<T, R> {
    calls: mpsc::Sender<(T, Reply<R>)>,
}

impl<T: Send + 'static, R: Send + 'static> Coalescer<T, R> {
    /// `run` answers each item of a batch, in order. Ends with its last handle.
    pub(crate) fn new<F, Fut>(most: usize, next: Next, run: F) -> Self
    where
        F: Fn(Vec<T>) -> Fut + Send + 'static,
        Fut: Future<Output = Result<Vec<R>, QueueError>> + Send,
    {
        let (calls, mut waiting) = mpsc::channel::<(T, Reply<R>)>(4 * most);
        tokio::spawn(async move {
            let mut batch = Vec::with_capacity(most);
            while waiting.recv_many(&mut batch, most).await > 0 {
                let (items, replies): (Vec<T>, Vec<Reply<R>>) = batch.drain(..).unzip();
                answer(replies, run(items).await);
                if next == Next::AfterCallers {
                    tokio::task::yield_now().await;
                }
            }
        });
        Self { calls }
    }

    /// One item's answer.
    pub(crate) async fn call(&self, item: T) -> Result<R, QueueError> {
        let (reply, answer) = oneshot::channel();
        self.calls.send((item, reply)).await.map_err(|_| QueueError::ShuttingDown)?;
        answer.await.map_err(|_| QueueError::ShuttingDown)?
    }
}

/// Nobody may be waiting any more for an answer; that is theirs to decide.
fn answer<R>(replies: Vec<Reply<R>>, answers: Result<Vec<R>, QueueError>) {
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
