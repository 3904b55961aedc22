//! Renders a GitHub comment for a terminal: hidden marks are removed, folds are closed, links
//! become their text.

use crate::print::text;

/// Returns the lines of a comment, at most `columns` wide.
pub(super) fn shown(markdown: &str, columns: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let mut folded = false;
    for line in text::sanitize(markdown).lines() {
        let line = line.trim();
        if line.starts_with("<!--") {
            continue;
        }
        if line.starts_with("<details>") {
            folded = true;
        }
        if let Some(summary) = between(line, "<summary>", "</summary>") {
            lines.push(format!(
                "▸ {}",
                text::cut(&without_markup(summary), columns.saturating_sub(2))
            ));
        } else if !folded {
            lines.extend(wrapped(&without_markup(line), columns));
        }
        if line.ends_with("</details>") {
            folded = false;
        }
    }
    lines.dedup_by(|one, before| one.is_empty() && before.is_empty());
    let first = lines.iter().position(|line| !line.is_empty()).unwrap_or(lines.len());
    lines.drain(..first);
    lines.truncate(lines.iter().rposition(|line| !line.is_empty()).map_or(0, |last| last + 1));
    lines
}

fn wrapped(line: &str, columns: usize) -> Vec<String> {
    if line.is_empty() {
        return vec![String::new()];
    }
    text::wrapped(line, columns)
}

/// Removes bold and tags, and replaces links by their text.
fn without_markup(line: &str) -> String {
    let mut rest = line.replace("**", "");
    for tag in ["<code>", "</code>", "<sub>", "</sub>"] {
        rest = rest.replace(tag, "");
    }
    let mut text = String::new();
    while let Some((before, words, after)) = link(&rest) {
        text.push_str(before);
        text.push_str(words);
        rest = after.to_owned();
    }
    text + &rest
}

/// Finds the first `[words](address)`: the text before it, its words, the text after it.
fn link(text: &str) -> Option<(&str, &str, &str)> {
    let middle = text.find("](")?;
    let begin = text[..middle].rfind('[')?;
    let end = middle + text[middle..].find(')')?;
    Some((&text[..begin], &text[begin + 1..middle], &text[end + 1..]))
}

fn between<'a>(text: &'a str, from: &str, to: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(from)?;
    Some(rest.split_once(to).map_or(rest, |(inner, _)| inner))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_comment_is_what_one_sees_of_it() {
        let markdown = "<!-- greenline pr=1 -->\n**`test` fails: dots go**\n\n\n\
                        <details><summary>Log</summary>\n\nhidden\n</details>\n\n\
                        `explain` — [log](http://127.0.0.1/x)\n";
        let expected = ["`test` fails: dots go", "", "▸ Log", "", "`explain` — log"];
        assert_eq!(shown(markdown, 72), expected);
    }

    #[test]
    fn what_is_no_comment_of_ours_is_shown_all_the_same() {
        assert_eq!(shown("", 72), Vec::<String>::new());
        assert_eq!(shown("](", 72), ["]("]);
        assert_eq!(shown("[a](", 72), ["[a]("]);
        assert_eq!(shown("<details>\nfor ever", 72), Vec::<String>::new());
    }
}
