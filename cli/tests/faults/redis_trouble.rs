//! A Redis that is killed, forgets, fills up, or stands still.

use std::time::Duration;

use greenline_queue::{Queue, QueueOptions, Task, TaskSpec};
use greenline_store::cmd;
use greenline_testbed::{Ground, TestBed, eventually};
use nix::sys::signal::Signal;
use tokio_util::sync::CancellationToken;

use crate::house::{House, LEASE};

/// Enqueues tasks one by one, each until it has an answer, as producers should.
async fn produce(queue: Queue, tasks: &[Task]) {
    for task in tasks {
        eventually("an answer to an enqueue", async || match queue.enqueue(task.clone()).await {
            Ok(filed) => {
                assert!(filed.is_accepted(), "{filed}");
                true
            }
            Err(error) => {
                assert!(error.is_passing(), "a producer would give up: {error}");
                false
            }
        })
        .await;
    }
}

fn tasks(house: &House, count: usize) -> (Vec<String>, Vec<Task>) {
    let ids: Vec<String> = (0..count).map(|number| format!("task-{number}")).collect();
    let tasks = ids.iter().map(|id| house.task(id, "sleep 0.05").build().unwrap()).collect();
    (ids, tasks)
}

/// Kills Redis twice as a crash would, under load, and starts it on what it had written.
async fn crash_twice(house: &mut House) {
    for so_far in [30, 80] {
        house.have_ended(so_far).await;
        house.bed.redis.kill();
        house.restart_redis().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redis_that_is_killed_forgets_nothing_that_it_wrote_out() {
    let ground = Ground { append_only: true, ..Ground::default() };
    let mut house = House::steady(ground).await;
    let workers = house.workers(2).await;
    let (ids, tasks) = tasks(&house, 150);
    let producing = produce(house.bed.queue.clone(), &tasks);
    tokio::join!(producing, crash_twice(&mut house));
    house.have_ended(ids.len()).await;
    let runs = house.runs();
    assert!(ids.iter().all(|id| runs[id] == 1), "nobody died, so each has run once: {runs:?}");
    house.close(workers, &[("success", &ids)]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_killed_redis_had_not_written_out_comes_back_with_its_producer() {
    let settings = vec![("appendfsync", "everysec".to_owned())];
    let ground = Ground { append_only: true, settings, ..Ground::default() };
    let mut house = House::with(ground, &[]).await;
    let workers = house.workers(2).await;
    let (ids, tasks) = tasks(&house, 150);
    let producing = produce(house.bed.queue.clone(), &tasks);
    tokio::join!(producing, crash_twice(&mut house));
    produce(house.bed.queue.clone(), &tasks).await;
    house.have_ended(ids.len()).await;
    assert_eq!(house.runs().len(), ids.len(), "every task has run");
    house.close(workers, &[("success", &ids)]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn scripts_may_be_forgotten_at_any_time() {
    let house = House::steady(Ground::default()).await;
    let workers = house.workers(2).await;
    let enough = CancellationToken::new();
    let forgetting = tokio::spawn(forget_scripts(house.bed.queue.clone(), enough.clone()));
    let (ids, tasks) = tasks(&house, 150);
    produce(house.bed.queue.clone(), &tasks).await;
    house.have_ended(ids.len()).await;
    enough.cancel();
    assert!(forgetting.await.unwrap() > 100);
    let runs = house.runs();
    assert!(ids.iter().all(|id| runs[id] == 1), "nobody died, so each has run once: {runs:?}");
    house.close(workers, &[("success", &ids)]).await;
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
    let house = House::steady(Ground::default()).await;
    let mut daemons = house.workers(2).await;
    let (lead, _) = house.lead().await;
    daemons.push(lead);
    let info: String = house.bed.redis("INFO memory").await;
    let used = info.lines().find_map(|line| line.strip_prefix("used_memory:")).unwrap();
    let most: u64 = used.trim().parse::<u64>().unwrap() + 2_000_000;
    house.bed.redis::<()>(&format!("CONFIG SET maxmemory {most}")).await;

    let mut accepted = vec![];
    let refused = loop {
        let id = format!("task-{}", accepted.len());
        let task = large(&house, &id);
        match house.bed.queue.enqueue(task.build().unwrap()).await {
            Ok(filed) => assert!(filed.is_accepted(), "{filed}"),
            Err(error) => {
                assert!(error.is_passing() && error.to_string().contains("memory"), "{error}");
                break id;
            }
        }
        accepted.push(id);
        assert!(accepted.len() < 1_000, "it never was full");
    };
    let id = refused.parse().unwrap();
    assert!(house.bed.queue.record(&id).await.unwrap().is_none(), "it was refused whole");

    // What was taken in ends all the same.
    house.have_ended(accepted.len()).await;
    for id in &accepted {
        assert_eq!(house.bed.record(id).await.status, "success");
    }
    // The lead takes note of it, and then time makes room: here, at once.
    eventually("an empty outbox", async || house.bed.queue.outbox_len().await.unwrap() == 0).await;
    let short_memory = QueueOptions {
        keep_count: 5,
        keep_at_least: Duration::ZERO,
        ..house.bed.queue.options().clone()
    };
    let queue = Queue::open(house.bed.queue.store().clone(), short_memory).await.unwrap();
    assert!(queue.tick_now().await.unwrap().trimmed > 0);
    house.file(large(&house, &refused)).await;
    eventually("the end of the last task", async || {
        house.bed.record(&refused).await.status == "success"
    })
    .await;
    let runs = house.runs();
    assert!(accepted.iter().all(|id| runs[id] == 1), "{runs:?}");

    let kept: Vec<String> = house.bed.redis("ZRANGE agent:tasks:done 0 -1").await;
    assert!(kept.contains(&refused) && kept.len() < accepted.len());
    house.close(daemons, &[("success", &kept)]).await;
}

fn large(house: &House, id: &str) -> TaskSpec {
    TaskSpec { prompt: Some("x".repeat(50_000)), ..house.task(id, "true") }
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
async fn six_running(house: &House) -> Vec<String> {
    let long = house.enqueue_many("long", 3, "sleep 6").await;
    let short = house.enqueue_many("short", 3, "sleep 1").await;
    let all = [long, short].concat();
    for id in &all {
        house.has_run(id, 1).await;
    }
    all
}

async fn assert_nobody_noticed(house: &House, ids: &[String]) {
    house.have_ended(ids.len()).await;
    for id in ids {
        let record = house.bed.record(id).await;
        assert_eq!((record.attempt, record.crashes), (1, 0), "{id}");
        assert_eq!(house.runs()[id], 1, "{id} has run once");
    }
}

/// Longer than a lease, and shorter than any task's patience.
const AWAY: Duration = Duration::from_secs(LEASE.as_secs() + 1);

#[tokio::test]
async fn a_redis_that_stands_still_costs_no_live_task_its_worker() {
    let house = House::new().await;
    let workers = house.workers(2).await;
    let tasks = six_running(&house).await;
    {
        let _still = StandingStill::since_now(&house.bed);
        tokio::time::sleep(AWAY).await;
    }
    assert_nobody_noticed(&house, &tasks).await;
    house.close(workers, &[("success", &tasks)]).await;
}

#[tokio::test]
async fn a_redis_that_was_gone_for_long_costs_no_live_task_its_worker() {
    let mut house = House::with(Ground { append_only: true, ..Ground::default() }, &[]).await;
    let workers = house.workers(2).await;
    let tasks = six_running(&house).await;
    house.bed.redis.kill();
    tokio::time::sleep(AWAY).await;
    house.restart_redis().await;
    assert_nobody_noticed(&house, &tasks).await;
    house.close(workers, &[("success", &tasks)]).await;
}
