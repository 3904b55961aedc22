//! Follows a story: each step is read from its source, again whenever one of its keys changes.

use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use greenline_runtime::shutdown::Shutdown;
use greenline_store::Msg;
use tokio::time::{Instant, sleep_until};

use super::setup::DemoEnvironment;

/// The time limit of a story.
const STORY_TIMEOUT: Duration = Duration::from_secs(60);

/// The story did not continue.
#[derive(Debug, thiserror::Error)]
#[error("the story stuck: {0} did not happen within {most} s", most = STORY_TIMEOUT.as_secs())]
pub(super) struct StoryTimeout(&'static str);

/// The person interrupted the story.
#[derive(Debug, thiserror::Error)]
#[error("told to stop")]
pub(super) struct Interrupted;

/// Waits for one step after the other.
pub(super) struct StoryWatcher {
    hints: BoxStream<'static, Msg>,
    deadline: Instant,
    stop: Shutdown,
}

impl StoryWatcher {
    /// Follows the events on a stage from now on.
    pub(super) async fn of(environment: &DemoEnvironment, stop: &Shutdown) -> anyhow::Result<Self> {
        let store = environment.queue.store();
        let database = store.database();
        let channel = |key: &String| format!("__keyspace@{database}__:{key}");
        let channels: Vec<String> = environment.changing_keys().iter().map(channel).collect();
        let hints = store.subscribe(&channels).await?.into_on_message().boxed();
        Ok(Self { hints, deadline: Instant::now() + STORY_TIMEOUT, stop: stop.clone() })
    }

    /// Waits until `look` returns a value.
    pub(super) async fn until<T>(
        &mut self,
        step: &'static str,
        ask: impl AsyncFn() -> anyhow::Result<Option<T>>,
    ) -> anyhow::Result<T> {
        let (stop, deadline) = (self.stop.clone(), self.deadline);
        let answered = async {
            loop {
                if let Some(answer) = ask().await? {
                    return Ok(answer);
                }
                if self.hints.next().await.is_none() {
                    anyhow::bail!("Redis went away in the middle of the story");
                }
            }
        };
        tokio::select! {
            answer = answered => answer,
            () = sleep_until(deadline) => Err(StoryTimeout(step).into()),
            () = stop.drain.cancelled() => Err(Interrupted.into()),
        }
    }

    /// Runs something short that should not be interrupted.
    pub(super) async fn act<T, E>(
        &self,
        act: impl Future<Output = Result<T, E>>,
    ) -> anyhow::Result<T>
    where
        anyhow::Error: From<E>,
    {
        let done = act.await?;
        if self.stop.drain.is_cancelled() {
            return Err(Interrupted.into());
        }
        Ok(done)
    }
}
