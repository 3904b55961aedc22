//! How runs end: with every process of theirs, whatever it did to get away.

use std::fs;
use std::sync::Arc;
use std::time::Duration;

use greenline_worker::command::{CancelReason, OutputLog, OutputStream, ProcessExit, RunOutcome};

use crate::setup::{Bed, exists, read_all, until, until_written, written};

const CANCELLED: RunOutcome = RunOutcome::Cancelled { reason: CancelReason::Operator };

/// Cancels once the command has written `pid`.
async fn cancel_when_ready(bed: &Bed) {
    until_written(&bed.file("pid")).await;
    bed.cancellation.cancel(CancelReason::Operator);
}

#[tokio::test]
async fn a_timeout_kills_grandchildren() {
    let mut bed = Bed::new().await;
    bed.limits.time = Duration::from_millis(500);
    let sleeper = bed.sleeper();
    let report = bed.run(&[], &[&format!("sh -c '{sleeper} & {sleeper}' & {sleeper}; true")]).await;
    assert_eq!(report.outcome, RunOutcome::TimedOut { limit_ms: 500 });
    assert_eq!(report.commands[0].ended, ProcessExit::Signal(15));
    assert!(report.to_string().starts_with("timed out after 500 ms, in validation"));
}

#[tokio::test]
async fn the_time_counts_for_all_commands_together() {
    let mut bed = Bed::new().await;
    bed.limits.time = Duration::from_millis(600);
    let report = bed.run(&["sleep 0.3"], &["sleep 0.2", &bed.sleeper(), "true"]).await;
    assert_eq!(report.outcome, RunOutcome::TimedOut { limit_ms: 600 });
    assert!(report.commands.len() <= 3);
}

#[tokio::test]
async fn who_left_the_session_dies_too() {
    for escape in ["", "env -i"] {
        let bed = Bed::new().await;
        let pid = bed.file("pid").display().to_string();
        let command = format!(
            "{escape} setsid sh -c 'setsid sh -c \"{} & echo \\$! > {pid}.new; mv {pid}.new {pid}\" &' & {}",
            bed.sleeper(),
            bed.sleeper(),
        );
        let report = bed.run_beside(&command, cancel_when_ready(&bed)).await;
        assert_eq!(report.outcome, CANCELLED);
        assert!(!exists(&bed.file("pid")), "gone, and reaped");
    }
}

#[tokio::test]
async fn who_escapes_at_the_very_end_dies_too() {
    let bed = Bed::new().await;
    let command = format!("env -i setsid sh -c '{} & echo $! > pid' & wait", bed.sleeper());
    let report = bed.run(&[], &[&command]).await;
    assert!(report.passed(), "{report:?}");
    assert!(!exists(&bed.file("pid")));
}

#[tokio::test]
async fn what_holds_the_output_open_hangs_nothing() {
    let bed = Bed::new().await;
    let report =
        bed.run(&[], &[&format!("{} & echo said", bed.sleeper()), "yes & echo also"]).await;
    assert!(report.passed(), "{report:?}");
    assert_eq!(report.commands[0].tail, "said\n");
    assert!(!report.commands[1].tail.is_empty());
}

#[tokio::test]
async fn a_service_from_setup_lives_until_the_task_ends() {
    let bed = Bed::new().await;
    let service = "(while :; do echo alive; sleep 0.02; done) & echo $! > pid";
    let ask = "kill -0 $(cat pid) && sleep 0.1 && touch asked";
    let (report, events) = bed.run_logged(&[service], &[ask]).await;
    assert!(report.passed(), "{report:?}");
    assert!(bed.file("asked").exists());
    assert!(!exists(&bed.file("pid")));
    let printed = written(&events, 0, OutputStream::Stdout);
    assert!(printed.len() > report.commands[0].tail.len(), "its output is streamed on");
}

#[tokio::test]
async fn sigterm_comes_first_and_may_be_answered() {
    let mut bed = Bed::new().await;
    bed.limits.grace = Duration::from_secs(60);
    let command = "trap 'echo bye; exit 7' TERM; echo $$ > pid; while :; do sleep 0.01; done";
    let report = bed.run_beside(command, cancel_when_ready(&bed)).await;
    assert_eq!(report.outcome, CANCELLED);
    assert_eq!(report.commands[0].ended, ProcessExit::ExitCode(7));
    assert!(report.commands[0].tail.contains("bye\n"), "{report:?}");
}

#[tokio::test]
async fn who_ignores_sigterm_is_killed() {
    let bed = Bed::new().await;
    let command = format!("trap '' TERM; echo $$ > pid; {}; {}", bed.sleeper(), bed.sleeper());
    let report = bed.run_beside(&command, cancel_when_ready(&bed)).await;
    assert_eq!(report.outcome, CANCELLED);
    assert_eq!(report.commands[0].ended, ProcessExit::Signal(9));
}

#[tokio::test]
async fn who_is_stopped_is_killed() {
    let bed = Bed::new().await;
    let command = format!("{} & kill -STOP $!; echo $! > pid; wait", bed.sleeper());
    let report = bed.run_beside(&command, cancel_when_ready(&bed)).await;
    assert_eq!(report.outcome, CANCELLED);
    assert!(!exists(&bed.file("pid")));
}

#[tokio::test]
async fn two_hundred_children_die() {
    let bed = Bed::new().await;
    let each = format!("setsid {} &", bed.sleeper());
    let command =
        format!("i=0; while [ $i -lt 200 ]; do {each} i=$((i+1)); done; echo $$ > pid; wait");
    let all_there = async {
        until("200 children", || bed.processes().len() >= 200).await;
        cancel_when_ready(&bed).await;
    };
    let report = bed.run_beside(&command, all_there).await;
    assert_eq!(report.outcome, CANCELLED);
}

#[tokio::test]
async fn who_forks_while_being_killed_dies() {
    let bed = Bed::new().await;
    let command = format!(
        "echo 'trap \"\" TERM; {} & exec sh again' > again; echo $$ > pid; exec sh again",
        bed.sleeper()
    );
    let some_there = async {
        until("some children", || bed.processes().len() >= 20).await;
        cancel_when_ready(&bed).await;
    };
    let report = bed.run_beside(&command, some_there).await;
    assert_eq!(report.outcome, CANCELLED);
}

#[tokio::test]
async fn orphans_that_end_during_a_run_are_reaped() {
    let bed = Bed::new().await;
    let command = "(true & echo $! > pid) ; while [ -e /proc/$(cat pid) ]; do sleep 0.02; done";
    let report = bed.run(&[], &[command]).await;
    assert!(report.passed(), "{report:?}");
}

#[tokio::test]
async fn a_dropped_run_leaves_nothing() {
    let bed = Arc::new(Bed::new().await);
    let run = tokio::spawn({
        let bed = Arc::clone(&bed);
        async move {
            let command = format!("env -i setsid {0} & echo $! > pid; {0}", bed.sleeper());
            bed.run(&[], &[&command]).await
        }
    });
    until_written(&bed.file("pid")).await;
    run.abort();
    assert!(run.await.unwrap_err().is_cancelled());
    until("no process", || bed.processes().is_empty()).await;
}

#[tokio::test]
async fn the_reader_sees_the_end_when_the_run_ends() {
    let bed = Bed::new().await;
    let (log, reader) = OutputLog::new();
    let reading = tokio::spawn(read_all(reader));
    let report = bed.run_into(log, &[], &[&format!("{} & echo $! > pid", bed.sleeper())]).await;
    assert!(report.passed());
    assert!(reading.await.unwrap().is_empty());
    assert!(!fs::read_to_string(bed.file("pid")).unwrap().is_empty());
}
