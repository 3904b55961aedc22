//! A whole house, from nothing to nothing.

use std::fs::{self, File, Permissions};
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use greenline_store::{Credentials, Store, StoreConfig, StoreError, cmd};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::kernel_limits::KernelRestriction;
use crate::terminal::{Terminal, until};

/// What `greenline up` logs, in the test's directory.
const LOG: &str = "up.log";

/// `greenline up`; neither it nor its Redis outlives its test.
struct TestCluster {
    process: Child,
    printed: String,
    redis: Pid,
}

impl TestCluster {
    /// Starts it, and waits until it has said what runs where.
    async fn start(terminal: &Terminal) -> Self {
        Self::start_on(KernelRestriction::Here, terminal).await
    }

    async fn start_on(restriction: KernelRestriction, terminal: &Terminal) -> Self {
        let mut command = terminal.command(&["up", "--workers", "2", "--slots", "2"]);
        let log = File::create(terminal.folder().join(LOG)).unwrap();
        command.stdout(Stdio::piped()).stderr(log);
        let mut process = restriction.run_under(|| command.spawn().unwrap());
        let stdout = BufReader::new(process.stdout.take().unwrap());
        let mut printed = String::new();
        for line in stdout.lines() {
            let line = line.unwrap();
            printed.push_str(&line);
            printed.push('\n');
            if line.starts_with("Ctrl-C") {
                break;
            }
        }
        assert!(printed.contains("Ctrl-C"), "{printed} {:?}", process.wait());
        Self { process, printed, redis: redis_pid(terminal).await }
    }

    fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.process.id().cast_signed()), signal).unwrap();
    }

    fn ended(&mut self) -> Option<i32> {
        until("the end of the house", || self.process.try_wait().unwrap()).code()
    }

    fn redis_lives(&self) -> bool {
        is_alive(self.redis)
    }
}

impl Drop for TestCluster {
    fn drop(&mut self) {
        let _gone = self.process.kill();
        let _reaped = self.process.wait();
        let _gone = kill(self.redis, Signal::SIGKILL);
    }
}

async fn redis_pid(terminal: &Terminal) -> Pid {
    let home = terminal.folder().join(".greenline");
    let url = std::fs::read_to_string(home.join("redis.url")).unwrap();
    let password = std::fs::read_to_string(home.join("redis_password")).unwrap();
    let username = Some("greenline".to_owned());
    let credentials = Credentials { username, password: Some(password) };
    let store = Store::connect(StoreConfig { credentials, ..StoreConfig::at(url) }).await.unwrap();
    let info: String = store.command(cmd("INFO").arg("server")).await.unwrap();
    let pid = info.lines().find_map(|line| line.strip_prefix("process_id:")).unwrap();
    Pid::from_raw(pid.trim().parse().unwrap())
}

/// Not a zombie either: who reaps what was orphaned is not ours to say.
fn is_alive(pid: Pid) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(") ").is_some_and(|(_, state)| !state.starts_with('Z'))
}

fn alone() -> Terminal {
    Terminal::alone().with("GREENLINE_LISTEN", "127.0.0.1:0").with("GREENLINE_GRACE", "5s")
}

