//! A directory of one's own, a Redis in it, and the program to call there.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use greenline_queue::{Claim, ClaimRequest, Queue, TaskId, TaskSpec, Worker};
use greenline_testbed::TestBed;
use serde_json::Value;
use tempfile::TempDir;

/// The program in a directory of its own, with an environment that holds nothing else.
pub(crate) struct Terminal {
    folder: TempDir,
    environment: BTreeMap<String, String>,
}

/// What a call printed, and how it ended.
#[derive(Debug)]
pub(crate) struct Printed {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Terminal {
    /// Without any Redis.
    pub(crate) fn alone() -> Self {
        let folder = tempfile::tempdir().expect("a directory");
        let path = std::env::var("PATH").expect("a PATH");
        let state = folder.path().join("state").display().to_string();
        let environment =
            [("PATH", path), ("USER", "ada".to_owned()), ("GREENLINE_STATE_DIR", state)];
        let environment =
            environment.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        Self { folder, environment }
    }

    /// With the Redis of a bed.
    pub(crate) fn at(bed: &TestBed) -> Self {
        Self::alone().with("REDIS_URL", &bed.redis.url())
    }

    /// With one more variable.
    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        self.environment.insert(name.to_owned(), value.to_owned());
        self
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// A file in its directory.
    pub(crate) fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.folder().join(name);
        std::fs::write(&path, text).expect("a file");
        path
    }

    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_greenline"));
        command.args(args).env_clear().envs(&self.environment).current_dir(self.folder());
        command.stdin(Stdio::null());
        command
    }

    /// Calls the program; nobody sits at the terminal.
    pub(crate) fn run(&self, args: &[&str]) -> Printed {
        Printed::of(self.command(args).output().expect("the program"))
    }

    /// The same with something on stdin.
    pub(crate) fn feed(&self, args: &[&str], input: &str) -> Printed {
        let mut command = self.command(args);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the program");
        let mut stdin = child.stdin.take().expect("its stdin");
        stdin.write_all(input.as_bytes()).expect("room on stdin");
        drop(stdin);
        Printed::of(child.wait_with_output().expect("its output"))
    }

    /// Calls it with `--json`; the objects that it printed.
    pub(crate) fn json(&self, args: &[&str]) -> Vec<Value> {
        let printed = self.run(&[args, &["--json"]].concat());
        assert_eq!(printed.code, 0, "{args:?}: {printed:?}");
        printed.json()
    }
}

impl Printed {
    fn of(output: Output) -> Self {
        let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
        let code = output.status.code().expect("an exit code");
        Self { code, out: text(output.stdout), err: text(output.stderr) }
    }

    /// One object a line.
    pub(crate) fn json(&self) -> Vec<Value> {
        self.out.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
    }

    /// Fails the test unless it ended so and printed nothing that looks like an accident.
    #[track_caller]
    pub(crate) fn exits(self, code: i32) -> Self {
        assert_eq!(self.code, code, "stdout:\n{}\nstderr:\n{}", self.out, self.err);
        assert!(!self.err.contains("panicked"), "{}", self.err);
        self
    }

    /// Fails the test unless stdout or stderr holds all of these, in this order.
    #[track_caller]
    pub(crate) fn prints(self, parts: &[&str]) -> Self {
        let all = format!("{}\n{}", self.out, self.err);
        let mut from = 0;
        for part in parts {
            match all[from..].find(part) {
                Some(at) => from += at + part.len(),
                None => panic!("{part:?} is missing, or not in its place:\n{all}"),
            }
        }
        self
    }
}

pub(crate) fn id(text: &str) -> TaskId {
    text.parse().expect("an id")
}

/// Enqueues a task that runs `true`, changed as needed.
pub(crate) async fn enqueue(queue: &Queue, name: &str, change: impl FnOnce(&mut TaskSpec)) {
    let mut spec = TaskSpec::command(id(name), ["true"]);
    change(&mut spec);
    let filed = queue.enqueue(spec.build().expect("a task")).await.expect("a queue");
    assert!(filed.is_accepted(), "{filed}");
}

/// Claims what there is.
pub(crate) async fn claim(worker: &mut Worker, count: usize) -> Vec<Claim> {
    let short = BTreeSet::new();
    let appetite = ClaimRequest { start: count, prefetch: 0, short: &short, running: 0 };
    worker.claim(appetite).await.expect("a claim").tasks
}

/// Asks again until the answer is there.
#[track_caller]
pub(crate) fn until<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + Duration::from_secs(30);
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(Instant::now() < end, "not in time: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}
