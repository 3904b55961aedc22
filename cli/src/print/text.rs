//! Makes foreign text safe for a terminal.
//!
//! Logs, errors and ids may come from anyone who can open a pull request. They may use colors, but
//! no cursor movement, no titles, no clipboard, and no characters that hide or reorder text.
//! [`Output`](super::Output) passes all that a command prints through [`for_terminal`]; a caller
//! that puts foreign text into one line uses [`one_line`] too, so that it adds no lines.

use std::fmt;
use std::str::FromStr;

use greenline_diagnosis::show::{is_hidden, push_visible};
use unicode_width::UnicodeWidthChar;

/// Longer sequences are not colors, or malicious.
const LONGEST_COLOR: usize = 32;

/// Keeps lines, tabs and colors, and shows every other hidden character as `<U+202E>`.
pub(crate) fn for_terminal(text: impl fmt::Display) -> String {
    let text = text.to_string();
    if !text.contains(is_hidden) {
        return text;
    }
    let mut shown = String::with_capacity(text.len() + 16);
    let mut rest = text.as_str();
    while let Some(letter) = rest.chars().next() {
        let kept = color_at(rest).unwrap_or(0);
        if kept > 0 {
            shown.push_str(&rest[..kept]);
            rest = &rest[kept..];
        } else {
            push_visible(&mut shown, letter);
            rest = &rest[letter.len_utf8()..];
        }
    }
    shown
}

/// Returns the length of the color sequence at the beginning of `text`. Concealed text is no color.
fn color_at(text: &str) -> Option<usize> {
    let parameters = text.strip_prefix("\x1b[")?;
    let end = parameters.find(|letter: char| !matches!(letter, '0'..='9' | ';' | ':'))?;
    let conceals =
        parameters[..end].split([';', ':']).any(|number| number.trim_start_matches('0') == "8");
    (end < LONGEST_COLOR && !conceals && parameters[end..].starts_with('m')).then_some(end + 3)
}

/// Escapes hidden characters of JSON: outside of ASCII, it holds any only within strings.
pub(crate) fn for_json(json: &str) -> String {
    use fmt::Write;
    let mut escaped = String::with_capacity(json.len());
    for letter in json.chars() {
        if is_hidden(letter) {
            for unit in letter.encode_utf16(&mut [0; 2]) {
                // Writing to a `String` can't fail.
                let _written = write!(escaped, "\\u{unit:04x}");
            }
        } else {
            escaped.push(letter);
        }
    }
    escaped
}

/// Returns a field of Redis whose values are limited. A value that is none of them shows as `?` and
/// its text in one line.
pub(crate) fn known<T: FromStr>(value: &str) -> String {
    if value.is_empty() || value.parse::<T>().is_ok() {
        value.to_owned()
    } else {
        format!("? {}", one_line(value))
    }
}

/// Keeps lines and colors, removes all other control sequences, and shows other hidden characters
/// as `<U+202E>`.
pub(crate) fn sanitize(text: &str) -> String {
    let mut kept = String::with_capacity(text.len());
    let mut rest = text.chars().peekable();
    let mut colored = false;
    while let Some(letter) = rest.next() {
        match letter {
            '\n' | '\t' => kept.push(letter),
            '\r' if rest.peek() != Some(&'\n') => kept.push('\n'),
            '\x1b' if rest.peek() == Some(&'[') => {
                if let Some(color) = color(&mut rest) {
                    colored = true;
                    kept.push_str(&color);
                }
            }
            _ if letter.is_control() => {}
            _ => push_visible(&mut kept, letter),
        }
    }
    if colored {
        kept.push_str("\x1b[0m");
    }
    kept
}

/// Reads an escape sequence up to its final letter, and returns it if it only sets colors.
fn color(rest: &mut impl Iterator<Item = char>) -> Option<String> {
    let mut sequence = String::from("\x1b");
    for letter in rest {
        sequence.push(letter);
        let ends = ('\x40'..='\x7e').contains(&letter) && sequence.len() > 2;
        if ends || sequence.len() > LONGEST_COLOR {
            break;
        }
    }
    sequence.ends_with('m').then_some(sequence)
}

/// Returns the text in one line; hidden characters show as `<U+202E>`.
pub(crate) fn one_line(text: &str) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    let mut line = String::with_capacity(text.len());
    words.join(" ").chars().for_each(|letter| push_visible(&mut line, letter));
    line
}

