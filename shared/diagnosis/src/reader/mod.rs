//! Bytes in, a [`Log`] out, in a bounded amount of memory.

use crate::log::{Line, Log};

/// Reads a log piece by piece.
#[derive(Debug, Default)]
pub struct Reader {
    bytes: Vec<u8>,
}

impl Reader {
    /// A reader that has seen nothing.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the next bytes of the log; they may end anywhere, within a character too.
    pub fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// The log as far as it was pushed.
    #[must_use]
    pub fn finish(self) -> Log {
        let mut text = String::new();
        let mut lines = Vec::new();
        for (at, raw) in self.bytes.split(|&b| b == b'\n').enumerate() {
            let raw = String::from_utf8_lossy(raw);
            let clean = clean(&raw);
            let start = text.len();
            let shown = clean.trim_end_matches('\r').rsplit('\r').next().unwrap_or("").trim_end();
            text.push_str(shown);
            lines.push(Line {
                start: start as u32,
                end: text.len() as u32,
                number: at as u32 + 1,
                width: clean.len() as u32,
            });
            text.push('\n');
        }
        let total = lines.len() as u64;
        Log::new(text, lines, total)
    }
}

fn clean(raw: &str) -> String {
    let raw = raw.trim_start_matches('\u{feff}');
    let rest = match raw.split_once("Z ") {
        Some((stamp, rest))
            if stamp.len() < 30
                && stamp.len() > 18
                && stamp.as_bytes()[4] == b'-'
                && stamp.as_bytes()[10] == b'T' =>
        {
            rest
        }
        _ => raw,
    };
    let mut out = String::new();
    let mut chars = rest.chars().peekable();
    while let Some(c) = chars.next() {
        if c == '\u{1b}' && chars.peek() == Some(&'[') {
            chars.next();
            for c in chars.by_ref() {
                if c.is_ascii_alphabetic() {
                    break;
                }
            }
        } else {
            out.push(c);
        }
    }
    out
}
