//! Which commands a comment holds. Pure: Markdown in, words out.
//!
//! A command is `@greenline` at the start of a line of the author's own plain text, in any case,
//! with its word after it: not in a quote, a list, a table, a heading, a footnote, a formula, code
//! or HTML, not between the tags of an HTML element, not escaped, and not spelt with letters that
//! only look like those. A line may hold an argument, which only `approve` reads.

use std::ops::Range;

use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};

use super::markup::OpenElements;

const NAME: &str = "@greenline";

/// Longer comments than GitHub takes are not read to their end.
const LONGEST: usize = 262_144;

/// The most commands of one comment.
pub const MOST_COMMANDS: usize = 10;

/// A command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CommandKind {
    /// Try a repair.
    Fix,
    /// Run the failed jobs again, or try a repair again.
    Retry,
    /// Say more.
    Explain,
    /// Publish what was proposed.
    Approve {
        /// The beginning of the patch's hash, if it was given.
        hash: Option<String>,
    },
    /// Don't publish it.
    Reject,
    /// Leave this pull request alone.
    Stop,
    /// Say what can be said.
    Help,
}

impl CommandKind {
    /// As people write it.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Fix => "fix",
            Self::Retry => "retry",
            Self::Explain => "explain",
            Self::Approve { .. } => "approve",
            Self::Reject => "reject",
            Self::Stop => "stop",
            Self::Help => "help",
        }
    }
}

/// The commands of a comment, in order, each once.
#[must_use]
pub fn parse_commands(comment: &str) -> Vec<CommandKind> {
    // Most comments: no parser needed.
    if comment.len() > LONGEST || !names_us(comment) {
        return Vec::new();
    }
    let mut found = Vec::new();
    for line in own_lines(comment) {
        if let Some(word) = line.word(comment)
            && !found.contains(&word)
        {
            found.push(word);
        }
        if found.len() == MOST_COMMANDS {
            break;
        }
    }
    found
}

fn names_us(text: &str) -> bool {
    text.as_bytes().windows(NAME.len()).any(|part| part.eq_ignore_ascii_case(NAME.as_bytes()))
}

/// What GitHub reads beyond plain Markdown. What one of these makes is never a command.
const EXTENSIONS: Options = Options::ENABLE_TABLES
    .union(Options::ENABLE_STRIKETHROUGH)
    .union(Options::ENABLE_FOOTNOTES)
    .union(Options::ENABLE_MATH);

/// Lines of paragraphs at the top level. What is not plain text in a line ends what counts of it.
fn own_lines(comment: &str) -> Vec<Line> {
    let mut lines = Lines::default();
    let mut html = String::new();
    for (event, place) in Parser::new_ext(comment, EXTENSIONS).into_offset_iter() {
        match event {
            Event::Start(Tag::Paragraph) if lines.depth == 0 => lines.open(),
            Event::End(TagEnd::Paragraph) if lines.depth == 1 => lines.close(),
            Event::Start(_) => {
                lines.depth += 1;
                lines.broken = true;
            }
            Event::End(end) => {
                if end == TagEnd::HtmlBlock {
                    lines.elements.read(&std::mem::take(&mut html));
                }
                lines.depth = lines.depth.saturating_sub(1);
            }
            // A block comes line by line, and a tag may span several.
            Event::Html(text) => html.push_str(&text),
            Event::InlineHtml(text) => {
                lines.elements.read(&text);
                lines.broken = true;
            }
            Event::Text(text) => lines.text(&text, &place),
            Event::SoftBreak | Event::HardBreak => lines.next(),
            _ => lines.broken = true,
        }
    }
    lines.done
}

/// A line of plain text, as it reads and where it stands in the comment.
#[derive(Default)]
struct Line {
    text: String,
    start: Option<usize>,
}

impl Line {
    /// The command of this line. Its text has to stand in the comment as it reads: a sign that is
    /// escaped or written as a character reference was not meant as a command.
    fn word(&self, comment: &str) -> Option<CommandKind> {
        let word = parse_line(&self.text)?;
        let start = self.start?;
        let before = comment[..start].rsplit(['\n', '\r']).next().unwrap_or_default();
        let written = comment[start..].split(['\n', '\r']).next().unwrap_or_default();
        let is_first = before.chars().all(|letter| matches!(letter, ' ' | '\t'));
        (is_first && parse_line(written).as_ref() == Some(&word)).then_some(word)
    }
}

