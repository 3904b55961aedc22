//! Someone's first day, from an empty directory to an empty process table.

use std::path::Path;

use greenline_testbed::{Program, Running, eventually};
use nix::sys::signal::Signal;

/// A directory with nothing in it, and the program.
struct Desk {
    program: Program,
    _folder: tempfile::TempDir,
}

impl Desk {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let state = folder.path().join("state").display().to_string();
        let program = Program::new(env!("CARGO_BIN_EXE_greenline"), folder.path())
            .with("GREENLINE_STATE_DIR", &state)
            .with("GREENLINE_LISTEN", "127.0.0.1:0")
            .with("GREENLINE_LEASE", "3s")
            .with("GREENLINE_HEARTBEAT", "500ms");
        Self { program, _folder: folder }
    }

    /// Calls the program as one types it; what it says.
    fn types(&self, line: &[&str]) -> String {
        let output = self.program.call(line);
        let printed = [output.stdout, output.stderr].concat();
        let printed = String::from_utf8(printed).unwrap();
        assert!(output.status.success(), "{line:?}: {printed}");
        printed
    }

    fn enqueue(&self, words: &[&str]) -> String {
        self.types(&[&["queue", "enqueue"], words].concat())
    }

    /// What `queue show` says of a task, as soon as it says all of this.
    async fn shows(&self, id: &str, words: &[&str]) {
        let mut reported = String::new();
        eventually(&format!("{words:?} of {id}"), async || {
            reported = self.types(&["queue", "show", id]);
            words.iter().all(|word| reported.contains(word))
        })
        .await;
    }
}

async fn gpu_worker(desk: &Desk) -> Running {
    let mut worker = desk.program.start(&["worker", "--labels", "gpu"], &[]);
    worker.wait_for_output("takes tasks").await;
    worker
}

fn is_empty(folder: &Path) -> bool {
    let entries = std::fs::read_dir(folder).unwrap();
    entries.flatten().all(|entry| !entry.path().is_dir())
}

#[tokio::test]
async fn a_first_day_leaves_nothing_behind() {
    let desk = Desk::new();
    let mut cluster = desk.program.start(&["up", "--workers", "2", "--slots", "2"], &[]);
    cluster.wait_for_output("Ctrl-C stops everything").await;

    desk.enqueue(&["--id", "build", "--command", "sleep 0.3; echo it is built"]);
    desk.enqueue(&["--id", "test", "--depends-on", "build", "--command", "echo it is green"]);
    desk.enqueue(&[
        "--id",
        "ship",
        "--depends-on",
        "test",
        "--requires-approval",
        "--command",
        "echo it is out",
    ]);
    let killed = desk.program.folder().join("killed");
    let train = format!("if [ -e {} ]; then echo trained; else sleep 300; fi", killed.display());
    desk.enqueue(&["--id", "train", "--label", "gpu", "--command", &train]);

    desk.shows("build", &["build succeeded", "it is built"]).await;
    desk.shows("test", &["test succeeded", "after build", "it is green"]).await;
    desk.shows("ship", &["waits for a person's yes"]).await;
    assert!(desk.types(&["approvals"]).contains("echo it is out"));
    desk.types(&["approvals", "approve", "ship", "--yes"]);
    desk.shows("ship", &["ship succeeded", "approved by", "it is out"]).await;

    desk.shows("train", &["train waits for a worker", "gpu"]).await;
    let mut gpu = gpu_worker(&desk).await;
    desk.shows("train", &["train runs"]).await;
    gpu.kill();
    std::fs::write(killed, "").unwrap();
    let mut gpu = gpu_worker(&desk).await;
    desk.shows("train", &["train succeeded", "attempt 1 was lost", "attempt 2 succeeded"]).await;
    assert_eq!(gpu.stop().await, Some(0));

    let stats = desk.types(&["queue", "stats", "--json"]);
    let stats: serde_json::Value = serde_json::from_str(&stats).unwrap();
    assert_eq!((&stats["done"], &stats["pending"]), (&4.into(), &0.into()));

    cluster.signal(Signal::SIGINT);
    assert_eq!(cluster.end().await.code(), Some(0), "{}", cluster.output());
    assert!(desk.program.processes().is_empty(), "no process is left, and no Redis");
    assert!(is_empty(&desk.program.folder().join(".greenline/workspaces")));
    assert!(!desk.program.folder().join(".greenline/redis/redis.sock").exists());
}
