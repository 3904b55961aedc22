//! The last bytes of an output, as text.

use std::collections::VecDeque;

/// Keeps the last `limit` bytes.
#[derive(Debug)]
pub(super) struct Tail {
    limit: usize,
    kept: VecDeque<u8>,
    dropped: u64,
}

impl Tail {
    pub(super) fn new(limit: usize) -> Self {
        Self { limit, kept: VecDeque::new(), dropped: 0 }
    }

    pub(super) fn push(&mut self, bytes: &[u8]) {
        let fits = &bytes[bytes.len().saturating_sub(self.limit)..];
        let excess = (self.kept.len() + fits.len()).saturating_sub(self.limit);
        self.kept.drain(..excess);
        self.kept.extend(fits);
        self.dropped += (excess + bytes.len() - fits.len()) as u64;
    }

    /// Returns the text from its first whole character, and the number of bytes before it. Invalid
    /// UTF-8 is replaced.
    pub(super) fn text(&self) -> (String, u64) {
        let mut bytes: Vec<u8> = self.kept.iter().copied().collect();
        let cut = if self.dropped == 0 { 0 } else { continuation_bytes(&bytes) };
        bytes.drain(..cut);
        (String::from_utf8_lossy(&bytes).into_owned(), self.dropped + cut as u64)
    }
}

/// Returns the number of bytes at the start that end an earlier character: at most three.
fn continuation_bytes(bytes: &[u8]) -> usize {
    bytes.iter().take(3).take_while(|byte| *byte & 0b1100_0000 == 0b1000_0000).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tail(limit: usize, pushes: &[&[u8]]) -> (String, u64) {
        let mut tail = Tail::new(limit);
        pushes.iter().for_each(|bytes| tail.push(bytes));
        tail.text()
    }

    #[test]
    fn keeps_the_end_and_counts_the_rest() {
        assert_eq!(tail(4, &[b"abc"]), ("abc".into(), 0));
        assert_eq!(tail(4, &[b"abc", b"def"]), ("cdef".into(), 2));
        assert_eq!(tail(4, &[b"x", b"abcdefgh"]), ("efgh".into(), 5));
        assert_eq!(tail(0, &[b"abc"]), (String::new(), 3));
    }

    #[test]
    fn starts_at_a_whole_character() {
        assert_eq!(tail(4, &["€uro".as_bytes()]), ("uro".into(), 3));
        assert_eq!(tail(5, &["ab€x".as_bytes()]), ("b€x".into(), 1));
    }

    #[test]
    fn replaces_what_is_not_utf8() {
        assert_eq!(tail(9, &[b"a\xff\xfeb"]), ("a\u{fffd}\u{fffd}b".into(), 0));
        assert_eq!(tail(3, &[b"\x80\x80\x80\x80\x80"]), (String::new(), 5));
    }
}
