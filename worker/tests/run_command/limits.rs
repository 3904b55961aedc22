//! Runs that use too much.

use greenline_worker::command::RunOutcome;
use greenline_worker::workspace::Hidden;

use crate::setup::Bed;

#[tokio::test]
async fn a_memory_hog_is_killed() {
    let mut bed = Bed::new().await;
    bed.limits.memory_bytes = 100 << 20;
    let report = bed.run(&[], &["cat /dev/zero | tail -c 1000000000"]).await;
    let RunOutcome::OutOfMemory { used_bytes, limit_bytes } = report.outcome else {
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
    assert!(matches!(report.outcome, RunOutcome::OutOfMemory { .. }), "{report:?}");
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
    assert!(matches!(report.outcome, RunOutcome::TooManyProcesses { limit: 20, .. }), "{report:?}");
}

#[tokio::test]
async fn a_full_workspace_ends_the_run() {
    let mut bed = Bed::new().await;
    bed.limits.disk_bytes = 20 << 20;
    let report =
        bed.run(&[], &[&format!("head -c 64000000 /dev/zero > big; {}", bed.sleeper())]).await;
    assert!(matches!(report.outcome, RunOutcome::DiskFull { .. }), "{report:?}");
    assert!(report.to_string().contains(", limit 20 MiB, in validation `head"), "{report}");
}

#[tokio::test]
async fn a_command_that_fails_on_a_full_workspace_is_said_to() {
    let mut bed = Bed::new().await;
    bed.limits.disk_bytes = 20 << 20;
    let report = bed.run(&[], &["head -c 64000000 /dev/zero > $TMPDIR/big; exit 1"]).await;
    assert!(matches!(report.outcome, RunOutcome::DiskFull { .. }), "{report:?}");
}

/// Where this process is root, for whom nothing is closed: runs the test of that name again as
/// nobody in particular, and returns whether it did. It passes there, or the one that asks fails.
fn as_an_ordinary_user(test: &str) -> bool {
    if !nix::unistd::geteuid().is_root() {
        return false;
    }
    // The test's own binary may lie where only root can go.
    let place = tempfile::tempdir().unwrap();
    let open = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(place.path(), open).unwrap();
    let copy = place.path().join("tests");
    std::fs::copy(std::env::current_exe().unwrap(), &copy).unwrap();
    let output = std::process::Command::new("setpriv")
        .args(["--reuid", "54321", "--regid", "54321", "--clear-groups"])
        .arg(&copy)
        .args(["--exact", &format!("limits::{test}")])
        .current_dir("/")
        .output()
        .unwrap();
    let printed = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && printed.contains("1 passed"), "{printed}");
    true
}

/// Fills files of memory that have no name, and holds them.
fn memfds(count: usize, mebibytes: usize) -> String {
    let fill = format!("syswrite($f, q(x) x (1 << 20)) for 1..{mebibytes}");
    format!(
        "perl -e 'for (1..{count}) {{ my $n = q(m); my $d = syscall(319, $n, 0); \
         open(my $f, q(>&=), $d) or die; push @f, $f; {fill} }} sleep 1000'"
    )
}

#[tokio::test]
#[cfg(target_arch = "x86_64")]
async fn files_of_memory_count_as_memory() {
    let mut bed = Bed::new().await;
    bed.limits.memory_bytes = 100 << 20;
    let report = bed.run(&[], &[&memfds(3, 60)]).await;
    let RunOutcome::OutOfMemory { used_bytes, .. } = report.outcome else { panic!("{report:?}") };
    assert!(used_bytes > 100 << 20, "{report}");
}

#[tokio::test]
#[cfg(target_arch = "x86_64")]
async fn files_of_memory_that_many_hold_count_once() {
    let mut bed = Bed::new().await;
    bed.limits.memory_bytes = 100 << 20;
    // Five processes, one file of 40 MiB, and it is there once.
    let share = "perl -e 'my $n = q(m); my $d = syscall(319, $n, 0); open(my $f, q(>&=), $d); \
                 syswrite($f, q(x) x (1 << 20)) for 1..40; \
                 for (1..4) { fork or do { sleep 1; exit } } sleep 1; wait for 1..4'";
    let report = bed.run(&[], &[share]).await;
    assert!(report.passed(), "{report:?}");
}

