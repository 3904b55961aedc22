//! Runs that use too much.

use greenline_worker::command::Outcome;

use crate::bed::Bed;

#[tokio::test]
async fn a_memory_hog_is_killed() {
    let mut bed = Bed::new().await;
    bed.limits.memory_bytes = 100 << 20;
    let report = bed.run(&[], &["cat /dev/zero | tail -c 1000000000"]).await;
    let Outcome::OutOfMemory { used_bytes, limit_bytes } = report.outcome else {
        panic!("{report:?}");
    };
    assert!(used_bytes > limit_bytes);
    assert!(report.to_string().contains("limit 100 MiB"), "{report}");
}

#[tokio::test]
async fn memory_counts_for_the_whole_tree() {
    let mut bed = Bed::new().await;
    bed.limits.memory_bytes = 100 << 20;
    let hog = "cat /dev/zero | env -i setsid tail -c 60000000 &";
    let report = bed.run(&[], &[&format!("{hog} {hog} wait")]).await;
    assert!(matches!(report.outcome, Outcome::OutOfMemory { .. }), "{report:?}");
}

#[tokio::test]
async fn what_processes_share_counts_once() {
    let mut bed = Bed::new().await;
    bed.limits.memory_bytes = 300 << 20;
    // One variable of 60 MB, in a shell and its eight forks.
    let fork = "(sleep 1; true) &";
    let command = format!(
        "x=$(head -c 60000000 /dev/zero | tr '\\0' x); for i in 1 2 3 4 5 6 7 8; do {fork} done; wait; echo ${{#x}}"
    );
    let report = bed.run(&[], &[&command]).await;
    assert!(report.passed(), "{report:?}");
}

#[tokio::test]
async fn too_many_processes_are_killed() {
    let mut bed = Bed::new().await;
    bed.limits.processes = 20;
    let command = format!("for i in $(seq 60); do {} & done; wait", bed.sleeper());
    let report = bed.run(&[], &[&command]).await;
    assert!(matches!(report.outcome, Outcome::TooManyProcesses { limit: 20, .. }), "{report:?}");
}

#[tokio::test]
async fn a_full_workspace_ends_the_run() {
    let mut bed = Bed::new().await;
    bed.limits.disk_bytes = 20 << 20;
    let report =
        bed.run(&[], &[&format!("head -c 64000000 /dev/zero > big; {}", bed.sleeper())]).await;
    assert!(matches!(report.outcome, Outcome::DiskFull { .. }), "{report:?}");
    assert!(report.to_string().contains(", limit 20 MiB, in validation `head"), "{report}");
}

#[tokio::test]
async fn a_command_that_fails_on_a_full_workspace_is_said_to() {
    let mut bed = Bed::new().await;
    bed.limits.disk_bytes = 20 << 20;
    let report = bed.run(&[], &["head -c 64000000 /dev/zero > $TMPDIR/big; exit 1"]).await;
    assert!(matches!(report.outcome, Outcome::DiskFull { .. }), "{report:?}");
}
