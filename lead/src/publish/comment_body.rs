//! The text of a comment or an issue on GitHub, and its rendering as Markdown.
//!
//! Safe by its types: a [`MarkdownSpan`] is plain text, a quote or a link. Plain text that could be
//! markup, a mention or a reference is rendered as code. A quote is rendered as code that it can't
//! end, without hidden characters. The text fits GitHub's limit of 65,536 characters: excerpts are
//! cut first.

use std::fmt::Write;

use greenline_diagnosis::Diagnosis;
use greenline_diagnosis::show::{self, code, fenced};
use greenline_forge::PullNumber;
use greenline_queue::content_hash;
use serde::{Deserialize, Serialize};

/// Less than GitHub takes, in bytes, which are never fewer than characters.
const LARGEST: usize = 64_000;

/// The longest block at first; halved until the page fits.
const LONGEST_BLOCK: usize = 32_000;

/// The most entries of a list.
const ROWS: usize = 20;

/// The most bytes of plain words in one line.
const LONGEST_LINE: usize = 600;

/// A part of a line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MarkdownSpan {
    /// Plain words.
    Text(String),
    /// Something named or quoted, shown as code.
    Code(String),
    /// A link over https.
    Link { text: String, url: String },
}

/// A line of pieces.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct MarkdownLine(Vec<MarkdownSpan>);

impl MarkdownLine {
    /// A line that begins with plain words.
    #[must_use]
    pub fn text(text: impl Into<String>) -> Self {
        Self::default().and_text(text)
    }

    /// A line that begins with a quote or a name.
    #[must_use]
    pub fn code(text: impl Into<String>) -> Self {
        Self::default().and_code(text)
    }

    /// The same with plain words after it.
    #[must_use]
    pub fn and_text(mut self, text: impl Into<String>) -> Self {
        self.0.push(MarkdownSpan::Text(text.into()));
        self
    }

    /// The same with a quote or a name after it.
    #[must_use]
    pub fn and_code(mut self, text: impl Into<String>) -> Self {
        self.0.push(MarkdownSpan::Code(text.into()));
        self
    }

    /// The same with a link after it.
    #[must_use]
    pub fn and_link(mut self, text: impl Into<String>, url: impl Into<String>) -> Self {
        self.0.push(MarkdownSpan::Link { text: text.into(), url: url.into() });
        self
    }

    fn markdown(&self) -> String {
        let mut line = String::new();
        for span in self.0.iter().take(ROWS).map(MarkdownSpan::markdown) {
            if !line.is_empty() && !span.starts_with([',', '.', ':', ';']) {
                line.push(' ');
            }
            line.push_str(&span);
        }
        line
    }
}

impl MarkdownSpan {
    fn markdown(&self) -> String {
        match self {
            Self::Text(text) => escape_words(text),
            Self::Code(text) => code(text),
            Self::Link { text, url } if is_plain_https(url) => format!("[{}]({url})", code(text)),
            Self::Link { text, .. } => code(text),
        }
    }
}

/// Words as they are; each that could mean something to a renderer as code.
fn escape_words(text: &str) -> String {
    let text = show::stripped(text);
    let mut line = String::new();
    for word in text.split_whitespace() {
        if line.len() + word.len() > LONGEST_LINE {
            line.push_str(" …");
            break;
        }
        if !line.is_empty() {
            line.push(' ');
        }
        if is_plain(word) { line.push_str(word) } else { line.push_str(&code(word)) }
    }
    line
}

fn is_plain(word: &str) -> bool {
    let allowed = |letter: char| letter.is_alphanumeric() || ",;:.?'()%+-−·–—…×".contains(letter);
    // A price; two of them in a line are no formula, as a space stands before the second.
    let word = word.strip_prefix('$').unwrap_or(word);
    let lower = word.to_lowercase();
    // Without a letter it may be a rule, or make a heading of the line above.
    let is_text = word.contains(char::is_alphanumeric)
        || matches!(word, "·" | "—" | "–" | "…" | ":" | "." | "," | ";");
    is_text && word.chars().all(allowed) && !lower.contains("www.")
}

fn is_plain_https(url: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~/?#=&%:+".contains(&byte);
    let local = url.starts_with("http://127.0.0.1:") || url.starts_with("http://localhost:");
    (url.starts_with("https://") || local) && url.bytes().all(allowed) && url.len() < 2_000
}

