//! A thousand idle workers, and one task.
//!
//! The workers are those of the program, side by side in this process, each with its own
//! connection to wait on. Their claims are counted by what each leaves in Redis: the number of its
//! last one.

use std::time::Duration;

use greenline_queue::{TaskSpec, TaskType};
use greenline_runtime::shutdown::Shutdown;
use greenline_testbed::{TestBed, eventually};
use greenline_worker::{
    Assignment, AttemptFuture, Handler, TaskOutcome, WorkerDaemon, WorkerOptions,
};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use tokio::task::JoinSet;

use crate::oracle::Oracle;

const WORKERS: usize = 1_000;

/// Does nothing, well.
struct Idle;

impl Handler for Idle {
    fn run(&self, _: Assignment) -> AttemptFuture<'_> {
        Box::pin(async { TaskOutcome::Done("{}".to_owned()) })
    }
}

fn worker(bed: &TestBed, number: usize) -> WorkerDaemon {
    let options = WorkerOptions {
        id: format!("worker-{number}").parse().unwrap(),
        labels: [].into(),
        slots: 1,
        prefetch: 0,
        heartbeat: Duration::from_secs(5),
        grace: Duration::ZERO,
        host: "test".to_owned(),
    };
    WorkerDaemon::new(bed.queue.clone(), options).handle(TaskType::run_command(), Idle)
}

/// Each worker has a connection, and many systems start with 1,024 files for a process.
fn allow_many_files() {
    let (_, most) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
    setrlimit(Resource::RLIMIT_NOFILE, most, most).unwrap();
}

/// The sum of all numbers of claims: it grows by one with each.
async fn claims(bed: &TestBed) -> u128 {
    let each = "local all = {} \
                for i, key in ipairs(redis.call('KEYS', 'agent:worker:*')) do \
                all[i] = redis.call('HGET', key, 'claim_seq') or '0' end return all";
    let numbers: Vec<u128> = bed.redis_words(&["EVAL", each, "0"]).await;
    assert_eq!(numbers.len(), WORKERS);
    assert!(!numbers.contains(&0), "each has claimed once");
    numbers.iter().sum()
}

async fn all_wait(bed: &TestBed) {
    eventually("a thousand workers that wait", async || {
        let info: String = bed.redis("INFO clients").await;
        info.contains(&format!("blocked_clients:{WORKERS}\r"))
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_task_wakes_few_of_a_thousand_idle_workers() {
    allow_many_files();
    let bed = TestBed::new().await;
    let stop = Shutdown::new();
    let mut workers = JoinSet::new();
    for number in 0..WORKERS {
        workers.spawn(worker(&bed, number).run(stop.clone()));
    }
    let mut ids = vec![];
    for round in 0..2 {
        all_wait(&bed).await;
        let before = claims(&bed).await;
        let id = format!("task-{round}");
        let task = TaskSpec::command(id.parse().unwrap(), ["true"]).build().unwrap();
        bed.queue.enqueue(task).await.unwrap();
        tokio::time::sleep(Duration::from_secs(1)).await;
        let made = claims(&bed).await - before;
        assert!(made <= 3, "{made} claims for one task");
        ids.push(id);
        eventually("its end", async || {
            bed.redis::<usize>("ZCARD agent:tasks:done").await == ids.len()
        })
        .await;
    }
    stop.interrupt_now();
    while let Some(ended) = workers.join_next().await {
        ended.unwrap().unwrap();
    }
    Oracle::of(&bed).assert_over(&[], &[("success", &ids)]).await;
}
