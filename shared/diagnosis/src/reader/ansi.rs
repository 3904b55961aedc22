//! Removes from a line everything that only a terminal interprets.
//!
//! Removed are colors and cursor movements (CSI), titles and hyperlinks (OSC and the other strings,
//! ended by BEL or ST), charset selections, characters that a backspace erased, and every control
//! character except the tab. Of a progress bar, whose states are separated by carriage returns, the
//! last non-empty state stays. Fold marks of CI systems count as empty.

use std::borrow::Cow;
use std::ops::Range;

const ESCAPE: u8 = 0x1b;
const BELL: u8 = 0x07;
const BACKSPACE: u8 = 0x08;

/// The visible part of a line.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct VisibleText<'a> {
    /// Without trailing white space.
    pub(super) text: Cow<'a, str>,
    /// The size in bytes before a progress bar was reduced to its last state.
    pub(super) width: usize,
}

/// Returns the visible text of a line. Invalid UTF-8 becomes U+FFFD.
pub(super) fn shown(line: &[u8]) -> VisibleText<'_> {
    let line = line.trim_ascii_end();
    if let Some(real) = with_real_escapes(line) {
        let text = as_shown(&real).text.into_owned();
        return VisibleText { text: Cow::Owned(text), width: line.len() };
    }
    as_shown(line)
}

fn as_shown(line: &[u8]) -> VisibleText<'_> {
    if is_plain(line) || !(line.iter().any(|&byte| is_control(byte)) || has_c1(line)) {
        return VisibleText { text: String::from_utf8_lossy(content(line)), width: line.len() };
    }
    let mut bytes = without_escapes(line);
    let width = bytes.len();
    let state = last_state(&bytes);
    bytes.truncate(state.end);
    bytes.drain(..state.start);
    let text = String::from_utf8(bytes)
        .unwrap_or_else(|broken| String::from_utf8_lossy(broken.as_bytes()).into_owned());
    let text = if has_c1(text.as_bytes()) { without_c1(&text) } else { text };
    VisibleText { text: Cow::Owned(text), width }
}

/// Restores escape characters that some viewers and archives spell out as `^[[31m`. Only a color or
/// an erasure may follow, because a regular expression can also begin with `^[[`.
fn with_real_escapes(line: &[u8]) -> Option<Vec<u8>> {
    let mut real: Option<Vec<u8>> = None;
    let mut taken = 0;
    for at in memchr::memchr_iter(b'^', line).filter(|&at| spells_escape(&line[at..])) {
        let real = real.get_or_insert_with(|| Vec::with_capacity(line.len()));
        real.extend_from_slice(&line[taken..at]);
        real.push(ESCAPE);
        taken = at + 2;
    }
    real.map(|mut real| {
        real.extend_from_slice(&line[taken..]);
        real
    })
}

fn spells_escape(bytes: &[u8]) -> bool {
    let Some(rest) = bytes.strip_prefix(b"^[[") else { return false };
    let end = rest.iter().find(|byte| !(byte.is_ascii_digit() || **byte == b';'));
    matches!(end, Some(b'm' | b'K'))
}

fn without_c1(text: &str) -> String {
    text.chars().filter(|char| !('\u{80}'..'\u{a0}').contains(char)).collect()
}

/// Returns `true` if every byte is a printable ASCII character or a tab, as in most lines. Written
/// without an early exit, so that the compiler vectorizes it.
fn is_plain(line: &[u8]) -> bool {
    line.iter().fold(true, |plain, &byte| plain & (matches!(byte, b' '..=b'~') | (byte == b'\t')))
}

fn is_control(byte: u8) -> bool {
    (byte < b' ' && byte != b'\t') || byte == 0x7f
}

/// Returns `true` if the line may hold a control character of two bytes (U+0080 to U+009F).
fn has_c1(line: &[u8]) -> bool {
    memchr::memchr_iter(0xc2, line)
        .any(|at| line.get(at + 1).is_some_and(|byte| (0x80..0xa0).contains(byte)))
}