/// A part of a section.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SectionBlock {
    /// A paragraph.
    Line(MarkdownLine),
    /// An entry of a list.
    Item(MarkdownLine),
    /// A text as it is: an excerpt, a diff.
    Text(String),
}

/// Something to open for more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CollapsedSection {
    pub summary: MarkdownLine,
    /// Its parts.
    pub blocks: Vec<SectionBlock>,
}

/// The text of a comment, in the order in which it is rendered.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct CommentBody {
    /// The answer.
    pub headline: MarkdownLine,
    /// The facts: place, start, and the state of the base branch.
    pub facts: Vec<MarkdownLine>,
    /// The line of the log that proves it.
    pub quote: String,
    /// The last and the next steps.
    pub next: Vec<MarkdownLine>,
    /// Evidence, excerpts, what would be committed.
    pub sections: Vec<CollapsedSection>,
    /// Words that `@greenline` would obey now.
    pub commands: Vec<String>,
    /// The task behind it.
    pub log_link: Option<MarkdownLine>,
}

impl CommentBody {
    /// A page about a failed job: headline, place, quote and evidence; `next` is the caller's.
    #[must_use]
    pub fn for_diagnosis(job: &str, diagnosis: &Diagnosis) -> Self {
        let text = diagnosis.headline.as_ref().map(|quote| quote.text.trim().to_owned());
        let headline = match &text {
            Some(text) => MarkdownLine::code(job).and_text("fails:").and_code(text),
            None => MarkdownLine::code(job).and_text("fails, and its log does not say why"),
        };
        let place = show::problems(diagnosis).into_iter().find_map(|problem| problem.place);
        let place = place.map(|place| match place.line {
            Some(line) => MarkdownLine::code(format!("{}:{line}", place.path)),
            None => MarkdownLine::code(place.path),
        });
        let facts =
            place.into_iter().chain([MarkdownLine::text(diagnosis.category.words())]).collect();
        let sections = evidence(diagnosis).into_iter().collect();
        Self { headline, facts, quote: text.unwrap_or_default(), sections, ..Self::default() }
    }

    /// The hidden mark that the comment on a pull request is found by.
    #[must_use]
    pub fn marker(pull: PullNumber) -> String {
        format!("<!-- greenline pr={pull} -->")
    }

    /// The hidden mark that the issue about a broken branch is found by. The branch is hashed: its
    /// name may hold what ends a comment in HTML.
    #[must_use]
    pub fn branch_marker(branch: &str) -> String {
        let hash: String = content_hash(branch.as_bytes()).chars().take(16).collect();
        format!("<!-- greenline branch={hash} -->")
    }

    /// The whole text, beginning with its mark.
    #[must_use]
    pub fn markdown(&self, marker: &str) -> String {
        let mut longest = LONGEST_BLOCK;
        loop {
            let body = self.render(marker, longest);
            if body.len() <= LARGEST || longest == 0 {
                return body;
            }
            longest = if longest < 100 { 0 } else { longest / 2 };
        }
    }

    fn render(&self, marker: &str, longest: usize) -> String {
        let mut body = marker.to_owned();
        append(&mut body, format_args!("\n**{}**\n", self.headline.markdown()));
        let facts: Vec<String> = self.facts.iter().take(ROWS).map(MarkdownLine::markdown).collect();
        if !facts.is_empty() {
            append(&mut body, format_args!("{}\n", facts.join(" · ")));
        }
        if !self.quote.trim().is_empty() {
            append(&mut body, format_args!("\n> {}\n", code(&self.quote)));
        }
        for line in self.next.iter().take(ROWS) {
            append(&mut body, format_args!("\n{}\n", line.markdown()));
        }
        for section in self.sections.iter().take(ROWS) {
            section.write(&mut body, longest);
        }
        self.write_commands(&mut body);
        body
    }

    fn write_commands(&self, body: &mut String) {
        let words: Vec<String> = self.commands.iter().take(ROWS).map(|word| code(word)).collect();
        let how = match words.split_first() {
            Some((_, rest)) => {
                let first = code(&format!("@greenline {}", self.commands[0]));
                [&[first][..], rest].concat().join(" · ")
            }
            None => String::new(),
        };
        let log_link = self.log_link.as_ref().map(MarkdownLine::markdown).unwrap_or_default();
        let parts: Vec<&str> =
            [how.as_str(), log_link.as_str()].into_iter().filter(|part| !part.is_empty()).collect();
        if !parts.is_empty() {
            append(body, format_args!("\n{}\n", parts.join(" — ")));
        }
    }
}

