//! Lines of any length in bounded memory: a very long line keeps its beginning and its end.

use std::borrow::Cow;

use super::ansi::{self, VisibleText};

/// The bytes that are held of each end of a line longer than twice this.
const HELD: usize = 64 * 1024;
/// A longer visible text is cut to its beginning and its end.
const BEGINNING: usize = 8 * 1024;
const END: usize = 1024;

/// The bytes of an incomplete line.
#[derive(Debug, Default)]
pub(super) struct PartialLine {
    held: Vec<u8>,
    total: u64,
}

/// A complete line, as far as it was held.
#[derive(Debug, Clone, Copy)]
pub(super) struct RawLine<'a> {
    /// The whole line, or its beginning.
    pub(super) head: &'a [u8],
    /// The number of bytes lost after the beginning, and the line's end.
    pub(super) rest: Option<(u64, &'a [u8])>,
}

impl PartialLine {
    /// The longest line that is held whole.
    pub(super) const WHOLE: usize = 2 * HELD;

    pub(super) fn is_empty(&self) -> bool {
        self.total == 0
    }

    pub(super) fn push(&mut self, bytes: &[u8]) {
        for piece in bytes.chunks(HELD) {
            self.held.extend_from_slice(piece);
            if self.held.len() > 2 * Self::WHOLE {
                self.held.drain(HELD..self.held.len() - HELD);
            }
        }
        self.total += bytes.len() as u64;
    }

    /// Returns the current line. The result does not depend on the pieces in which it came.
    pub(super) fn line(&self) -> RawLine<'_> {
        match self.total.checked_sub(Self::WHOLE as u64) {
            None | Some(0) => RawLine { head: &self.held, rest: None },
            Some(lost) => {
                let end = &self.held[self.held.len() - HELD..];
                RawLine { head: &self.held[..HELD], rest: Some((lost, end)) }
            }
        }
    }

    pub(super) fn clear(&mut self) {
        self.held.clear();
        self.total = 0;
    }
}

impl<'a> RawLine<'a> {
    /// Returns the visible text, cut if it is very long.
    pub(super) fn shown(&self) -> VisibleText<'a> {
        let VisibleText { text, width } = ansi::shown(self.head);
        let Some((lost, end)) = self.rest else { return VisibleText { text: short(text), width } };
        let last = ansi::shown(end);
        let width = width.saturating_add(lost as usize).saturating_add(last.width);
        // The last state of a progress bar replaces the text before it.
        let overwrites = end.trim_ascii_end().contains(&b'\r') && !last.text.is_empty();
        let text =
            if overwrites { short(last.text) } else { Cow::Owned(joined(&text, lost, &last.text)) };
        VisibleText { text, width }
    }
}

fn short(text: Cow<'_, str>) -> Cow<'_, str> {
    if text.len() <= BEGINNING + END {
        return text;
    }
    let (beginning, rest) = text.split_at(text.floor_char_boundary(BEGINNING));
    Cow::Owned(joined(beginning, 0, rest))
}

/// Joins the first bytes of one text and the last bytes of another, with a mark for the lost bytes.
fn joined(first: &str, lost: u64, last: &str) -> String {
    let beginning = &first[..first.floor_char_boundary(BEGINNING)];
    let end = &last[last.ceil_char_boundary(last.len().saturating_sub(END))..];
    let cut = first.len() - beginning.len() + last.len() - end.len();
    format!("{beginning} … [{} bytes left out] … {end}", lost + cut as u64)
}

#[cfg(test)]
mod tests {
    use super::PartialLine;

    fn read(line: &[u8], piece: usize) -> (String, usize, usize) {
        let mut partial = PartialLine::default();
        line.chunks(piece).for_each(|piece| partial.push(piece));
        let shown = partial.line().shown();
        (shown.text.into_owned(), shown.width, partial.held.capacity())
    }

    #[test]
    fn a_long_line_keeps_its_beginning_and_its_end() {
        let line = format!("begin {} end", "x".repeat(20_000));
        let (text, width, _) = read(line.as_bytes(), 100);
        assert!(text.starts_with("begin xxx") && text.ends_with("xxx end"));
        assert!(text.contains("x … [10794 bytes left out] … x"), "{}", text.len());
        assert_eq!(width, line.len());
    }

    #[test]
    fn pieces_make_no_difference_and_memory_is_bounded() {
        for size in [100_000, 131_071, 131_072, 131_073, 262_145, 500_001, 3_000_000] {
            let line: Vec<u8> = "é☃x1234567".bytes().cycle().take(size).collect();
            let whole = read(&line, size);
            for piece in [1_000, 65_536, 100_001] {
                let pieced = read(&line, piece);
                assert_eq!((&whole.0, whole.1), (&pieced.0, pieced.1), "{size} in {piece}");
                assert!(pieced.2 < 600_000 && pieced.0.len() < 10_000, "{}", pieced.2);
            }
        }
    }

    #[test]
    fn a_long_progress_bar_keeps_its_last_state() {
        let bar: String = (0..100_000).map(|done| format!("\r{done} of 100000")).collect();
        assert_eq!(read(bar.as_bytes(), 4_096).0, "99999 of 100000");
    }
}
