//! Workers that are killed, stopped, or told to end.

use fastrand::Rng;
use greenline_queue::TaskSpec;
use greenline_testbed::{BedOptions, Running, eventually};
use nix::sys::signal::Signal;

use crate::cluster::TestCluster;

/// Names of tasks, as the oracle takes them.
fn names(ids: &[&str]) -> Vec<String> {
    ids.iter().map(|id| (*id).to_owned()).collect()
}

#[tokio::test]
async fn workers_that_are_killed_again_and_again_lose_nothing() {
    let mut random = Rng::with_seed(1);
    // So that no task is given up that is unlucky more often than others.
    let mut cluster =
        TestCluster::with(BedOptions::default(), &[("GREENLINE_MAX_CRASHES", "20")]).await;
    let mut tasks = cluster.enqueue_many("task", 176, "sleep 0.1").await;
    tasks.extend(in_three_rows(&cluster, 24).await);
    let mut workers = cluster.workers(3).await;
    for kill in 1..=7 {
        cluster.have_ended(kill * 20).await;
        let at = random.usize(..workers.len());
        let victim = workers[at].pid();
        eventually("a task in the middle of its run", async || {
            runs_something(&cluster, victim).await
        })
        .await;
        cluster.kill(&mut workers[at]);
        workers[at] = cluster.worker().await;
    }
    cluster.have_ended(tasks.len()).await;
    assert_eq!(cluster.runs().len(), tasks.len(), "every task has run");
    cluster.close(workers, &[("success", &tasks)]).await;
}

/// Tasks of which three can run at a time; their ids.
async fn in_three_rows(cluster: &TestCluster, count: usize) -> Vec<String> {
    let mut ids = vec![];
    for number in 0..count {
        let id = format!("row-{number}");
        let key = format!("row-{}", number % 3).parse().unwrap();
        let dedup = id.parse().unwrap();
        let task = cluster.task(&id, "sleep 0.1");
        cluster.file(TaskSpec { concurrency_key: Some(key), dedup_key: Some(dedup), ..task }).await;
        ids.push(id);
    }
    ids
}

async fn runs_something(cluster: &TestCluster, pid: u32) -> bool {
    let leased: Vec<String> = cluster.bed.redis("ZRANGE agent:tasks:leases 0 -1").await;
    for id in leased {
        if cluster.runner(&id).await == Some(pid) {
            return true;
        }
    }
    false
}

#[tokio::test]
async fn a_worker_that_wakes_up_too_late_can_change_nothing() {
    let cluster = TestCluster::new().await;
    let mut sleeper = cluster.worker().await;
    let tasks = names(&["one", "two", "three"]);
    let woken = cluster.program.folder().join("woken");
    let wait = format!("while [ ! -e {} ]; do sleep 0.05; done", woken.display());
    for id in &tasks {
        runs_long_once(&cluster, id, &wait).await;
    }
    sleeper.signal(Signal::SIGSTOP);
    let other = cluster.worker().await;
    cluster.have_ended(tasks.len()).await;
    // What it started has ended as well by the time it wakes up.
    std::fs::write(woken, "").unwrap();
    sleeper.signal(Signal::SIGCONT);

    // It goes on with other work, and has said nothing about what it lost.
    sleeper.wait_for_output("Lost the lease").await;
    let more = cluster.enqueue_many("more", 6, "sleep 0.3").await;
    cluster.have_ended(tasks.len() + more.len()).await;
    let runs = cluster.runs();
    for id in &tasks {
        assert_eq!(runs[id], 2, "{id} has run here and there");
        let record = cluster.bed.record(id).await;
        assert_eq!((record.attempt, record.crashes), (2, 1));
        assert!(record.worker_id.unwrap().contains(&format!("-{}-", other.pid())));
    }
    let all = [tasks, more].concat();
    cluster.close(vec![sleeper, other], &[("success", &all)]).await;
}

