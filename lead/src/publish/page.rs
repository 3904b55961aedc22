//! The text of a comment or an issue on GitHub, and its rendering as Markdown.
//!
//! Safe by its types: a [`Piece`] is plain text, a quote or a link. Plain text that could be
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
pub enum Piece {
    /// Plain words.
    Says(String),
    /// Something named or quoted, shown as code.
    Quotes(String),
    /// A link over https.
    Link { text: String, url: String },
}

/// A line of pieces.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Line(Vec<Piece>);

impl Line {
    /// A line that begins with plain words.
    #[must_use]
    pub fn says(text: impl Into<String>) -> Self {
        Self::default().and_says(text)
    }

    /// A line that begins with a quote or a name.
    #[must_use]
    pub fn quotes(text: impl Into<String>) -> Self {
        Self::default().and_quotes(text)
    }

    /// The same with plain words after it.
    #[must_use]
    pub fn and_says(mut self, text: impl Into<String>) -> Self {
        self.0.push(Piece::Says(text.into()));
        self
    }

    /// The same with a quote or a name after it.
    #[must_use]
    pub fn and_quotes(mut self, text: impl Into<String>) -> Self {
        self.0.push(Piece::Quotes(text.into()));
        self
    }

    /// The same with a link after it.
    #[must_use]
    pub fn and_link(mut self, text: impl Into<String>, url: impl Into<String>) -> Self {
        self.0.push(Piece::Link { text: text.into(), url: url.into() });
        self
    }

    fn markdown(&self) -> String {
        let mut line = String::new();
        for piece in self.0.iter().take(ROWS).map(Piece::markdown) {
            if !line.is_empty() && !piece.starts_with([',', '.', ':', ';']) {
                line.push(' ');
            }
            line.push_str(&piece);
        }
        line
    }
}

impl Piece {
    fn markdown(&self) -> String {
        match self {
            Self::Says(text) => plain(text),
            Self::Quotes(text) => code(text),
            Self::Link { text, url } if is_plain_https(url) => format!("[{}]({url})", code(text)),
            Self::Link { text, .. } => code(text),
        }
    }
}

/// Words as they are; each that could mean something to a renderer as code.
fn plain(text: &str) -> String {
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
    let says = word.contains(char::is_alphanumeric)
        || matches!(word, "·" | "—" | "–" | "…" | ":" | "." | "," | ";");
    says && word.chars().all(allowed) && !lower.contains("www.")
}

fn is_plain_https(url: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~/?#=&%:+".contains(&byte);
    let local = url.starts_with("http://127.0.0.1:") || url.starts_with("http://localhost:");
    (url.starts_with("https://") || local) && url.bytes().all(allowed) && url.len() < 2_000
}

/// A part of a fold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Block {
    /// A paragraph.
    Line(Line),
    /// An entry of a list.
    Item(Line),
    /// A text as it is: an excerpt, a diff.
    Text(String),
}

/// Something to open for more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fold {
    pub summary: Line,
    /// Its parts.
    pub blocks: Vec<Block>,
}

/// The text of a comment, in the order in which it is rendered.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Page {
    /// The answer.
    pub headline: Line,
    /// The facts: place, start, and the state of the base branch.
    pub facts: Vec<Line>,
    /// The line of the log that proves it.
    pub quote: String,
    /// The last and the next steps.
    pub next: Vec<Line>,
    /// Evidence, excerpts, what would be committed.
    pub folds: Vec<Fold>,
    /// Words that `@greenline` would obey now.
    pub answers: Vec<String>,
    /// The task behind it.
    pub behind: Option<Line>,
}

