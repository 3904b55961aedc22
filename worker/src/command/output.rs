//! Output on its way from commands to whoever keeps it.
//!
//! The log never makes a command wait. It holds at most [`QUEUED_BYTES`] for a reader that is slower
//! than the commands: the beginning of what waits and its end, for what explains a failure comes
//! last. What is left out between them is counted. Neighbouring pieces of one stream are joined
//! while they wait, so a reader that is busy gets fewer and larger ones.
//!
//! A log with a limit streams the first half of it. The rest is kept back, bounded to the other
//! half by dropping what is oldest, and comes when all writers are gone.

use std::collections::VecDeque;
use std::mem;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

/// How much output may wait for its reader, half of it from the beginning.
const QUEUED_BYTES: usize = 1 << 20;
/// The size up to which pieces are joined.
const JOINED_BYTES: usize = 16 << 10;

/// An output stream of a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OutputStream {
    Stdout,
    Stderr,
}

/// An event for the reader of the output, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OutputEvent {
    Written {
        /// The index among all commands of the task.
        command: usize,
        stream: OutputStream,
        /// Raw bytes: not always text, and characters may be split.
        bytes: Vec<u8>,
    },
    /// This much output came here, and could not be kept.
    LeftOut { bytes: u64 },
    /// The task has written half of what is kept: what follows comes at its end.
    KeptBack {
        /// How much is kept of what follows, from its end.
        limit: u64,
    },
}

/// The writing side. The reader ends when the log and its clones are dropped.
#[derive(Debug)]
pub struct OutputLog {
    shared: Arc<OutputChannel>,
}

/// The reading side.
#[derive(Debug)]
pub struct OutputReader {
    shared: Arc<OutputChannel>,
}

#[derive(Debug, Default)]
struct OutputChannel {
    queue: Mutex<PendingOutput>,
    changed: Notify,
}

#[derive(Debug, Default)]
struct PendingOutput {
    /// What came first since the reader's last call.
    first: Vec<OutputEvent>,
    first_bytes: usize,
    /// What came last, once there was no more room in `first`.
    last: Recent,
    /// What comes when all writers are gone.
    kept_back: Recent,
    written: u64,
    writers: usize,
    reader_gone: bool,
}

/// The newest output, as much as there is room for.
#[derive(Debug, Default)]
struct Recent {
    events: VecDeque<OutputEvent>,
    bytes: usize,
    left_out: u64,
}

impl OutputLog {
    /// Creates a log and its only reader.
    #[must_use]
    pub fn new() -> (Self, OutputReader) {
        let shared = Arc::new(OutputChannel::default());
        shared.queue().writers = 1;
        (Self { shared: Arc::clone(&shared) }, OutputReader { shared })
    }