/// Cuts text to a number of columns, with a mark.
pub(crate) fn cut(text: &str, columns: usize) -> String {
    if width(text) <= columns {
        return text.to_owned();
    }
    let mut room = columns.saturating_sub(1);
    let fits = text.chars().take_while(|letter| {
        let wide = letter.width().unwrap_or(0);
        let fits = wide <= room;
        room = room.saturating_sub(wide);
        fits
    });
    fits.chain(['…']).collect()
}

/// Wraps text at a number of columns, between words if possible.
pub(crate) fn wrapped(text: &str, columns: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let mut word = word.to_owned();
        while width(&word) > columns {
            let part = cut(&word, columns + 1);
            let part = part.trim_end_matches('…');
            lines.push(part.to_owned());
            word = word[part.len()..].to_owned();
        }
        let line = lines.last_mut().expect("there is a line from the start");
        if !line.is_empty() && width(line) + 1 + width(&word) > columns {
            lines.push(word);
        } else {
            line.push_str(if line.is_empty() { "" } else { " " });
            line.push_str(&word);
        }
    }
    lines.retain(|line| !line.is_empty());
    lines
}

/// Returns the number of columns of a text.
pub(crate) fn width(text: &str) -> usize {
    text.chars().map(|letter| letter.width().unwrap_or(0)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_may_colour_a_terminal_and_do_nothing_else_to_it() {
        assert_eq!(sanitize("\x1b[31mred\x1b[0m\n"), "\x1b[31mred\x1b[0m\n\x1b[0m");
        assert_eq!(sanitize("a\x1b[2Jb\x1b]0;title\x07c"), "ab]0;titlec");
        assert_eq!(sanitize("10 %\r20 %\r\ndone"), "10 %\n20 %\ndone");
    }

    #[test]
    fn a_long_text_is_cut_with_a_sign() {
        assert_eq!(cut("short", 5), "short");
        assert_eq!(cut("much longer", 5), "much…");
        assert_eq!(cut("日本語", 4), "日…");
    }

    #[test]
    fn a_long_text_gets_lines_of_whole_words() {
        assert_eq!(wrapped("one two  three", 7), ["one two", "three"]);
        assert_eq!(wrapped("a 0123456789 b", 4), ["a", "0123", "4567", "89 b"]);
        assert_eq!(wrapped("日本語", 4), ["日本", "語"]);
        assert_eq!(wrapped(" ", 4), Vec::<String>::new());
    }

    #[test]
    fn an_error_of_many_lines_becomes_one() {
        assert_eq!(one_line("a\n  b\x07\tc"), "a b<U+0007> c");
    }

    #[test]
    fn hidden_characters_show_their_numbers_and_colors_stay() {
        let text = "\x1b[1;31ma\x1b[0m\tb\u{202e}\u{2028}\u{e0041}\x1b]0;x\x07\u{9b}2J\n";
        let shown =
            "\x1b[1;31ma\x1b[0m\tb<U+202E><U+2028><U+E0041><U+001B>]0;x<U+0007><U+009B>2J\n";
        assert_eq!(for_terminal(text), shown);
        assert_eq!(
            for_terminal("\x1b[8mhidden\x1b[1;08m\x1b[2J"),
            "<U+001B>[8mhidden<U+001B>[1;08m<U+001B>[2J"
        );
        assert_eq!(sanitize("a\u{200b}b\u{2067}c"), "a<U+200B>b<U+2067>c");
        assert_eq!(one_line("a\u{2029}b\u{feff}c"), "a b<U+FEFF>c");
    }

    #[test]
    fn json_escapes_hidden_characters() {
        let text = serde_json::json!("a\u{202e}\u{7f}\u{e0041}é\n").to_string();
        let escaped = for_json(&text);
        assert_eq!(escaped, r#""a\u202e\u007f\udb40\udc41é\n""#);
        assert_eq!(
            serde_json::from_str::<String>(&escaped).unwrap(),
            "a\u{202e}\u{7f}\u{e0041}é\n"
        );
    }

    #[test]
    fn a_value_that_is_not_known_is_marked() {
        assert_eq!(known::<greenline_queue::Priority>("high"), "high");
        assert_eq!(known::<greenline_queue::Priority>("hi\x1b[2J\ngh"), "? hi<U+001B>[2J gh");
    }
}