impl CollapsedSection {
    fn write(&self, body: &mut String, longest: usize) {
        // A summary is HTML: nothing of it can be markup, a mention or a reference.
        let allowed = |letter: &char| letter.is_alphanumeric() || " ,;:.'()%-+$".contains(*letter);
        let summary: String = self.summary.markdown().chars().filter(allowed).collect();
        append(body, format_args!("\n<details><summary>{summary}</summary>\n"));
        let mut in_list = false;
        for block in self.blocks.iter().take(2 * ROWS) {
            let is_item = matches!(block, SectionBlock::Item(_));
            if !(in_list && is_item) {
                body.push('\n');
            }
            in_list = is_item;
            match block {
                SectionBlock::Line(line) => append(body, format_args!("{}\n", line.markdown())),
                SectionBlock::Item(line) => append(body, format_args!("- {}\n", line.markdown())),
                SectionBlock::Text(text) => body.push_str(&fenced(&cut(text, longest))),
            }
        }
        body.push_str("\n</details>\n");
    }
}

/// The beginning of a text, between characters, with a sign that it was cut.
fn cut(text: &str, longest: usize) -> String {
    if text.len() <= longest {
        return text.to_owned();
    }
    let mut end = longest;
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}\n… ({} bytes more)", &text[..end], text.len() - end)
}

fn evidence(diagnosis: &Diagnosis) -> Option<CollapsedSection> {
    let mut blocks: Vec<SectionBlock> = diagnosis
        .failed_test_details
        .iter()
        .take(ROWS)
        .map(|test| {
            let line = MarkdownLine::code(&test.name);
            SectionBlock::Item(match &test.message {
                Some(message) => line.and_text(":").and_code(message),
                None => line,
            })
        })
        .collect();
    if !diagnosis.excerpt.text.is_empty() {
        blocks.push(SectionBlock::Text(diagnosis.excerpt.text.clone()));
    }
    let summary = match diagnosis.failed_test_details.len() {
        0 => "Evidence: an excerpt of the log".to_owned(),
        1 => "Evidence: 1 failed test, and an excerpt of the log".to_owned(),
        tests => format!("Evidence: {tests} failed tests, and an excerpt of the log"),
    };
    (!blocks.is_empty()).then(|| CollapsedSection { summary: MarkdownLine::text(summary), blocks })
}

