//! What people and their programs do to a queue while workers run.

use std::process::Stdio;

use greenline_testbed::{BedOptions, eventually};

use crate::cluster::TestCluster;

#[tokio::test]
async fn fifty_producers_of_the_same_tasks_file_each_once() {
    let cluster = TestCluster::steady(BedOptions::default()).await;
    let workers = cluster.workers(2).await;
    let ids: Vec<String> = (0..20).map(|number| format!("task-{number}")).collect();
    let tasks: Vec<String> = ids
        .iter()
        .map(|id| cluster.task(id, "sleep 0.05").build().unwrap().payload().to_owned())
        .collect();
    std::fs::write(cluster.program.folder().join("tasks.jsonl"), tasks.join("\n")).unwrap();

    let mut producers = vec![];
    for _ in 0..50 {
        let mut producer = cluster.program.command(&["queue", "enqueue", "tasks.jsonl"]);
        producer.stdout(Stdio::null()).stderr(Stdio::null());
        producers.push(producer.spawn().unwrap());
    }
    for producer in &mut producers {
        assert!(producer.wait().unwrap().success());
    }
    cluster.have_ended(ids.len()).await;
    let runs = cluster.runs();
    assert!(ids.iter().all(|id| runs[id] == 1), "each has run once: {runs:?}");
    cluster.close(workers, &[("success", &ids)]).await;
}

#[tokio::test]
async fn what_is_pushed_by_hand_runs_once_or_says_why_not() {
    let cluster = TestCluster::new().await;
    let workers = cluster.workers(2).await;
    let good = cluster.task("by-hand", "sleep 0.2").build().unwrap().payload().to_owned();
    let other = cluster.task("by-hand", "echo another").build().unwrap().payload().to_owned();
    let large = format!("{{\"task_id\": \"large\", \"prompt\": \"{}\"}}", "x".repeat(300 * 1024));
    let bad = [
        "{\"task_id\": \"cut off\", ",
        "{}",
        "{\"task_id\": \"x\", \"type\": 7}",
        "{\"task_id\": \"with a space\", \"type\": \"run_command\", \"validation\": [\"true\"]}",
        "{\"task_id\": \"x:lock\", \"type\": \"run_command\", \"validation\": [\"true\"]}",
        "{\"task_id\": \"nothing-to-do\", \"type\": \"run_command\"}",
        "[1, 2]",
        "not JSON at all",
        &large,
        &other,
    ];
    // The same twice, then what is wrong, each before and behind something right.
    for entry in [&good, &good] {
        push(&cluster, entry).await;
    }
    cluster.has_run("by-hand", 1).await;
    for (number, entry) in bad.iter().enumerate() {
        push(&cluster, entry).await;
        let id = format!("right-{number}");
        push(&cluster, cluster.task(&id, "true").build().unwrap().payload()).await;
    }
    push(&cluster, &good).await;
    push(&cluster, "by-hand").await;
    push(&cluster, "nobody").await;

    let mut ids: Vec<String> = (0..bad.len()).map(|number| format!("right-{number}")).collect();
    ids.push("by-hand".to_owned());
    cluster.have_ended(ids.len()).await;
    // And the id that names no task.
    eventually("everything wrong in quarantine", async || {
        cluster.bed.redis::<usize>("LLEN agent:tasks:quarantine").await == bad.len() + 1
    })
    .await;
    let runs = cluster.runs();
    assert!(ids.iter().all(|id| runs[id] == 1), "each has run once: {runs:?}");
    let quarantined = cluster.bed.queue.quarantined().await.unwrap();
    for entry in &bad {
        let why = &quarantined.iter().find(|one| one.entry == **entry).unwrap().reason;
        assert!(!why.is_empty());
    }
    assert_eq!(cluster.bed.record("by-hand").await.payload, good, "kept byte for byte");
    cluster.close(workers, &[("success", &ids)]).await;
}

async fn push(cluster: &TestCluster, entry: &str) {
    cluster.bed.redis_words::<()>(&["LPUSH", "agent:tasks:pending", entry]).await;
}

#[tokio::test]
async fn a_lock_that_an_operator_holds_keeps_its_task_and_no_other() {
    let cluster = TestCluster::steady(BedOptions::default()).await;
    let workers = cluster.workers(2).await;
    cluster.bed.redis::<()>("SET agent:task:held:lock operator").await;
    cluster.bed.redis::<()>("SET agent:task:soon:lock operator PX 2000").await;
    let locked = vec!["held".to_owned(), "soon".to_owned()];
    for id in &locked {
        cluster.enqueue(id, "true").await;
    }
    let others = cluster.enqueue_many("other", 10, "sleep 0.05").await;
    cluster.have_ended(others.len()).await;
    eventually("two tasks put off", async || {
        cluster.bed.redis::<usize>("ZCARD agent:tasks:scheduled").await == 2
    })
    .await;
    assert_eq!(cluster.bed.redis::<String>("GET agent:task:held:lock").await, "operator");
    assert!(locked.iter().all(|id| !cluster.runs().contains_key(id)));

    cluster.bed.redis::<()>("DEL agent:task:held:lock").await;
    cluster.have_ended(others.len() + locked.len()).await;
    let all = [locked, others].concat();
    let runs = cluster.runs();
    assert!(all.iter().all(|id| runs[id] == 1), "each has run once: {runs:?}");
    for id in &all {
        assert_eq!(cluster.bed.record(id).await.attempt, 1, "putting {id} off was free of charge");
    }
    cluster.close(workers, &[("success", &all)]).await;
}
