//! The lead and the worker as processes of their own.

use std::process::{Child, Stdio};

use greenline_queue::TaskSpec;
use greenline_testbed::TestBed;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::terminal::{Terminal, enqueue, id, until};

/// A running daemon; it does not outlive its test.
pub(crate) struct Daemon(Child);

impl Daemon {
    pub(crate) fn start(terminal: &Terminal, args: &[&str]) -> Self {
        let mut command = terminal.command(args);
        Self(command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap())
    }

    /// Ends it as nobody should.
    pub(crate) fn kill(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }

    /// Asks it to stop; its exit code.
    fn stop(&mut self) -> Option<i32> {
        kill(Pid::from_raw(self.0.id().cast_signed()), Signal::SIGTERM).unwrap();
        until("the daemon's end", || self.0.try_wait().unwrap()).code()
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _gone = self.0.kill();
        let _reaped = self.0.wait();
    }
}

/// A port that was free a moment ago.
fn free_address() -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().to_string()
}

#[tokio::test]
async fn lead_and_worker_say_that_they_are_alive_and_stop_when_asked() {
    let bed = TestBed::new().await;
    let terminal = Terminal::at(&bed).with("GREENLINE_LISTEN", &free_address());
    terminal.run(&["health", "lead"]).exits(1).prints(&["no lead answers"]);
    terminal.run(&["health", "worker"]).exits(1).prints(&["no worker has left a sign of life"]);

    let mut lead = Daemon::start(&terminal, &["lead"]);
    let mut worker = Daemon::start(&terminal, &["worker", "--slots", "2", "--labels", "gpu"]);
    for daemon in ["lead", "worker"] {
        until("health", || (terminal.run(&["health", daemon]).code == 0).then_some(()));
    }
    terminal.run(&["health", "worker"]).exits(0).prints(&["is alive"]);

    let on_gpu = |spec: &mut TaskSpec| {
        spec.labels = ["gpu".parse().unwrap()].into();
        spec.validation = vec!["echo from $GREENLINE_TASK_ID".to_owned()];
    };
    enqueue(&bed.queue, "a", on_gpu).await;
    until("the task's end", || {
        (terminal.json(&["queue", "show", "a"])[0]["status"] == "success").then_some(())
    });
    terminal.run(&["queue", "log", "a"]).exits(0).prints(&["from a\n"]);
    terminal.run(&["doctor"]).exits(0).prints(&["workers: 1 worker is alive", "lead: "]);

    assert_eq!((lead.stop(), worker.stop()), (Some(0), Some(0)));
    assert!(bed.queue.workers().await.unwrap().is_empty(), "it said good-bye");
    assert!(bed.queue.leader().await.unwrap().is_none(), "it resigned");
}

#[tokio::test]
async fn a_worker_that_stops_hands_back_what_does_not_end_in_time() {
    let bed = TestBed::new().await;
    let terminal = Terminal::at(&bed).with("GREENLINE_GRACE", "100ms");
    let mut worker = Daemon::start(&terminal, &["worker"]);
    enqueue(&bed.queue, "a", |spec| spec.validation = vec!["sleep 300".to_owned()]).await;
    until("the task's start", || {
        (terminal.json(&["queue", "show", "a"])[0]["status"] == "running").then_some(())
    });
    assert_eq!(worker.stop(), Some(0));
    let record = bed.queue.record(&id("a")).await.unwrap().unwrap();
    assert_eq!((&record.status[..], record.failures, record.crashes), ("pending", 0, 0));
    terminal.run(&["queue", "show", "a"]).exits(0).prints(&["attempt 1 was given back"]);
}

#[tokio::test]
async fn a_task_that_ends_within_the_grace_is_finished_by_a_worker_that_stops() {
    let bed = TestBed::new().await;
    let terminal = Terminal::at(&bed).with("GREENLINE_GRACE", "30s");
    let mut worker = Daemon::start(&terminal, &["worker"]);
    enqueue(&bed.queue, "a", |spec| spec.validation = vec!["sleep 2".to_owned()]).await;
    until("the task's start", || {
        (terminal.json(&["queue", "show", "a"])[0]["status"] == "running").then_some(())
    });
    assert_eq!(worker.stop(), Some(0));
    let record = bed.queue.record(&id("a")).await.unwrap().unwrap();
    assert_eq!((&record.status[..], record.failures, record.crashes), ("success", 0, 0));
    let reported = terminal.run(&["queue", "show", "a"]).exits(0);
    assert!(!reported.out.contains("given back"), "{reported:?}");
}

#[tokio::test]
async fn of_much_output_the_log_keeps_the_beginning_and_the_end() {
    let bed = TestBed::new().await;
    let terminal = Terminal::at(&bed).with("GREENLINE_OUTPUT_LOG", "64KiB");
    let _worker = Daemon::start(&terminal, &["worker"]);
    let loud = "seq 1 100000; echo the reason";
    enqueue(&bed.queue, "a", |spec| spec.validation = vec![loud.to_owned()]).await;
    until("the task's end", || {
        (terminal.json(&["queue", "show", "a"])[0]["status"] == "success").then_some(())
    });
    let log = terminal.run(&["queue", "log", "a"]).exits(0);
    assert!(log.out.starts_with("1\n2\n3\n") && log.out.ends_with("100000\nthe reason\n"));
    let notes = log.out.lines().filter(|line| line.contains("bytes"));
    let notes: Vec<&str> = notes.collect();
    // Each on a line of its own: none begins with what was printed before it.
    assert_eq!(notes.len(), 2, "{notes:?}");
    assert!(notes[0].starts_with("the last 32768 bytes of what follows"), "{notes:?}");
    assert!(notes[1].ends_with("bytes of output are left out here"), "{notes:?}");
}

