//! Which commands run, and what is said about them.

use greenline_worker::command::{CancelReason, Phase, ProcessExit, RunOutcome};

use crate::setup::Bed;

#[tokio::test]
async fn setup_comes_first_and_all_share_one_directory() {
    let bed = Bed::new().await;
    let report = bed.run(&["echo made > it", "pwd"], &["cat it"]).await;
    assert!(report.passed(), "{report:?}");
    let phases: Vec<_> = report.commands.iter().map(|run| run.phase).collect();
    assert_eq!(phases, [Phase::Setup, Phase::Setup, Phase::Validation]);
    assert_eq!(report.commands[1].tail.trim(), bed.workspace.work().display().to_string());
    assert_eq!(report.commands[2].tail, "made\n");
    assert_eq!(report.commands[2].command, "cat it");
}

#[tokio::test]
async fn a_failing_setup_skips_validation() {
    let bed = Bed::new().await;
    let report = bed.run(&["true", "exit 3", "touch late"], &["touch late"]).await;
    assert_eq!(report.outcome, RunOutcome::Failed { which: 1 });
    assert_eq!(report.commands.len(), 2);
    assert_eq!(report.commands[1].ended, ProcessExit::ExitCode(3));
    assert_eq!(report.to_string(), "setup `exit 3` exited with 3");
    assert!(!bed.file("late").exists());
}

#[tokio::test]
async fn codes_and_signals_are_told_apart() {
    let endings = [
        ("exit 255", ProcessExit::ExitCode(255)),
        ("no-such-program", ProcessExit::ExitCode(127)),
        ("kill -KILL $$", ProcessExit::Signal(9)),
        ("kill -SEGV $$", ProcessExit::Signal(11)),
        ("sh -c 'kill -TERM $$'; exit", ProcessExit::ExitCode(143)),
    ];
    for (command, ended) in endings {
        let bed = Bed::new().await;
        let report = bed.run(&[], &[command]).await;
        assert_eq!(report.outcome, RunOutcome::Failed { which: 0 }, "{command}");
        assert_eq!(report.commands[0].ended, ended, "{command}");
    }
}

#[tokio::test]
async fn quotes_newlines_and_dashes_reach_the_shell_as_they_are() {
    let bed = Bed::new().await;
    let report =
        bed.run(&[], &["printf '%s' \"a'b\nc\\\"d $((1+1))\"", "-h 2>/dev/null || true"]).await;
    assert_eq!(report.commands[0].tail, "a'b\nc\"d 2");
    assert!(report.passed(), "{report:?}");
}

#[tokio::test]
async fn a_run_cancelled_before_it_begins_starts_nothing() {
    let bed = Bed::new().await;
    bed.cancellation.cancel(CancelReason::LeaseLost);
    bed.cancellation.cancel(CancelReason::Operator);
    let report = bed.run(&[], &["touch late"]).await;
    assert_eq!(report.outcome, RunOutcome::Cancelled { reason: CancelReason::LeaseLost });
    assert!(report.commands.is_empty());
    assert!(!bed.file("late").exists());
}
