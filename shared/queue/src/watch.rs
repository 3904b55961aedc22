//! Watches the queue: events and channels are hints; the outbox is the truth about ended tasks.

use std::time::Duration;

use futures_util::{Stream, StreamExt};
use greenline_store::{BlockingConnection, cmd};
use serde::Serialize;

use crate::log::read_stream;
use crate::{Queue, QueueError, TaskId, TaskRecord};

/// A hint that something happened. Hints are capped and may be missed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct QueueEvent {
    /// The stream id.
    pub at: String,
    /// `new`, `claimed`, `success`, `retry`, `failed`, `cancelled`, `lost`, …
    pub what: String,
    /// The tasks, or other subjects of the event.
    pub ids: Vec<String>,
    /// The process or person that caused it, if any.
    pub by: String,
    pub detail: String,
}

/// A channel that carries bare task ids.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum QueueChannel {
    New,
    /// A task succeeded or was cancelled.
    Completed,
    /// An attempt failed.
    Failed,
}

/// The stream of events from one position on.
pub struct QueueEvents {
    queue: Queue,
    connection: Option<BlockingConnection>,
    after: String,
}

impl Queue {
    /// Returns events from now on (`$`), or after a stream id.
    #[must_use]
    pub fn events(&self, after: &str) -> QueueEvents {
        QueueEvents { queue: self.clone(), connection: None, after: after.to_owned() }
    }

    /// Listens to the ids on a channel. Messages without a listener are lost.
    pub async fn listen(
        &self,
        channel: QueueChannel,
    ) -> Result<impl Stream<Item = String> + use<>, QueueError> {
        let core = self.core();
        let name = match channel {
            QueueChannel::New => "new",
            QueueChannel::Completed => "completed",
            QueueChannel::Failed => "failed",
        };
        let messages = core.store.subscribe(&[core.key(&format!("tasks:{name}"))]).await?;
        Ok(messages
            .into_on_message()
            .filter_map(|message| async move { message.get_payload::<String>().ok() }))
    }

    /// Returns ended tasks that the lead has not acknowledged, oldest first.
    pub async fn outbox(&self, most: usize) -> Result<Vec<TaskRecord>, QueueError> {
        let core = self.core();
        let mut call = cmd("ZRANGE");
        call.arg(core.key("tasks:outbox")).arg(0).arg(most.saturating_sub(1));
        let ids: Vec<String> = core.store.command(&call).await?;
        self.records(&ids).await
    }

    /// Returns the number of ended tasks that the lead has not acknowledged.
    pub async fn outbox_len(&self) -> Result<u64, QueueError> {
        let core = self.core();
        Ok(core.store.command(cmd("ZCARD").arg(core.key("tasks:outbox"))).await?)
    }

    /// Acknowledges ended tasks, each as it was read: one that ran again since stays in the outbox.
    /// Returns the number of acknowledged tasks.
    pub async fn acknowledge(&self, seen: &[(TaskId, String)]) -> Result<u64, QueueError> {
        if seen.is_empty() {
            return Ok(0);
        }
        let core = self.core();
        let mut call = core.call(&core.scripts.acknowledge, 2 * seen.len(), 64 * seen.len());
        for (id, fence) in seen {
            call.arg(id.as_str()).arg(fence);
        }
        core.run(&core.scripts.acknowledge, &call).await
    }
}

impl QueueEvents {
    /// Returns the next events; empty if none came within `wait`. After an error, the same call
    /// continues from the same position.
    pub async fn next(&mut self, wait: Duration) -> Result<Vec<QueueEvent>, QueueError> {
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => self.queue.core().store.blocking().await?,
        };
        let key = self.queue.core().key("tasks:events");
        if self.after == "$" {
            self.after = self.last_place(&key).await?;
        }
        let entries = read_stream(&mut connection, &key, &self.after, wait).await?;
        self.connection = Some(connection);
        if let Some((at, _)) = entries.last() {
            self.after.clone_from(at);
        }
        Ok(entries.into_iter().map(|(at, fields)| read(at, &fields)).collect())
    }

    /// Returns the end of the stream, so that nothing is missed between two reads.
    async fn last_place(&self, key: &str) -> Result<String, QueueError> {
        let mut call = cmd("XREVRANGE");
        call.arg(key).arg("+").arg("-").arg("COUNT").arg(1);
        let last: Vec<(String, Vec<String>)> = self.queue.core().store.command(&call).await?;
        Ok(last.into_iter().next().map_or_else(|| "0".to_owned(), |(at, _)| at))
    }
}

fn read(at: String, fields: &[String]) -> QueueEvent {
    let mut event = QueueEvent {
        at,
        what: String::new(),
        ids: vec![],
        by: String::new(),
        detail: String::new(),
    };
    for pair in fields.chunks_exact(2) {
        match pair[0].as_str() {
            "event" => event.what.clone_from(&pair[1]),
            "ids" => event.ids = pair[1].split_whitespace().map(str::to_owned).collect(),
            "by" => event.by.clone_from(&pair[1]),
            "detail" => event.detail.clone_from(&pair[1]),
            _ => {}
        }
    }
    event
}
