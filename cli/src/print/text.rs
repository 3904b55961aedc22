//! Makes foreign text safe for a terminal.
//!
//! Logs, errors and ids may come from anyone who can open a pull request. They may use colors, but
//! no cursor movement, no titles, no clipboard.

use unicode_width::UnicodeWidthChar;

/// Longer sequences are not colors, or malicious.
const LONGEST_COLOR: usize = 32;

/// Keeps lines and colors, and removes all other control characters.
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
            _ => kept.push(letter),
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

/// Returns the text in one line without control characters.
pub(crate) fn one_line(text: &str) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    words.join(" ").chars().filter(|letter| !letter.is_control()).collect()
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
        assert_eq!(one_line("a\n  b\x07\tc"), "a b c");
    }
}
