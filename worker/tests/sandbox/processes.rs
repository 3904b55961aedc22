//! Other processes, privileges, and ways to live longer than the task.

use std::process::{Child, Command};

use greenline_worker::command::{CancelReason, ProcessExit, RunOutcome};
use nix::libc;

use crate::bed::{exists, until_written};
use crate::setup::{bed_on, escape, gets_out, refused_everywhere, sandboxes, stays_inside};

/// A process of the worker's user, with a secret in its environment.
struct Neighbour(Child);

impl Neighbour {
    fn new() -> Self {
        let mut command = Command::new("sleep");
        Self(command.arg("1000").env("TOKEN", "neighbours-secret").spawn().unwrap())
    }

    fn pid(&self) -> u32 {
        self.0.id()
    }
}

impl Drop for Neighbour {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

#[tokio::test]
async fn no_environment_or_memory_of_others_is_read() {
    let neighbour = Neighbour::new();
    for file in ["environ", "maps", "cwd/.", "root/."] {
        let verb = if file.ends_with('.') { "list" } else { "read" };
        stays_inside(&format!("{verb} /proc/{}/{file}", neighbour.pid())).await;
    }
    // The worker itself: its number inside is not what it is outside, so by every number.
    for sandbox in sandboxes() {
        let bed = bed_on(Some(&sandbox)).await;
        let all =
            "cat /proc/[0-9]*/environ /proc/[0-9]*/task/*/environ 2>/dev/null | tr '\\0' '\\n'";
        let report = bed.run(&[], &[all]).await;
        let seen = &report.commands[0].tail;
        assert!(seen.contains("GREENLINE_TASK="), "its own is its own: {report:?}");
        assert!(
            !seen.contains("neighbours-secret") && !seen.contains("CARGO_MANIFEST_DIR"),
            "{seen}"
        );
    }
}

#[tokio::test]
async fn others_are_not_signalled_or_traced() {
    let neighbour = Neighbour::new();
    stays_inside(&format!("signal {}", neighbour.pid())).await;
    refused_everywhere(&format!("trace {}", neighbour.pid())).await;
    refused_everywhere(&format!("signal {}", std::process::id())).await;
}

#[tokio::test]
async fn privileges_can_not_be_had() {
    for attempt in ["mount", "unshare", "chroot", "enter /proc/self/ns/net"] {
        refused_everywhere(attempt).await;
    }
    for sandbox in sandboxes() {
        let bed = bed_on(Some(&sandbox)).await;
        let report =
            bed.run(&[], &["grep -E '^(Cap|NoNewPrivs|Seccomp:)' /proc/self/status"]).await;
        let lines: Vec<_> = report.commands[0].tail.split_whitespace().collect();
        let none = "0000000000000000";
        let expected = [
            "CapInh:",
            none,
            "CapPrm:",
            none,
            "CapEff:",
            none,
            "CapBnd:",
            none,
            "CapAmb:",
            none,
            "NoNewPrivs:",
            "1",
            "Seccomp:",
            "2",
        ];
        // Who has no capabilities may not empty the set of those that exec could give, and need not.
        let here = std::fs::read_to_string("/proc/self/status").unwrap();
        let held = here.lines().find_map(|line| line.strip_prefix("CapEff:\t")).unwrap();
        let may_empty_it = u64::from_str_radix(held, 16).unwrap() & (1 << 8) != 0;
        let given = may_empty_it || sandbox.isolation().namespaces;
        assert!(lines == expected || !given, "{lines:?} with {}", sandbox.isolation());
    }
}

#[tokio::test]
async fn a_setuid_program_gives_nothing() {
    for sandbox in sandboxes() {
        let bed = bed_on(Some(&sandbox)).await;
        bed.run(&[], &[&format!("cp {} own && chmod u+s own", escape())]).await;
        let report = bed.run(&[], &["./own root"]).await;
        assert!(report.commands[0].tail.contains("refused: root"), "{report:?}");
    }
}

#[tokio::test]
async fn dangerous_calls_of_the_kernel_are_refused() {
    let refused = [
        libc::SYS_bpf,
        libc::SYS_keyctl,
        libc::SYS_add_key,
        libc::SYS_userfaultfd,
        libc::SYS_perf_event_open,
        libc::SYS_kexec_load,
        libc::SYS_init_module,
        libc::SYS_fsopen,
        libc::SYS_open_tree,
        libc::SYS_setns,
        libc::SYS_process_vm_readv,
        libc::SYS_open_by_handle_at,
        467, // open_tree_attr
        469, // file_setattr
    ];
    // x32's own execve, by both of its numbers.
    let of_x32 = if cfg!(target_arch = "x86_64") { vec![520, 0x4000_0000 + 520] } else { vec![] };
    let refused: Vec<i64> = refused.into_iter().chain(of_x32).collect();
    // The last is memfd_secret.
    let unknown = [libc::SYS_io_uring_setup, libc::SYS_clone3, 447];
    let words = refused.iter().chain(&unknown).map(ToString::to_string).collect::<Vec<_>>();
    let script = "for (@ARGV) { $! = 0; syscall($_ + 0, 0, 0, 0, 0, 0, 0); print $! + 0, \" \" }";
    let line = format!("perl -e '{script}' {}", words.join(" "));
    let expected = refused.iter().map(|_| libc::EPERM).chain(unknown.map(|_| libc::ENOSYS));
    let expected: String = expected.map(|error| format!("{error} ")).collect();
    for sandbox in sandboxes() {
        let bed = bed_on(Some(&sandbox)).await;
        let report = bed.run(&[], &[&line]).await;
        assert_eq!(report.commands[0].tail, expected, "with {}", sandbox.isolation());
    }
}

#[tokio::test]
async fn other_processes_keep_their_priority_and_processors() {
    let neighbour = Neighbour::new();
    let pid = neighbour.pid();
    let calls = [
        format!("{}, 0, {pid}, 5", libc::SYS_setpriority),
        format!("{}, {pid}, 8, $mask", libc::SYS_sched_setaffinity),
        format!("{}, {pid}, 5, $priority", libc::SYS_sched_setscheduler),
        format!("{}, {pid}, $priority", libc::SYS_sched_setparam),
        format!("{}, 1, {pid}, 3 << 13", libc::SYS_ioprio_set),
    ];
    let of_all = [
        format!("{}, 2, 0, 5", libc::SYS_setpriority),
        format!("{}, 3, 0, 3 << 13", libc::SYS_ioprio_set),
    ];
    let line = |call: &String| {
        let structs = "my ($mask, $priority) = (pack(\"Q\", 1), pack(\"l\", 0));";
        format!("perl -e '{structs} exit(syscall({call}) < 0 ? 7 : 0)'")
    };
    let open = bed_on(None).await;
    for call in &calls {
        assert!(open.run(&[], &[&line(call)]).await.passed(), "{call} fails in the open, too");
    }
    for sandbox in sandboxes() {
        let isolation = sandbox.isolation();
        let bed = bed_on(Some(&sandbox)).await;
        for call in &calls {
            let report = bed.run(&[], &[&line(call)]).await;
            assert_eq!(
                report.commands[0].ended,
                ProcessExit::ExitCode(7),
                "{call} with {isolation}"
            );
        }
        // Where nobody else is of that user, all of its processes are the sandbox's own.
        if !isolation.namespaces && !isolation.task_users {
            for call in &of_all {
                let report = bed.run(&[], &[&line(call)]).await;
                assert_eq!(
                    report.commands[0].ended,
                    ProcessExit::ExitCode(7),
                    "{call} with {isolation}"
                );
            }
        }
        let own = bed.run(&[], &["nice -n 5 true && taskset -c 0 true && ionice -c 3 true"]).await;
        assert!(own.passed(), "one's own with {isolation}: {own:?}");
    }
}

#[tokio::test]
async fn a_fork_bomb_ends_with_its_run() {
    for sandbox in sandboxes() {
        let mut bed = bed_on(Some(&sandbox)).await;
        bed.limits.processes = 60;
        let bomb = format!("bomb() {{ {} & bomb | bomb & wait; }}; bomb", bed.sleeper());
        let report = bed.run(&[], &[&bomb]).await;
        // Found by the watch, or stopped by the kernel before: then it has failed by itself.
        assert!(!report.passed(), "{report:?}");
        bed.limits.processes = 2048;
        assert!(gets_out(&bed, "read /etc/passwd").await, "and the machine goes on");
    }
}

#[tokio::test]
async fn nobody_lives_longer_than_the_task() {
    for sandbox in sandboxes() {
        let bed = bed_on(Some(&sandbox)).await;
        // Its own session, no environment, no label, no parent, deaf to signals.
        let hide = format!(
            "(env -i setsid nohup sh -c 'ulimit -m 4096; trap \"\" HUP INT TERM; \
              echo $$ > {pid}; (exec {sleeper}) & wait' >/dev/null 2>&1 &) ; \
             while [ ! -s {pid} ]; do sleep 0.02; done",
            pid = bed.file("pid").display(),
            sleeper = bed.sleeper(),
        );
        let report = bed.run(&[], &[&hide]).await;
        assert!(report.passed(), "{report:?}");
        // What is left is looked for by the bed, when a run has ended.
    }
}

#[tokio::test]
async fn a_cancelled_command_may_tidy_up_and_then_ends() {
    for sandbox in sandboxes() {
        let bed = bed_on(Some(&sandbox)).await;
        let command = format!(
            "trap 'echo tidied > tidied; exit 3' TERM; echo x > begun; {} & wait",
            bed.sleeper()
        );
        let report = bed
            .run_beside(&command, async {
                until_written(&bed.file("begun")).await;
                bed.cancellation.cancel(CancelReason::Operator);
            })
            .await;
        assert_eq!(report.outcome, RunOutcome::Cancelled { reason: CancelReason::Operator });
        assert!(bed.file("tidied").exists(), "with {}", sandbox.isolation());
    }
}

#[tokio::test]
async fn a_dropped_run_ends_everyone() {
    for sandbox in sandboxes() {
        let bed = bed_on(Some(&sandbox)).await;
        let command = format!("env -i setsid {} & echo $! > pid; wait", bed.sleeper());
        let (commands, pid) = ([command.as_str()], bed.file("pid"));
        tokio::select! {
            report = bed.run(&[], &commands) => panic!("{report:?}"),
            () = until_written(&pid) => {}
        }
        bed.assert_nothing_left();
        assert!(sandbox.isolation().namespaces || !exists(&bed.file("pid")));
    }
}
