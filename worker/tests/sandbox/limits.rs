//! Limits of a run, where the worker looks into the sandbox from outside.

use greenline_worker::command::{OutputLog, RunOutcome};
use greenline_worker::egress::Egress;
use greenline_worker::sandbox::{Launcher, Sandbox, SandboxAccess, SandboxLayers};

use crate::bed::until_written;
use crate::setup::{bed_on, escape, sandboxes, with_egress};

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

/// Maps 64 GiB and reads a byte of each page of page tables: 128 MiB, of which none is resident.
#[tokio::test]
#[cfg(target_arch = "x86_64")]
async fn page_tables_count() {
    let hold = "perl -e 'my $all = 64 << 30; my $p = syscall(9, 0, $all, 1, 0x4022, -1, 0); \
                syscall(28, $p, $all, 15); \
                for (my $o = 0; $o < $all; $o += 2 << 20) { unpack(q(P1), pack(q(J), $p + $o)) } \
                sleep 1000'";
    for sandbox in sandboxes() {
        let mut bed = bed_on(Some(&sandbox)).await;
        bed.limits.memory_bytes = 60 << 20;
        let report = bed.run(&[], &[hold]).await;
        let ended = matches!(report.outcome, RunOutcome::OutOfMemory { .. });
        assert!(ended, "with {}: {report:?}", sandbox.isolation());
    }
}

/// What is detached belongs to no process, and small segments and arrays are there for databases.
#[tokio::test]
async fn memory_of_system_v_ipc_is_bounded() {
    let make = "perl -e 'sub made { my ($most, $make) = @_; my $n = 0; \
                $n++ while $n < $most && defined $make->(); print qq($n ) } \
                made(1, sub { shmget(0, 56, 0600) }); made(1, sub { semget(0, 17, 0600) }); \
                made(1, sub { semget(0, 32000, 0600) }); made(40, sub { msgget(0, 0600) }); \
                made(40, sub { shmget(0, 1 << 20, 0600) })'";
    for sandbox in sandboxes() {
        let mut bed = bed_on(Some(&sandbox)).await;
        bed.limits.memory_bytes = 64 << 20;
        let report = bed.run(&[], &[make]).await;
        let made = &report.commands[0].tail;
        let made: Vec<u32> = made.split_whitespace().map(|n| n.parse().unwrap()).collect();
        let [segment, array, large_array, queues, large_segments] = made[..] else {
            panic!("{report:?}")
        };
        let small = u32::from(sandbox.isolation().namespaces);
        let name = sandbox.isolation();
        assert_eq!([segment, array, large_array], [small, small, 0], "with {name}");
        assert!(queues <= 32 && large_segments <= 16, "with {name}: {made:?}");
    }
}

/// The kernel counts descriptors in flight for a user, not for a process.
#[tokio::test]
async fn descriptors_in_flight_do_not_stop_other_sandboxes() {
    let Some(sandbox) = with_egress(Egress::default()) else { return };
    let (mut one, mut other) = (bed_on(Some(&sandbox)).await, bed_on(Some(&sandbox)).await);
    one.limits.open_files = 200;
    other.limits.open_files = 200;
    let (ready, stop) = (one.file("ready"), one.file("stop"));
    let fill = format!("{} in-flight ready stop", escape());
    let report = one
        .run_beside(&fill, async {
            until_written(&ready).await;
            let beside = other.run(&["ulimit -n"], &[]).await;
            std::fs::write(&stop, "").unwrap();
            assert_eq!(beside.commands[0].tail, "200\n", "{beside:?}");
        })
        .await;
    assert!(report.passed(), "{report:?}");
}

#[tokio::test]
async fn a_sandbox_that_can_not_be_made_is_not_the_commands_failure() {
    let folder = tempfile::tempdir().unwrap();
    let launcher = folder.path().join("launcher");
    let script = format!(
        "#!/bin/sh\ncase \"$*\" in *'echo unlucky'*)\n\
         echo 'greenline sandbox: no more sockets' >&2; exit 125;; esac\nexec {} \"$@\"\n",
        env!("CARGO_BIN_EXE_greenline-sandbox")
    );
    std::fs::write(&launcher, script).unwrap();
    let may_run = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(&launcher, may_run).unwrap();
    let launcher = Launcher::program(&launcher);
    let found = Sandbox::find(launcher, SandboxAccess::default(), SandboxLayers::All).unwrap();
    let bed = bed_on(Some(&found.sandbox)).await;
    assert!(bed.run(&[], &["echo lucky"]).await.passed());
    let error = bed.try_run(OutputLog::new().0, &[], &["echo unlucky"]).await.unwrap_err();
    assert_eq!(error.to_string(), "greenline sandbox: no more sockets");
}

#[tokio::test]
async fn what_a_quick_command_leaves_is_measured() {
    for sandbox in sandboxes() {
        let mut bed = bed_on(Some(&sandbox)).await;
        bed.limits.disk_entries = 100;
        let report = bed.run(&[], &["seq 200 | xargs touch", "true"]).await;
        let ended = matches!(report.outcome, RunOutcome::TooManyFiles { .. });
        assert!(ended, "with {}: {report:?}", sandbox.isolation());
        assert_eq!(report.commands.len(), 1);
    }
}
