//! Selects the lines to keep of a log that is too large to keep.
//!
//! These are lines that report a failure, and their neighbors. The words are those that failures
//! share whatever the tool. They are searched everywhere at once, so they are few.

use std::sync::LazyLock;

use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind};

/// The value of a line, the highest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum LineWorth {
    /// The runner's lines: a step's heading and script, its end.
    Frame,
    /// Reports a failure explicitly.
    Failure,
    /// Near a failure.
    NearFailure,
    /// Holds a word that failures have, among others.
    Hint,
    /// Near a hint.
    NearHint,
    /// Shows no sign of a failure.
    Plain,
}

impl LineWorth {
    pub(super) const ALL: [Self; 6] =
        [Self::Frame, Self::Failure, Self::NearFailure, Self::Hint, Self::NearHint, Self::Plain];
}

/// The number of lines to keep around a line.
#[derive(Debug, Clone, Copy)]
pub(super) struct ContextLines {
    pub(super) before: usize,
    pub(super) after: usize,
}

impl LineWorth {
    /// Returns the value of a line's neighbors and their number.
    pub(super) fn around(self) -> Option<(Self, ContextLines)> {
        match self {
            Self::Frame => Some((Self::NearFailure, ContextLines { before: 0, after: 30 })),
            Self::Failure => Some((Self::NearFailure, ContextLines { before: 10, after: 40 })),
            Self::Hint => Some((Self::NearHint, ContextLines { before: 3, after: 8 })),
            _ => None,
        }
    }
}

/// Parts of words, without a first letter that may be upper or lower case. Each has at least three
/// bytes that are rare in noise, so that a search reads many bytes at a time.
const HINTS: [&str; 42] = [
    "rror",
    "RROR",
    "ERR!",
    "fail",
    "Fail",
    "FAIL",
    "fatal",
    "Fatal",
    "FATAL",
    "xception",
    "panic",
    "raceback",
    "ssert",
    "enied",
    "ot found",
    "o such ",
    "annot ",
    "ould not",
    "nable to",
    "illed",
    "imed out",
    "imeout",
    "efused",
    "ndefined",
    "nresolved",
    "bort",
    "dumped",
    "egmentation",
    "o space",
    "xpected",
    "ismatch",
    "nvalid",
    "issing",
    "xit code",
    "xit status",
    "xited with",
    "not ok ",
    "✕",
    "✗",
    "✘",
    "❌",
    "●",
];

/// Words that make a line with a hint a failure.
const FAILURES: [&str; 60] = [
    "error: ",
    "Error: ",
    "ERROR: ",
    "error[",
    "ERROR]",
    "[error]",
    "rror:",
    " error ",
    "ERR!",
    "npm error",
    "FAILED",
    "FAIL ",
    "FAIL:",
    "FAIL]",
    "FAILURE",
    "Failures:",
    "failures:",
    "Failed ",
    "failed:",
    "fatal:",
    "Fatal",
    "FATAL",
    "panicked at",
    "panic:",
    "Traceback (most",
    "Exception:",
    "Exception in",
    "AssertionError",
    "assertion",
    "Assertion",
    "denied",
    "not found",
    "No such ",
    "o such file",
    "Cannot find",
    "cannot find",
    "Could not resolve",
    "Killed",
    "killed",
    "timed out",
    "refused",
    "undefined reference",
    "dumped",
    "Segmentation fault",
    "No space left",
    "Expected",
    "expected",
    "mismatched",
    "xit code 1",
    "xit code 2",
    "xited with",
    "not ok ",
    "✕",
    "✗",
    "✘",
    "❌",
    "●",
    "Aborted",
    "unresolved",
    "Invalid",
];

static WORDS: LazyLock<(AhoCorasick, AhoCorasick)> = LazyLock::new(|| {
    let search = |words: &[&str]| {
        AhoCorasick::builder()
            .match_kind(MatchKind::LeftmostFirst)
            .kind(Some(AhoCorasickKind::DFA))
            .build(words)
            .expect("the words are few and short")
    };
    (search(&HINTS), search(&FAILURES))
});

/// Calls `hit` for each line that hints at a failure, in order, with the position of its first byte
/// or one after it, and the line's value.
pub(super) fn hits(text: &[u8], mut hit: impl FnMut(usize, LineWorth)) {
    let (hints, failures) = &*WORDS;
    let mut from = 0;
    while let Some(found) = text.get(from..).and_then(|rest| hints.find(rest)) {
        let at = from + found.start();
        let begin = memchr::memrchr(b'\n', &text[..at]).map_or(0, |end| end + 1);
        let end = memchr::memchr(b'\n', &text[at..]).map_or(text.len(), |end| at + end);
        let fails = failures.is_match(&text[begin..end]);
        hit(at, if fails { LineWorth::Failure } else { LineWorth::Hint });
        from = end + 1;
    }
}