#[derive(Default)]
struct Lines {
    depth: usize,
    in_paragraph: bool,
    /// Something other than plain text was in this line.
    broken: bool,
    elements: OpenElements,
    /// An odd number of `$$` came before: a formula with an empty line in it is none to the
    /// parser, and may be one to GitHub.
    in_formula: bool,
    /// Where a second `$` would make `$$`.
    dollar: Option<usize>,
    line: Line,
    done: Vec<Line>,
}

impl Lines {
    fn open(&mut self) {
        self.depth = 1;
        self.in_paragraph = true;
        self.broken = false;
    }

    fn close(&mut self) {
        self.next();
        self.depth = 0;
        self.in_paragraph = false;
    }

    fn text(&mut self, text: &str, place: &Range<usize>) {
        let is_plain = self.in_paragraph && self.depth == 1 && !self.broken;
        if is_plain && !self.in_formula && self.elements.is_empty() {
            self.line.start.get_or_insert(place.start);
            self.line.text.push_str(text);
        }
        // A `$` that makes no formula may be a text of its own.
        for (at, _) in text.match_indices('$') {
            let at = place.start + at;
            if self.dollar == Some(at) {
                self.in_formula = !self.in_formula;
                self.dollar = None;
            } else {
                self.dollar = Some(at + 1);
            }
        }
    }

    fn next(&mut self) {
        let line = std::mem::take(&mut self.line);
        if self.in_paragraph && !line.text.is_empty() {
            self.done.push(line);
        }
        if self.depth <= 1 {
            self.broken = false;
        }
    }
}

fn parse_line(line: &str) -> Option<CommandKind> {
    let (name, rest) = line.split_at_checked(NAME.len())?;
    if !name.eq_ignore_ascii_case(NAME) || !rest.starts_with([' ', '\t']) {
        return None;
    }
    let mut parts = rest.split_ascii_whitespace();
    let asked = parts.next()?.trim_end_matches(['.', ',', '!', ':', ';']).to_ascii_lowercase();
    let word = match asked.as_str() {
        "fix" => CommandKind::Fix,
        "retry" => CommandKind::Retry,
        "explain" => CommandKind::Explain,
        "approve" => CommandKind::Approve { hash: parts.next().and_then(hash) },
        "reject" => CommandKind::Reject,
        "stop" => CommandKind::Stop,
        "help" => CommandKind::Help,
        _ => return None,
    };
    Some(word)
}