/// Removes escapes and control characters; carriage returns stay.
fn without_escapes(line: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(line.len());
    let mut rest = line;
    while let Some(at) = memchr::memchr3(ESCAPE, b'\r', BACKSPACE, rest) {
        out.extend_from_slice(&rest[..at]);
        let after = &rest[at + 1..];
        rest = match rest[at] {
            ESCAPE => after_escape(after),
            BACKSPACE => {
                erase(&mut out);
                after
            }
            _ => {
                out.push(b'\r');
                after
            }
        };
    }
    out.extend_from_slice(rest);
    out.retain(|&byte| byte == b'\r' || !is_control(byte));
    out
}

/// Removes the last character of the current state.
fn erase(out: &mut Vec<u8>) {
    while let Some(&byte) = out.last() {
        if byte == b'\r' {
            break;
        }
        out.pop();
        let continues = byte & 0xc0 == 0x80;
        if !continues {
            break;
        }
    }
}

/// Returns the bytes after an escape sequence, given the bytes after its first one. An unterminated
/// sequence hides only its introduction.
fn after_escape(rest: &[u8]) -> &[u8] {
    match rest {
        [b'[', rest @ ..] => after_csi(rest),
        [b']' | b'P' | b'X' | b'^' | b'_', rest @ ..] => after_string(rest),
        _ => {
            let between = rest.iter().take_while(|byte| matches!(byte, b' '..=b'/')).count();
            match rest.get(between) {
                Some(0x30..=0x7e) => &rest[between + 1..],
                _ => &rest[between..],
            }
        }
    }
}

/// Skips parameters, intermediate bytes and the final byte.
fn after_csi(rest: &[u8]) -> &[u8] {
    let parameters = rest.iter().take_while(|byte| matches!(byte, b' '..=b'?')).count();
    match rest.get(parameters) {
        Some(b'@'..=b'~') => &rest[parameters + 1..],
        _ => &rest[parameters..],
    }
}

/// Skips to after BEL or ST. The next escape ends the search, so that a line is searched only once.
fn after_string(rest: &[u8]) -> &[u8] {
    let Some(end) = memchr::memchr2(BELL, ESCAPE, rest) else { return rest };
    match &rest[end..] {
        [BELL, after @ ..] | [ESCAPE, b'\\', after @ ..] => after,
        _ => rest,
    }
}

/// Returns the range of the last non-empty state, without trailing white space.
fn last_state(bytes: &[u8]) -> Range<usize> {
    let mut end = bytes.len();
    loop {
        let start = memchr::memrchr(b'\r', &bytes[..end]).map_or(0, |before| before + 1);
        let state = &bytes[start..end];
        let text = content(state);
        if !text.trim_ascii_end().is_empty() || start == 0 {
            let skipped = state.len() - text.len();
            return start + skipped..start + skipped + text.trim_ascii_end().len();
        }
        end = start - 1;
    }
}

/// Removes the CI system's marks from a state.
fn content(state: &[u8]) -> &[u8] {
    let state = without_clock(state);
    if is_fold(state) { &state[state.len()..] } else { state }
}

/// Returns `true` for a fold mark: `section_start:1560896352:step_script[collapsed=true]`,
/// `travis_fold:start:git.checkout`.
fn is_fold(state: &[u8]) -> bool {
    const MARKS: [&[u8]; 4] =
        [b"section_start:", b"section_end:", b"travis_fold:", b"travis_time:"];
    MARKS.iter().any(|mark| state.starts_with(mark)) && !state.contains(&b' ')
}

/// Removes Buildkite's `_bk;t=1700000000000` whose escape was lost.
fn without_clock(state: &[u8]) -> &[u8] {
    let Some(clock) = state.strip_prefix(b"_bk;t=") else { return state };
    let digits = clock.iter().take_while(|byte| byte.is_ascii_digit()).count();
    &clock[digits..]
}

#[cfg(test)]
mod tests {
    use super::shown;

    fn text(line: &[u8]) -> String {
        shown(line).text.into_owned()
    }