/// What another process of the same user can learn of a daemon in /proc.
fn is_closed(daemon: u32) {
    let limits = std::fs::read_to_string(format!("/proc/{daemon}/limits")).unwrap();
    let cores = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap();
    assert_eq!(cores.split_ascii_whitespace().collect::<Vec<_>>()[4..6], ["0", "0"], "{cores}");
    // What belongs to a process that is not dumpable belongs to root, and is nobody else's to read.
    let owner = std::fs::metadata(format!("/proc/{daemon}/environ")).unwrap();
    assert_eq!(std::os::unix::fs::MetadataExt::uid(&owner), 0);
}

/// A directory of the ordinary user's, with the program in it: this build may lie where only root
/// can go.
fn ordinary_users_place() -> tempfile::TempDir {
    let place = tempfile::tempdir().unwrap();
    std::fs::copy(env!("CARGO_BIN_EXE_greenline"), place.path().join("greenline")).unwrap();
    std::os::unix::fs::chown(place.path(), Some(ORDINARY), Some(ORDINARY)).unwrap();
    place
}

const ORDINARY: u32 = 54_321;

#[tokio::test]
async fn commands_of_the_same_user_read_no_daemons_secrets() {
    if !nix::unistd::geteuid().is_root() {
        eprintln!("skipped: only root can become two processes of one ordinary user");
        assert!(std::env::var_os("GREENLINE_STRICT").is_none());
        return;
    }
    // A Redis on a port: its socket is in a directory of root's.
    let port = greenline_testbed::free_port();
    let restriction = greenline_testbed::BedOptions { port: Some(port), ..Default::default() };
    let bed = TestBed::on(restriction).await;
    let (place, secret) = (ordinary_users_place(), format!("secret-{}", fastrand::u64(..)));
    let start = |args: &[&str], redis: bool| {
        use std::os::unix::process::CommandExt;
        let mut command = std::process::Command::new(place.path().join("greenline"));
        command.args(args).env_clear().current_dir(place.path()).uid(ORDINARY).gid(ORDINARY);
        command.env("PATH", std::env::var("PATH").unwrap());
        command.env("GREENLINE_LISTEN", "127.0.0.1:0").env("GITHUB_TOKEN", &secret);
        command.env("GREENLINE_STATE_DIR", place.path().join(args[0]));
        if redis {
            command.env("REDIS_URL", format!("redis://127.0.0.1:{port}"));
        }
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        Daemon(command.spawn().unwrap())
    };
    let daemons =
        [start(&["lead"], true), start(&["worker"], true), start(&["up", "--workers", "1"], false)];
    let pids: Vec<String> = daemons.iter().map(|daemon| daemon.0.id().to_string()).collect();
    // The lead's own words, read by a command of the worker's; the last one shows that it can read.
    let look = format!(
        "for pid in {} $$; do tr '\\0' '\\n' <\"/proc/$pid/environ\" | grep -e {secret} -e ^CI=; done; true",
        pids.join(" ")
    );
    enqueue(&bed.queue, "a", |spec| spec.validation = vec![look]).await;
    let result = async || bed.record("a").await.result;
    greenline_testbed::eventually("what it found", async || result().await.is_some()).await;
    let result: serde_json::Value = serde_json::from_str(&result().await.unwrap()).unwrap();
    let seen = result["commands"][0]["tail"].as_str().unwrap();
    assert!(seen.contains("CI=true") && !seen.contains(&secret), "{seen}");
    assert_eq!(seen.matches("Permission denied").count(), 3, "{seen}");
    for daemon in &daemons {
        is_closed(daemon.0.id());
    }
    let mut daemons = daemons;
    for daemon in &mut daemons {
        assert_eq!(daemon.stop(), Some(0));
    }
}

#[tokio::test]
async fn a_worker_waits_for_a_redis_that_is_away() {
    let mut bed = TestBed::new().await;
    let terminal = Terminal::at(&bed);
    bed.redis.kill();
    let mut worker = Daemon::start(&terminal, &["worker"]);
    until("a sign of life", || {
        terminal.run(&["health", "worker"]).out.contains("waiting for Redis").then_some(())
    });
    bed.redis.restart().unwrap();
    until("its first heartbeat", || {
        terminal.run(&["health", "worker"]).out.contains("slots busy").then_some(())
    });
    assert_eq!(worker.stop(), Some(0));
}

#[tokio::test]
async fn a_port_that_is_taken_is_named_with_the_mend() {
    let bed = TestBed::new().await;
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let terminal = Terminal::at(&bed);
    for command in ["lead", "up"] {
        let printed = terminal.run(&[command, "--listen", &address]).exits(3);
        printed.prints(&[&address, "is taken by another program", "GREENLINE_LISTEN"]);
    }
}

#[test]
fn a_worker_that_could_do_nothing_does_not_start() {
    let terminal = Terminal::alone();
    terminal.run(&["worker"]).exits(2).prints(&["no Redis is set"]);
    terminal.run(&["worker", "--slots", "0"]).exits(2).prints(&["--slots"]);
    terminal.run(&["up", "--workers", "0"]).exits(2);
}

#[tokio::test]
async fn a_type_that_nobody_knows_is_refused_by_name() {
    let bed = TestBed::new().await;
    let terminal = Terminal::at(&bed).with("GREENLINE_TYPES", "run_commands");
    terminal.run(&["worker"]).exits(2).prints(&["run_commands", "it knows run_command"]);
}
