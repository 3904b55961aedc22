//! A diagnosis for people at a terminal: the answer, then the evidence, then the next steps.
//!
//! Text from a log is hostile: characters that move the cursor or reorder text are shown by their
//! numbers.

use std::fmt::Write;

use anstyle::Style;
use greenline_diagnosis::show::{Diagnosed, RepoLocation, percent, problems, visible};
use greenline_diagnosis::{Diagnosis, FailedTest, Verdict};

use crate::print::style::{BAD, BOLD, DIM, GOOD, WARN};
use crate::print::text;

/// The most entries of a list.
const MOST: usize = 10;
const PLAIN: Style = Style::new();

/// The presentation of a page.
#[derive(Debug)]
pub(super) struct TerminalOptions {
    /// The line width.
    pub(super) width: Option<usize>,
    /// Shows the whole excerpt.
    pub(super) excerpt: bool,
    /// The log's path, for a suggested command.
    pub(super) again: String,
}

/// Renders the page for these logs, of which `chosen` is the most informative.
pub(super) fn page(logs: &[Diagnosed], chosen: &Diagnosed, view: &TerminalOptions) -> String {
    let mut page = TerminalPage { text: String::new(), width: view.width };
    let it = &chosen.diagnosis;
    answer(&mut page, chosen);
    tests(&mut page, &it.failed_test_details);
    places(&mut page, it);
    evidence(&mut page, it);
    if view.excerpt && !it.excerpt.text.is_empty() {
        page.head("excerpt");
        page.text.push_str(visible(it.excerpt.text.trim_end()).as_ref());
        page.text.push('\n');
    }
    next(&mut page, it, view);
    others(&mut page, logs, chosen);
    page.text
}

struct TerminalPage {
    text: String,
    width: Option<usize>,
}

impl TerminalPage {
    /// Writes one line of pieces, cut at the terminal's width.
    fn line(&mut self, pieces: &[(&str, Style)]) {
        let mut room = self.width.unwrap_or(usize::MAX);
        for (piece, style) in pieces {
            let piece = visible(piece);
            let shown = text::cut(piece.as_ref(), room);
            room = room.saturating_sub(text::width(&shown));
            // Writing to a `String` can't fail.
            let _written = write!(self.text, "{style}{shown}{style:#}");
            if room == 0 || shown.len() < piece.len() {
                break;
            }
        }
        self.text.push('\n');
    }

    fn head(&mut self, title: &str) {
        self.text.push('\n');
        self.line(&[(title, DIM)]);
    }

    fn more(&mut self, all: usize) {
        if all > MOST {
            self.line(&[(&format!("  and {} more", all - MOST), DIM)]);
        }
    }
}

fn answer(page: &mut TerminalPage, log: &Diagnosed) {
    let it = &log.diagnosis;
    let Some(headline) = &it.headline else {
        page.line(&[(&format!("Nothing in {} looks like a failure.", log.name()), BOLD)]);
        return;
    };
    page.line(&[(log.name(), BOLD), (" fails: ", PLAIN), (&one_line(&headline.text), BAD)]);
    let mut facts = vec![it.category.words().to_owned()];
    facts.extend(it.framework.clone());
    facts.extend(place(it).map(|place| format!("at {}", written(&place))));
    page.line(&[(&facts.join(" · "), PLAIN)]);
    let sure = format!(", {} sure: ", percent(it.confidence));
    page.line(&[
        (it.verdict.as_str(), style_of(it.verdict)),
        (&sure, PLAIN),
        (&one_line(&it.reason), PLAIN),
    ]);
}

fn style_of(verdict: Verdict) -> Style {
    match verdict {
        Verdict::Fixable => GOOD,
        Verdict::Rerun | Verdict::Escalate => WARN,
        Verdict::Investigate => BOLD,
    }
}

fn place(diagnosis: &Diagnosis) -> Option<RepoLocation> {
    problems(diagnosis).into_iter().find_map(|problem| problem.place)
}

fn written(place: &RepoLocation) -> String {
    let number = |number: Option<u32>| number.map_or(String::new(), |it| format!(":{it}"));
    format!("{}{}{}", place.path, number(place.line), number(place.column))
}

fn one_line(text: &str) -> String {
    visible(text).split_whitespace().collect::<Vec<_>>().join(" ")
}

