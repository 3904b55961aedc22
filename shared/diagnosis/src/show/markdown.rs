//! Renders a diagnosis as Markdown, for a pull request's comment or a job's summary.
//!
//! - The answer comes first, in one line; the evidence follows, folded.
//! - Text from a log is in a code span or a fenced block that it can't end, without hidden
//!   characters. GitHub sees no markup, links, mentions or references there.
//! - The result fits a comment (65,536 characters): long lists are cut with a note.

use std::fmt::Write;

use super::{Diagnosed, RepoLocation, most_informative, percent, stripped};
use crate::contract::{Diagnosis, FailedTest, Quote};
use crate::cut;

/// The most rows of a list.
const ROWS: usize = 20;
/// The most bytes of a text inside a line.
const INLINE: usize = 200;

/// Renders the page for these logs: the most informative one, then the others in a list.
#[must_use]
pub fn markdown(logs: &[Diagnosed]) -> String {
    let mut page = String::new();
    if let Some(chosen) = most_informative(logs) {
        one(&mut page, chosen);
        let others: Vec<&Diagnosed> =
            logs.iter().filter(|log| !std::ptr::eq(*log, chosen)).collect();
        list_others(&mut page, &others);
    }
    page
}

fn one(page: &mut String, log: &Diagnosed) {
    let it = &log.diagnosis;
    let Some(headline) = &it.headline else {
        put(page, format_args!("**Nothing in {} looks like a failure.**\n", code(log.name())));
        return;
    };
    let text = code(headline.text.trim());
    put(page, format_args!("**{} fails: {text}**\n", code(log.name())));
    let facts =
        [place(it), Some(it.category.words().to_owned()), it.framework.as_deref().map(code)];
    put(page, format_args!("{}\n", facts.into_iter().flatten().collect::<Vec<_>>().join(" · ")));
    let sure = percent(it.confidence);
    let reason = prose(&it.reason);
    put(page, format_args!("\n{}, {sure} sure: {reason}.\n", capital(it.verdict.advice())));
    failed_tests(page, &it.failed_test_details);
    proof(page, it);
}

/// Returns the first known place, of a test or a tool's complaint.
fn place(diagnosis: &Diagnosis) -> Option<String> {
    let place = super::problems(diagnosis).into_iter().find_map(|problem| problem.place)?;
    Some(code(&written(&place)))
}

fn written(place: &RepoLocation) -> String {
    match place.line {
        Some(line) => format!("{}:{line}", place.path),
        None => place.path.clone(),
    }
}

fn failed_tests(page: &mut String, tests: &[FailedTest]) {
    if tests.is_empty() {
        return;
    }
    page.push_str("\n| failed test | where | what it says |\n|---|---|---|\n");
    for test in tests.iter().take(ROWS) {
        let at =
            test.location.as_ref().and_then(RepoLocation::of).map(|place| cell(&written(&place)));
        let text = test.message.as_deref().map(cell);
        put(
            page,
            format_args!(
                "| {} | {} | {} |\n",
                cell(&test.name),
                at.unwrap_or_default(),
                text.unwrap_or_default()
            ),
        );
    }
    and_more(page, tests.len());
}

fn proof(page: &mut String, diagnosis: &Diagnosis) {
    let lines = diagnosis.evidence.len();
    let what = match (lines, diagnosis.excerpt.text.is_empty()) {
        (0, true) => return,
        (0, false) => "Excerpt of the log".to_owned(),
        (1, true) => "Evidence: 1 line".to_owned(),
        (1, false) => "Evidence: 1 line, and an excerpt of the log".to_owned(),
        (_, true) => format!("Evidence: {lines} lines"),
        (_, false) => format!("Evidence: {lines} lines, and an excerpt of the log"),
    };
    put(page, format_args!("\n<details><summary>{what}</summary>\n"));
    if lines > 0 {
        put(page, format_args!("\n{}", fenced(&numbered(&diagnosis.evidence))));
    }
    if !diagnosis.excerpt.text.is_empty() {
        put(page, format_args!("\n{}", fenced(&diagnosis.excerpt.text)));
    }
    page.push_str("\n</details>\n");
}

fn numbered(lines: &[Quote]) -> String {
    let width = lines.iter().map(|quote| quote.line.to_string().len()).max().unwrap_or(1);
    lines.iter().map(|quote| format!("{:>width$} | {}\n", quote.line, quote.text)).collect()
}

fn list_others(page: &mut String, others: &[&Diagnosed]) {
    if others.is_empty() {
        return;
    }
    page.push_str("\n| other logs | kind | what it says |\n|---|---|---|\n");
    for log in others.iter().take(ROWS) {
        let headline = log.diagnosis.headline.as_ref();
        let (kind, text) = match headline {
            Some(headline) => (log.diagnosis.category.words(), cell(headline.text.trim())),
            None => ("nothing looks like a failure", String::new()),
        };
        put(page, format_args!("| {} | {kind} | {text} |\n", cell(log.name())));
    }
    and_more(page, others.len());
}

fn and_more(page: &mut String, all: usize) {
    if all > ROWS {
        put(page, format_args!("\nand {} more\n", all - ROWS));
    }
}

fn put(page: &mut String, text: std::fmt::Arguments<'_>) {
    // Writing to a `String` can't fail.
    let _written = page.write_fmt(text);
}

