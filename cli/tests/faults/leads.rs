//! Leads that die, sleep, or lose what they listen to.

use std::time::Duration;

use greenline_queue::{Epoch, IntentState, QueueError};
use greenline_testbed::{BedOptions, eventually};
use nix::sys::signal::Signal;
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::cluster::{OPERATOR, TestCluster};

/// One page of a lead, for its operator; none if it does not answer.
async fn page(address: &str, path: &str) -> Option<String> {
    let mut stream = TcpStream::connect(address).await.ok()?;
    let request = format!(
        "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nAuthorization: Bearer {OPERATOR}\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await.ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.ok()?;
    let (head, body) = answer.split_once("\r\n\r\n")?;
    head.starts_with("HTTP/1.1 200").then(|| body.to_owned())
}

async fn status(address: &str) -> Value {
    let mut found = None;
    eventually("a lead's status", async || {
        found = page(address, "/api/v1/status").await;
        found.is_some()
    })
    .await;
    serde_json::from_str(&found.unwrap()).unwrap()
}

async fn believes_to_lead(address: &str) -> bool {
    status(address).await["lead"]["leading"].as_bool().unwrap()
}

/// Waits until a lead leads: its epoch.
async fn leads(cluster: &TestCluster, address: &str) -> Epoch {
    eventually("a leader", async || believes_to_lead(address).await).await;
    cluster.bed.queue.leader().await.unwrap().unwrap().1
}

#[tokio::test]
async fn a_standby_takes_over_from_a_leader_that_was_killed() {
    let cluster = TestCluster::steady(BedOptions::default()).await;
    let (mut first, one) = cluster.lead().await;
    let epoch = leads(&cluster, &one).await;
    let (second, other) = cluster.lead().await;
    assert!(!believes_to_lead(&other).await);
    first.kill();
    let next = tokio::time::timeout(Duration::from_secs(15), leads(&cluster, &other)).await;
    assert!(next.expect("a new leader within 15 s") > epoch);
    cluster.close(vec![second], &[]).await;
}

#[tokio::test]
async fn a_leader_that_wakes_up_too_late_does_not_lead() {
    let cluster =
        TestCluster::with(BedOptions::default(), &[("GREENLINE_LEADER_LEASE", "2s")]).await;
    let (sleeper, one) = cluster.lead().await;
    let old = leads(&cluster, &one).await;
    let (second, other) = cluster.lead().await;
    sleeper.signal(Signal::SIGSTOP);
    let new = leads(&cluster, &other).await;
    sleeper.signal(Signal::SIGCONT);
    // From its first answer on.
    assert!(!believes_to_lead(&one).await, "two lead at once");
    assert!(believes_to_lead(&other).await);
    assert!(new > old);
    let refused = cluster.bed.queue.begin_intent(old, "comment", "{}").await;
    assert!(matches!(refused, Err(QueueError::Deposed)), "{refused:?}");

    // A leader that says good-bye is followed at once, by a new epoch again.
    let mut second = second;
    assert_eq!(second.stop().await, Some(0));
    assert!(leads(&cluster, &one).await > new);
    cluster.close(vec![sleeper], &[]).await;
}

#[tokio::test]
async fn what_a_dead_leader_had_begun_is_shown_to_the_next() {
    let cluster =
        TestCluster::with(BedOptions::default(), &[("GREENLINE_LEADER_LEASE", "2s")]).await;
    let queue = &cluster.bed.queue;
    let (mut first, address) = cluster.lead().await;
    let old = leads(&cluster, &address).await;
    let begun = queue.begin_intent(old, "comment-7", r#"{"pr":7}"#).await.unwrap();
    assert_eq!(begun, IntentState::New);
    first.kill();

    let (mut second, address) = cluster.lead().await;
    let new = leads(&cluster, &address).await;
    assert!(new > old);
    second.wait_for_output("comment-7 was begun before and not ended").await;
    let mut shown = Value::Null;
    eventually("a status of the new leadership", async || {
        shown = status(&address).await;
        shown["leader"]["epoch"] == new.0
    })
    .await;
    let intents = shown["open_intents"].as_array().unwrap();
    assert_eq!(intents.len(), 1);
    assert_eq!(intents[0]["action"], "comment-7");
    assert_eq!((&intents[0]["epoch"], &intents[0]["about"]["pr"]), (&old.0.into(), &7.into()));

    let late = queue.end_intent(old, "comment-7", "{}").await;
    assert!(matches!(late, Err(QueueError::Deposed)), "{late:?}");
    let again = queue.begin_intent(new, "comment-7", "{}").await.unwrap();
    assert_eq!(again, IntentState::Open { epoch: old });
    queue.end_intent(new, "comment-7", "{}").await.unwrap();
    eventually("no open intent", async || {
        status(&address).await["open_intents"].as_array().unwrap().is_empty()
    })
    .await;
    cluster.close(vec![second], &[]).await;
}

#[tokio::test]
async fn a_lead_whose_connections_are_killed_notes_every_end_once() {
    let cluster = TestCluster::steady(BedOptions::default()).await;
    let (lead, address) = cluster.lead().await;
    let epoch = leads(&cluster, &address).await;
    let mut daemons = cluster.workers(2).await;
    let ids = cluster.enqueue_many("task", 60, "sleep 0.05").await;
    for ended in (0..ids.len()).step_by(3) {
        cluster.have_ended(ended).await;
        cluster.bed.redis::<usize>("CLIENT KILL TYPE pubsub").await;
        cluster.bed.redis::<usize>("CLIENT KILL TYPE normal SKIPME yes").await;
    }
    cluster.have_ended(ids.len()).await;
    eventually("an empty outbox", async || cluster.bed.queue.outbox_len().await.unwrap() == 0)
        .await;
    let noted = r#"greenline_tasks_finished_total{status="success",type="run_command"} 60"#;
    eventually("60 ends", async || {
        page(&address, "/metrics").await.is_some_and(|page| page.contains(noted))
    })
    .await;
    assert_eq!(leads(&cluster, &address).await, epoch, "it has led all the time");
    assert!(page(&address, "/health").await.is_some());
    let runs = cluster.runs();
    assert!(ids.iter().all(|id| runs[id] == 1), "each has run once: {runs:?}");
    daemons.push(lead);
    cluster.close(daemons, &[("success", &ids)]).await;
}