fn status(terminal: &Terminal, id: &str) -> String {
    terminal.json(&["queue", "show", id])[0]["status"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_house_starts_from_nothing_works_and_leaves_nothing_behind() {
    let terminal = alone();
    let mut cluster = TestCluster::start(&terminal).await;
    for part in [
        "Redis      started for you",
        "leading since",
        "http://127.0.0.1:",
        "2 × 2 slots · sandbox: landlock ",
        "no token: set GITHUB_TOKEN, or see it all work with `greenline demo`",
        "failures are explained and flaky jobs re-run",
        "repairs are off",
    ] {
        assert!(cluster.printed.contains(part), "{part} in {}", cluster.printed);
    }
    let token =
        std::fs::read_to_string(terminal.folder().join(".greenline/operator_token")).unwrap();
    assert!(!token.is_empty() && !cluster.printed.contains(token.trim()), "no terminal, no token");
    assert!(cluster.printed.contains("token in .greenline/operator_token"), "{}", cluster.printed);
    let home = terminal.folder().join(".greenline");
    for secret in ["operator_token", "redis_password", "task_key"] {
        let file = std::fs::metadata(home.join(secret)).unwrap();
        assert_eq!(std::os::unix::fs::MetadataExt::mode(&file) & 0o777, 0o600, "{secret}");
    }
    // Who reaches the socket without the password is answered NOAUTH, and nothing else.
    let url = std::fs::read_to_string(home.join("redis.url")).unwrap();
    let stranger = Store::connect(StoreConfig::at(url)).await;
    assert!(matches!(stranger, Err(StoreError::Denied(_))), "{:?}", stranger.err());

    terminal.run(&["queue", "enqueue", "--id", "hello", "--command", "echo hello"]).exits(0);
    until("the task's end", || (status(&terminal, "hello") == "success").then_some(()));
    terminal.run(&["queue", "show", "hello"]).exits(0).prints(&[
        "hello succeeded",
        "attempt 1 on ",
        "validation `echo hello`: exit code 0",
        "    hello\n",
    ]);
    let forks = r#"{"task_id":"look","type":"investigate_failure","prompt":"x","validation":["x"],
        "inputs":{"repo":"acme/app","head_sha":"0123456789012345678901234567890123456789","fork":true}}"#;
    terminal.feed(&["queue", "enqueue", "-"], forks).exits(0);
    until("the answer", || (status(&terminal, "look") == "success").then_some(()));
    terminal.run(&["queue", "show", "look"]).exits(0).prints(&["not_reproduced: ", "fork's"]);
    terminal.run(&["doctor"]).exits(0).prints(&["2 workers are alive"]);
    terminal.run(&["up"]).exits(2).prints(&["runs in this directory already", "process"]);

    cluster.signal(Signal::SIGINT);
    assert_eq!(cluster.ended(), Some(0));
    assert!(!cluster.redis_lives());
    terminal
        .run(&["queue", "stats"])
        .exits(2)
        .prints(&["no `greenline up` runs in this directory"]);
}

/// A client of the embedded Redis, as the README has it for redis-cli.
fn redis_cli(terminal: &Terminal, words: &[&str]) -> String {
    let folder = terminal.folder().join(".greenline");
    let password = std::fs::read_to_string(folder.join("redis_password")).unwrap();
    let mut command = std::process::Command::new("redis-cli");
    command.env("REDISCLI_AUTH", password).arg("-s").arg(folder.join("redis/redis.sock"));
    let done = command.args(["--user", "greenline", "-n", "10"]).args(words).output().unwrap();
    String::from_utf8(done.stdout).unwrap().trim().to_owned()
}

#[tokio::test]
async fn a_house_signs_its_tasks_and_runs_none_that_was_changed() {
    let terminal = alone();
    let mut cluster = TestCluster::start(&terminal).await;
    terminal.run(&["queue", "pause"]).exits(0);
    for id in ["whole", "changed"] {
        terminal.run(&["queue", "enqueue", "--id", id, "--command", "true"]).exits(0);
    }
    let payload = r#"{"task_id":"changed","type":"run_command","validation":["touch /tmp/x"]}"#;
    assert_eq!(redis_cli(&terminal, &["HSET", "agent:task:changed", "payload", payload]), "0");
    let pushed = r#"{"task_id":"pushed","type":"run_command","validation":["true"]}"#;
    redis_cli(&terminal, &["LPUSH", "agent:tasks:pending", pushed]);
    terminal.run(&["queue", "resume"]).exits(0);
    for (id, becomes) in [("whole", "success"), ("changed", "failed")] {
        until("its end", || (status(&terminal, id) == becomes).then_some(()));
    }
    until("what was pushed by hand", || {
        let shown = terminal.run(&["queue", "show", "pushed"]);
        shown.out.contains("pushed succeeded").then_some(())
    });
    terminal.run(&["queue", "show", "changed"]).prints(&["its signature is wrong"]);
    terminal.run(&["queue", "quarantine"]).exits(0).prints(&["its signature is wrong"]);
    cluster.signal(Signal::SIGINT);
    assert_eq!(cluster.ended(), Some(0));
}

/// Says `got NAME` for each secret of the house that it can read, and `reached` if it gets through
/// to Redis.
fn prying(terminal: &Terminal) -> String {
    let home = terminal.folder().join(".greenline");
    let home = home.display();
    let connect = "use Socket; socket(S, AF_UNIX, SOCK_STREAM, 0) && \
                   connect(S, pack_sockaddr_un($ARGV[0])) && print \"rea\".\"ched\\n\"";
    format!(
        "for name in redis_password operator_token task_key redis.url redis/redis.log; do \
         for home in {home} ../../../.. ../../..; do \
         cat $home/$name 2>/dev/null | grep -q . && echo \"g\"\"ot $name\"; \
         done; done; perl -e '{connect}' {home}/redis/redis.sock; echo tried"
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn code_in_the_sandbox_sees_no_secret_of_the_house_and_no_redis() {
    for restriction in [KernelRestriction::Here, KernelRestriction::WithoutNamespaces] {
        let terminal = alone().with("GREENLINE_SANDBOX_COMMANDS", "on");
        let mut cluster = TestCluster::start_on(restriction, &terminal).await;
        let command = prying(&terminal);
        // Outside of the sandbox the same commands find all of it.
        let mut outside = std::process::Command::new("sh");
        outside.args(["-c", &command]).current_dir(terminal.folder());
        let outside = outside.output().unwrap();
        let outside = String::from_utf8(outside.stdout).unwrap();
        for found in ["redis_password", "operator_token", "task_key", "redis.log", "reached"] {
            assert!(outside.contains(found), "{found} in {outside}");
        }
        terminal.run(&["queue", "enqueue", "--id", "pry", "--command", &command]).exits(0);
        until("its end", || (status(&terminal, "pry") == "success").then_some(()));
        let log = terminal.run(&["queue", "log", "pry"]).exits(0);
        assert!(log.out.contains("tried"), "{log:?}");
        for found in ["got ", "reached"] {
            assert!(!log.out.contains(found), "on {restriction:?}: {}", log.out);
        }
        cluster.signal(Signal::SIGINT);
        assert_eq!(cluster.ended(), Some(0));
    }
}

#[tokio::test]
async fn running_tasks_go_back_and_what_was_done_is_kept() {
    let terminal = alone();
    let mut cluster = TestCluster::start(&terminal).await;
    terminal.run(&["queue", "enqueue", "--id", "done", "--command", "true"]).exits(0);
    terminal.run(&["queue", "enqueue", "--id", "long", "--command", "sleep 300"]).exits(0);
    until("both tasks", || {
        (status(&terminal, "done") == "success" && status(&terminal, "long") == "running")
            .then_some(())
    });
    cluster.signal(Signal::SIGINT);
    cluster.signal(Signal::SIGTERM);
    assert_eq!(cluster.ended(), Some(0), "the second signal does not wait for the grace");
    assert!(!cluster.redis_lives());

    let mut again = TestCluster::start(&terminal).await;
    assert!(
        !again.printed.contains("shown this once"),
        "an old token is not shown: {}",
        again.printed
    );
    assert_eq!(status(&terminal, "done"), "success");
    until("the long task's second start", || {
        (status(&terminal, "long") == "running").then_some(())
    });
    terminal.run(&["queue", "cancel", "long"]).exits(0);
    until("the cancel", || (status(&terminal, "long") == "cancelled").then_some(()));
    again.signal(Signal::SIGTERM);
    assert_eq!(again.ended(), Some(0));
}

#[tokio::test]
async fn what_a_killed_house_left_is_taken_over() {
    let terminal = alone();
    let mut cluster = TestCluster::start(&terminal).await;
    terminal.run(&["queue", "pause"]).exits(0);
    terminal.run(&["queue", "enqueue", "--id", "kept", "--command", "true"]).exits(0);
    cluster.signal(Signal::SIGKILL);
    cluster.ended();
    assert!(cluster.redis_lives());
    assert_eq!(status(&terminal, "kept"), "pending");

    let mut next = TestCluster::start(&terminal).await;
    assert!(next.printed.contains("taken over"), "{}", next.printed);
    assert_eq!(next.redis, cluster.redis);
    terminal.run(&["queue", "resume"]).exits(0);
    until("the kept task", || (status(&terminal, "kept") == "success").then_some(()));
    next.signal(Signal::SIGTERM);
    assert_eq!(next.ended(), Some(0));
    assert!(!cluster.redis_lives());
}

#[test]
fn a_house_that_refuses_unsigned_tasks_has_to_sign_its_own() {
    let public = "0123456789abcdef".repeat(4);
    let terminal =
        alone().with("GREENLINE_UNSIGNED", "quarantine").with("GREENLINE_TASK_PUBLIC_KEY", &public);
    terminal.run(&["up"]).exits(2).prints(&["no key to sign with", "set GREENLINE_TASK_KEY"]);
}

/// All files and directories below one, and itself.
fn all_below(path: &Path) -> Vec<PathBuf> {
    let mut all = vec![path.to_owned()];
    if path.is_dir() {
        for entry in fs::read_dir(path).unwrap() {
            all.extend(all_below(&entry.unwrap().path()));
        }
    }
    all
}

/// Whether another user can read a file; `None` where that can't be tried.
fn another_user_reads(file: &Path) -> Option<bool> {
    let mut other = Command::new("setpriv");
    other.args(["--reuid=1234567", "--regid=1234567", "--clear-groups", "cat"]);
    let tried = nix::unistd::geteuid().is_root().then(|| other.arg(file).output().ok());
    Some(tried??.status.success())
}

#[tokio::test]
async fn no_other_user_reads_what_redis_keeps() {
    let terminal = alone();
    let home = terminal.folder().join(".greenline");
    // The directory of an earlier version, which was open.
    fs::create_dir_all(home.join("redis")).unwrap();
    for directory in [terminal.folder(), &home, &home.join("redis")] {
        fs::set_permissions(directory, Permissions::from_mode(0o755)).unwrap();
    }
    let mut cluster = TestCluster::start(&terminal).await;
    terminal.run(&["queue", "enqueue", "--id", "secret", "--command", "true"]).exits(0);
    until("its end", || (status(&terminal, "secret") == "success").then_some(()));
    redis_cli(&terminal, &["BGSAVE"]);
    let dump = home.join("redis/dump.rdb");
    until("the dump", || dump.exists().then_some(()));
    let kept = all_below(&home.join("redis"));
    assert!(kept.len() > 5, "{kept:?}");
    for path in &kept {
        let mode = fs::symlink_metadata(path).unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "{} has {mode:o}", path.display());
    }
    if let Some(reads) = another_user_reads(&home.join(".gitignore")) {
        assert!(reads, "the directory above is open in this test");
        for path in kept.iter().filter(|path| path.is_file()) {
            assert_eq!(another_user_reads(path), Some(false), "{}", path.display());
        }
    }
    cluster.signal(Signal::SIGTERM);
    assert_eq!(cluster.ended(), Some(0));
}

#[tokio::test]
async fn a_redis_that_ends_is_started_again_and_work_goes_on() {
    let terminal = alone();
    let mut cluster = TestCluster::start(&terminal).await;
    terminal.run(&["queue", "pause"]).exits(0);
    terminal.run(&["queue", "enqueue", "--id", "kept", "--command", "true"]).exits(0);
    let first = cluster.redis;
    kill(first, Signal::SIGKILL).unwrap();
    cluster.redis = until("another Redis", || {
        let info = redis_cli(&terminal, &["INFO", "server"]);
        let pid = info.lines().find_map(|line| line.strip_prefix("process_id:"))?;
        Some(Pid::from_raw(pid.trim().parse().unwrap())).filter(|pid| *pid != first)
    });
    assert!(!Path::new(&format!("/proc/{first}")).exists(), "the first one was not reaped");
    let log = fs::read_to_string(terminal.folder().join(LOG)).unwrap();
    assert!(log.contains("Redis ended: starting it again"), "{log}");
    terminal.run(&["queue", "resume"]).exits(0);
    until("the kept task", || (status(&terminal, "kept") == "success").then_some(()));

    // Closing the terminal may send it twice, which interrupts nothing.
    cluster.signal(Signal::SIGHUP);
    cluster.signal(Signal::SIGHUP);
    assert_eq!(cluster.ended(), Some(0));
    assert!(!cluster.redis_lives());
    assert!(!terminal.folder().join(".greenline/redis.url").exists());
}

#[tokio::test]
async fn tasks_wait_for_a_user_id_when_there_are_fewer_than_tasks() {
    let first = 1_900_000_000 + 2 * (std::process::id() % 1_000_000);
    let range = format!("{first}-{}", first + 1);
    let terminal = alone()
        .with("GREENLINE_SANDBOX_COMMANDS", "on")
        .with("GREENLINE_MAX_RETRIES", "0")
        .with("GREENLINE_SANDBOX_USERS", &range);
    terminal.run(&["up", "--slots", "3"]).exits(2).prints(&["2 user ids", "worker.slots is 3"]);
    // Two workers of two slots each share the two ids.
    let mut cluster = TestCluster::start(&terminal).await;
    let ids = ["one", "two", "three", "four"];
    for id in ids {
        terminal.run(&["queue", "enqueue", "--id", id, "--command", "sleep 1"]).exits(0);
    }
    for id in ids {
        until("its success", || (status(&terminal, id) == "success").then_some(()));
    }
    cluster.signal(Signal::SIGTERM);
    assert_eq!(cluster.ended(), Some(0));
}

#[tokio::test]
async fn a_broken_task_key_is_refused_and_a_missing_one_is_made_again() {
    let terminal = alone();
    let mut cluster = TestCluster::start(&terminal).await;
    let log = || fs::read_to_string(terminal.folder().join(LOG)).unwrap();
    assert!(!log().contains("go to quarantine"), "the first start is no loss: {}", log());
    cluster.signal(Signal::SIGTERM);
    assert_eq!(cluster.ended(), Some(0));

    let key = terminal.folder().join(".greenline/task_key");
    for broken in ["", "abc", &"x".repeat(64)] {
        fs::write(&key, broken).unwrap();
        let needed =
            [".greenline/task_key holds no task key", "64 hexadecimal digits", "delete it"];
        terminal.run(&["up"]).exits(2).prints(&needed);
        assert_eq!(fs::read_to_string(&key).unwrap(), broken);
    }
    fs::remove_file(&key).unwrap();
    let mut cluster = TestCluster::start(&terminal).await;
    assert!(log().contains(".greenline/task_key was missing"), "{}", log());
    cluster.signal(Signal::SIGTERM);
    assert_eq!(cluster.ended(), Some(0));
}