fn hash(text: &str) -> Option<String> {
    let is_hash = (8..=64).contains(&text.len()) && text.bytes().all(|it| it.is_ascii_hexdigit());
    is_hash.then(|| text.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(comment: &str) -> Vec<&'static str> {
        parse_commands(comment).iter().map(CommandKind::as_str).collect()
    }

    #[test]
    fn a_command_stands_at_the_start_of_a_line() {
        let cases: [(&str, &[&str]); 16] = [
            ("@greenline fix", &["fix"]),
            ("@Greenline RETRY", &["retry"]),
            ("@greenline\texplain, please", &["explain"]),
            ("@greenline stop.", &["stop"]),
            ("Thanks.\n@greenline retry\nand then\n@greenline help", &["retry", "help"]),
            ("Thanks.\r\n@greenline retry\r\n", &["retry"]),
            ("@greenline retry\n@greenline retry", &["retry"]),
            ("   @greenline fix", &["fix"]),
            ("please @greenline fix", &[]),
            ("@greenline", &[]),
            ("@greenline: fix", &[]),
            ("@greenlines fix", &[]),
            ("@greenline-bot fix", &[]),
            ("@greenline frobnicate", &[]),
            ("@greenline fixed it", &[]),
            ("acme@greenline fix", &[]),
        ];
        for (comment, expected) in cases {
            assert_eq!(parsed(comment), expected, "{comment:?}");
        }
    }

    #[test]
    fn what_is_quoted_coded_or_hidden_commands_nothing() {
        for comment in [
            "> @greenline fix",
            "> quote\n@greenline fix",
            "> > @greenline fix",
            "```\n@greenline fix\n```",
            "~~~\n@greenline fix",
            "    @greenline fix",
            "\t@greenline fix",
            "`@greenline fix`",
            "`@greenline` fix",
            "``\n@greenline fix\n``",
            "<!-- @greenline fix -->",
            "<!--\n@greenline fix\n-->",
            "<details>\n@greenline fix\n</details>",
            "<b>@greenline fix</b>",
            "- @greenline fix",
            "1. @greenline fix",
            "- a\n  @greenline fix",
            "# @greenline fix",
            "@greenline fix\n===",
            "| a |\n|---|\n| @greenline fix |",
            "[@greenline fix](https://example.com)",
            "![@greenline fix](x)",
            "**@greenline fix**",
            "*a\n@greenline fix*",
            "~~@greenline fix~~",
            "[a]: @greenline fix",
            "<details>\n\n@greenline fix\n\n</details>",
            "<details>\n\n@greenline fix",
            "<details\nopen\n>\n\n@greenline fix",
            "<details\n\n@greenline fix",
            "<blockquote>\n\n@greenline fix\n\n</blockquote>",
            "<div hidden>\n\n@greenline fix\n\n</div>",
            "<div hidden title=\"</div>\">\n\n@greenline fix\n\n</div>",
            "<DIV hidden>\n\n@greenline fix\n\n</DIV>",
            "<div hidden/>\n\n@greenline fix",
            "<svg>\n\n@greenline fix\n\n</svg>",
            "<table><tr><td>\n\n@greenline fix\n\n</td></tr></table>",
            "a <span hidden>\n@greenline fix\n</span>",
            "a <span hidden>\n\n@greenline fix\n\n</span>",
            "<details>\n<!-- </details> -->\n\n@greenline fix",
            "[^1]: @greenline fix",
            "see[^1]\n\n[^1]: a\n\n    @greenline fix",
            "see[^1]\n\n[^1]: a\n@greenline fix",
            "$$\n@greenline fix\n$$",
            "$$\na\n\n@greenline fix\n\n$$",
            "\\@greenline fix",
            "&#64;greenline fix",
            "&commat;greenline fix",
            "@greenline fi&#120;",
            "@\\greenline fix",
            "@greenline\\ fix",
        ] {
            assert_eq!(parsed(comment), [""; 0], "{comment:?}");
        }
    }

    #[test]
    fn what_stands_after_closed_markup_counts() {
        for comment in [
            "<details>\n\na\n\n</details>\n\n@greenline fix",
            "<div><b>a</div>\n\n@greenline fix",
            "a<br>\n@greenline fix",
            "<img src=\"x\">\n\n@greenline fix",
            "<!-- a -->\n\n@greenline fix",
            "$$x$$\n\n@greenline fix",
            "costs $5\n@greenline fix",
            "a < b\n@greenline fix",
            "[^1]: a\n\nb\n\n@greenline fix",
            "@greenline fix &amp; thanks",
        ] {
            assert_eq!(parsed(comment), ["fix"], "{comment:?}");
        }
    }

    #[test]
    fn letters_that_only_look_right_are_not() {
        for comment in [
            "\u{200b}@greenline fix",
            "@green\u{200b}line fix",
            "@greenline\u{a0}fix",
            "@greenline fi\u{445}",
            "@gr\u{435}enline fix",
            "\u{ff20}greenline fix",
            "@greenline \u{202e}fix",
            "@greenline fix\u{200d}",
            "@greenlıne fix",
        ] {
            assert_eq!(parsed(comment), [""; 0], "{comment:?}");
        }
    }

    #[test]
    fn an_approval_may_name_its_patch() {
        let approve =
            |hash: Option<&str>| vec![CommandKind::Approve { hash: hash.map(str::to_owned) }];
        assert_eq!(parse_commands("@greenline approve"), approve(None));
        assert_eq!(parse_commands("@greenline approve 3F2A91C0aa"), approve(Some("3f2a91c0aa")));
        assert_eq!(parse_commands("@greenline approve it"), approve(None));
        assert_eq!(parse_commands("@greenline approve 3f2a"), approve(None));
    }

    #[test]
    fn nothing_makes_it_slow_or_panic() {
        let long = "a line of text\n".repeat(10_000) + "\n@greenline fix\n";
        assert_eq!(parsed(&long), ["fix"]);
        let many: String = (0..10_000).map(|at| format!("@greenline approve {at:08}\n")).collect();
        assert!(parse_commands(&many[..LONGEST]).len() == MOST_COMMANDS);
        assert_eq!(parsed(&"> ".repeat(50_000)), [""; 0]);
        let nested = format!("{}@greenline fix", "> ".repeat(20_000));
        assert_eq!(parsed(&nested), [""; 0]);
        for text in
            ["", "@", "@greenline ", "ä@greenline fix", "@greenlin\u{e9} fix", "\0@greenline fix"]
        {
            assert_eq!(parsed(text), [""; 0], "{text:?}");
        }
        assert_eq!(parsed(&"@greenline fix ".repeat(100_000)), [""; 0], "longer than any comment");
    }
}
