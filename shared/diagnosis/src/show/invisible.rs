//! Characters that are invisible, or that change how text appears.
//!
//! Control characters move a terminal's cursor; bidirectional overrides reorder text; zero-width
//! characters hide words from a reader but not from a model.

use std::borrow::Cow;
use std::fmt::Write;

/// Shows hidden characters as `<U+202E>`, and tabs as spaces. Line ends stay.
#[must_use]
pub fn visible(text: &str) -> Cow<'_, str> {
    if !text.contains(|letter| letter == '\t' || is_hidden(letter)) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 16);
    for letter in text.chars() {
        match letter {
            '\t' => shown.push_str("    "),
            _ => push_visible(&mut shown, letter),
        }
    }
    Cow::Owned(shown)
}

/// Appends one character; a hidden one as `<U+202E>`, a selector of variants not at all.
pub fn push_visible(shown: &mut String, letter: char) {
    if only_varies(letter) {
    } else if is_hidden(letter) {
        // Writing to a `String` can't fail.
        let _written = write!(shown, "<U+{:04X}>", u32::from(letter));
    } else {
        shown.push(letter);
    }
}

/// Removes hidden characters. Line ends and tabs stay.
#[must_use]
pub fn stripped(text: &str) -> Cow<'_, str> {
    if text.contains(is_hidden) {
        Cow::Owned(text.chars().filter(|letter| !is_hidden(*letter)).collect())
    } else {
        Cow::Borrowed(text)
    }
}

/// Selects a variant of the preceding character, as in many emoji: harmless.
fn only_varies(letter: char) -> bool {
    matches!(letter, '\u{fe00}'..='\u{fe0f}')
}

/// Returns `true` for a character that is invisible or changes how text appears. Line ends and
/// tabs are neither.
#[must_use]
pub fn is_hidden(letter: char) -> bool {
    match letter {
        '\n' | '\t' => false,
        _ if letter.is_control() || only_varies(letter) => true,
        _ => matches!(
            letter,
            '\u{ad}'
                | '\u{34f}'
                | '\u{61c}'
                | '\u{115f}'..='\u{1160}'
                | '\u{17b4}'..='\u{17b5}'
                | '\u{180b}'..='\u{180f}'
                | '\u{200b}'..='\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}'
                | '\u{3164}'
                | '\u{feff}'
                | '\u{ffa0}'
                | '\u{fff9}'..='\u{fffb}'
                | '\u{1bca0}'..='\u{1bca3}'
                | '\u{1d173}'..='\u{1d17a}'
                | '\u{e0000}'..='\u{e0fff}'
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_hidden_is_shown_or_taken_out() {
        let text = "a\u{202e}b\x1b[31m\u{200b}c\td\u{e0041}\n";
        assert_eq!(visible(text), "a<U+202E>b<U+001B>[31m<U+200B>c    d<U+E0041>\n");
        assert_eq!(stripped(text), "ab[31mc\td\n");
    }

    #[test]
    fn what_people_write_stays() {
        for text in ["plain", "naïve 日本語 \u{2714} שלום", "a\nb"] {
            assert_eq!((visible(text).as_ref(), stripped(text).as_ref()), (text, text));
        }
        assert_eq!(visible("\u{26a0}\u{fe0f} warning"), "\u{26a0} warning");
    }
}
