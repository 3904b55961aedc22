//! Changing what is in the queue.

use greenline_queue::{TaskFailure, TaskStatus};
use greenline_store::cmd;
use greenline_testbed::TestBed;

use crate::terminal::{Terminal, claim, enqueue, id};

async fn status(bed: &TestBed, name: &str) -> String {
    bed.queue.record(&id(name)).await.unwrap().map_or("gone".to_owned(), |record| record.status)
}

/// Fails tasks for good.
async fn fail(bed: &TestBed, names: &[&str]) {
    let mut worker = bed.worker("w1").await;
    for name in names {
        enqueue(&bed.queue, name, |_| {}).await;
        let claims = claim(&mut worker, 1).await;
        let failure = TaskFailure { error: "no".to_owned(), retryable: false, result: None };
        bed.queue.fail(&worker.profile().id, &claims[0], &failure).await.unwrap();
    }
}

#[tokio::test]
async fn a_named_task_is_called_off_without_a_question() {
    let bed = TestBed::new().await;
    let terminal = Terminal::at(&bed);
    enqueue(&bed.queue, "a", |_| {}).await;
    terminal
        .run(&["queue", "cancel", "a", "--reason", "wrong branch"])
        .exits(0)
        .prints(&["a: cancelled"]);
    let record = bed.queue.record(&id("a")).await.unwrap().unwrap();
    assert_eq!(record.status, "cancelled");
    let error = record.error.unwrap();
    assert!(error.starts_with("cancelled by ada@") && error.ends_with(": wrong branch"), "{error}");
    terminal.run(&["queue", "cancel", "a"]).exits(1).prints(&["had ended already (cancelled)"]);

    enqueue(&bed.queue, "b", |_| {}).await;
    let mut worker = bed.worker("w").await;
    claim(&mut worker, 1).await;
    terminal.run(&["queue", "cancel", "b"]).exits(0).prints(&["b: asked to stop"]);
}

#[tokio::test]
async fn what_a_filter_finds_needs_a_yes() {
    let bed = TestBed::new().await;
    let terminal = Terminal::at(&bed);
    for name in ["a", "b", "c"] {
        enqueue(&bed.queue, name, |_| {}).await;
    }
    terminal.run(&["queue", "cancel"]).exits(2).prints(&["which tasks", "--all"]);
    terminal.run(&["queue", "cancel", "--all"]).exits(2).prints(&["Call off 3 tasks", "add --yes"]);
    assert_eq!(status(&bed, "a").await, "pending");
    let printed = terminal.run(&["queue", "cancel", "--all", "--yes", "--json"]).exits(0);
    assert_eq!(printed.json().len(), 3);
    assert_eq!(printed.json()[0]["outcome"], "done");
    assert_eq!(status(&bed, "c").await, "cancelled");
    terminal.run(&["queue", "cancel", "--all"]).exits(0).prints(&["No task fits"]);
}

#[tokio::test]
async fn the_dead_are_retried_by_name_or_all_at_once() {
    let bed = TestBed::new().await;
    let terminal = Terminal::at(&bed);
    fail(&bed, &["a", "b", "c"]).await;
    terminal.run(&["queue", "retry", "a"]).exits(0).prints(&["a: runs again, pending now"]);
    terminal.run(&["queue", "retry", "a"]).exits(1).prints(&["has not ended (pending)"]);
    terminal
        .run(&["queue", "retry", "--status", "dead"])
        .exits(2)
        .prints(&["Run 2 tasks once more", "--yes"]);
    assert_eq!(status(&bed, "b").await, "failed");
    terminal.run(&["queue", "retry", "--all", "-y"]).exits(0);
    assert_eq!(
        (&status(&bed, "b").await[..], &status(&bed, "c").await[..]),
        ("pending", "pending")
    );
}

#[tokio::test]
async fn forgetting_is_always_asked_for() {
    let bed = TestBed::new().await;
    let terminal = Terminal::at(&bed);
    fail(&bed, &["a", "b"]).await;
    enqueue(&bed.queue, "live", |_| {}).await;
    terminal.run(&["queue", "purge", "a"]).exits(2).prints(&["Forget 1 task for good", "--yes"]);
    // The lead has not heard of it yet.
    terminal.run(&["queue", "purge", "a", "--yes"]).exits(1).prints(&["--unacknowledged"]);
    assert_eq!(status(&bed, "a").await, "failed");
    terminal
        .run(&["queue", "purge", "a", "--yes", "--unacknowledged"])
        .exits(0)
        .prints(&["forgotten"]);
    assert_eq!(status(&bed, "a").await, "gone");
    terminal.run(&["queue", "purge", "live", "--yes"]).exits(1).prints(&["cancel it first"]);
    terminal.run(&["queue", "purge", "--all", "--yes", "--unacknowledged"]).exits(0);
    assert_eq!(
        (&status(&bed, "b").await[..], &status(&bed, "live").await[..]),
        ("gone", "pending")
    );
}

