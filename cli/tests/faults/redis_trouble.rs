//! A Redis that is killed, forgets, fills up, or stands still.

use std::time::Duration;

use greenline_queue::{Queue, QueueOptions, Task, TaskSpec};
use greenline_store::cmd;
use greenline_testbed::{BedOptions, TestBed, eventually};
use nix::sys::signal::Signal;
use tokio_util::sync::CancellationToken;

use crate::cluster::{LEASE, TestCluster};

/// Enqueues tasks one by one, each until it has an answer, as producers should.
async fn produce(queue: Queue, tasks: &[Task]) {
    for task in tasks {
        eventually("an answer to an enqueue", async || match queue.enqueue(task.clone()).await {
            Ok(filed) => {
                assert!(filed.is_accepted(), "{filed}");
                true
            }
            Err(error) => {
                assert!(error.is_transient(), "a producer would give up: {error}");
                false
            }
        })
        .await;
    }
}

fn tasks(cluster: &TestCluster, count: usize) -> (Vec<String>, Vec<Task>) {
    let ids: Vec<String> = (0..count).map(|number| format!("task-{number}")).collect();
    let tasks = ids.iter().map(|id| cluster.task(id, "sleep 0.05").build().unwrap()).collect();
    (ids, tasks)
}

/// Kills Redis twice as a crash would, under load, and starts it on what it had written.
async fn crash_twice(cluster: &mut TestCluster) {
    for so_far in [30, 80] {
        cluster.have_ended(so_far).await;
        cluster.bed.redis.kill();
        cluster.restart_redis().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redis_that_is_killed_forgets_nothing_that_it_wrote_out() {
    let options = BedOptions { append_only: true, ..BedOptions::default() };
    let mut cluster = TestCluster::steady(options).await;
    let workers = cluster.workers(2).await;
    let (ids, tasks) = tasks(&cluster, 150);
    let producing = produce(cluster.bed.queue.clone(), &tasks);
    tokio::join!(producing, crash_twice(&mut cluster));
    cluster.have_ended(ids.len()).await;
    let runs = cluster.runs();
    assert!(ids.iter().all(|id| runs[id] == 1), "nobody died, so each has run once: {runs:?}");
    cluster.close(workers, &[("success", &ids)]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_killed_redis_had_not_written_out_comes_back_with_its_producer() {
    let settings = vec![("appendfsync", "everysec".to_owned())];
    let options = BedOptions { append_only: true, settings, ..BedOptions::default() };
    let mut cluster = TestCluster::with(options, &[]).await;
    let workers = cluster.workers(2).await;
    let (ids, tasks) = tasks(&cluster, 150);
    let producing = produce(cluster.bed.queue.clone(), &tasks);
    tokio::join!(producing, crash_twice(&mut cluster));
    produce(cluster.bed.queue.clone(), &tasks).await;
    cluster.have_ended(ids.len()).await;
    assert_eq!(cluster.runs().len(), ids.len(), "every task has run");
    cluster.close(workers, &[("success", &ids)]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn scripts_may_be_forgotten_at_any_time() {
    let cluster = TestCluster::steady(BedOptions::default()).await;
    let workers = cluster.workers(2).await;
    let enough = CancellationToken::new();
    let forgetting = tokio::spawn(forget_scripts(cluster.bed.queue.clone(), enough.clone()));
    let (ids, tasks) = tasks(&cluster, 150);
    produce(cluster.bed.queue.clone(), &tasks).await;
    cluster.have_ended(ids.len()).await;
    enough.cancel();
    assert!(forgetting.await.unwrap() > 100);
    let runs = cluster.runs();
    assert!(ids.iter().all(|id| runs[id] == 1), "nobody died, so each has run once: {runs:?}");
    cluster.close(workers, &[("success", &ids)]).await;
}

/// Makes Redis forget them, over and over; how often.
async fn forget_scripts(queue: Queue, enough: CancellationToken) -> usize {
    let mut times = 0;
    while !enough.is_cancelled() {
        queue.store().command::<()>(cmd("SCRIPT").arg("FLUSH")).await.unwrap();
        times += 1;
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    times
}

#[tokio::test]
async fn a_full_redis_lets_work_end_and_empties_itself() {
    let cluster = TestCluster::steady(BedOptions::default()).await;
    let mut daemons = cluster.workers(2).await;
    let (lead, _) = cluster.lead().await;
    daemons.push(lead);
    let info: String = cluster.bed.redis("INFO memory").await;
    let used = info.lines().find_map(|line| line.strip_prefix("used_memory:")).unwrap();
    let most: u64 = used.trim().parse::<u64>().unwrap() + 2_000_000;
    cluster.bed.redis::<()>(&format!("CONFIG SET maxmemory {most}")).await;

    let mut accepted = vec![];
    let refused = loop {
        let id = format!("task-{}", accepted.len());
        let task = large(&cluster, &id);
        match cluster.bed.queue.enqueue(task.build().unwrap()).await {
            Ok(filed) => assert!(filed.is_accepted(), "{filed}"),
            Err(error) => {
                assert!(error.is_transient() && error.to_string().contains("memory"), "{error}");
                break id;
            }
        }
        accepted.push(id);
        assert!(accepted.len() < 1_000, "it never was full");
    };
    let id = refused.parse().unwrap();
    assert!(cluster.bed.queue.record(&id).await.unwrap().is_none(), "it was refused whole");

    // What was taken in ends all the same.
    cluster.have_ended(accepted.len()).await;
    for id in &accepted {
        assert_eq!(cluster.bed.record(id).await.status, "success");
    }
    // The lead takes note of it, and then time makes room: here, at once.
    eventually("an empty outbox", async || cluster.bed.queue.outbox_len().await.unwrap() == 0)
        .await;
    let short_memory = QueueOptions {
        keep_count: 5,
        keep_at_least: Duration::ZERO,
        ..cluster.bed.queue.options().clone()
    };
    let queue = Queue::open(cluster.bed.queue.store().clone(), short_memory).await.unwrap();
    assert!(queue.tick_now().await.unwrap().trimmed > 0);
    cluster.file(large(&cluster, &refused)).await;
    eventually("the end of the last task", async || {
        cluster.bed.record(&refused).await.status == "success"
    })
    .await;
    let runs = cluster.runs();
    assert!(accepted.iter().all(|id| runs[id] == 1), "{runs:?}");

    let kept: Vec<String> = cluster.bed.redis("ZRANGE agent:tasks:done 0 -1").await;
    assert!(kept.contains(&refused) && kept.len() < accepted.len());
    cluster.close(daemons, &[("success", &kept)]).await;
}

fn large(cluster: &TestCluster, id: &str) -> TaskSpec {
    TaskSpec { prompt: Some("x".repeat(50_000)), ..cluster.task(id, "true") }
}

/// Goes on when it goes: a server that stands still could not be ended.
struct StandingStill<'a>(&'a TestBed);

impl<'a> StandingStill<'a> {
    fn since_now(bed: &'a TestBed) -> Self {
        bed.redis.signal(Signal::SIGSTOP);
        Self(bed)
    }
}

impl Drop for StandingStill<'_> {
    fn drop(&mut self) {
        self.0.redis.signal(Signal::SIGCONT);
    }
}

/// Six tasks that run; three of them end while Redis is away.
async fn six_running(cluster: &TestCluster) -> Vec<String> {
    let long = cluster.enqueue_many("long", 3, "sleep 6").await;
    let short = cluster.enqueue_many("short", 3, "sleep 1").await;
    let all = [long, short].concat();
    for id in &all {
        cluster.has_run(id, 1).await;
    }
    all
}

async fn assert_nobody_noticed(cluster: &TestCluster, ids: &[String]) {
    cluster.have_ended(ids.len()).await;
    for id in ids {
        let record = cluster.bed.record(id).await;
        assert_eq!((record.attempt, record.crashes), (1, 0), "{id}");
        assert_eq!(cluster.runs()[id], 1, "{id} has run once");
    }
}

/// Longer than a lease, and shorter than any task's patience.
const AWAY: Duration = Duration::from_secs(LEASE.as_secs() + 1);

#[tokio::test]
async fn a_redis_that_stands_still_costs_no_live_task_its_worker() {
    let cluster = TestCluster::new().await;
    let workers = cluster.workers(2).await;
    let tasks = six_running(&cluster).await;
    {
        let _still = StandingStill::since_now(&cluster.bed);
        tokio::time::sleep(AWAY).await;
    }
    assert_nobody_noticed(&cluster, &tasks).await;
    cluster.close(workers, &[("success", &tasks)]).await;
}

#[tokio::test]
async fn a_redis_that_was_gone_for_long_costs_no_live_task_its_worker() {
    let mut cluster =
        TestCluster::with(BedOptions { append_only: true, ..BedOptions::default() }, &[]).await;
    let workers = cluster.workers(2).await;
    let tasks = six_running(&cluster).await;
    cluster.bed.redis.kill();
    tokio::time::sleep(AWAY).await;
    cluster.restart_redis().await;
    assert_nobody_noticed(&cluster, &tasks).await;
    cluster.close(workers, &[("success", &tasks)]).await;
}
