//! How often a diagnosis agrees with people who labelled real logs.
//!
//! The logs are other people's and stay where they are: the folder named by `GREENLINE_CI_LOGS`, or
//! `../shared/data/ci-logs` beside this repository, holds `…/<case>/raw.log.gz` with a `truth.json`.
//! Without it there is nothing to compare with, and the test says so.

use std::collections::BTreeSet;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use flate2::read::GzDecoder;
use greenline_diagnosis::{Diagnosis, DiagnosisOptions, diagnose};
use serde::Deserialize;

/// What people say of a log. Of some they named only the failed tests.
#[derive(Debug, Deserialize)]
struct Truth {
    signals: Option<Vec<Signal>>,
    category: Option<String>,
    failed_tests: Option<Vec<String>>,
}

/// Something a reader has to see, and the places where it stands: one of them is enough.
#[derive(Debug, Deserialize)]
struct Signal {
    critical: bool,
    lines: Vec<(u32, u32)>,
}

/// Shares between 0 and 1, over the logs that have such a label.
#[derive(Debug, Default)]
struct Scores {
    covered: Vec<f64>,
    headline: Vec<f64>,
    category: Vec<f64>,
    tests: Vec<f64>,
}

#[test]
fn real_logs_are_diagnosed_as_people_labelled_them() {
    let Some(folder) = folder() else {
        eprintln!("skipped: no labelled logs (GREENLINE_CI_LOGS names no folder of them)");
        return;
    };
    let mut scores = Scores::default();
    for case in cases(&folder) {
        scores.add(&case);
    }
    let figures = [&scores.covered, &scores.headline, &scores.category, &scores.tests]
        .map(|shares| mean(shares));
    for (name, figure, least) in [
        ("covered", figures[0], 0.94),
        ("headline", figures[1], 0.83),
        ("category", figures[2], 0.88),
        ("tests", figures[3], 0.90),
    ] {
        assert!(figure >= least, "{name} {figure:.3}, not {least}");
    }
}

fn folder() -> Option<PathBuf> {
    let named = std::env::var_os("GREENLINE_CI_LOGS").map(PathBuf::from);
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/ci-logs");
    named.or(Some(beside)).filter(|folder| folder.is_dir())
}

/// The folders below that hold a log and its truth.
fn cases(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let inner = entries.flatten().map(|entry| entry.path()).filter(|path| path.is_dir());
    let mut found: Vec<PathBuf> = inner.flat_map(|path| cases(&path)).collect();
    if folder.join("truth.json").is_file() && folder.join("raw.log.gz").is_file() {
        found.push(folder.to_owned());
    }
    found
}

impl Scores {
    fn add(&mut self, case: &Path) {
        let truth = fs::read(case.join("truth.json")).expect("its truth");
        let truth: Truth = serde_json::from_slice(&truth).expect("a truth");
        let mut log = Vec::new();
        let packed = fs::File::open(case.join("raw.log.gz")).expect("its log");
        GzDecoder::new(packed).read_to_end(&mut log).expect("a packed log");
        let got = diagnose(&log, &DiagnosisOptions::default());
        if let Some(signals) = &truth.signals {
            let fits = got.excerpt.text.len() <= DiagnosisOptions::LARGEST_EXCERPT;
            let critical = || signals.iter().filter(|signal| signal.critical);
            self.covered.push(share(fits && critical().all(|one| one.shown(&got))));
            let line = got.headline.as_ref().map_or(0, |quote| quote.line);
            let telling = !is_exit_code(&log, line) && critical().any(|one| one.invariants(line));
            self.headline.push(share(telling));
            self.category.push(share(truth.category.as_deref() == Some(got.category.as_str())));
        }
        if let Some(tests) = &truth.failed_tests {
            self.tests.push(f1(tests, &got.failed_tests));
        }
    }
}

impl Signal {
    /// Whether one of its places is wholly in the excerpt.
    fn shown(&self, got: &Diagnosis) -> bool {
        let kept = |line: u32| {
            got.excerpt.ranges.iter().any(|&(first, last)| (first..=last).contains(&line))
        };
        self.lines.is_empty() || self.lines.iter().any(|&(first, last)| (first..=last).all(kept))
    }

    fn invariants(&self, line: u32) -> bool {
        self.lines.iter().any(|&(first, last)| (first..=last).contains(&line))
    }
}

/// The runner's word for any failure explains none.
fn is_exit_code(log: &[u8], line: u32) -> bool {
    let at = (line as usize).saturating_sub(1);
    let text = log.split(|&byte| byte == b'\n').nth(at).unwrap_or_default();
    String::from_utf8_lossy(text).contains("Process completed with exit code")
}

fn share(is: bool) -> f64 {
    f64::from(u8::from(is))
}

fn mean(shares: &[f64]) -> f64 {
    let count = u32::try_from(shares.len()).expect("not that many logs");
    shares.iter().sum::<f64>() / f64::from(count.max(1))
}

/// The harmonic mean of how many of the tests were named and how many of the names are tests.
fn f1(wanted: &[String], got: &[String]) -> f64 {
    let names = |tests: &[String]| -> BTreeSet<String> {
        tests.iter().map(|test| last_name(test)).filter(|name| !name.is_empty()).collect()
    };
    let (wanted, got) = (names(wanted), names(got));
    let all = u32::try_from(wanted.len() + got.len()).expect("not that many tests");
    let both = u32::try_from(wanted.intersection(&got).count()).expect("not that many tests");
    if all == 0 { 1.0 } else { 2.0 * f64::from(both) / f64::from(all) }
}

/// A test's own name, without what it is in and what it was given.
fn last_name(test: &str) -> String {
    let (mut bare, mut rest) = (String::new(), test);
    while let Some(open) = rest.find(['(', '[']) {
        let close = if rest[open..].starts_with('(') { ')' } else { ']' };
        let Some(end) = rest[open..].find(close) else { break };
        bare.push_str(&rest[..open]);
        rest = &rest[open + end + 1..];
    }
    bare.push_str(rest);
    let mut parts = bare.split(|char: char| ".:#/>".contains(char) || char.is_whitespace());
    parts.rfind(|part| !part.is_empty()).unwrap_or_default().to_lowercase()
}
