//! Redis goes away and comes back.

use std::fs::{self, File};
use std::sync::Arc;

use greenline_testbed::TestBed;
use nix::sys::signal::Signal;

use crate::bed::{LONG, VIEWER, eventually, start, succeed};

#[tokio::test]
async fn a_lead_outlives_redis_and_goes_on_with_it() {
    let mut bed = TestBed::new().await;
    let log = bed.folder().join("lead.log");
    let lines = Arc::new(File::create(&log).unwrap());
    let listener = tracing_subscriber::fmt().with_ansi(false).with_writer(lines).finish();
    let _listening = tracing::subscriber::set_default(listener);
    let mut lead = start(&bed, "one", LONG).await;
    lead.leads().await;
    assert_eq!(lead.get("/ready").await.status, 200);

    bed.redis.kill();
    let ready = lead.get("/ready").await;
    assert_eq!((ready.status, ready.json()["status"].as_str()), (503, Some("not ready")));
    assert_eq!(lead.get("/health").await.status, 200, "the process itself is well");
    eventually("the status says that Redis is away", async || {
        lead.get_as(VIEWER, "/api/v1/status").await.status == 503
    })
    .await;
    assert_eq!(lead.get_as(VIEWER, "/metrics").await.status, 200, "numbers say that it is away");

    let said = |text: &str| {
        let log = fs::read_to_string(&log).unwrap();
        log.lines().filter(|line| line.contains(text)).count()
    };
    eventually("it says so", async || said("Redis can't be used") > 0).await;

    bed.redis.restart().unwrap();
    eventually("ready again", async || lead.get("/ready").await.status == 200).await;
    // This Redis kept nothing: who leads is settled anew.
    eventually("it leads again", async || {
        bed.queue.leader().await.is_ok_and(|leader| leader.is_some_and(|(id, _)| id == "one"))
    })
    .await;
    let mut worker = bed.worker("w").await;
    succeed(&bed, &mut worker, "after").await;
    eventually("acknowledged", async || bed.queue.outbox_len().await.unwrap() == 0).await;
    assert_eq!((said("Redis can't be used"), said("Redis is back")), (1, 1), "one line each");
}

#[tokio::test]
async fn a_redis_that_hangs_is_told_from_one_that_is_well() {
    let bed = TestBed::new().await;
    let lead = start(&bed, "one", LONG).await;
    assert_eq!(lead.get("/ready").await.status, 200);
    bed.redis.signal(Signal::SIGSTOP);
    let ready = lead.get("/ready").await;
    assert_eq!(ready.status, 503);
    assert_eq!(ready.json()["reason"], "Redis did not answer within 1 s");
    assert_eq!(lead.get("/health").await.status, 200);
    bed.redis.signal(Signal::SIGCONT);
    eventually("ready again", async || lead.get("/ready").await.status == 200).await;
}

#[tokio::test]
async fn a_lead_stops_also_while_redis_hangs() {
    let bed = TestBed::new().await;
    let mut lead = start(&bed, "one", LONG).await;
    lead.leads().await;
    bed.redis.signal(Signal::SIGSTOP);
    lead.drain().await;
    bed.redis.signal(Signal::SIGCONT);
}
