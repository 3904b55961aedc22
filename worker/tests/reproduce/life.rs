//! A worker's life around its tasks: panics, stopping, results that stay small.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use greenline_queue::{TaskSpec, TaskStatus, TaskType};
use greenline_runtime::shutdown::Shutdown;
use greenline_testbed::{GitServer, TestBed, eventually};
use greenline_worker::command::{CommandLimits, CommandReport, CommandRunner, Environment};
use greenline_worker::reproduce::SandboxPolicy;
use greenline_worker::sandbox::{Launcher, Sandbox, SandboxAccess, SandboxLayers};
use greenline_worker::workspace::{RoomLimits, WorkerName, Workspaces};
use greenline_worker::{
    Assignment, AttemptFuture, Handler, RunCommand, TaskOutcome, WorkerDaemon, WorkerOptions,
};
use tokio::sync::Semaphore;

use crate::setup::{Stage, safety, task};

fn daemon(bed: &TestBed, prefetch: usize) -> WorkerDaemon {
    let options = WorkerOptions {
        id: "worker".parse().unwrap(),
        labels: [].into(),
        slots: 1,
        prefetch,
        heartbeat: Duration::from_secs(1),
        grace: Duration::from_secs(60),
        host: "test".to_owned(),
    };
    WorkerDaemon::new(bed.queue.clone(), options)
}

async fn enqueue(bed: &TestBed, id: &str) {
    let spec = TaskSpec::command(id.parse().unwrap(), ["true"]);
    assert!(bed.queue.enqueue(spec.build().unwrap()).await.unwrap().is_accepted());
}

async fn eventually_is(bed: &TestBed, id: &str, status: TaskStatus) {
    eventually(&format!("{id} to be {status:?}"), async || bed.status(id).await == status).await;
}

/// Panics with the task `bad`, and finishes all others.
struct Fragile;

impl Handler for Fragile {
    fn run(&self, assignment: Assignment) -> AttemptFuture<'_> {
        Box::pin(async move {
            assert_ne!(assignment.task.spec().task_id.as_str(), "bad", "it is a bad one");
            TaskOutcome::Done("{}".to_owned())
        })
    }
}

#[tokio::test]
async fn a_handler_that_panics_fails_its_task_and_gives_its_slot_back() {
    let bed = TestBed::new().await;
    enqueue(&bed, "bad").await;
    enqueue(&bed, "good").await;
    let stop = Shutdown::new();
    let worker = daemon(&bed, 0).handle(TaskType::run_command(), Fragile);
    let worker = tokio::spawn(worker.run(stop.clone()));
    eventually_is(&bed, "good", TaskStatus::Success).await;
    eventually_is(&bed, "bad", TaskStatus::Scheduled).await;
    let record = bed.record("bad").await;
    let error = record.error.unwrap();
    assert!(error.starts_with("the handler panicked: ") && error.contains("a bad one"), "{error}");
    assert_eq!((record.failures, record.crashes), (1, 0));
    stop.interrupt_now();
    worker.await.unwrap().unwrap();
}

/// Finishes its first tasks at once, and holds the others until it may go on.
struct Holding {
    begun: Arc<AtomicUsize>,
    go_on: Arc<Semaphore>,
}

impl Handler for Holding {
    fn run(&self, _: Assignment) -> AttemptFuture<'_> {
        Box::pin(async move {
            if self.begun.fetch_add(1, Ordering::Relaxed) >= QUICK {
                self.go_on.acquire().await.unwrap().forget();
            }
            TaskOutcome::Done("{}".to_owned())
        })
    }
}

/// How many runs make a type known as short.
const QUICK: usize = 5;

