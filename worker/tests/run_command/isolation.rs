//! What commands see of the worker, and of each other.

use std::collections::BTreeSet;
use std::fs::File;

use crate::setup::{Bed, exists, until_written, written};
use greenline_worker::command::{CancelReason, OutputStream, RunOutcome};

#[tokio::test]
async fn commands_see_only_the_variables_they_are_given() {
    assert!(std::env::vars_os().count() > 8, "the worker has variables to leak");
    let bed = Bed::new().await;
    let report = bed.run(&[], &["tr '\\0' '\\n' < /proc/$$/environ"]).await;
    let lines: BTreeSet<&str> = report.commands[0].tail.lines().collect();
    let names: BTreeSet<&str> = lines.iter().map(|line| line.split('=').next().unwrap()).collect();
    let fixed =
        ["CI", "GREENLINE_TASK", "GREENLINE_TASK_ID", "HOME", "LANG", "PATH", "TERM", "TMPDIR"];
    // The shell that comes first adds what shells add.
    let shells = BTreeSet::from(["OLDPWD", "PWD", "SHLVL", "_"]);
    assert_eq!(names.difference(&shells).copied().collect::<Vec<_>>(), fixed);
    for expected in ["LANG=C.UTF-8", "CI=true", "TERM=dumb"] {
        assert!(lines.contains(expected), "{expected} in {lines:?}");
    }
    assert!(lines.contains(format!("HOME={}", bed.workspace.home().display()).as_str()));
    assert!(lines.contains(format!("TMPDIR={}", bed.workspace.tmp().display()).as_str()));
}

#[tokio::test]
async fn the_worker_is_closed_to_commands_of_its_own_user() {
    let bed = Bed::new().await;
    let report = bed.run(&[], &["cat /proc/$PPID/environ"]).await;
    assert!(!nix::sys::prctl::get_dumpable().unwrap());
    // Root with all capabilities reads everything; that is not what this can prevent.
    if !nix::unistd::geteuid().is_root() {
        assert_eq!(report.outcome, RunOutcome::Failed { which: 0 });
    }
}

#[tokio::test]
async fn no_open_file_of_the_worker_is_inherited() {
    let secret = File::open("/dev/null").unwrap();
    let inheritable = nix::unistd::dup(&secret).unwrap();
    let bed = Bed::new().await;
    let report = bed.run(&[], &["ls /proc/$$/fd"]).await;
    assert_eq!(report.commands[0].tail, "0\n1\n2\n");
    drop(inheritable);
}

#[tokio::test]
async fn commands_lead_their_own_session_and_read_nothing() {
    let bed = Bed::new().await;
    let report =
        bed.run(&[], &["test $(cut -d' ' -f6 /proc/$$/stat) = $$", "cat", "test ! -t 1"]).await;
    assert!(report.passed(), "{report:?}");
}

#[tokio::test]
async fn limits_of_the_kernel_are_set() {
    let mut bed = Bed::new().await;
    bed.limits.open_files = 123;
    bed.limits.file_bytes = 1 << 20;
    let report =
        bed.run(&["ulimit -c; ulimit -n; ulimit -f"], &["head -c 2000000 /dev/zero > big"]).await;
    assert_eq!(report.commands[0].tail, "0\n123\n2048\n");
    assert_eq!(report.outcome, RunOutcome::Failed { which: 1 });
    assert_eq!(bed.file("big").metadata().unwrap().len(), 1 << 20);
}

#[tokio::test]
async fn two_tasks_at_once_do_not_touch_each_other() {
    let (staying, going) = (Bed::new().await, Bed::new().await);
    // Without environment, session or parent: told apart by the tag alone.
    let hidden = |bed: &Bed| {
        format!(
            "env -i setsid sh -c '{} & echo $! > {}' &",
            bed.sleeper(),
            bed.file("pid").display()
        )
    };
    let wait_for_word =
        format!("{} while [ ! -e word ]; do sleep 0.02; done; echo done", hidden(&staying));
    let wait_for_ever = format!("{} {}", hidden(&going), going.sleeper());

    let first = staying.run_beside(&wait_for_word, async {
        until_written(&staying.file("pid")).await;
        let second = going.run_beside(&wait_for_ever, async {
            until_written(&going.file("pid")).await;
            going.cancellation.cancel(CancelReason::Operator);
        });
        let cancelled = RunOutcome::Cancelled { reason: CancelReason::Operator };
        assert_eq!(second.await.outcome, cancelled);
        assert!(exists(&staying.file("pid")));
        std::fs::write(staying.file("word"), "").unwrap();
    });
    let report = first.await;
    assert!(report.passed(), "{report:?}");
    assert!(!exists(&staying.file("pid")));
}

#[tokio::test]
async fn other_children_of_the_worker_are_let_alone() {
    let mut alive = std::process::Command::new("sleep").arg("1000").spawn().unwrap();
    let mut ending = tokio::process::Command::new("sh").args(["-c", "exit 5"]).spawn().unwrap();
    let bed = Bed::new().await;
    let (report, events) = bed.run_logged(&[], &["(sleep 0.01 &) ; (sleep 0.4; echo last)"]).await;
    assert!(report.passed(), "{report:?}");
    assert_eq!(written(&events, 0, OutputStream::Stdout), b"last\n");
    assert_eq!(ending.wait().await.unwrap().code(), Some(5));
    assert_eq!(alive.try_wait().unwrap(), None);
    alive.kill().unwrap();
    alive.wait().unwrap();
}
