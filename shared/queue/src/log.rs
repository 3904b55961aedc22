//! A task's live output: a capped stream that any process may follow.

use std::time::Duration;

use futures_util::stream::{self, Stream};
use greenline_store::{BlockingConnection, Cmd, Value, cmd, from_redis_value, pipe};
use serde::Serialize;

use crate::core::ms;
use crate::{Queue, QueueError, TaskId};

/// The most pieces to keep of a task's output.
const MOST_PIECES: usize = 512;

/// The size limit of a piece in bytes.
pub const LARGEST_PIECE: usize = 8 * 1024;

/// A piece of output.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LogPiece {
    /// The stream id.
    pub at: String,
    pub attempt: u32,
    /// `out`, `err`, or `note` for Greenline's own messages.
    pub stream: String,
    pub text: String,
}

/// A piece to write.
#[derive(Debug, Clone)]
pub struct NewLogPiece {
    pub attempt: u32,
    /// `out`, `err` or `note`.
    pub stream: &'static str,
    /// At most [`LARGEST_PIECE`] bytes.
    pub text: String,
}

impl Queue {
    /// Appends to a task's output. Older pieces are dropped at the limit.
    pub async fn write_log(&self, id: &TaskId, pieces: &[NewLogPiece]) -> Result<(), QueueError> {
        let core = self.core();
        let key = core.task_key(&format!("{id}:log"));
        let mut calls = pipe();
        for piece in pieces {
            let mut call = cmd("XADD");
            call.arg(&key).arg("MAXLEN").arg(MOST_PIECES).arg("*");
            call.arg("a").arg(piece.attempt).arg("s").arg(piece.stream).arg("t").arg(&piece.text);
            calls.add_command(call);
        }
        // The stream is deleted with its task; the expiry is for streams that outlive a task by
        // mistake.
        calls.cmd("PEXPIRE").arg(&key).arg(ms(core.options.keep_age));
        for answer in core.store.pipeline(&calls).await? {
            answer.extract_error().map_err(|error| QueueError::unreadable(&key, error))?;
        }
        Ok(())
    }

    /// Returns a task's output after the piece `after` (`0` for all of it).
    pub async fn read_log(&self, id: &TaskId, after: &str) -> Result<Vec<LogPiece>, QueueError> {
        let core = self.core();
        let key = core.task_key(&format!("{id}:log"));
        let mut call = cmd("XRANGE");
        call.arg(&key).arg(format!("({after}")).arg("+");
        let entries: Vec<StreamEntry> = core.store.command(&call).await?;
        Ok(entries.into_iter().map(read_piece).collect())
    }

    /// Follows a task's output from the piece after `after`; ends only with an error.
    pub fn follow_log(
        &self,
        id: &TaskId,
        after: &str,
    ) -> impl Stream<Item = Result<Vec<LogPiece>, QueueError>> + use<> {
        let key = self.core().task_key(&format!("{id}:log"));
        let start = (self.clone(), None::<BlockingConnection>, after.to_owned());
        stream::try_unfold(start, move |(queue, connection, after)| {
            let key = key.clone();
            async move {
                let mut connection = match connection {
                    Some(connection) => connection,
                    None => queue.core().store.blocking().await?,
                };
                let entries = read_stream(&mut connection, &key, &after, FOLLOW_ROUND).await?;
                let after = entries.last().map_or(after, |(at, _)| at.clone());
                let pieces = entries.into_iter().map(read_piece).collect();
                Ok(Some((pieces, (queue, Some(connection), after))))
            }
        })
    }
}

/// The longest wait of one read.
const FOLLOW_ROUND: Duration = Duration::from_secs(1);

/// A stream entry: its id, and its fields and values.
pub(crate) type StreamEntry = (String, Vec<String>);

/// Reads a stream after an id, waiting up to `wait`.
pub(crate) async fn read_stream(
    connection: &mut BlockingConnection,
    key: &str,
    after: &str,
    wait: Duration,
) -> Result<Vec<StreamEntry>, QueueError> {
    let mut call: Cmd = cmd("XREAD");
    call.arg("COUNT").arg(200).arg("BLOCK").arg(ms(wait)).arg("STREAMS").arg(key).arg(after);
    let answer: Value = connection.command(&call, wait).await?;
    if answer == Value::Nil {
        return Ok(vec![]);
    }
    let streams: Vec<(String, Vec<StreamEntry>)> =
        from_redis_value(answer).map_err(|error| QueueError::unreadable(key, error))?;
    Ok(streams.into_iter().next().map(|(_, entries)| entries).unwrap_or_default())
}

fn read_piece((at, fields): StreamEntry) -> LogPiece {
    let mut piece = LogPiece { at, attempt: 0, stream: String::new(), text: String::new() };
    for pair in fields.chunks_exact(2) {
        match pair[0].as_str() {
            "a" => piece.attempt = pair[1].parse().unwrap_or(0),
            "s" => piece.stream.clone_from(&pair[1]),
            "t" => piece.text.clone_from(&pair[1]),
            _ => {}
        }
    }
    piece
}
