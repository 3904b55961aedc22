//! Limits of a run, where the worker looks into the sandbox from outside.

use greenline_worker::command::RunOutcome;

use crate::setup::{bed_on, sandboxes};

#[tokio::test]
#[cfg(target_arch = "x86_64")]
async fn files_of_memory_count_here_too() {
    let hold = "perl -e 'for (1..3) { my $n = q(m); my $d = syscall(319, $n, 0); \
                open(my $f, q(>&=), $d) or die; push @f, $f; \
                syswrite($f, q(x) x (1 << 20)) for 1..60 } sleep 1000'";
    for sandbox in sandboxes() {
        let mut bed = bed_on(Some(&sandbox)).await;
        bed.limits.memory_bytes = 100 << 20;
        let report = bed.run(&[], &[hold]).await;
        let ended = matches!(report.outcome, RunOutcome::OutOfMemory { .. });
        assert!(ended, "with {}: {report:?}", sandbox.isolation());
    }
}

#[tokio::test]
async fn files_that_were_unlinked_while_open_count_here_too() {
    let hold = "exec 3>big; rm big; head -c 64000000 /dev/zero >&3; sleep 1000";
    for sandbox in sandboxes() {
        let mut bed = bed_on(Some(&sandbox)).await;
        bed.limits.disk_bytes = 20 << 20;
        let report = bed.run(&[], &[hold]).await;
        let ended = matches!(report.outcome, RunOutcome::DiskFull { .. });
        assert!(ended, "with {}: {report:?}", sandbox.isolation());
    }
}
