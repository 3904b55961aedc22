//! Output on its way from commands to whoever keeps it.
//!
//! The log never makes a command wait. It holds at most [`QUEUED_BYTES`]; while the reader is
//! slower than that, output is left out and counted. Neighbouring pieces of one stream are joined
//! while they wait, so a reader that is busy gets fewer and larger ones.

use std::mem;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

/// How much output may wait for its reader.
const QUEUED_BYTES: usize = 1 << 20;
/// How large pieces grow by joining.
const JOINED_BYTES: usize = 16 << 10;

/// Which output of a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stream {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
}

/// What a reader of the output learns, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OutputEvent {
    /// A command wrote something.
    Written {
        /// Its place among all commands of the task, from 0.
        command: usize,
        /// Where it wrote it.
        stream: Stream,
        /// As it came: not always text, and characters may be cut.
        bytes: Vec<u8>,
    },
    /// The reader was too slow for this much output, which came here.
    LeftOut {
        /// How much.
        bytes: u64,
    },
    /// The task has written as much as it may; nothing more will follow.
    LimitReached {
        /// How much it may write.
        limit: u64,
    },
}

/// Where commands write. The reader's end comes when the log and its clones are dropped.
#[derive(Debug)]
pub struct OutputLog {
    shared: Arc<Shared>,
}

/// Where the output is read.
#[derive(Debug)]
pub struct OutputReader {
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    queue: Mutex<Queue>,
    changed: Notify,
}

#[derive(Debug, Default)]
struct Queue {
    events: Vec<OutputEvent>,
    bytes: usize,
    left_out: u64,
    written: u64,
    limit_said: bool,
    writers: usize,
    reader_gone: bool,
}

impl OutputLog {
    /// A log and its one reader.
    #[must_use]
    pub fn new() -> (Self, OutputReader) {
        let shared = Arc::new(Shared::default());
        shared.queue().writers = 1;
        (Self { shared: Arc::clone(&shared) }, OutputReader { shared })
    }

    /// Takes what a command wrote, up to `limit` bytes over all calls.
    pub(crate) fn write(&self, command: usize, stream: Stream, bytes: &[u8], limit: u64) {
        let mut queue = self.shared.queue();
        if queue.reader_gone || queue.limit_said {
            return;
        }
        let allowed = usize::try_from(limit - queue.written).unwrap_or(usize::MAX);
        queue.push(command, stream, &bytes[..bytes.len().min(allowed)]);
        if bytes.len() > allowed {
            queue.limit_said = true;
            queue.events.push(OutputEvent::LimitReached { limit });
        }
        drop(queue);
        self.shared.changed.notify_one();
    }
}

impl Clone for OutputLog {
    fn clone(&self) -> Self {
        self.shared.queue().writers += 1;
        Self { shared: Arc::clone(&self.shared) }
    }
}

impl Drop for OutputLog {
    fn drop(&mut self) {
        self.shared.queue().writers -= 1;
        self.shared.changed.notify_one();
    }
}

impl OutputReader {
    /// Everything that came since the last call, waiting for something to come; none at the end.
    pub async fn next(&mut self) -> Option<Vec<OutputEvent>> {
        loop {
            {
                let mut queue = self.shared.queue();
                if let Some(events) = queue.take() {
                    return Some(events);
                }
                if queue.writers == 0 {
                    return None;
                }
            }
            self.shared.changed.notified().await;
        }
    }
}

impl Drop for OutputReader {
    fn drop(&mut self) {
        let mut queue = self.shared.queue();
        queue.reader_gone = true;
        queue.take();
    }
}

impl Shared {
    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Queue {
    fn push(&mut self, command: usize, stream: Stream, bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        self.written += bytes.len() as u64;
        // Once something is left out, so is all that follows until the reader comes: order stays.
        if self.left_out > 0 || self.bytes + bytes.len() > QUEUED_BYTES {
            self.left_out += bytes.len() as u64;
            return;
        }
        self.bytes += bytes.len();
        if let Some(OutputEvent::Written { command: c, stream: s, bytes: last }) =
            self.events.last_mut()
            && (*c, *s) == (command, stream)
            && last.len() + bytes.len() <= JOINED_BYTES
        {
            return last.extend_from_slice(bytes);
        }
        self.events.push(OutputEvent::Written { command, stream, bytes: bytes.to_vec() });
    }

    fn take(&mut self) -> Option<Vec<OutputEvent>> {
        let mut events = mem::take(&mut self.events);
        self.bytes = 0;
        let left_out = mem::take(&mut self.left_out);
        if left_out > 0 {
            // Whatever else is queued came before, except the word that the limit is reached.
            let limit = events.pop_if(|last| matches!(last, OutputEvent::LimitReached { .. }));
            events.push(OutputEvent::LeftOut { bytes: left_out });
            events.extend(limit);
        }
        (!events.is_empty()).then_some(events)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use OutputEvent::{LeftOut, LimitReached, Written};
    use Stream::{Stderr, Stdout};

    const NO_LIMIT: u64 = u64::MAX;

    fn written(command: usize, stream: Stream, bytes: &[u8]) -> OutputEvent {
        Written { command, stream, bytes: bytes.to_vec() }
    }

    #[tokio::test]
    async fn neighbours_are_joined_and_order_is_kept() {
        let (log, mut reader) = OutputLog::new();
        log.write(0, Stdout, b"a", NO_LIMIT);
        log.write(0, Stdout, b"b", NO_LIMIT);
        log.write(0, Stderr, b"c", NO_LIMIT);
        log.write(1, Stderr, b"d", NO_LIMIT);
        drop(log);
        let expected =
            [written(0, Stdout, b"ab"), written(0, Stderr, b"c"), written(1, Stderr, b"d")];
        assert_eq!(reader.next().await.unwrap(), expected);
        assert_eq!(reader.next().await, None);
    }

    #[tokio::test]
    async fn a_slow_reader_learns_how_much_it_missed() {
        let (log, mut reader) = OutputLog::new();
        log.write(0, Stdout, &vec![1; QUEUED_BYTES], NO_LIMIT);
        log.write(0, Stdout, b"missed", NO_LIMIT);
        let events = reader.next().await.unwrap();
        assert_eq!(events[1..], [LeftOut { bytes: 6 }]);
        log.write(0, Stdout, b"seen", NO_LIMIT);
        assert_eq!(reader.next().await.unwrap(), [written(0, Stdout, b"seen")]);
    }

    #[tokio::test]
    async fn the_limit_is_said_once() {
        let (log, mut reader) = OutputLog::new();
        for piece in [b"ab", b"cd", b"ef", b"gh"] {
            log.write(0, Stdout, piece, 4);
        }
        let expected = [written(0, Stdout, b"abcd"), LimitReached { limit: 4 }];
        assert_eq!(reader.next().await.unwrap(), expected);
    }

    #[test]
    fn nothing_is_kept_for_a_reader_that_left() {
        let (log, reader) = OutputLog::new();
        drop(reader);
        log.write(0, Stdout, b"abc", NO_LIMIT);
        assert!(log.shared.queue().events.is_empty());
    }
}
