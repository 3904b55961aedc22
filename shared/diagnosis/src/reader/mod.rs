//! Reads bytes into a [`Log`] in bounded memory.
//!
//! - Lines end at LF and count from 1, as in the original bytes.
//! - A line loses the runner's timestamp, terminal sequences and trailing white space; of a
//!   progress bar the last state stays. Invalid UTF-8 becomes U+FFFD.
//! - A very long line is cut to its beginning and its end, and a log too large to keep is cut to
//!   the relevant lines (see `store`). A log of up to 12 MiB of text is kept whole.
//! - The log does not depend on the pieces in which it was pushed.

pub mod archive;

mod ansi;
mod long;
mod sieve;
mod stamp;
mod store;

use crate::log::Log;

use long::{Partial, Raw};
use stamp::Stamp;
use store::{Limits, Origin, Store};

/// Reads a log piece by piece.
#[derive(Debug)]
pub struct Reader {
    partial: Partial,
    opening: Opening,
    store: Store,
    total: u64,
}

/// The first lines wait until they show which timestamp the log has.
#[derive(Debug)]
enum Opening {
    Waiting(Vec<Vec<u8>>),
    Over(Option<Stamp>),
}

impl Opening {
    const LINES: usize = 20;
}

impl Default for Reader {
    fn default() -> Self {
        Self::with(Limits::USUAL)
    }
}

impl Reader {
    /// Creates a reader without input.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    fn with(limits: Limits) -> Self {
        Self {
            partial: Partial::default(),
            opening: Opening::Waiting(Vec::new()),
            store: Store::new(limits),
            total: 0,
        }
    }

    /// Takes the next bytes of the log; they may end anywhere, even inside a character.
    pub fn push(&mut self, bytes: &[u8]) {
        let mut rest = bytes;
        while let Some(end) = memchr::memchr(b'\n', rest) {
            let (line, after) = (&rest[..end], &rest[end + 1..]);
            if self.partial.is_empty() && line.len() <= Partial::WHOLE {
                self.line(Raw { head: line, rest: None });
            } else {
                self.partial.push(line);
                self.end_partial();
            }
            rest = after;
        }
        self.partial.push(rest);
    }

    /// Returns the log as far as it was pushed.
    #[must_use]
    pub fn finish(mut self) -> Log {
        if !self.partial.is_empty() {
            self.end_partial();
        }
        self.end_opening();
        self.store.into_log(self.total)
    }

    fn end_partial(&mut self) {
        let mut partial = std::mem::take(&mut self.partial);
        self.line(partial.line());
        partial.clear();
        self.partial = partial;
    }

    fn line(&mut self, raw: Raw<'_>) {
        match &mut self.opening {
            Opening::Over(stamp) => {
                self.total += 1;
                keep(&mut self.store, self.total, *stamp, raw);
            }
            Opening::Waiting(lines) if lines.len() < Opening::LINES && raw.rest.is_none() => {
                lines.push(raw.head.to_vec());
            }
            Opening::Waiting(_) => {
                self.end_opening();
                self.line(raw);
            }
        }
    }

    fn end_opening(&mut self) {
        let Opening::Waiting(lines) = &mut self.opening else { return };
        let lines = std::mem::take(lines);
        self.opening = Opening::Over(Stamp::of(lines.iter().map(Vec::as_slice)));
        for line in &lines {
            self.line(Raw { head: line, rest: None });
        }
    }
}

fn keep(store: &mut Store, number: u64, stamp: Option<Stamp>, raw: Raw<'_>) {
    let said = stamp.and_then(|stamp| stamp.after(raw.head));
    let stamped = said.is_some() || stamp.is_none();
    let head = said.unwrap_or_else(|| stamp::without_bom(raw.head));
    let shown = Raw { head, ..raw }.shown();
    store.push(&shown.text, Origin { number, width: shown.width, stamped });
}
