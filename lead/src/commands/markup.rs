//! HTML elements that a text has opened and not closed. Pure.
//!
//! Markdown goes on below a tag and an empty line, so a paragraph may stand in an element that
//! hides, folds or quotes it. Errs towards open: a tag that breaks off is open, and an element
//! that HTML would close by itself stays open until its end tag.

/// The elements that are open after what was read, outermost first.
#[derive(Debug, Default)]
pub(super) struct OpenElements {
    names: Vec<String>,
}

/// More levels than this stay open for good: nobody writes them, and each costs time.
const MOST: usize = 256;

/// Elements without an end.
const VOID: [&str; 14] = [
    "area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "param", "source",
    "track", "wbr",
];

impl OpenElements {
    pub(super) fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    /// Reads a piece of HTML: whole tags, and text between them.
    pub(super) fn read(&mut self, html: &str) {
        let mut rest = html;
        while let Some((_, after)) = rest.split_once('<') {
            rest = if let Some(comment) = after.strip_prefix("!--") {
                comment.split_once("-->").map_or("", |(_, rest)| rest)
            } else if after.starts_with(['!', '?']) {
                after.split_once('>').map_or("", |(_, rest)| rest)
            } else if let Some(end) = after.strip_prefix('/') {
                let (name, rest) = name(end);
                self.close(&name);
                rest
            } else {
                let (name, rest) = name(after);
                if name.is_empty() {
                    rest
                } else {
                    self.open(name);
                    after_attributes(rest)
                }
            };
        }
    }

    fn open(&mut self, name: String) {
        if !VOID.contains(&name.as_str()) && self.names.len() < MOST {
            self.names.push(name);
        }
    }

    fn close(&mut self, name: &str) {
        let is_full = self.names.len() >= MOST;
        if let Some(at) = self.names.iter().rposition(|open| open == name)
            && !is_full
        {
            self.names.truncate(at);
        }
    }
}

/// A tag's name in lower case, and what follows it. Empty where none stands.
fn name(text: &str) -> (String, &str) {
    if !text.starts_with(|letter: char| letter.is_ascii_alphabetic()) {
        return (String::new(), text);
    }
    let is_end = |letter: char| letter.is_ascii_whitespace() || matches!(letter, '/' | '>' | '<');
    let (name, rest) = text.split_at(text.find(is_end).unwrap_or(text.len()));
    (name.to_ascii_lowercase(), rest)
}

/// What follows a tag: its `>` counts outside of quotes only.
fn after_attributes(text: &str) -> &str {
    let mut quote = None;
    for (at, letter) in text.char_indices() {
        match (quote, letter) {
            (None, '>') => return &text[at + 1..],
            (None, '"' | '\'') => quote = Some(letter),
            (Some(open), letter) if open == letter => quote = None,
            _ => {}
        }
    }
    ""
}
