//! What commands write, and where it goes.

use std::fs;

use greenline_worker::command::{OutputEvent, OutputLog, OutputStream};

use crate::setup::{Bed, read_all, written};

fn peak_kib() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

#[tokio::test]
async fn output_is_streamed_by_command_and_stream() {
    let bed = Bed::new().await;
    let (report, events) = bed.run_logged(&["echo a"], &["echo b; echo c >&2"]).await;
    assert_eq!(report.commands[1].tail.len(), 4);
    assert_eq!(written(&events, 0, OutputStream::Stdout), b"a\n");
    assert_eq!(written(&events, 1, OutputStream::Stdout), b"b\n");
    assert_eq!(written(&events, 1, OutputStream::Stderr), b"c\n");
}

#[tokio::test]
async fn output_comes_while_the_command_runs() {
    let bed = Bed::new().await;
    let (log, mut reader) = OutputLog::new();
    let beside = async {
        let first = reader.next().await.unwrap();
        assert_eq!(written(&first, 0, OutputStream::Stdout), b"now\n");
        fs::write(bed.file("word"), "").unwrap();
    };
    let command = ["echo now; while [ ! -e word ]; do sleep 0.02; done"];
    let (report, ()) = tokio::join!(bed.run_into(log, &[], &command), beside);
    assert!(report.passed());
}

#[tokio::test]
async fn a_hundred_megabytes_stay_bounded() {
    let mut bed = Bed::new().await;
    bed.limits.log_bytes = 1 << 20;
    bed.limits.tail_bytes = 4096;
    let before = peak_kib();
    let command = "head -c 100000000 /dev/zero | tr '\\0' x";
    let (report, events) = bed.run_logged(&[], &[command]).await;
    assert!(report.passed(), "{report}");
    assert_eq!(report.commands[0].tail, "x".repeat(4096));
    assert_eq!(report.commands[0].truncated_bytes, 100_000_000 - 4096);
    assert!(events.contains(&OutputEvent::KeptBack { limit: 1 << 19 }));
    assert!(matches!(events.last(), Some(OutputEvent::Written { .. })), "the end is there");
    assert!(written(&events, 0, OutputStream::Stdout).len() <= 1 << 20);
    assert!(peak_kib() - before < 50_000, "grew from {before} to {} KiB", peak_kib());
}

#[tokio::test]
async fn a_reader_that_does_not_read_stops_nobody() {
    let mut bed = Bed::new().await;
    bed.limits.log_bytes = u64::MAX;
    let (log, reader) = OutputLog::new();
    let report = bed.run_into(log, &[], &["head -c 10000000 /dev/zero"]).await;
    assert!(report.passed(), "{report}");
    let events = read_all(reader).await;
    let left_out = events.iter().find_map(|event| match event {
        OutputEvent::LeftOut { bytes } => Some(bytes),
        _ => None,
    });
    let bytes = left_out.expect("something is left out");
    let seen = written(&events, 0, OutputStream::Stdout).len();
    assert!(seen <= 1 << 20, "{seen}");
    assert_eq!(seen as u64 + bytes, 10_000_000);
}

#[tokio::test]
async fn what_is_not_utf8_is_replaced_in_the_tail_and_kept_in_the_log() {
    let mut bed = Bed::new().await;
    bed.limits.tail_bytes = 8;
    let (report, events) = bed.run_logged(&[], &["printf 'x\\342\\202\\254ab\\377cd\\n'"]).await;
    assert_eq!(report.commands[0].tail, "ab\u{fffd}cd\n");
    assert_eq!(report.commands[0].truncated_bytes, 4);
    assert_eq!(written(&events, 0, OutputStream::Stdout), b"x\xe2\x82\xacab\xffcd\n");
}

#[tokio::test]
async fn the_last_words_of_a_command_are_never_lost() {
    for _ in 0..20 {
        let bed = Bed::new().await;
        let report = bed
            .run(&[], &["(sleep 1000 &) ; head -c 60000 /dev/zero | tr '\\0' x; echo last"])
            .await;
        let run = &report.commands[0];
        assert!(run.tail.ends_with("last\n"), "{:?}", run.tail);
        assert_eq!(run.tail.len() as u64 + run.truncated_bytes, 60_005);
    }
}