fn tests(page: &mut TerminalPage, tests: &[FailedTest]) {
    if tests.is_empty() {
        return;
    }
    let title = if tests.len() == 1 { "failed test" } else { "failed tests" };
    page.head(&format!("{title} ({})", tests.len()));
    for test in tests.iter().take(MOST) {
        let at = test.location.as_ref().and_then(RepoLocation::of).map(|place| written(&place));
        page.line(&[("  ", PLAIN), (&one_line(&test.name), BOLD)]);
        if let Some(at) = at {
            page.line(&[("    ", PLAIN), (&at, DIM)]);
        }
        for line in test.message.iter().flat_map(|message| message.lines()).take(3) {
            page.line(&[("    ", PLAIN), (line, PLAIN)]);
        }
        for (what, value) in [("expected  ", &test.expected), ("actual    ", &test.actual)] {
            if let Some(value) = value {
                page.line(&[("    ", PLAIN), (what, DIM), (&one_line(value), PLAIN)]);
            }
        }
    }
    page.more(tests.len());
}

/// Lists complaints with a place that are not failed tests.
fn places(page: &mut TerminalPage, diagnosis: &Diagnosis) {
    let found: Vec<(String, String)> = problems(diagnosis)
        .into_iter()
        .filter(|problem| !problem.rule.ends_with("/failed-test"))
        .filter_map(|problem| Some((written(&problem.place?), one_line(&problem.message))))
        .collect();
    if found.is_empty() {
        return;
    }
    page.head(&format!("places ({})", found.len()));
    let widest = found.iter().take(MOST).map(|(place, _)| text::width(place)).max().unwrap_or(0);
    for (place, message) in found.iter().take(MOST) {
        let gap = " ".repeat(widest.min(40).saturating_sub(text::width(place)) + 2);
        page.line(&[("  ", PLAIN), (place, BOLD), (&gap, PLAIN), (message, PLAIN)]);
    }
    page.more(found.len());
}

fn evidence(page: &mut TerminalPage, diagnosis: &Diagnosis) {
    if diagnosis.evidence.is_empty() {
        return;
    }
    page.head("evidence, by line of the log");
    let widest = diagnosis.evidence.iter().map(|quote| quote.line).max().unwrap_or(0);
    let width = widest.to_string().len();
    for quote in diagnosis.evidence.iter().take(MOST) {
        let number = format!("  {:>width$}  ", quote.line);
        page.line(&[(&number, DIM), (&quote.text, PLAIN)]);
    }
    page.more(diagnosis.evidence.len());
    if let Some(step) = &diagnosis.step {
        let ran = step.text.trim_start_matches("##[group]");
        page.line(&[(&format!("  in the step of line {}: ", step.line), DIM), (ran, PLAIN)]);
    }
}

fn next(page: &mut TerminalPage, diagnosis: &Diagnosis, view: &TerminalOptions) {
    page.head("next");
    if diagnosis.headline.is_none() {
        page.line(&[("  if the job did fail, this may not be its whole log", PLAIN)]);
        return;
    }
    page.line(&[("  ", PLAIN), (diagnosis.verdict.advice(), PLAIN)]);
    if diagnosis.verdict == Verdict::Rerun {
        page.line(&[
            ("  gh run rerun RUN --failed", BOLD),
            ("  runs the failed jobs again", PLAIN),
        ]);
    }
    let lines: u32 = diagnosis.excerpt.ranges.iter().map(|(from, to)| to - from + 1).sum();
    if lines > 0 && !view.excerpt {
        let command = format!("  greenline diagnose --excerpt {}", view.again);
        let what = match lines {
            1 => "  shows the line that a repair needs".to_owned(),
            _ => format!("  shows the {lines} lines that a repair needs"),
        };
        page.line(&[(&command, BOLD), (&what, PLAIN)]);
    }
}

fn others(page: &mut TerminalPage, logs: &[Diagnosed], chosen: &Diagnosed) {
    let others: Vec<&Diagnosed> = logs.iter().filter(|log| !std::ptr::eq(*log, chosen)).collect();
    if others.is_empty() {
        return;
    }
    page.head(&format!("other logs ({})", others.len()));
    let widest = others.iter().take(MOST).map(|log| text::width(log.name())).max().unwrap_or(0);
    for log in others.iter().take(MOST) {
        let gap = " ".repeat(widest.min(40).saturating_sub(text::width(log.name())) + 2);
        let (message, style) = match &log.diagnosis.headline {
            Some(headline) => (one_line(&headline.text), PLAIN),
            None => ("nothing looks like a failure".to_owned(), DIM),
        };
        page.line(&[("  ", PLAIN), (log.name(), BOLD), (&gap, PLAIN), (&message, style)]);
    }
    page.more(others.len());
}

#[cfg(test)]
#[path = "terminal_tests.rs"]
mod golden;
