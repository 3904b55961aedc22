//! `greenline diagnose` and `greenline sarif check`, as people and pipelines call them.

use std::io::{Read, Write};
use std::process::Stdio;

use flate2::Compression;
use flate2::write::GzEncoder;

use crate::terminal::{Printed, Terminal};

const LOG: &str = "2026-01-02T03:04:05.0000000Z Complete job name: build (stable)
2026-01-02T03:04:05.0000000Z ##[group]Run cargo build
2026-01-02T03:04:05.0000000Z cargo build
2026-01-02T03:04:05.0000000Z ##[endgroup]
2026-01-02T03:04:06.0000000Z    Compiling app v0.1.0 (/home/runner/work/app/app)
2026-01-02T03:04:07.0000000Z error[E0308]: mismatched types
2026-01-02T03:04:07.0000000Z  --> src/lib.rs:3:5
2026-01-02T03:04:07.0000000Z   |
2026-01-02T03:04:07.0000000Z 3 |     1
2026-01-02T03:04:07.0000000Z   |     ^ expected `&str`, found integer
2026-01-02T03:04:07.0000000Z error: could not compile `app` (lib) due to 1 previous error
2026-01-02T03:04:07.0000000Z ##[error]Process completed with exit code 101.
";

fn with_log() -> Terminal {
    let terminal = Terminal::alone();
    terminal.file("job.log", LOG);
    terminal
}

fn one(printed: &Printed) -> serde_json::Value {
    let objects = printed.json();
    assert_eq!(objects.len(), 1, "{printed:?}");
    objects.into_iter().next().unwrap()
}

#[test]
fn a_log_is_diagnosed_wherever_it_comes_from() {
    let terminal = with_log();
    let of_file = terminal.run(&["diagnose", "job.log"]).exits(0);
    let of_file = of_file.prints(&["build (stable) fails: error[E0308]: mismatched types", "next"]);
    assert!(!of_file.out.contains('\x1b'));
    for args in [&["diagnose"][..], &["diagnose", "-"]] {
        terminal.feed(args, LOG).exits(0).prints(&["fails: error[E0308]: mismatched types"]);
    }
    let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
    packed.write_all(LOG.as_bytes()).unwrap();
    std::fs::write(terminal.folder().join("job.log.gz"), packed.finish().unwrap()).unwrap();
    let json = |log: &str| terminal.run(&["diagnose", "--json", log]).exits(0).out;
    assert_eq!(json("job.log"), json("job.log.gz"));
}

#[test]
fn one_log_is_the_contracts_object() {
    let terminal = with_log();
    let it = one(&terminal.run(&["diagnose", "--json", "job.log"]).exits(0));
    assert_eq!(it["headline"]["line"], 6);
    assert_eq!(it["headline"]["text"], "error[E0308]: mismatched types");
    for field in [
        "category",
        "verdict",
        "confidence",
        "evidence",
        "excerpt",
        "failed_tests",
        "failed_test_details",
        "signature",
        "framework",
    ] {
        assert!(it.get(field).is_some(), "{field} is missing");
    }
    assert!(it.get("logs").is_none());
    let small = one(&terminal
        .run(&["diagnose", "--format", "json", "--budget", "100", "job.log"])
        .exits(0));
    assert!(small["excerpt"]["text"].as_str().unwrap().len() <= 100);
}

#[test]
fn a_directory_is_the_most_telling_log_and_all_of_them() {
    let terminal = Terminal::alone();
    let folder = terminal.folder();
    std::fs::create_dir_all(folder.join("logs/build")).unwrap();
    std::fs::create_dir_all(folder.join("logs/more")).unwrap();
    for (name, text) in [
        ("logs/0_lint.txt", "all is well\n"),
        ("logs/1_build.txt", LOG),
        ("logs/build/1_Set up job.txt", "error: of a step\n"),
        ("logs/more/empty.log", ""),
        ("logs/more/notes.md", "error: no log\n"),
    ] {
        terminal.file(name, text);
    }
    std::os::unix::fs::symlink("0_lint.txt", folder.join("logs/link.log")).unwrap();
    let it = one(&terminal.run(&["diagnose", "--json", "logs"]).exits(0));
    assert_eq!((&it["log"], &it["headline"]["line"]), (&"1_build.txt".into(), &6.into()));
    let names: Vec<_> = it["logs"].as_array().unwrap().iter().map(|log| &log["log"]).collect();
    assert_eq!(names, ["0_lint.txt", "1_build.txt"]);
    let shown = terminal.run(&["diagnose", "logs"]).exits(0);
    shown.prints(&["build (stable) fails", "other logs (1)", "0_lint.txt"]);
}