#[tokio::test]
async fn a_pause_says_who_and_why() {
    let bed = TestBed::new().await;
    let terminal = Terminal::at(&bed);
    let expected = ["everything is paused by ada@", "upgrade"];
    terminal.run(&["queue", "pause", "--reason", "upgrade"]).exits(0).prints(&expected);
    terminal
        .run(&["queue", "pause", "type:deploy_step"])
        .exits(0)
        .prints(&["type:deploy_step is paused"]);
    terminal.run(&["queue", "stats"]).exits(0).prints(&expected);
    let mut worker = bed.worker("w").await;
    enqueue(&bed.queue, "a", |_| {}).await;
    assert!(claim(&mut worker, 1).await.is_empty());
    terminal.run(&["queue", "resume"]).exits(0).prints(&["type:deploy_step"]);
    terminal.run(&["queue", "resume"]).exits(1).prints(&["all is not paused", "type:deploy_step"]);
    assert_eq!(claim(&mut worker, 1).await.len(), 1);
    terminal.run(&["queue", "pause", "type:no such"]).exits(2);
}

#[tokio::test]
async fn a_halt_says_who_and_why_until_it_is_taken_back() {
    let bed = TestBed::new().await;
    let terminal = Terminal::at(&bed);
    terminal.run(&["resume"]).exits(1).prints(&["were not halted"]);
    let expected = ["outside actions are halted by ada@", "a look first"];
    terminal.run(&["halt", "--reason", "a look first"]).exits(0).prints(&expected);
    let by: String = bed.redis("HGET agent:lead:halt by").await;
    assert!(by.starts_with("ada@"), "{by}");
    terminal.run(&["doctor"]).prints(&expected).prints(&["hint: greenline resume"]);
    let printed = terminal.run(&["halt", "--json"]).exits(0);
    assert_eq!(printed.json()[0]["halted"]["why"], "");
    terminal.run(&["resume"]).exits(0).prints(&["go on"]);
    assert!(bed.keys("agent:lead:halt").await.is_empty());
}

#[tokio::test]
async fn a_limit_is_set_and_taken_away() {
    let bed = TestBed::new().await;
    let terminal = Terminal::at(&bed);
    terminal
        .run(&["queue", "limit", "run_command", "1"])
        .exits(0)
        .prints(&["run_command: at most 1 a minute"]);
    enqueue(&bed.queue, "a", |_| {}).await;
    enqueue(&bed.queue, "b", |_| {}).await;
    let mut worker = bed.worker("w").await;
    assert_eq!(claim(&mut worker, 2).await.len(), 1);
    terminal.run(&["queue", "limit", "run_command", "0"]).exits(2).prints(&["write off"]);
    terminal.run(&["queue", "limit", "run_command"]).exits(2);
    terminal
        .run(&["queue", "limit", "run_command", "off"])
        .exits(0)
        .prints(&["No type is limited"]);
}

#[tokio::test]
async fn the_quarantine_is_seen_read_again_and_dropped() {
    let bed = TestBed::new().await;
    let terminal = Terminal::at(&bed);
    terminal.run(&["queue", "quarantine"]).exits(0).prints(&["empty"]);
    let mut worker = bed.worker("w").await;
    for entry in ["{broken", r#"{"task_id":"x","type":"run_command"}"#] {
        let push = cmd("LPUSH").arg("agent:tasks:pending").arg(entry).clone();
        bed.queue.store().command::<i64>(&push).await.unwrap();
        claim(&mut worker, 1).await;
    }
    let expected = ["at least one command", "task_id", "{broken"];
    terminal.run(&["queue", "quarantine"]).exits(0).prints(&expected);
    assert_eq!(terminal.json(&["queue", "quarantine", "list"]).len(), 2);

    terminal.run(&["queue", "quarantine", "drop"]).exits(2).prints(&["Drop 2 entries", "--yes"]);
    let drop = ["queue", "quarantine", "drop", "--containing", "broken", "--yes"];
    terminal.run(&drop).exits(0).prints(&["1 entry dropped"]);
    terminal.run(&["queue", "quarantine", "requeue", "--yes"]).exits(0).prints(&["1 entry"]);
    assert!(bed.queue.quarantined().await.unwrap().is_empty());
    claim(&mut worker, 1).await;
    bed.queue.tick_now().await.unwrap();
    assert_eq!(bed.queue.quarantined().await.unwrap().len(), 1, "it was read once more");
}

