//! What holds of the diagnosis of any bytes: for the seeded tests here, and for fuzzing.

use greenline_diagnosis::{Diagnosis, DiagnosisOptions, LogReader, diagnose, diagnose_read};

/// Diagnoses a log, whole and in pieces of these sizes, and checks what came out.
pub(crate) fn whatever_is_read(log: &[u8], pieces: &[u8]) {
    const BUDGETS: [usize; 3] = [DiagnosisOptions::LARGEST_EXCERPT, 700, 40];
    let budget = BUDGETS[usize::from(pieces.first().copied().unwrap_or(0)) % BUDGETS.len()];
    let options = DiagnosisOptions { budget, ..DiagnosisOptions::default() };
    let whole = diagnose(log, &options);
    let pieced = diagnose_read(in_pieces(log, pieces), &options);
    assert_eq!(whole, pieced, "pieces make a difference");
    let lines = in_pieces(log, pieces).finish().total_lines();
    assert_invariants(&whole, log, lines, budget);
}

fn in_pieces(log: &[u8], pieces: &[u8]) -> LogReader {
    let mut reader = LogReader::new();
    let mut rest = log;
    for &size in pieces.iter().cycle().take(64) {
        let (piece, after) = rest.split_at(rest.len().min(usize::from(size)));
        reader.push(piece);
        rest = after;
    }
    reader.push(rest);
    reader
}

fn assert_invariants(diagnosis: &Diagnosis, log: &[u8], lines: u64, budget: usize) {
    let as_editors_count = log.split(|&byte| byte == b'\n').count() as u64;
    assert!(lines == as_editors_count || lines + 1 == as_editors_count, "lines are miscounted");
    let within = |line: u32| line >= 1 && u64::from(line) <= lines;
    assert!(diagnosis.excerpt.text.len() <= budget, "the excerpt exceeds its budget");
    let mut last = 0;
    for &(first, to) in &diagnosis.excerpt.ranges {
        assert!(first > last && to >= first && within(to), "{:?}", diagnosis.excerpt.ranges);
        last = to;
    }
    assert!((0.0..=1.0).contains(&diagnosis.confidence));
    assert_eq!(diagnosis.headline.is_some(), diagnosis.signature.is_some());
    for quote in diagnosis.headline.iter().chain(&diagnosis.evidence).chain(&diagnosis.step) {
        assert!(within(quote.line), "line {} of {lines}", quote.line);
        assert!(!quote.text.contains(['\n', '\u{1b}', '\r', '\0']), "{:?}", quote.text);
        assert_said(quote, log);
    }
    serde_json::to_string(diagnosis).expect("a diagnosis is JSON");
}

/// Each word of a quote is on its line, where the line is plain text.
fn assert_said(quote: &greenline_diagnosis::Quote, log: &[u8]) {
    let line = log.split(|&byte| byte == b'\n').nth(quote.line as usize - 1).unwrap_or_default();
    let plain = line.iter().all(|byte| matches!(byte, b' '..=b'~')) && line.len() < 1_000;
    if plain {
        let line = String::from_utf8_lossy(line);
        assert!(line.contains(&quote.text), "{:?} is not on {line:?}", quote.text);
    }
}