#[tokio::test]
async fn a_poison_task_is_given_up_alone_and_buries_nobody() {
    let mut cluster = TestCluster::new().await;
    let mut workers = cluster.workers(2).await;
    cluster.enqueue("poison", "sleep 60").await;
    let innocents = cluster.enqueue_many("innocent", 12, "sleep 0.2").await;
    for crash in 1..=3 {
        cluster.has_run("poison", crash).await;
        let victim = cluster.runner("poison").await.unwrap();
        if crash == 3 {
            assert_eq!(held_by(&cluster, victim).await, ["poison"], "the last time it is alone");
        }
        let at = workers.iter().position(|worker| worker.pid() == victim).unwrap();
        cluster.kill(&mut workers[at]);
        workers[at] = cluster.worker().await;
    }
    cluster.have_ended(1 + innocents.len()).await;
    let record = cluster.bed.record("poison").await;
    assert_eq!((record.crashes, record.failures), (3, 0));
    assert!(record.error.unwrap().contains("the last time alone with it"));
    cluster.close(workers, &[("success", &innocents), ("failed", &names(&["poison"]))]).await;
}

async fn held_by(cluster: &TestCluster, pid: u32) -> Vec<String> {
    let leased: Vec<String> = cluster.bed.redis("ZRANGE agent:tasks:leases 0 -1").await;
    let mut held = vec![];
    for id in leased {
        if cluster.runner(&id).await == Some(pid) {
            held.push(id);
        }
    }
    held
}

/// A task that does this in its first run only; waits until it does.
async fn runs_long_once(cluster: &TestCluster, id: &str, work: &str) {
    let runs = format!("grep -c '^{id}/' {}", cluster.program.folder().join("notes").display());
    cluster.enqueue(id, &format!("if [ $({runs}) = 1 ]; then {work}; fi")).await;
    cluster.has_run(id, 1).await;
}

/// The same for work that would not end by itself.
async fn long_task(cluster: &TestCluster, id: &str) {
    runs_long_once(cluster, id, "sleep 300 & wait").await;
}

async fn assert_free_of_charge(cluster: &TestCluster, id: &str) {
    let record = cluster.bed.record(id).await;
    assert_eq!(record.status, "pending");
    assert_eq!((record.retry_count, record.failures, record.crashes), (0, 0, 0));
    let released: Vec<String> =
        cluster.bed.redis(&format!("LRANGE agent:task:{id}:attempts 0 -1")).await;
    assert!(released.len() == 1 && released[0].contains(r#""outcome":"released""#), "{released:?}");
    assert!(cluster.program.processes().is_empty(), "its commands have ended with it");
}

async fn finishes_elsewhere(cluster: TestCluster, tasks: &[&str]) {
    let other = cluster.worker().await;
    cluster.have_ended(tasks.len()).await;
    for id in tasks {
        assert_eq!(cluster.bed.record(id).await.attempt, 2);
    }
    cluster.close(vec![other], &[("success", &names(tasks))]).await;
}

#[tokio::test]
async fn a_task_that_outlasts_the_grace_goes_back_free_of_charge() {
    let cluster = TestCluster::with(BedOptions::default(), &[("GREENLINE_GRACE", "300ms")]).await;
    let mut worker = cluster.worker().await;
    long_task(&cluster, "long").await;
    assert_eq!(worker.stop().await, Some(0));
    assert_free_of_charge(&cluster, "long").await;
    finishes_elsewhere(cluster, &["long"]).await;
}

#[tokio::test]
async fn a_second_signal_does_not_wait_for_the_grace() {
    let cluster = TestCluster::with(BedOptions::default(), &[("GREENLINE_GRACE", "1h")]).await;
    let mut worker: Running = cluster.worker().await;
    long_task(&cluster, "long").await;
    long_task(&cluster, "longer").await;
    worker.signal(Signal::SIGTERM);
    worker.wait_for_output("Waiting for tasks to end").await;
    assert!(worker.has_ended().is_none(), "it has an hour");
    assert_eq!(worker.stop().await, Some(0));
    assert_free_of_charge(&cluster, "long").await;
    assert_free_of_charge(&cluster, "longer").await;
    finishes_elsewhere(cluster, &["long", "longer"]).await;
}