    /// Takes what a command wrote. Of all calls together `limit` bytes are kept: the first half,
    /// and the end.
    pub(crate) fn write(&self, command: usize, stream: OutputStream, bytes: &[u8], limit: u64) {
        let mut queue = self.shared.queue();
        if queue.reader_gone {
            return;
        }
        let streamed = limit.div_ceil(2);
        let allowed = usize::try_from(streamed.saturating_sub(queue.written)).unwrap_or(usize::MAX);
        let (now, later) = bytes.split_at(bytes.len().min(allowed));
        queue.push(command, stream, now);
        if !later.is_empty() {
            if queue.written <= streamed {
                queue.first.push(OutputEvent::KeptBack { limit: limit / 2 });
            }
            let room = usize::try_from(limit / 2).unwrap_or(usize::MAX);
            queue.kept_back.push(command, stream, later, room);
        }
        queue.written += bytes.len() as u64;
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
    /// Waits for events and returns all since the last call, or `None` at the end.
    pub async fn next(&mut self) -> Option<Vec<OutputEvent>> {
        loop {
            {
                let mut queue = self.shared.queue();
                if let Some(events) = queue.take() {
                    return Some(events);
                }
                if queue.writers == 0 {
                    let events = queue.kept_back.take();
                    return (!events.is_empty()).then_some(events);
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
        queue.kept_back.take();
    }
}

impl OutputChannel {
    fn queue(&self) -> MutexGuard<'_, PendingOutput> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl PendingOutput {
    fn push(&mut self, command: usize, stream: OutputStream, bytes: &[u8]) {
        // Once something waits behind the beginning, so does all that follows: order stays.
        if self.last.is_empty() && self.first_bytes + bytes.len() <= QUEUED_BYTES / 2 {
            self.first_bytes += bytes.len();
            let piece = append(self.first.last_mut(), command, stream, bytes);
            self.first.extend(piece);
        } else {
            self.last.push(command, stream, bytes, QUEUED_BYTES / 2);
        }
    }

    fn take(&mut self) -> Option<Vec<OutputEvent>> {
        let mut events = mem::take(&mut self.first);
        self.first_bytes = 0;
        // The word that the rest is kept back comes after what was written before it.
        let kept_back = events.pop_if(|last| matches!(last, OutputEvent::KeptBack { .. }));
        events.extend(self.last.take());
        events.extend(kept_back);
        (!events.is_empty()).then_some(events)
    }
}

impl Recent {
    fn is_empty(&self) -> bool {
        self.events.is_empty() && self.left_out == 0
    }

    /// Takes the newest, and drops the oldest as far as there is no room for both.
    fn push(&mut self, command: usize, stream: OutputStream, bytes: &[u8], room: usize) {
        let fits = &bytes[bytes.len().saturating_sub(room)..];
        self.left_out += (bytes.len() - fits.len()) as u64;
        self.bytes += fits.len();
        let piece = append(self.events.back_mut(), command, stream, fits);
        self.events.extend(piece);
        while self.bytes > room
            && let Some(OutputEvent::Written { bytes, .. }) = self.events.front_mut()
        {
            let excess = (self.bytes - room).min(bytes.len());
            bytes.drain(..excess);
            (self.bytes, self.left_out) = (self.bytes - excess, self.left_out + excess as u64);
            if bytes.is_empty() {
                self.events.pop_front();
            }
        }
    }

    fn take(&mut self) -> Vec<OutputEvent> {
        let Self { events, left_out, .. } = mem::take(self);
        let gap = (left_out > 0).then_some(OutputEvent::LeftOut { bytes: left_out });
        gap.into_iter().chain(events).collect()
    }
}

/// Joins bytes to the piece before them where that is of the same stream and not large yet;
/// returns them as a piece of their own otherwise.
fn append(
    last: Option<&mut OutputEvent>,
    command: usize,
    stream: OutputStream,
    bytes: &[u8],
) -> Option<OutputEvent> {
    if bytes.is_empty() {
        return None;
    }
    if let Some(OutputEvent::Written { command: c, stream: s, bytes: last }) = last
        && (*c, *s) == (command, stream)
        && last.len() + bytes.len() <= JOINED_BYTES
    {
        last.extend_from_slice(bytes);
        return None;
    }
    Some(OutputEvent::Written { command, stream, bytes: bytes.to_vec() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use OutputEvent::{KeptBack, LeftOut, Written};
    use OutputStream::{Stderr, Stdout};

    const NO_LIMIT: u64 = u64::MAX;

    fn written(command: usize, stream: OutputStream, bytes: &[u8]) -> OutputEvent {
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
    async fn a_slow_reader_gets_the_beginning_and_the_end_and_learns_how_much_it_missed() {
        let (log, mut reader) = OutputLog::new();
        let half = QUEUED_BYTES / 2;
        log.write(0, Stdout, &vec![1; half], NO_LIMIT);
        log.write(0, Stdout, &vec![2; half], NO_LIMIT);
        log.write(0, Stdout, &vec![3; half - 4], NO_LIMIT);
        log.write(0, Stderr, b"last", NO_LIMIT);
        let events = reader.next().await.unwrap();
        let expected = [
            written(0, Stdout, &vec![1; half]),
            LeftOut { bytes: half as u64 },
            written(0, Stdout, &vec![3; half - 4]),
            written(0, Stderr, b"last"),
        ];
        assert!(events == expected, "the newest is never dropped");
        log.write(0, Stdout, b"seen", NO_LIMIT);
        assert_eq!(reader.next().await.unwrap(), [written(0, Stdout, b"seen")]);
    }

    #[tokio::test]
    async fn of_too_much_output_the_beginning_and_the_end_are_kept() {
        let (log, mut reader) = OutputLog::new();
        for piece in [b"ab", b"cd", b"ef", b"gh"] {
            log.write(0, Stdout, piece, 5);
        }
        let begin = [written(0, Stdout, b"abc"), KeptBack { limit: 2 }];
        assert_eq!(reader.next().await.unwrap(), begin);
        drop(log);
        let end = [LeftOut { bytes: 3 }, written(0, Stdout, b"gh")];
        assert_eq!(reader.next().await.unwrap(), end);
        assert_eq!(reader.next().await, None);
    }

    #[tokio::test]
    async fn what_fits_is_whole() {
        let (log, mut reader) = OutputLog::new();
        log.write(0, Stdout, b"abcd", 6);
        log.write(0, Stdout, b"ef", 6);
        drop(log);
        let begin = [written(0, Stdout, b"abc"), KeptBack { limit: 3 }];
        assert_eq!(reader.next().await.unwrap(), begin);
        assert_eq!(reader.next().await.unwrap(), [written(0, Stdout, b"def")]);
        assert_eq!(reader.next().await, None);
    }

    #[test]
    fn nothing_is_kept_for_a_reader_that_left() {
        let (log, reader) = OutputLog::new();
        drop(reader);
        log.write(0, Stdout, b"abc", NO_LIMIT);
        assert!(log.shared.queue().take().is_none());
    }
}
