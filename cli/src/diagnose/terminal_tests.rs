//! Tests of the page as people see it, without colors.

use greenline_diagnosis::{DiagnosisOptions, diagnose};

use super::*;

fn without_styles(page: &str) -> String {
    anstream::adapter::strip_str(page).to_string()
}

fn sample() -> Diagnosed {
    let diagnosis = serde_json::from_str(include_str!("golden/failed_test.json"));
    Diagnosed { log: "job.log".to_owned(), diagnosis: diagnosis.expect("a diagnosis") }
}

fn view(width: usize) -> TerminalOptions {
    TerminalOptions { width: Some(width), excerpt: false, again: "job.log".to_owned() }
}

fn shown(log: &Diagnosed, view: &TerminalOptions) -> String {
    without_styles(&page(std::slice::from_ref(log), log, view))
}

#[test]
fn the_answer_comes_first_then_the_proof_then_what_to_do() {
    assert_eq!(shown(&sample(), &view(80)), include_str!("golden/failed_test.txt"));
}

#[test]
fn the_whole_excerpt_is_shown_when_asked_for() {
    let page = shown(&sample(), &TerminalOptions { excerpt: true, ..view(80) });
    assert!(page.contains("excerpt\n810 | def test_empty():\n"), "{page}");
    assert!(!page.contains("--excerpt"), "{page}");
}

#[test]
fn no_line_is_wider_than_the_terminal_whatever_its_letters() {
    let mut log = sample();
    let wide = "日本語のテキスト".repeat(40);
    log.diagnosis.headline.as_mut().unwrap().text.clone_from(&wide);
    log.diagnosis.evidence[0].text.clone_from(&wide);
    log.diagnosis.failed_test_details[0].name = wide;
    for width in [40, 80] {
        let page = shown(&log, &view(width));
        assert!(page.lines().all(|line| text::width(line) <= width), "{page}");
    }
}

#[test]
fn hostile_text_is_shown_by_its_numbers() {
    let mut log = sample();
    let hostile = "\x1b[2J\x1b]0;title\x07\u{202e}evil\u{200b}";
    log.diagnosis.headline.as_mut().unwrap().text = hostile.to_owned();
    log.diagnosis.excerpt.text = hostile.to_owned();
    log.diagnosis.failed_test_details[0].message = Some(hostile.to_owned());
    let view = TerminalOptions { width: None, excerpt: true, again: "job.log".to_owned() };
    let page = page(std::slice::from_ref(&log), &log, &view);
    let plain = without_styles(&page);
    assert!(!plain.contains(['\x1b', '\x07', '\u{202e}', '\u{200b}']), "{plain}");
    assert_eq!(plain.matches("<U+001B>[2J<U+001B>]0;title<U+0007><U+202E>evil<U+200B>").count(), 3);
}

#[test]
fn long_lists_are_cut_and_say_so() {
    let mut log = sample();
    let test = log.diagnosis.failed_test_details[0].clone();
    log.diagnosis.failed_test_details = vec![test; 51];
    let page = shown(&log, &view(80));
    assert!(page.contains("failed tests (51)\n") && page.contains("\n  and 41 more\n"), "{page}");
}

#[test]
fn a_log_without_a_failure_says_so() {
    let diagnosis = diagnose(b"all is well\n", &DiagnosisOptions::default());
    let log = Diagnosed { log: "job.log".to_owned(), diagnosis };
    let page = shown(&log, &view(80));
    assert!(page.starts_with("Nothing in job.log looks like a failure.\n"), "{page}");
}

#[test]
fn other_logs_are_listed() {
    let mut other = sample();
    other.diagnosis.job = Some("lint".to_owned());
    let logs = [sample(), other];
    let page = without_styles(&page(&logs, &logs[0], &view(80)));
    assert!(page.ends_with("other logs (1)\n  lint  E assert None == []\n"), "{page}");
}