fn capital(words: &str) -> String {
    let mut letters = words.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

/// Returns one line without hidden characters, cut to a limit.
fn inline(text: &str) -> String {
    let text = stripped(text);
    let words: Vec<&str> = text.split_whitespace().collect();
    let line = words.join(" ");
    let short = cut::at_char(&line, INLINE);
    if short.len() < line.len() { format!("{short}…") } else { line }
}

/// Returns a code span that its text can't end: one line without hidden characters, cut to a limit.
#[must_use]
pub fn code(text: &str) -> String {
    let text = inline(text);
    if text.is_empty() {
        return String::new();
    }
    let fence = "`".repeat(longest_run(&text, '`') + 1);
    let pad = if text.starts_with('`') || text.ends_with('`') { " " } else { "" };
    format!("{fence}{pad}{text}{pad}{fence}")
}

/// Returns a code span for a table. A `|` would end the cell, and no renderer-independent escape
/// exists inside a span: then it becomes an element whose non-alphanumeric characters are character
/// references.
fn cell(text: &str) -> String {
    let line = inline(text);
    if !line.contains('|') {
        return code(&line);
    }
    let mut element = String::from("<code>");
    for letter in line.chars() {
        if letter.is_alphanumeric() || letter == ' ' {
            element.push(letter);
        } else {
            put(&mut element, format_args!("&#{};", u32::from(letter)));
        }
    }
    element + "</code>"
}

/// Returns a sentence as it is, or as a code span if it holds text from a log.
fn prose(text: &str) -> String {
    let text = inline(text.trim_end_matches('.'));
    let plain = |letter: char| letter.is_alphanumeric() || " ,;'()%-".contains(letter);
    if text.chars().all(plain) { text } else { code(&text) }
}

/// Returns a fenced block that its text can't end, without hidden characters.
#[must_use]
pub fn fenced(text: &str) -> String {
    let text = stripped(text);
    let fence = "`".repeat(longest_run(&text, '`').max(2) + 1);
    format!("{fence}text\n{}\n{fence}\n", text.trim_end_matches('\n'))
}

fn longest_run(text: &str, of: char) -> usize {
    text.split(|letter| letter != of).map(str::len).max().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::show::samples;

    fn page(diagnosis: Diagnosis) -> String {
        markdown(&[Diagnosed { log: "job.log".to_owned(), diagnosis }])
    }

    #[test]
    fn the_answer_comes_first_and_the_proof_is_folded() {
        assert_eq!(page(samples::failed_test()), include_str!("golden/failed_test.md"));
    }

    #[test]
    fn the_other_logs_of_a_run_are_a_list() {
        let quiet = Diagnosed { log: "lint.log".to_owned(), diagnosis: samples::nothing() };
        let mut other = samples::diagnosed();
        other.diagnosis.job = Some("test (3.11)".to_owned());
        let page = markdown(&[quiet, samples::diagnosed(), other]);
        assert!(page.starts_with("**`test (3.12)` fails"), "{page}");
        assert!(page.contains("| `lint.log` | nothing looks like a failure |  |\n"), "{page}");
        assert!(
            page.contains("| `test (3.11)` | a test fails | `E assert None == []` |"),
            "{page}"
        );
    }

    #[test]
    fn nothing_is_said_in_a_line() {
        let expected = "**Nothing in `job.log` looks like a failure.**\n";
        assert_eq!(page(samples::nothing()), expected);
        assert_eq!(markdown(&[]), "");
    }

    #[test]
    fn long_lists_are_cut_and_say_so() {
        let mut diagnosis = samples::failed_test();
        let test = diagnosis.failed_test_details[0].clone();
        diagnosis.failed_test_details = vec![test; 61];
        let page = page(diagnosis);
        assert_eq!(page.matches("test_empty` |").count(), ROWS);
        assert!(page.contains("\nand 41 more\n"), "{page}");
    }

    #[test]
    fn hostile_text_stays_in_its_spans_and_blocks() {
        let page = page(samples::hostile());
        assert_eq!(outside_of_code(&page), include_str!("golden/hostile_frame.md"), "{page}");
        assert!(!page.contains(['\x1b', '\u{202e}', '\u{2069}']));
    }

    /// Returns the page without GitHub's code spans and blocks, by CommonMark's rules for both.
    fn outside_of_code(page: &str) -> String {
        let mut rest = String::new();
        let mut block: Option<usize> = None;
        for line in page.lines() {
            let ticks = line.len() - line.trim_start_matches('`').len();
            match block {
                Some(open) if ticks >= open && ticks == line.len() => block = None,
                Some(_) => {}
                None if ticks >= 3 && !line[ticks..].contains('`') => block = Some(ticks),
                None => {
                    rest.push_str(&without_spans(line));
                    rest.push('\n');
                }
            }
        }
        rest
    }

    fn without_spans(line: &str) -> String {
        let mut rest = String::new();
        let mut at = 0;
        while let Some(found) = line[at..].find('`') {
            let open = at + found;
            rest.push_str(&line[at..open]);
            let ticks = line[open..].len() - line[open..].trim_start_matches('`').len();
            let mut close = open + ticks;
            loop {
                let next = line[close..].find('`').expect("a span ends") + close;
                let run = line[next..].len() - line[next..].trim_start_matches('`').len();
                close = next + run;
                if run == ticks {
                    break;
                }
            }
            rest.push_str("CODE");
            at = close;
        }
        rest.push_str(&line[at..]);
        without_elements(&rest)
    }

    fn without_elements(line: &str) -> String {
        let harmless =
            |text: &str| text.chars().all(|it| it.is_alphanumeric() || " &#;".contains(it));
        let mut parts = line.split("<code>");
        let mut rest = parts.next().unwrap_or_default().to_owned();
        for part in parts {
            let (inside, after) = part.split_once("</code>").expect("an element ends");
            assert!(harmless(inside), "{inside}");
            rest.push_str("CODE");
            rest.push_str(after);
        }
        rest
    }
}