#[tokio::test]
async fn what_was_prefetched_is_given_back_at_once_when_a_worker_stops() {
    let bed = TestBed::new().await;
    for number in 0..QUICK {
        enqueue(&bed, &format!("quick-{number}")).await;
    }
    for id in ["held", "a", "b", "c"] {
        enqueue(&bed, id).await;
    }
    let (stop, go_on) = (Shutdown::new(), Arc::new(Semaphore::new(0)));
    let handler = Holding { begun: Arc::default(), go_on: go_on.clone() };
    let worker = daemon(&bed, 50).handle(TaskType::run_command(), handler);
    let worker = tokio::spawn(worker.run(stop.clone()));
    let all = async |wanted: TaskStatus| {
        for id in ["a", "b", "c"] {
            eventually_is(&bed, id, wanted).await;
        }
    };
    eventually_is(&bed, "held", TaskStatus::Running).await;
    all(TaskStatus::Running).await;
    stop.drain.cancel();
    // While the one that has begun still runs, within its grace.
    all(TaskStatus::Pending).await;
    assert_eq!(bed.status("held").await, TaskStatus::Running);
    for id in ["a", "b", "c"] {
        let record = bed.record(id).await;
        assert_eq!((record.failures, record.crashes), (0, 0), "it cost nothing");
    }
    go_on.add_permits(10);
    worker.await.unwrap().unwrap();
    assert_eq!(bed.status("held").await, TaskStatus::Success);
    assert_eq!(bed.record("held").await.failures, 0);
}

#[tokio::test]
async fn a_sandbox_that_can_not_be_made_is_not_the_commits_failure() {
    let forge = GitServer::public().await;
    let head = forge.commit(&[("test.sh", "exit 1\n")]);
    let folder = tempfile::tempdir().unwrap();
    let launcher = folder.path().join("launcher");
    // It works until it is to run the commit's own test.
    let script = format!(
        "#!/bin/sh\ncase \"$*\" in *'sh test.sh'*)\n\
         echo 'greenline sandbox: no more namespaces' >&2; exit 125;; esac\nexec {} \"$@\"\n",
        env!("CARGO_BIN_EXE_greenline-sandbox")
    );
    std::fs::write(&launcher, script).unwrap();
    let may_run = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(&launcher, may_run).unwrap();
    let found =
        Sandbox::find(Launcher::program(&launcher), SandboxAccess::default(), SandboxLayers::All);
    let stage = Stage::new(SandboxPolicy::Sandbox(found.unwrap().sandbox), &forge, None).await;
    let (status, error) = stage.error(task(&forge, &head, |_| {})).await;
    assert_eq!(
        (status, error.as_str()),
        (TaskStatus::Scheduled, "greenline sandbox: no more namespaces")
    );
}

const LOUD: &str = "head -c 100000 /dev/zero | tr '\\0' x";

#[tokio::test]
async fn forty_loud_commands_have_a_small_result() {
    let bed = TestBed::new().await;
    let root = tempfile::tempdir().unwrap();
    let room = RoomLimits { total_bytes: u64::MAX, free_bytes: 0 };
    let workspaces = Workspaces::open(root.path(), &WorkerName::new("w").unwrap(), room).unwrap();
    let runner = CommandRunner::new(Environment::default()).unwrap();
    let limits = CommandLimits { tail_bytes: 64 << 10, ..CommandLimits::default() };
    let handler = RunCommand::new(runner, workspaces, limits);
    let stop = Shutdown::new();
    let worker = daemon(&bed, 0).handle(TaskType::run_command(), handler);
    let worker = tokio::spawn(worker.run(stop.clone()));
    let spec = TaskSpec::command("loud".parse().unwrap(), [LOUD; 40]);
    bed.queue.enqueue(spec.build().unwrap()).await.unwrap();
    eventually_is(&bed, "loud", TaskStatus::Success).await;
    let result = bed.record("loud").await.result.unwrap();
    let report: CommandReport = serde_json::from_str(&result).unwrap();
    let tails: usize = report.commands.iter().map(|run| run.tail.len()).sum();
    assert!(report.commands.iter().all(|run| run.tail.len() > 1000), "each says something");
    assert!(tails <= 128 << 10 && result.len() < 150_000, "{tails} of {}", result.len());
    stop.interrupt_now();
    worker.await.unwrap().unwrap();
}

#[tokio::test]
async fn forty_loud_commands_of_a_commit_have_a_small_answer() {
    let forge = GitServer::public().await;
    let head = forge.commit(&[("file", "x\n")]);
    let stage = Stage::new(safety(), &forge, None).await;
    let mut task = task(&forge, &head, |_| {});
    task.validation = vec![LOUD.to_owned(); 40];
    let result = stage.result(task).await;
    let tails: usize = result.commands.iter().map(|run| run.tail.len()).sum();
    assert_eq!(result.commands.len(), 40, "{}", result.reason);
    assert!(tails > 40_000 && tails <= 64 << 10, "{tails}");
}