#[tokio::test]
async fn a_drain_waits_until_nothing_is_left_to_do() {
    let bed = TestBed::new().await;
    let terminal = Terminal::at(&bed);
    terminal.run(&["queue", "drain"]).exits(0).prints(&["Nothing is left to do"]);
    enqueue(&bed.queue, "a", |_| {}).await;
    enqueue(&bed.queue, "b", |spec| spec.depends_on = vec![id("a")]).await;
    let drain = ["queue", "drain", "--timeout", "1ms"];
    terminal
        .run(&drain)
        .exits(1)
        .prints(&["no tasks run and 1 task is to come", "No worker is alive"]);

    let mut child = terminal.command(&["queue", "drain", "--json"]);
    let child = child.stdout(std::process::Stdio::piped()).spawn().unwrap();
    let mut worker = bed.worker("w").await;
    for _ in ["a", "b"] {
        let claims = claim(&mut worker, 1).await;
        bed.queue.complete(&worker.profile().id, &claims[0], "{}".to_owned()).await.unwrap();
    }
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    let reported: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(reported["drained"], true);
}

#[tokio::test]
async fn a_drain_does_not_wait_for_what_is_paused_or_for_people() {
    let bed = TestBed::new().await;
    let terminal = Terminal::at(&bed);
    enqueue(&bed.queue, "a", |spec| spec.requires_approval = true).await;
    terminal.run(&["queue", "drain"]).exits(0).prints(&["1 task waits for approval"]);
    enqueue(&bed.queue, "b", |_| {}).await;
    terminal.run(&["queue", "pause"]).exits(0);
    terminal
        .run(&["queue", "drain"])
        .exits(0)
        .prints(&["1 task is paused: greenline queue resume"]);
    terminal.run(&["queue", "drain", "--timeout", "soon"]).exits(2);
}

#[tokio::test]
async fn a_yes_is_bound_to_what_was_shown() {
    let bed = TestBed::new().await;
    let terminal = Terminal::at(&bed);
    terminal.run(&["approvals"]).exits(0).prints(&["Nothing waits"]);
    for name in ["deploy-1", "deploy-2"] {
        enqueue(&bed.queue, name, |spec| spec.requires_approval = true).await;
    }
    let listed = terminal.run(&["approvals", "list"]).exits(0);
    let expected = ["deploy-1", "\"validation\"", "\"true\"", "hash "];
    let listed = listed.prints(&expected);
    assert!(listed.out.contains("deploy-2"));
    let question = &terminal.json(&["approvals"])[0];
    let hash = question["content_hash"].as_str().unwrap();

    let ask = ["approvals", "approve", "deploy-1"];
    terminal.run(&ask).exits(2).prints(&["Let deploy-1 run", "--yes"]);
    let other = terminal.run(&["approvals", "approve", "deploy-1", "--hash", "0123456789abcdef"]);
    other.exits(1).prints(&["not what you have seen"]);
    assert_eq!(status(&bed, "deploy-1").await, TaskStatus::AwaitingApproval.as_str());
    let seen = ["approvals", "approve", "deploy-1", "--hash", &hash[..12]];
    terminal.run(&seen).exits(0).prints(&["deploy-1: approved"]);
    assert_eq!(status(&bed, "deploy-1").await, "pending");
    terminal.run(&ask).exits(1).prints(&["does not wait for approval"]);

    terminal.run(&["approvals", "reject", "deploy-2"]).exits(2).prints(&["--reason"]);
    let no = ["approvals", "reject", "deploy-2", "--reason", "not on a Friday"];
    terminal.run(&no).exits(0).prints(&["deploy-2: rejected"]);
    terminal.run(&["queue", "show", "deploy-2"]).exits(0).prints(&[
        "was cancelled",
        "rejected by ada@",
        "not on a Friday",
    ]);
}