impl Page {
    /// A page about a failed job: headline, place, quote and evidence; `next` is the caller's.
    #[must_use]
    pub fn about(job: &str, diagnosis: &Diagnosis) -> Self {
        let says = diagnosis.headline.as_ref().map(|quote| quote.text.trim().to_owned());
        let headline = match &says {
            Some(says) => Line::quotes(job).and_says("fails:").and_quotes(says),
            None => Line::quotes(job).and_says("fails, and its log does not say why"),
        };
        let place = show::problems(diagnosis).into_iter().find_map(|problem| problem.place);
        let place = place.map(|place| match place.line {
            Some(line) => Line::quotes(format!("{}:{line}", place.path)),
            None => Line::quotes(place.path),
        });
        let facts = place.into_iter().chain([Line::says(diagnosis.category.words())]).collect();
        let folds = evidence(diagnosis).into_iter().collect();
        Self { headline, facts, quote: says.unwrap_or_default(), folds, ..Self::default() }
    }

    /// The hidden mark that the comment on a pull request is found by.
    #[must_use]
    pub fn mark(pull: PullNumber) -> String {
        format!("<!-- greenline pr={pull} -->")
    }

    /// The hidden mark that the issue about a broken branch is found by. The branch is hashed: its
    /// name may hold what ends a comment in HTML.
    #[must_use]
    pub fn mark_of_branch(branch: &str) -> String {
        let hash: String = content_hash(branch.as_bytes()).chars().take(16).collect();
        format!("<!-- greenline branch={hash} -->")
    }

    /// The whole text, beginning with its mark.
    #[must_use]
    pub fn markdown(&self, mark: &str) -> String {
        let mut longest = LONGEST_BLOCK;
        loop {
            let body = self.written(mark, longest);
            if body.len() <= LARGEST || longest == 0 {
                return body;
            }
            longest = if longest < 100 { 0 } else { longest / 2 };
        }
    }

    fn written(&self, mark: &str, longest: usize) -> String {
        let mut body = mark.to_owned();
        put(&mut body, format_args!("\n**{}**\n", self.headline.markdown()));
        let facts: Vec<String> = self.facts.iter().take(ROWS).map(Line::markdown).collect();
        if !facts.is_empty() {
            put(&mut body, format_args!("{}\n", facts.join(" · ")));
        }
        if !self.quote.trim().is_empty() {
            put(&mut body, format_args!("\n> {}\n", code(&self.quote)));
        }
        for line in self.next.iter().take(ROWS) {
            put(&mut body, format_args!("\n{}\n", line.markdown()));
        }
        for fold in self.folds.iter().take(ROWS) {
            fold.write(&mut body, longest);
        }
        self.write_answers(&mut body);
        body
    }

    fn write_answers(&self, body: &mut String) {
        let words: Vec<String> = self.answers.iter().take(ROWS).map(|word| code(word)).collect();
        let how = match words.split_first() {
            Some((_, rest)) => {
                let first = code(&format!("@greenline {}", self.answers[0]));
                [&[first][..], rest].concat().join(" · ")
            }
            None => String::new(),
        };
        let behind = self.behind.as_ref().map(Line::markdown).unwrap_or_default();
        let parts: Vec<&str> =
            [how.as_str(), behind.as_str()].into_iter().filter(|part| !part.is_empty()).collect();
        if !parts.is_empty() {
            put(body, format_args!("\n{}\n", parts.join(" — ")));
        }
    }
}

