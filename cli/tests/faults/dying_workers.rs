//! Workers that are killed, stopped, or told to end.

use fastrand::Rng;
use greenline_queue::TaskSpec;
use greenline_testbed::{Ground, Running, eventually};
use nix::sys::signal::Signal;

use crate::house::House;

/// Names of tasks, as the oracle takes them.
fn names(ids: &[&str]) -> Vec<String> {
    ids.iter().map(|id| (*id).to_owned()).collect()
}

#[tokio::test]
async fn workers_that_are_killed_again_and_again_lose_nothing() {
    let mut random = Rng::with_seed(1);
    // So that no task is given up that is unlucky more often than others.
    let mut house = House::with(Ground::default(), &[("GREENLINE_MAX_CRASHES", "20")]).await;
    let mut tasks = house.enqueue_many("task", 176, "sleep 0.1").await;
    tasks.extend(in_three_rows(&house, 24).await);
    let mut workers = house.workers(3).await;
    for kill in 1..=7 {
        house.have_ended(kill * 20).await;
        let at = random.usize(..workers.len());
        let victim = workers[at].pid();
        eventually("a task in the middle of its run", async || {
            runs_something(&house, victim).await
        })
        .await;
        house.kill(&mut workers[at]);
        workers[at] = house.worker().await;
    }
    house.have_ended(tasks.len()).await;
    assert_eq!(house.runs().len(), tasks.len(), "every task has run");
    house.close(workers, &[("success", &tasks)]).await;
}

/// Tasks of which three can run at a time; their ids.
async fn in_three_rows(house: &House, count: usize) -> Vec<String> {
    let mut ids = vec![];
    for number in 0..count {
        let id = format!("row-{number}");
        let key = format!("row-{}", number % 3).parse().unwrap();
        let dedup = id.parse().unwrap();
        let task = house.task(&id, "sleep 0.1");
        house.file(TaskSpec { concurrency_key: Some(key), dedup_key: Some(dedup), ..task }).await;
        ids.push(id);
    }
    ids
}

async fn runs_something(house: &House, pid: u32) -> bool {
    let leased: Vec<String> = house.bed.redis("ZRANGE agent:tasks:leases 0 -1").await;
    for id in leased {
        if house.runner(&id).await == Some(pid) {
            return true;
        }
    }
    false
}

#[tokio::test]
async fn a_worker_that_wakes_up_too_late_can_change_nothing() {
    let house = House::new().await;
    let mut sleeper = house.worker().await;
    let tasks = names(&["one", "two", "three"]);
    let woken = house.program.folder().join("woken");
    let wait = format!("while [ ! -e {} ]; do sleep 0.05; done", woken.display());
    for id in &tasks {
        runs_long_once(&house, id, &wait).await;
    }
    sleeper.signal(Signal::SIGSTOP);
    let other = house.worker().await;
    house.have_ended(tasks.len()).await;
    // What it started has ended as well by the time it wakes up.
    std::fs::write(woken, "").unwrap();
    sleeper.signal(Signal::SIGCONT);

    // It goes on with other work, and has said nothing about what it lost.
    sleeper.says("Lost the lease").await;
    let more = house.enqueue_many("more", 6, "sleep 0.3").await;
    house.have_ended(tasks.len() + more.len()).await;
    let runs = house.runs();
    for id in &tasks {
        assert_eq!(runs[id], 2, "{id} has run here and there");
        let record = house.bed.record(id).await;
        assert_eq!((record.attempt, record.crashes), (2, 1));
        assert!(record.worker_id.unwrap().contains(&format!("-{}-", other.pid())));
    }
    let all = [tasks, more].concat();
    house.close(vec![sleeper, other], &[("success", &all)]).await;
}

#[tokio::test]
async fn a_poison_task_is_given_up_alone_and_buries_nobody() {
    let mut house = House::new().await;
    let mut workers = house.workers(2).await;
    house.enqueue("poison", "sleep 60").await;
    let innocents = house.enqueue_many("innocent", 12, "sleep 0.2").await;
    for crash in 1..=3 {
        house.has_run("poison", crash).await;
        let victim = house.runner("poison").await.unwrap();
        if crash == 3 {
            assert_eq!(held_by(&house, victim).await, ["poison"], "the last time it is alone");
        }
        let at = workers.iter().position(|worker| worker.pid() == victim).unwrap();
        house.kill(&mut workers[at]);
        workers[at] = house.worker().await;
    }
    house.have_ended(1 + innocents.len()).await;
    let record = house.bed.record("poison").await;
    assert_eq!((record.crashes, record.failures), (3, 0));
    assert!(record.error.unwrap().contains("the last time alone with it"));
    house.close(workers, &[("success", &innocents), ("failed", &names(&["poison"]))]).await;
}

async fn held_by(house: &House, pid: u32) -> Vec<String> {
    let leased: Vec<String> = house.bed.redis("ZRANGE agent:tasks:leases 0 -1").await;
    let mut held = vec![];
    for id in leased {
        if house.runner(&id).await == Some(pid) {
            held.push(id);
        }
    }
    held
}

/// A task that does this in its first run only; waits until it does.
async fn runs_long_once(house: &House, id: &str, work: &str) {
    let runs = format!("grep -c '^{id}/' {}", house.program.folder().join("notes").display());
    house.enqueue(id, &format!("if [ $({runs}) = 1 ]; then {work}; fi")).await;
    house.has_run(id, 1).await;
}

/// The same for work that would not end by itself.
async fn long_task(house: &House, id: &str) {
    runs_long_once(house, id, "sleep 300 & wait").await;
}

async fn assert_free_of_charge(house: &House, id: &str) {
    let record = house.bed.record(id).await;
    assert_eq!(record.status, "pending");
    assert_eq!((record.retry_count, record.failures, record.crashes), (0, 0, 0));
    let released: Vec<String> =
        house.bed.redis(&format!("LRANGE agent:task:{id}:attempts 0 -1")).await;
    assert!(released.len() == 1 && released[0].contains(r#""outcome":"released""#), "{released:?}");
    assert!(house.program.processes().is_empty(), "its commands have ended with it");
}

async fn finishes_elsewhere(house: House, tasks: &[&str]) {
    let other = house.worker().await;
    house.have_ended(tasks.len()).await;
    for id in tasks {
        assert_eq!(house.bed.record(id).await.attempt, 2);
    }
    house.close(vec![other], &[("success", &names(tasks))]).await;
}

#[tokio::test]
async fn a_task_that_outlasts_the_grace_goes_back_free_of_charge() {
    let house = House::with(Ground::default(), &[("GREENLINE_GRACE", "300ms")]).await;
    let mut worker = house.worker().await;
    long_task(&house, "long").await;
    assert_eq!(worker.stop().await, Some(0));
    assert_free_of_charge(&house, "long").await;
    finishes_elsewhere(house, &["long"]).await;
}

#[tokio::test]
async fn a_second_signal_does_not_wait_for_the_grace() {
    let house = House::with(Ground::default(), &[("GREENLINE_GRACE", "1h")]).await;
    let mut worker: Running = house.worker().await;
    long_task(&house, "long").await;
    long_task(&house, "longer").await;
    worker.signal(Signal::SIGTERM);
    worker.says("Waiting for tasks to end").await;
    assert!(worker.has_ended().is_none(), "it has an hour");
    assert_eq!(worker.stop().await, Some(0));
    assert_free_of_charge(&house, "long").await;
    assert_free_of_charge(&house, "longer").await;
    finishes_elsewhere(house, &["long", "longer"]).await;
}