/// A zip of stored entries, as small as the format allows.
fn zip(entries: &[(&str, &str)]) -> Vec<u8> {
    let (mut body, mut directory) = (Vec::new(), Vec::new());
    for (name, text) in entries {
        let mut crc = flate2::Crc::new();
        crc.update(text.as_bytes());
        let size = u32::try_from(text.len()).unwrap().to_le_bytes();
        let length = u16::try_from(name.len()).unwrap().to_le_bytes();
        let offset = u32::try_from(body.len()).unwrap().to_le_bytes();
        let mut about = vec![10, 0, 0, 0, 0, 0, 0, 0, 0x21, 0];
        about.extend(crc.sum().to_le_bytes());
        about.extend([size, size].concat());
        about.extend([length, [0, 0]].concat());
        body.extend([&b"PK\x03\x04"[..], &about, name.as_bytes(), text.as_bytes()].concat());
        directory.extend([&b"PK\x01\x02\x14\0"[..], &about, &[0; 10], &offset].concat());
        directory.extend(name.as_bytes());
    }
    let count = u16::try_from(entries.len()).unwrap().to_le_bytes();
    let (size, start) = (directory.len(), body.len());
    let end =
        [u32::try_from(size).unwrap().to_le_bytes(), u32::try_from(start).unwrap().to_le_bytes()];
    let counts = [[0; 2], [0; 2], count, count].concat();
    [body, directory, b"PK\x05\x06".to_vec(), counts, end.concat(), vec![0; 2]].concat()
}

#[test]
fn a_runs_zip_is_all_of_its_jobs() {
    let terminal = Terminal::alone();
    let entries = [
        ("0_lint.txt", "all is well\n"),
        ("1_build.txt", LOG),
        ("build/1_Set up.txt", "error: x\n"),
    ];
    std::fs::write(terminal.folder().join("run"), zip(&entries)).unwrap();
    let it = one(&terminal.run(&["diagnose", "--json", "run"]).exits(0));
    assert_eq!((&it["log"], it["logs"].as_array().unwrap().len()), (&"build".into(), 2));
    std::fs::write(terminal.folder().join("none"), zip(&[])).unwrap();
    terminal.run(&["diagnose", "none"]).exits(3).prints(&["there is no log in this zip", "gh api"]);
    std::fs::write(terminal.folder().join("cut"), &zip(&entries)[..200]).unwrap();
    terminal
        .run(&["diagnose", "cut"])
        .exits(3)
        .prints(&["failed to read cut", "download it again"]);
}

#[test]
fn what_can_not_be_read_is_told_with_what_to_do() {
    let terminal = Terminal::alone();
    terminal.file("empty.log", "");
    std::fs::create_dir(terminal.folder().join("none")).unwrap();
    terminal
        .run(&["diagnose", "no.log"])
        .exits(3)
        .prints(&["error: failed to read no.log", "name a log"]);
    terminal
        .run(&["diagnose", "empty.log"])
        .exits(3)
        .prints(&["error: empty.log is empty", "gh run view"]);
    terminal
        .run(&["diagnose", "none"])
        .exits(3)
        .prints(&["error: none: no *.log", "name the files"]);
    terminal.run(&["diagnose"]).exits(3).prints(&["standard input is empty"]);
    std::fs::write(terminal.folder().join("cut.gz"), b"\x1f\x8b\x08\0\0\0\0\0\0\0\x4b").unwrap();
    terminal
        .run(&["diagnose", "cut.gz"])
        .exits(3)
        .prints(&["failed to read cut.gz", "download it again"]);
}

#[test]
fn what_is_asked_wrongly_is_wrong_usage() {
    let terminal = with_log();
    terminal.run(&["diagnose", "--budget", "17k", "job.log"]).exits(2).prints(&["at most 16k"]);
    terminal.run(&["diagnose", "--format", "xml", "job.log"]).exits(2).prints(&["markdown"]);
    terminal
        .run(&["diagnose", "--json", "--format", "sarif", "job.log"])
        .exits(2)
        .prints(&["leave one"]);
    terminal.file("rules.toml", "[[rule]]\nnaem = \"x\"\n");
    terminal
        .run(&["diagnose", "--rules", "rules.toml", "job.log"])
        .exits(2)
        .prints(&["rules.toml:2:"]);
    terminal.file(".greenline-rules.toml", "[[rule]]\nnaem = \"x\"\n");
    terminal.run(&["diagnose", "job.log"]).exits(2).prints(&[".greenline-rules.toml:2:1"]);
}

