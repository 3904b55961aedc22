//! Some thousand logs that nobody wrote, the same each time, and SARIF and rules likewise. `fuzz/`
//! goes on where this stops.

mod invariants;

use std::path::{Path, PathBuf};

use fastrand::Rng;
use greenline_diagnosis::{RuleSet, sarif};
use greenline_fuzzing::mutate_and_read;

/// Pieces of what CI systems, tools, terminals and broken programs write.
const SNIPPETS: [&[u8]; 46] = [
    b"\n",
    b"\r\n",
    b"\r",
    b"\n\n\n",
    b" ",
    b"\t",
    b"\0",
    b"\x1b[31m",
    b"\x1b[0m",
    b"\x1b]8;;https://a.example\x07",
    b"\x1b]0;",
    b"\x1b[",
    b"\x08",
    b"\xef\xbb\xbf",
    b"\xff\xfe",
    b"\xe2\x82",
    b"\xc2\x9b",
    "é☃🦀".as_bytes(),
    b"2026-05-07T11:59:42.4565285Z ",
    b"[2024-01-01T00:00:00.000Z] ",
    b"2024-05-14T07:30:21.483212Z 00O ",
    b"build\ttest\t",
    b"##[group]Run npm test\n",
    b"shell: /usr/bin/bash -e {0}\n",
    b"##[endgroup]\n",
    b"##[error]Process completed with exit code 1.\n",
    b"##[error]",
    b"Post job cleanup.\n",
    b"section_start:1:step_script\r\x1b[0K",
    b"[Pipeline] { (Test)\n",
    b"~~~ Running commands\n",
    b"E       assert 1 == 2\n",
    b"FAILED tests/test_a.py::test_b - assert 1 == 2\n",
    b"=== FAILURES ===\n___ test_b ___\n",
    b"error[E0308]: mismatched types\n --> src/lib.rs:1:2\n",
    b"thread 'a::b' panicked at src/lib.rs:3:5:\n",
    b"failures:\n    a::b\n",
    b"--- FAIL: TestA (0.00s)\n    a_test.go:3: no\n",
    b"src/a.ts(1,2): error TS2322: no\n",
    b"  \xe2\x97\x8f a \xe2\x80\xba b\n",
    b"Traceback (most recent call last):\n  File \"a.py\", line 1, in <module>\nValueError: no\n",
    b"npm ERR! code 1\n",
    b"Tests run: 3, Failures: 1\n",
    b"make: *** [test] Error 2\n",
    b"fatal: no\n",
    b"#12 0.31 ERROR: no\n",
];

#[test]
fn logs_of_snippets() {
    let mut random = Rng::with_seed(3);
    for _ in 0..1_500 {
        let mut log = Vec::new();
        for _ in 0..random.usize(..60) {
            log.extend_from_slice(SNIPPETS[random.usize(..SNIPPETS.len())]);
        }
        invariants::whatever_is_read(&mutated(log, &mut random), &pieces(&mut random));
    }
}

#[test]
fn logs_of_noise() {
    let mut random = Rng::with_seed(4);
    for _ in 0..300 {
        let log: Vec<u8> = (0..random.usize(..4_000)).map(|_| random.u8(..)).collect();
        invariants::whatever_is_read(&log, &pieces(&mut random));
    }
}

#[test]
fn logs_of_tools_mutated() {
    const LARGEST: u64 = 16 * 1024;
    let is_small = |path: &PathBuf| path.metadata().is_ok_and(|found| found.len() < LARGEST);
    let logs: Vec<_> = files(&fixtures(), "log").into_iter().filter(is_small).collect();
    let samples: Vec<_> = logs.iter().map(|path| std::fs::read(path).unwrap()).collect();
    mutate_and_read("logs", &samples, 4_000, |log| {
        invariants::whatever_is_read(log, &[3, 90, 7, 200]);
    });
}

#[test]
fn sarif_mutated() {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/sarif/golden");
    let samples: Vec<_> =
        files(&golden, "sarif").iter().map(|path| std::fs::read(path).unwrap()).collect();
    mutate_and_read("sarif", &samples, 60_000, |file| {
        let complaints = sarif::check(file);
        if let Ok(repaired) = sarif::repair(file) {
            // What was repaired is read again, and need not be repaired again.
            let _complaints = sarif::check(repaired.text.as_bytes());
        }
        for complaint in complaints {
            assert!(!complaint.message.is_empty(), "{complaint:?}");
        }
    });
}

#[test]
fn rules_mutated() {
    let builtin = include_str!("../src/rules/rules.toml");
    let start = builtin.find("[[rule]]").unwrap();
    let samples: Vec<_> = builtin[start..]
        .split_inclusive("\n\n[[rule]]")
        .take(60)
        .map(|rule| format!("[[rule]]{}", rule.trim_end_matches("[[rule]]")).into_bytes())
        .collect();
    mutate_and_read("rules", &samples, 12_000, |text| {
        let text = String::from_utf8_lossy(text);
        if let Err(error) = RuleSet::parse(&text, "mutated") {
            assert!(!error.to_string().is_empty());
        }
    });
}

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures")
}

#[expect(clippy::unwrap_used, reason = "the repository's own files can be read")]
/// All files with this extension, in an order that is the same everywhere.
fn files(below: &Path, extension: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let entries = std::fs::read_dir(below).unwrap().map(|entry| entry.unwrap().path());
    for path in entries {
        if path.is_dir() {
            found.extend(files(&path, extension));
        } else if path.extension().is_some_and(|it| it == extension) {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// With some bytes lost, changed and doubled.
fn mutated(mut log: Vec<u8>, random: &mut Rng) -> Vec<u8> {
    for _ in 0..random.usize(..6) {
        if log.is_empty() {
            break;
        }
        let at = random.usize(..log.len());
        match random.u8(..4) {
            0 => log.truncate(at),
            1 => log[at] = random.u8(..),
            2 => drop(log.drain(at..(at + random.usize(..40)).min(log.len()))),
            _ => log.extend_from_within(at..),
        }
    }
    log
}

fn pieces(random: &mut Rng) -> [u8; 4] {
    [random.u8(..), random.u8(..), random.u8(..9), random.u8(..)]
}
