//! A worker that reproduces, with its queue.

use std::time::Duration;

use greenline_queue::{TaskSpec, TaskStatus};
use greenline_runtime::hosts::HostList;
use greenline_runtime::settings::Secret;
use greenline_runtime::shutdown::Shutdown;
use greenline_testbed::{TestBed, eventually};
use greenline_worker::command::{CommandLimits, CommandRunner, Environment};
use greenline_worker::egress::{Egress, Upstream};
use greenline_worker::reproduce::{CheckoutAccess, Reproduce, ReproductionResult, SandboxPolicy};
use greenline_worker::sandbox::{Launcher, Sandbox, SandboxAccess, SandboxLayers};
use greenline_worker::workspace::{RoomLimits, WorkerName, Workspaces};
use greenline_worker::{WorkerDaemon, WorkerOptions};
use serde_json::{Value, json, value::RawValue};
use tempfile::TempDir;

use greenline_testbed::GitServer;

pub(crate) struct Stage {
    pub(crate) bed: TestBed,
    stop: Shutdown,
    _workspaces: TempDir,
}

/// With all walls of this machine, and with Landlock alone.
pub(crate) fn safeties() -> [SandboxPolicy; 2] {
    [SandboxLayers::All, SandboxLayers::LandlockAlone].map(|layers| {
        let launcher = Launcher::program(env!("CARGO_BIN_EXE_greenline-sandbox"));
        let found = Sandbox::find(launcher, SandboxAccess::default(), layers).unwrap();
        SandboxPolicy::Sandbox(found.sandbox)
    })
}

/// With namespaces and these hosts for `setup`; nothing where this machine has none.
pub(crate) fn safety_with_hosts(hosts: &[&str]) -> Option<SandboxPolicy> {
    let hosts = HostList::parse(hosts.iter().copied()).unwrap();
    let egress = Egress::new(hosts, Vec::new(), Upstream::default());
    let launcher = Launcher::program(env!("CARGO_BIN_EXE_greenline-sandbox"));
    let reach = SandboxAccess { egress, ..SandboxAccess::default() };
    let sandbox = Sandbox::find(launcher, reach, SandboxLayers::All).unwrap().sandbox;
    if sandbox.isolation().namespaces {
        return Some(SandboxPolicy::Sandbox(sandbox));
    }
    let strict = std::env::var_os("GREENLINE_STRICT").is_some_and(|strict| strict == "1");
    assert!(!strict, "this machine has no namespaces");
    #[expect(clippy::print_stderr, reason = "a skipped test says why")]
    let () =
        eprintln!("skipped: this machine has no namespaces, so `setup` has no network of its own");
    None
}

pub(crate) fn safety() -> SandboxPolicy {
    safeties().into_iter().next().unwrap()
}

impl Stage {
    /// One worker, for which `forge` is home, with its token if it has one.
    pub(crate) async fn new(safety: SandboxPolicy, forge: &GitServer, token: Option<&str>) -> Self {
        Self::at_home(safety, &format!("http://{}", forge.address), token).await
    }

    /// One worker, for which this address is home.
    pub(crate) async fn at_home(safety: SandboxPolicy, home: &str, token: Option<&str>) -> Self {
        let bed = TestBed::new().await;
        let root = tempfile::tempdir().unwrap();
        let room = RoomLimits { total_bytes: u64::MAX, free_bytes: 0 };
        let name = WorkerName::new("worker").unwrap();
        let workspaces = Workspaces::open(root.path(), &name, room).unwrap();
        let runner = CommandRunner::new(Environment::default()).unwrap();
        let access = CheckoutAccess {
            host: home.parse().unwrap(),
            token: token.map(|token| Secret::from(token.to_owned())),
        };
        let reproduce =
            Reproduce::new(runner, workspaces, CommandLimits::default(), safety, access);
        let options = WorkerOptions {
            id: "worker".parse().unwrap(),
            labels: [].into(),
            slots: 1,
            prefetch: 0,
            heartbeat: Duration::from_secs(5),
            grace: Duration::ZERO,
            host: "test".to_owned(),
        };
        let kind = "fix_test_failure".parse().unwrap();
        let worker = WorkerDaemon::new(bed.queue.clone(), options).handle(kind, reproduce);
        let stop = Shutdown::new();
        tokio::spawn(worker.run(stop.clone()));
        Self { bed, stop, _workspaces: root }
    }

    /// What came of a task, which has to be an answer.
    pub(crate) async fn result(&self, task: TaskSpec) -> ReproductionResult {
        let id = task.task_id.clone();
        self.bed.queue.enqueue(task.build().unwrap()).await.unwrap();
        eventually("the task's end", async || self.has_ended(id.as_str()).await).await;
        let record = self.bed.record(id.as_str()).await;
        let result = record.result.unwrap_or_else(|| panic!("no answer: {:?}", record.error));
        serde_json::from_str(&result).unwrap()
    }

    /// Why an attempt failed.
    pub(crate) async fn error(&self, task: TaskSpec) -> (TaskStatus, String) {
        let id = task.task_id.clone();
        self.bed.queue.enqueue(task.build().unwrap()).await.unwrap();
        eventually("a failure", async || self.bed.record(id.as_str()).await.failures > 0).await;
        let error = self.bed.record(id.as_str()).await.error.unwrap();
        (self.bed.status(id.as_str()).await, error)
    }

    async fn has_ended(&self, id: &str) -> bool {
        let status = self.bed.status(id).await;
        !matches!(status, TaskStatus::Pending | TaskStatus::Running)
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        self.stop.interrupt_now();
    }
}

/// A task for this commit of the forge's repository.
pub(crate) fn task(forge: &GitServer, head: &str, change: impl FnOnce(&mut Value)) -> TaskSpec {
    let mut inputs = json!({
        "repo": "acme/app",
        "head_sha": head,
        "clone_url": forge.url(),
        "fork": false,
        "check": "test",
        "pr_number": 7,
    });
    change(&mut inputs);
    let kind = "fix_test_failure".parse().unwrap();
    let mut task = TaskSpec::new(format!("task-{}", fastrand::u64(..)).parse().unwrap(), kind);
    task.inputs = Some(RawValue::from_string(inputs.to_string()).unwrap());
    task.validation = vec!["sh test.sh".to_owned()];
    task
}