#[test]
fn a_reader_that_has_seen_enough_is_no_error() {
    let terminal = with_log();
    let mut command = terminal.command(&["diagnose", "job.log"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let mut printed = String::new();
    child.stderr.take().unwrap().read_to_string(&mut printed).unwrap();
    assert!(child.wait().unwrap().success());
    assert_eq!(printed, "");
}

#[test]
fn github_and_a_pull_request_get_their_forms() {
    let terminal = with_log();
    let commands = terminal.run(&["diagnose", "--format", "github", "job.log"]).exits(0);
    assert!(
        commands.out.starts_with("::error file=src/lib.rs,line=3,col=5,title=rustc::"),
        "{commands:?}"
    );
    let page = terminal.run(&["diagnose", "--format", "markdown", "job.log"]).exits(0);
    assert!(
        page.out.starts_with(
            "**`build (stable)` fails: `error[E0308]: mismatched types`**\n`src/lib.rs:3`"
        ),
        "{page:?}"
    );
}

#[test]
fn a_file_that_would_fill_the_memory_is_refused_before_it_is_read() {
    let terminal = Terminal::alone();
    terminal.file("dense.sarif", &format!("[{}{{}}]", "{\"a\":0},".repeat(1_700_000)));
    let refused = terminal.run(&["sarif", "check", "dense.sarif"]).exits(3);
    refused.prints(&["dense.sarif has 12 MiB", "more than 1 GiB of memory"]);
}

#[test]
fn our_own_sarif_passes_our_own_check() {
    let terminal = with_log();
    let sarif = terminal.run(&["diagnose", "--format", "sarif", "job.log"]).exits(0).out;
    assert!(sarif.contains("\"id\": \"greenline/build (stable)/\""), "{sarif}");
    terminal.file("out.sarif", &sarif);
    terminal.run(&["sarif", "check", "out.sarif"]).exits(0).prints(&["GitHub takes out.sarif"]);
    terminal.feed(&["sarif", "check", "-"], &sarif).exits(0);
    let named = terminal.run(&["diagnose", "--format", "sarif", "--category", "mine", "job.log"]);
    named.exits(0).prints(&["\"id\": \"mine/\""]);
}

const UNFIT: &str = "{
  \"version\": \"2.1.0\",
  \"runs\": [
    {\"tool\": {\"driver\": {\"name\": \"t\"}}, \"results\": [
      {\"ruleId\": \"r\", \"message\": {\"text\": \"m\"}}
    ]},
    {\"tool\": {\"driver\": {\"name\": \"t\"}}, \"results\": []}
  ]
}
";

#[test]
fn what_github_refuses_is_told_with_its_place_and_mended() {
    let terminal = Terminal::alone();
    terminal.file("t.sarif", UNFIT);
    terminal.run(&["sarif", "check", "t.sarif"]).exits(1).prints(&[
        "fail  t.sarif:7: a run has the same tool and category",
        "(/runs/1)",
        "hint: give each run",
        "fail  t.sarif:5: a result has no location (/runs/0/results/0)",
        "2 failures, 0 warnings: GitHub refuses it",
        "--repair mends 2 of 2 complaints",
    ]);
    let report = one(&terminal.run(&["sarif", "check", "--json", "t.sarif"]).exits(1));
    assert_eq!(report["problems"][0]["kind"], "same_category");
    let args = ["sarif", "check", "--repair", "--output", "fit.sarif", "t.sarif"];
    terminal.run(&args).exits(0).prints(&[
        "done  gave 1 run",
        "done  dropped 1 result",
        "GitHub takes fit.sarif",
    ]);
    let unchanged = std::fs::read_to_string(terminal.folder().join("t.sarif")).unwrap();
    assert_eq!(unchanged, UNFIT);
    terminal.run(&["sarif", "check", "fit.sarif"]).exits(0);
    terminal.run(&["sarif", "check", "--repair", "t.sarif"]).exits(0);
    terminal.run(&["sarif", "check", "t.sarif"]).exits(0);
}

#[test]
fn a_file_that_a_tool_did_not_write_does_not_fail_the_upload() {
    let terminal = Terminal::alone();
    terminal.run(&["sarif", "check", "none.sarif"]).exits(1).prints(&["there is no such file"]);
    terminal.run(&["sarif", "check", "--repair", "none.sarif"]).exits(0);
    terminal.run(&["sarif", "check", "none.sarif"]).exits(0);
    let piped = terminal.feed(&["sarif", "check", "--repair", "-"], "").exits(0);
    assert!(piped.out.starts_with('{') && piped.err.contains("done  wrote a run"), "{piped:?}");
    terminal.file("broken.sarif", "{\"version\": \n");
    terminal
        .run(&["sarif", "check", "--repair", "broken.sarif"])
        .exits(1)
        .prints(&["broken.sarif:2:0"]);
    terminal.run(&["sarif", "check", "."]).exits(3).prints(&["failed to read ."]);
    terminal.run(&["sarif", "check", "--output", "x", "none.sarif"]).exits(2);
}