#[tokio::test]
async fn files_that_were_unlinked_while_open_count_as_disk() {
    let mut bed = Bed::new().await;
    bed.limits.disk_bytes = 20 << 20;
    let command = "exec 3>big; rm big; head -c 64000000 /dev/zero >&3; sleep 1000";
    let report = bed.run(&[], &[command]).await;
    assert!(matches!(report.outcome, RunOutcome::DiskFull { .. }), "{report:?}");
}

#[tokio::test]
async fn what_lies_below_a_directory_that_is_closed_counts_and_it_stays_closed() {
    if as_an_ordinary_user("what_lies_below_a_directory_that_is_closed_counts_and_it_stays_closed")
    {
        return;
    }
    let mut bed = Bed::new().await;
    bed.limits.disk_bytes = 20 << 20;
    let command =
        "mkdir -p a/b; exec 3>a/b/big; chmod 000 a/b a; head -c 64000000 /dev/zero >&3; sleep 1000";
    let report = bed.run(&[], &[command]).await;
    assert!(matches!(report.outcome, RunOutcome::DiskFull { .. }), "{report:?}");
    let mode = std::os::unix::fs::MetadataExt::mode(&bed.file("a").metadata().unwrap());
    assert_eq!(mode & 0o777, 0);
}

#[tokio::test]
async fn too_many_files_end_the_run() {
    let mut bed = Bed::new().await;
    bed.limits.disk_entries = 1000;
    let command = "i=0; while [ $i -lt 3000 ]; do : >f$i; i=$((i+1)); done; sleep 1000";
    let report = bed.run(&[], &[command]).await;
    assert!(matches!(report.outcome, RunOutcome::TooManyFiles { limit: 1000, .. }), "{report:?}");
    assert!(report.to_string().contains("too many files"), "{report}");
}

#[tokio::test]
async fn what_is_hidden_from_the_worker_counts_as_too_much() {
    let bed = Bed::new().await;
    // Twenty times 250 letters: no path is that long.
    let deep = "n=$(head -c 250 /dev/zero | tr '\\0' x); for i in $(seq 20); do mkdir $n && cd -P $n; \
                done; sleep 1000";
    let report = bed.run(&[], &[deep]).await;
    assert_eq!(report.outcome, RunOutcome::Unmeasurable { hidden: Hidden::TooDeep }, "{report:?}");
}

#[tokio::test]
async fn where_the_machine_runs_short_the_run_that_holds_the_most_goes_first() {
    for short_of_memory in [true, false] {
        let mut bed = Bed::new().await;
        match short_of_memory {
            true => bed.limits.spare_memory_bytes = u64::MAX,
            false => bed.limits.spare_disk_bytes = u64::MAX,
        }
        let report = bed.run(&[], &[&bed.sleeper()]).await;
        let printed = match report.outcome {
            RunOutcome::MachineOutOfMemory { .. } => "the machine runs out of memory: ",
            RunOutcome::MachineOutOfDisk { .. } => "the disk of the workspaces runs full: ",
            _ => panic!("{report:?}"),
        };
        assert_eq!(printed.contains("memory"), short_of_memory);
        assert!(report.to_string().starts_with(printed), "{report}");
    }
}

#[tokio::test]
async fn a_command_joins_its_runs_control_group() {
    let mut bed = Bed::new().await;
    bed.in_groups();
    let report = bed.run(&[], &["echo \"$0 $#\""]).await;
    assert_eq!(report.commands[0].tail, "/bin/sh 0\n", "and learns nothing of it: {report:?}");
    assert_eq!(bed.joined(), ["0\n"]);
}
