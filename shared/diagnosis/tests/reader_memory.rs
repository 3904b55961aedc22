//! A log of any size is diagnosed in less than 64 MB: measured in processes of their own.
//!
//! Each test starts this same program again with the name of a log, and reads what that process
//! took at its height.

#![cfg(target_os = "linux")]

use std::process::Command;

use greenline_diagnosis::{DiagnosisOptions, LogReader, diagnose_read};

const MOST_KIB: u64 = 64 * 1024;
const WHICH: &str = "GREENLINE_TEST_LOG";

/// A log that repeats something.
struct Log {
    name: &'static str,
    piece: Vec<u8>,
    times: usize,
}

/// Each is larger than what is kept whole.
fn logs() -> Vec<Log> {
    let log = |name, piece: &str, times| Log { name, piece: piece.into(), times };
    let usual = "2026-05-07T11:59:42.4565285Z    Compiling serde v1.0.1 (of many)\n";
    let heading = "##[group]Run make\nshell: bash\n##[endgroup]\n";
    let verdict = "##[error]Process completed with exit code 1.\n";
    let test = "FAILED tests/test_a.py::test_b - assert 1 == 2\nE   assert 1 == 2\n";
    vec![
        log("empty lines", "\n", 2_000_000),
        log("lines of one character", "x\n", 1_000_000),
        log("one line", "no end and no error: ", 2_000_000),
        log("usual lines", usual, 400_000),
        log("errors", "ERROR: it failed\n", 500_000),
        log("errors of a compiler", "error[E0308]: mismatched\n --> src/a.rs:1:2\n", 250_000),
        log("failed tests", test, 250_000),
        log("steps", &format!("{heading}{verdict}"), 150_000),
        log("long lines", &format!("Error: {}\n", "e".repeat(9_000)), 4_000),
    ]
}

/// Not a test by itself: what the processes run.
#[test]
fn diagnoses_in_its_own_process() {
    let Ok(which) = std::env::var(WHICH) else { return };
    let Log { piece, times, .. } = logs().into_iter().find(|log| log.name == which).expect("a log");
    let mut reader = LogReader::new();
    let pieces = piece.repeat(65_536 / piece.len() + 1);
    let whole = times * piece.len() / pieces.len();
    (0..whole).for_each(|_| reader.push(&pieces));
    reader.push(b"\nAssertionError: the last line\n");
    let diagnosis = diagnose_read(reader, &DiagnosisOptions::default());
    assert!(diagnosis.excerpt.text.len() <= DiagnosisOptions::LARGEST_EXCERPT);
    println!("height: {} KiB", height());
}

#[test]
fn every_log_takes_less_than_64_mib() {
    for Log { name, .. } in logs() {
        let this = std::env::current_exe().expect("a program");
        let output = Command::new(this)
            .args(["diagnoses_in_its_own_process", "--exact", "--nocapture"])
            .env(WHICH, name)
            .output()
            .expect("the program starts again");
        let content = String::from_utf8_lossy(&output.stdout);
        let height = content.lines().find_map(|line| line.split("height: ").nth(1));
        let height = height.and_then(|rest| rest.split(' ').next()?.parse::<u64>().ok());
        let height = height.unwrap_or_else(|| panic!("{name}: {content}{output:?}"));
        println!("{name}: {height} KiB");
        assert!(height < MOST_KIB, "{name} took {height} KiB");
    }
}

/// The most memory that this process ever had, in KiB.
fn height() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux says");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("a height");
    line.trim().trim_end_matches(" kB").parse().expect("a number")
}
