//! How fast a log becomes a diagnosis, beside `grep -E` looking for some of the same words:
//! `make bench-diagnosis`.
//!
//! Both read the same file, `grep` as a process of its own. The logs are made here: what cargo, npm
//! and pytest print while all goes well, with colours and the runner's times, and a failure at the end.

use std::fs::File;
use std::io::{Read, Write};
use std::path::PathBuf;
use std::process::Command;

use divan::Bencher;
use divan::counter::BytesCount;
use greenline_diagnosis::{Diagnosis, DiagnosisOptions, LogReader, diagnose_read};

const SIZES: [usize; 3] = [100_000, 10_000_000, 100_000_000];

fn main() {
    divan::main();
}

#[divan::bench(args = SIZES, sample_count = 10, sample_size = 1)]
fn diagnose(bencher: Bencher<'_, '_>, size: usize) {
    let path = log_of(size);
    bencher.counter(BytesCount::new(size)).bench(|| diagnosed(&path));
}

#[divan::bench(args = SIZES, sample_count = 10, sample_size = 1)]
fn grep(bencher: Bencher<'_, '_>, size: usize) {
    const WORDS: &str = "rror|RROR|ERR!|fail|Fail|FAIL|atal|FATAL|xception|panic|raceback|ssert|enied|\
                         ot found|o such |annot |ould not|illed|imed out|efused|ndefined|bort|dumped";
    let path = log_of(size);
    bencher.counter(BytesCount::new(size)).bench(|| {
        let mut grep = Command::new("grep");
        let grep = grep.args(["-c", "-a", "-E", WORDS]).arg(&path);
        // Not into /dev/null: there, grep stops at the first line that it finds.
        assert!(grep.output().expect("grep is installed").status.success());
    });
}

fn diagnosed(path: &PathBuf) -> Diagnosis {
    let mut file = File::open(path).expect("the log was written");
    let mut reader = LogReader::new();
    let mut buffer = vec![0; 1 << 16];
    loop {
        match file.read(&mut buffer).expect("the log can be read") {
            0 => break,
            read => reader.push(&buffer[..read]),
        }
    }
    let diagnosis = diagnose_read(reader, &DiagnosisOptions::default());
    assert!(diagnosis.headline.as_ref().is_some_and(|line| line.text.contains("assert")));
    diagnosis
}

/// Writes a log of about this size, the same each time.
fn log_of(size: usize) -> PathBuf {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("{size}.log"));
    let mut random = fastrand::Rng::with_seed(size as u64);
    let mut log = opening();
    let noise: Vec<String> = (0..50_000).map(|_| noise(&mut random)).collect();
    let failure = failure();
    while log.len() + failure.len() < size {
        let line = random.usize(..noise.len());
        stamp(&mut log, &mut random);
        log.push_str(&noise[line]);
        log.push('\n');
    }
    log.push_str(&failure);
    File::create(&path).and_then(|mut file| file.write_all(log.as_bytes())).expect("a file");
    path
}

fn opening() -> String {
    "\u{feff}2026-05-07T11:59:42.4565285Z Current runner version: '2.334.0'\n\
     2026-05-07T11:59:42.4565285Z ##[group]Run make test\n\
     2026-05-07T11:59:42.4565285Z \u{1b}[36;1mmake test\u{1b}[0m\n\
     2026-05-07T11:59:42.4565285Z shell: /usr/bin/bash -e {0}\n\
     2026-05-07T11:59:42.4565285Z ##[endgroup]\n"
        .to_owned()
}

fn failure() -> String {
    let stamp = "2026-05-07T13:11:10.0000001Z";
    [
        "=================================== FAILURES ===================================",
        "______________________________ test_total ______________________________",
        "",
        "    def test_total():",
        ">       assert total([1, 2]) == 4",
        "E       assert 3 == 4",
        "E        +  where 3 = total([1, 2])",
        "",
        "tests/test_sums.py:7: AssertionError",
        "=========================== short test summary info ============================",
        "FAILED tests/test_sums.py::test_total - assert 3 == 4",
        "========================= 1 failed, 41 passed in 2.11s =========================",
        "##[error]Process completed with exit code 1.",
    ]
    .map(|line| format!("{stamp} {line}\n"))
    .concat()
}

fn stamp(log: &mut String, random: &mut fastrand::Rng) {
    log.push_str("2026-05-07T12:");
    let digits = random.u64(10_000_000_000..100_000_000_000).to_string();
    log.push_str(&digits[..1]);
    log.push_str("1:2");
    log.push_str(&digits[1..2]);
    log.push('.');
    log.push_str(&digits[4..]);
    log.push_str("Z ");
}

fn noise(random: &mut fastrand::Rng) -> String {
    let number = random.u32(..10_000);
    let share = number % 100;
    let package = ["serde", "tokio", "thiserror", "regex", "left-pad"][random.usize(..5)];
    match random.u8(..100) {
        0..30 => format!("\u{1b}[1m\u{1b}[32m   Compiling\u{1b}[0m {package} v1.{share}.{number}"),
        30..55 => format!(
            "tests/test_{package}.py::test_{number} \u{1b}[32mPASSED\u{1b}[0m [{share:>3}%]"
        ),
        55..70 => format!("test sums::tests::adds_{number} ... ok"),
        70..85 => {
            format!("npm http fetch GET 200 https://registry.example/{package}-{share} {number}ms")
        }
        85..95 => format!("  dist/assets/{package}-{number}.js  {share} kB │ gzip: {share} kB"),
        95..97 => format!("DEBUG: trying again after an error in pool {number}"),
        97..99 => format!("  ✓ renders the list of users ({share} ms)"),
        _ => String::new(),
    }
}