    #[test]
    fn colours_and_movements() {
        assert_eq!(text(b"\x1b[31;1merror\x1b[0m: \x1b[38;5;12mno\x1b[K"), "error: no");
        assert_eq!(text(b"\x1b[?25l\x1b[2K\x1b[1Adone\x1b[?25h"), "done");
        assert_eq!(text(b"\x1b[38:2::1:2:3mtrue colour\x1b[m"), "true colour");
    }

    #[test]
    fn escapes_that_were_spelt_out() {
        assert_eq!(text(b"^[[1;31mFAIL^[[0m: it ^[[Kfails^[[m"), "FAIL: it fails");
        assert_eq!(
            text(b"grep ^[[:space:]] ^[[a-z] ^[[0-9]m"),
            "grep ^[[:space:]] ^[[a-z] ^[[0-9]m"
        );
    }

    #[test]
    fn titles_links_and_charsets() {
        assert_eq!(text(b"\x1b]0;title\x07said"), "said");
        assert_eq!(text(b"see \x1b]8;;https://a.example\x1b\\here\x1b]8;;\x1b\\."), "see here.");
        assert_eq!(text(b"see \x1b]8;;https://a.example\x07here\x1b]8;;\x07."), "see here.");
        assert_eq!(text(b"\x1b(B\x1b[mplain\x1b)0\x1b7\x1b8"), "plain");
    }

    #[test]
    fn escapes_without_an_end_hide_nothing() {
        assert_eq!(text(b"a \x1b]0;title and error: b"), "a 0;title and error: b");
        assert_eq!(text(b"a \x1b]0;t\x1b[31merror\x1b[0m"), "a 0;terror");
        assert_eq!(text(b"a\x1b"), "a");
        assert_eq!(text(b"a\x1b["), "a");
        assert_eq!(text(b"a\x1b[31"), "a");
        assert_eq!(text("a\u{1b}[é".as_bytes()), "aé");
        assert_eq!(text(b"a\x1b("), "a");
    }

    #[test]
    fn the_last_state_of_a_progress_bar() {
        assert_eq!(text(b" 10%\r 50%\r100% done\r"), "100% done");
        assert_eq!(text(b"fetched\r   \r\x1b[K\r"), "fetched");
        assert_eq!(text(b"said\r"), "said");
        assert_eq!(text(b"said\r\r"), "said");
        assert_eq!(text(b"\r\r"), "");
        assert_eq!(shown(b" 10%\r 50%\r100%").width, 14);
    }

    #[test]
    fn backspaces_and_other_controls() {
        assert_eq!(text(b"wait |\x08/\x08-\x08 done"), "wait  done");
        assert_eq!(text("é\u{8}e\u{8}\u{8}\u{8}a".as_bytes()), "a");
        assert_eq!(text(b"a\0b\x01c\x7fd\te"), "abcd\te");
        assert_eq!(text("a\u{9b}31mb\u{85}c".as_bytes()), "a31mbc");
    }

    #[test]
    fn folds_of_ci_systems() {
        let gitlab = b"section_start:1560896352:step_script\r\x1b[0KExecuting \"step_script\"";
        assert_eq!(text(gitlab), "Executing \"step_script\"");
        assert_eq!(text(b"section_end:1560896353:step_script\r\x1b[0K"), "");
        let travis = b"travis_fold:start:install\r\x1b[0Ktravis_time:start:0a1b\r\x1b[0K$ make";
        assert_eq!(text(travis), "$ make");
        assert_eq!(text(b"\x1b_bk;t=1700000000000\x07said"), "said");
        assert_eq!(text(b"_bk;t=1700000000000\x07said"), "said");
        assert_eq!(
            text(b"section_start: a heading of our own"),
            "section_start: a heading of our own"
        );
    }

    #[test]
    fn bytes_that_are_no_text() {
        assert_eq!(text(b"caf\xe9 \xff"), "caf\u{fffd} \u{fffd}");
        assert_eq!(text(b"\x1b[31m\xe2\x82\x1b[0m"), "\u{fffd}");
        assert_eq!(text("✗ größer".as_bytes()), "✗ größer");
    }
}
