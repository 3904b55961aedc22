//! What has ended is taken note of, whatever is lost on the way.

use greenline_store::cmd;
use greenline_testbed::TestBed;

use crate::bed::{LONG, eventually, fail, start, succeed};

async fn outbox_is(bed: &TestBed, length: u64) {
    eventually("the outbox's length", async || bed.queue.outbox_len().await.unwrap() == length)
        .await;
}

#[tokio::test]
async fn what_has_ended_is_acknowledged() {
    let bed = TestBed::new().await;
    let mut worker = bed.worker("w").await;
    // Before the lead is there, and more than one batch.
    for number in 0..250 {
        succeed(&bed, &mut worker, &format!("early-{number}")).await;
    }
    assert_eq!(bed.queue.outbox_len().await.unwrap(), 250);
    let mut lead = start(&bed, "one", LONG).await;
    lead.leads().await;
    outbox_is(&bed, 0).await;
    succeed(&bed, &mut worker, "late").await;
    fail(&bed, &mut worker, "late-too", "no").await;
    outbox_is(&bed, 0).await;
}

#[tokio::test]
async fn a_lost_stream_of_events_loses_nothing() {
    let bed = TestBed::new().await;
    let store = bed.queue.store();
    let _set: String = store.command(cmd("SET").arg("agent:tasks:events").arg("x")).await.unwrap();
    let mut lead = start(&bed, "one", LONG).await;
    lead.leads().await;
    let mut worker = bed.worker("w").await;
    for number in 0..3 {
        succeed(&bed, &mut worker, &format!("task-{number}")).await;
        outbox_is(&bed, 0).await;
    }
}

#[tokio::test]
async fn a_standby_leaves_the_outbox_to_the_leader() {
    let bed = TestBed::new().await;
    bed.queue.lead("somebody", LONG).await.unwrap();
    let mut standby = start(&bed, "standby", LONG).await;
    let mut worker = bed.worker("w").await;
    for number in 0..20 {
        succeed(&bed, &mut worker, &format!("task-{number}")).await;
        assert_eq!(standby.status().await["lead"]["leading"], false);
    }
    assert_eq!(bed.queue.outbox_len().await.unwrap(), 20);
    bed.queue.resign("somebody").await.unwrap();
    standby.leads().await;
    outbox_is(&bed, 0).await;
}

#[tokio::test]
async fn broken_entries_hold_up_nothing() {
    let bed = TestBed::new().await;
    let store = bed.queue.store();
    let mut add = cmd("ZADD");
    add.arg("agent:tasks:outbox");
    for number in 0..300 {
        add.arg(number).arg(format!("no id {number}"));
    }
    let _added: u64 = store.command(&add).await.unwrap();
    let wrong = cmd("SET").arg("agent:task:wrong").arg("no hash").clone();
    let _set: String = store.command(&wrong).await.unwrap();
    let more = cmd("ZADD").arg("agent:tasks:outbox").arg(1).arg("wrong").arg(2).arg("gone").clone();
    let _added: u64 = store.command(&more).await.unwrap();

    let mut lead = start(&bed, "one", LONG).await;
    lead.leads().await;
    let mut worker = bed.worker("w").await;
    succeed(&bed, &mut worker, "sound").await;
    // What can't be acknowledged stays; the one whose hash is gone, and the sound one, don't.
    outbox_is(&bed, 301).await;
    assert_eq!(lead.get("/health").await.status, 200);
}
