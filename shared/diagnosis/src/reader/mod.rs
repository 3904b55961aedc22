//! Reads bytes into a [`Log`] in bounded memory.
//!
//! - Lines end at LF and count from 1, as in the original bytes.
//! - A line loses the runner's timestamp, terminal sequences and trailing white space; of a
//!   progress bar the last state stays. Invalid UTF-8 becomes U+FFFD.
//! - A very long line is cut to its beginning and its end, and a log too large to keep is cut to
//!   the relevant lines (see `line_store`). A log of up to 12 MiB of text is kept whole.
//! - The log does not depend on the pieces in which it was pushed.

pub mod archive;

mod ansi;
mod keep_filter;
mod line_store;
mod long_line;
mod timestamp;

use crate::log::Log;

use line_store::{LineOrigin, LineStore, ReaderLimits};
use long_line::{PartialLine, RawLine};
use timestamp::TimestampFormat;

/// Reads a log piece by piece.
#[derive(Debug)]
pub struct LogReader {
    partial: PartialLine,
    opening: FormatDetection,
    line_store: LineStore,
    total: u64,
}

/// The first lines wait until they show which timestamp the log has.
#[derive(Debug)]
enum FormatDetection {
    Waiting(Vec<Vec<u8>>),
    Over(Option<TimestampFormat>),
}

impl FormatDetection {
    const LINES: usize = 20;
}

impl Default for LogReader {
    fn default() -> Self {
        Self::with(ReaderLimits::USUAL)
    }
}

impl LogReader {
    /// Creates a reader without input.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    fn with(limits: ReaderLimits) -> Self {
        Self {
            partial: PartialLine::default(),
            opening: FormatDetection::Waiting(Vec::new()),
            line_store: LineStore::new(limits),
            total: 0,
        }
    }

    /// Takes the next bytes of the log; they may end anywhere, even inside a character.
    pub fn push(&mut self, bytes: &[u8]) {
        let mut rest = bytes;
        while let Some(end) = memchr::memchr(b'\n', rest) {
            let (line, after) = (&rest[..end], &rest[end + 1..]);
            if self.partial.is_empty() && line.len() <= PartialLine::WHOLE {
                self.line(RawLine { head: line, rest: None });
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
        self.line_store.into_log(self.total)
    }

    fn end_partial(&mut self) {
        let mut partial = std::mem::take(&mut self.partial);
        self.line(partial.line());
        partial.clear();
        self.partial = partial;
    }

    fn line(&mut self, raw: RawLine<'_>) {
        match &mut self.opening {
            FormatDetection::Over(timestamp) => {
                self.total += 1;
                keep(&mut self.line_store, self.total, *timestamp, raw);
            }
            FormatDetection::Waiting(lines)
                if lines.len() < FormatDetection::LINES && raw.rest.is_none() =>
            {
                lines.push(raw.head.to_vec());
            }
            FormatDetection::Waiting(_) => {
                self.end_opening();
                self.line(raw);
            }
        }
    }

    fn end_opening(&mut self) {
        let FormatDetection::Waiting(lines) = &mut self.opening else { return };
        let lines = std::mem::take(lines);
        self.opening = FormatDetection::Over(TimestampFormat::of(lines.iter().map(Vec::as_slice)));
        for line in &lines {
            self.line(RawLine { head: line, rest: None });
        }
    }
}

fn keep(
    line_store: &mut LineStore,
    number: u64,
    timestamp: Option<TimestampFormat>,
    raw: RawLine<'_>,
) {
    let content = timestamp.and_then(|timestamp| timestamp.after(raw.head));
    let has_timestamp = content.is_some() || timestamp.is_none();
    let head = content.unwrap_or_else(|| timestamp::without_bom(raw.head));
    let shown = RawLine { head, ..raw }.shown();
    line_store.push(&shown.text, LineOrigin { number, width: shown.width, has_timestamp });
}