impl Fold {
    fn write(&self, body: &mut String, longest: usize) {
        // A summary is HTML: nothing of it can be markup, a mention or a reference.
        let plain = |letter: &char| letter.is_alphanumeric() || " ,;:.'()%-+$".contains(*letter);
        let summary: String = self.summary.markdown().chars().filter(plain).collect();
        put(body, format_args!("\n<details><summary>{summary}</summary>\n"));
        let mut in_list = false;
        for block in self.blocks.iter().take(2 * ROWS) {
            let is_item = matches!(block, Block::Item(_));
            if !(in_list && is_item) {
                body.push('\n');
            }
            in_list = is_item;
            match block {
                Block::Line(line) => put(body, format_args!("{}\n", line.markdown())),
                Block::Item(line) => put(body, format_args!("- {}\n", line.markdown())),
                Block::Text(text) => body.push_str(&fenced(&cut(text, longest))),
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

fn evidence(diagnosis: &Diagnosis) -> Option<Fold> {
    let mut blocks: Vec<Block> = diagnosis
        .failed_test_details
        .iter()
        .take(ROWS)
        .map(|test| {
            let line = Line::quotes(&test.name);
            Block::Item(match &test.message {
                Some(message) => line.and_says(":").and_quotes(message),
                None => line,
            })
        })
        .collect();
    if !diagnosis.excerpt.text.is_empty() {
        blocks.push(Block::Text(diagnosis.excerpt.text.clone()));
    }
    let summary = match diagnosis.failed_test_details.len() {
        0 => "Evidence: an excerpt of the log".to_owned(),
        1 => "Evidence: 1 failed test, and an excerpt of the log".to_owned(),
        tests => format!("Evidence: {tests} failed tests, and an excerpt of the log"),
    };
    (!blocks.is_empty()).then(|| Fold { summary: Line::says(summary), blocks })
}

fn put(body: &mut String, text: std::fmt::Arguments<'_>) {
    // Writing into a String can't fail.
    let _written = body.write_fmt(text);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page() -> Page {
        Page {
            headline: Line::quotes("test (3.12)")
                .and_says("fails:")
                .and_quotes("assert None == []"),
            facts: vec![
                Line::quotes("tests/test_parse.py:41"),
                Line::says("first seen here in").and_quotes("3f2a91c"),
                Line::says("green on").and_quotes("main"),
            ],
            quote: "E   AssertionError: assert None == []".to_owned(),
            next: vec![Line::says("A repair is being tried (attempt 1 of 2, at most $2.00).")],
            folds: vec![Fold {
                summary: Line::says("Evidence, log excerpt"),
                blocks: vec![
                    Block::Item(Line::quotes("test_parse")),
                    Block::Item(Line::quotes("test_empty")),
                    Block::Text("40 | x\n41 | y\n".to_owned()),
                ],
            }],
            answers: ["stop", "explain", "retry"].map(str::to_owned).to_vec(),
            behind: Some(Line::says("task").and_link("ci-fix-812", "https://ci.acme.example/t/1")),
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
        assert_eq!(page().markdown(&Page::mark(PullNumber(812))), SHOWN);
    }

    #[test]
    fn stored_pages_are_read_again() {
        let stored = serde_json::to_string(&page()).unwrap();
        assert_eq!(serde_json::from_str::<Page>(&stored).unwrap(), page());
        let old = r#"{"headline":[{"says":"red"}],"next":[[{"quotes":"x"}]],"later":1}"#;
        let read: Page = serde_json::from_str(old).unwrap();
        assert_eq!(read.headline, Line::says("red"));
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
            let line = || Line::says(text).and_quotes(text).and_link(text, text);
            let page = Page {
                headline: line(),
                facts: vec![line()],
                quote: text.to_owned(),
                next: vec![line()],
                folds: vec![Fold {
                    summary: line(),
                    blocks: vec![
                        Block::Line(line()),
                        Block::Item(line()),
                        Block::Text(text.into()),
                    ],
                }],
                answers: vec![text.to_owned()],
                behind: Some(line()),
            };
            let body = page.markdown(&Page::mark(PullNumber(812)));
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
                Event::Text(said) if !in_block => text.push_str(&said),
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
        let mut page = page();
        let long = "ä`@x ".repeat(20_000);
        page.quote = long.clone();
        page.next = vec![Line::says(long.clone()).and_quotes(long.clone()); 100];
        page.facts = vec![Line::quotes(long.clone()); 100];
        page.folds =
            vec![
                Fold { summary: Line::says(long.clone()), blocks: vec![Block::Text(long); 100] };
                3
            ];
        let body = page.markdown(&Page::mark(PullNumber(812)));
        assert!(body.len() <= 65_536, "{}", body.len());
        assert!(body.ends_with("(https://ci.acme.example/t/1)\n"), "how to answer stays");
    }
}