fn append(body: &mut String, text: std::fmt::Arguments<'_>) {
    // Writing into a String can't fail.
    let _written = body.write_fmt(text);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body() -> CommentBody {
        CommentBody {
            headline: MarkdownLine::code("test (3.12)")
                .and_text("fails:")
                .and_code("assert None == []"),
            facts: vec![
                MarkdownLine::code("tests/test_parse.py:41"),
                MarkdownLine::text("first seen here in").and_code("3f2a91c"),
                MarkdownLine::text("green on").and_code("main"),
            ],
            quote: "E   AssertionError: assert None == []".to_owned(),
            next: vec![MarkdownLine::text(
                "A repair is being tried (attempt 1 of 2, at most $2.00).",
            )],
            sections: vec![CollapsedSection {
                summary: MarkdownLine::text("Evidence, log excerpt"),
                blocks: vec![
                    SectionBlock::Item(MarkdownLine::code("test_parse")),
                    SectionBlock::Item(MarkdownLine::code("test_empty")),
                    SectionBlock::Text("40 | x\n41 | y\n".to_owned()),
                ],
            }],
            commands: ["stop", "explain", "retry"].map(str::to_owned).to_vec(),
            log_link: Some(
                MarkdownLine::text("task").and_link("ci-fix-812", "https://ci.acme.example/t/1"),
            ),
        }
    }

    const SHOWN: &str = "<!-- greenline pr=812 -->
**`test (3.12)` fails: `assert None == []`**
`tests/test_parse.py:41` · first seen here in `3f2a91c` · green on `main`

> `E AssertionError: assert None == []`

A repair is being tried (attempt 1 of 2, at most $2.00).

<details><summary>Evidence, log excerpt</summary>

- `test_parse`
- `test_empty`

```text
40 | x
41 | y
```

</details>

`@greenline stop` · `explain` · `retry` — task [`ci-fix-812`](https://ci.acme.example/t/1)
";

    #[test]
    fn the_answer_comes_first_and_how_to_answer_last() {
        assert_eq!(body().markdown(&CommentBody::marker(PullNumber(812))), SHOWN);
    }

    #[test]
    fn stored_pages_are_read_again() {
        let stored = serde_json::to_string(&body()).unwrap();
        assert_eq!(serde_json::from_str::<CommentBody>(&stored).unwrap(), body());
        let old = r#"{"headline":[{"text":"red"}],"next":[[{"code":"x"}]],"later":1}"#;
        let read: CommentBody = serde_json::from_str(old).unwrap();
        assert_eq!(read.headline, MarkdownLine::text("red"));
    }

    const HOSTILE: [&str; 10] = [
        "@everyone look",
        "closes #12 and acme/app#7",
        "</details><img src=x onerror=alert(1)>",
        "![x](https://evil.example/x.png)",
        "``` \n# title\n```",
        "a\u{202e}b\u{200b}c\x1b[31m",
        "<!-- greenline pr=1 -->",
        "www.evil.example http://evil.example",
        "| a | b |\n|---|---|",
        "*bold* _it_ ~~x~~ $$x$$ :smile: [a]: b",
    ];

    #[test]
    fn hostile_text_stays_text_wherever_it_stands() {
        for text in HOSTILE {
            let line = || MarkdownLine::text(text).and_code(text).and_link(text, text);
            let body = CommentBody {
                headline: line(),
                facts: vec![line()],
                quote: text.to_owned(),
                next: vec![line()],
                sections: vec![CollapsedSection {
                    summary: line(),
                    blocks: vec![
                        SectionBlock::Line(line()),
                        SectionBlock::Item(line()),
                        SectionBlock::Text(text.into()),
                    ],
                }],
                commands: vec![text.to_owned()],
                log_link: Some(line()),
            };
            let body = body.markdown(&CommentBody::marker(PullNumber(812)));
            assert!(!body.contains(['\u{202e}', '\u{200b}', '\x1b']), "{body}");
            let (text, html) = outside_of_code(&body);
            assert!(!text.contains(['@', '#', '!']), "{text}");
            assert!(!text.contains("evil") || !text.contains("www"), "{text}");
            let ours =
                ["<!-- greenline pr=812 -->", "<details><summary>", "</summary>", "</details>"];
            for tag in &html {
                let rest = ours.iter().fold(tag.clone(), |rest, ours| rest.replace(ours, ""));
                assert!(!rest.contains(['<', '>']), "{tag} in {body}");
            }
        }
    }

    /// Returns the text and the HTML that a renderer sees.
    fn outside_of_code(body: &str) -> (String, Vec<String>) {
        use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};
        let (mut text, mut html, mut in_block) = (String::new(), Vec::new(), false);
        for event in Parser::new_ext(body, Options::all()) {
            match event {
                Event::Start(Tag::CodeBlock(_)) => in_block = true,
                Event::End(TagEnd::CodeBlock) => in_block = false,
                Event::Text(expected) if !in_block => text.push_str(&expected),
                Event::Html(tag) | Event::InlineHtml(tag) => html.push(tag.to_string()),
                Event::Start(Tag::Image { .. } | Tag::Heading { .. } | Tag::Table(_)) => {
                    panic!("markup of theirs in {body}")
                }
                _ => {}
            }
        }
        (text, html)
    }

    #[test]
    fn it_fits_whatever_it_is_given() {
        let mut body = body();
        let long = "ä`@x ".repeat(20_000);
        body.quote = long.clone();
        body.next = vec![MarkdownLine::text(long.clone()).and_code(long.clone()); 100];
        body.facts = vec![MarkdownLine::code(long.clone()); 100];
        body.sections = vec![
            CollapsedSection {
                summary: MarkdownLine::text(long.clone()),
                blocks: vec![SectionBlock::Text(long); 100]
            };
            3
        ];
        let body = body.markdown(&CommentBody::marker(PullNumber(812)));
        assert!(body.len() <= 65_536, "{}", body.len());
        assert!(body.ends_with("(https://ci.acme.example/t/1)\n"), "how to answer stays");
    }
}
