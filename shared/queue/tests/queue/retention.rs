//! What has ended: the outbox, acknowledging, retention.

use std::time::Duration;

use greenline_queue::{QueueOptions, TaskId};
use greenline_testbed::{BedOptions, TestBed};

use crate::tasks::{child, file, file_all, id, task};

on_a_fresh_bed! {
    what_has_ended_is_in_the_outbox_until_it_is_acknowledged
    news_that_nobody_has_seen_is_not_acknowledged
    what_is_old_is_forgotten
    what_nobody_acknowledged_is_kept
    a_parent_that_is_waited_for_is_kept
    a_task_that_lives_is_never_forgotten
}

async fn finish_all(bed: &TestBed, acknowledge: bool) {
    let mut manual_worker = bed.manual_worker("w").await;
    loop {
        let claims = manual_worker.claim(100).await;
        if claims.is_empty() {
            break;
        }
        for claim in claims {
            manual_worker.complete(&claim).await;
        }
    }
    if acknowledge {
        acknowledge_all(bed).await;
    }
}

async fn acknowledge_all(bed: &TestBed) {
    let seen: Vec<(TaskId, String)> = bed
        .queue
        .outbox(1_000)
        .await
        .unwrap()
        .into_iter()
        .map(|record| (id(&record.id), record.fence))
        .collect();
    bed.queue.acknowledge(&seen).await.unwrap();
}

pub(crate) async fn what_has_ended_is_in_the_outbox_until_it_is_acknowledged(bed: TestBed) {
    file_all(&bed, &["done", "failed", "called-off", "live"]).await;
    bed.queue.cancel(&[id("called-off")], "enough").await.unwrap();
    let mut manual_worker = bed.manual_worker("w").await;
    let claims = manual_worker.claim(2).await;
    manual_worker.complete(&claims[0]).await;
    manual_worker.give_up(&claims[1]).await;
    let mut ended: Vec<String> =
        bed.queue.outbox(10).await.unwrap().into_iter().map(|record| record.id).collect();
    ended.sort();
    assert_eq!(ended, ["called-off", "done", "failed"]);
    assert_eq!(bed.queue.outbox_len().await.unwrap(), 3);
    acknowledge_all(&bed).await;
    assert_eq!(bed.queue.outbox_len().await.unwrap(), 0);
    assert_eq!(bed.queue.acknowledge(&[(id("done"), String::new())]).await.unwrap(), 0);
}

pub(crate) async fn news_that_nobody_has_seen_is_not_acknowledged(bed: TestBed) {
    file(&bed, task("a")).await;
    let mut manual_worker = bed.manual_worker("w").await;
    let claim = manual_worker.claim_one().await;
    manual_worker.give_up(&claim).await;
    let seen = bed.queue.outbox(10).await.unwrap();
    bed.queue.retry(&[id("a")], "ada", false).await.unwrap();
    let claim = manual_worker.claim_one().await;
    manual_worker.complete(&claim).await;
    let stale = [(id("a"), seen[0].fence.clone())];
    assert_eq!(bed.queue.acknowledge(&stale).await.unwrap(), 0);
    assert_eq!(bed.queue.outbox_len().await.unwrap(), 1);
    // A hash that is gone, or no hash any more, is no news.
    bed.redis::<String>("SET agent:task:a nonsense").await;
    assert_eq!(bed.queue.acknowledge(&stale).await.unwrap(), 1);
}

pub(crate) async fn what_is_old_is_forgotten(bed: TestBed) {
    file_all(&bed, &["a", "b"]).await;
    finish_all(&bed, true).await;
    let week = Duration::from_hours(7 * 24);
    bed.advance_clock(week - Duration::from_mins(5)).await;
    file(&bed, task("c")).await;
    finish_all(&bed, true).await;
    bed.advance_clock(Duration::from_mins(6)).await;
    assert_eq!(bed.keys("agent:task:*").await, ["agent:task:c", "agent:task:c:attempts"]);
    assert_eq!(bed.redis::<u64>("ZCARD agent:tasks:done").await, 1);
}

#[tokio::test]
async fn beyond_what_is_kept_the_oldest_go_unless_they_are_young() {
    let bed = TestBed::with(QueueOptions { keep_count: 3, ..QueueOptions::default() }).await;
    for text in ["a", "b", "c", "d", "e"] {
        file(&bed, task(text)).await;
        finish_all(&bed, true).await;
        bed.clock.advance(Duration::from_secs(1));
    }
    assert_eq!(bed.queue.tick_now().await.unwrap().trimmed, 0, "all are young");
    bed.clock.advance(Duration::from_mins(10));
    assert_eq!(bed.queue.tick_now().await.unwrap().trimmed, 2);
    let kept: Vec<String> = bed.redis("ZRANGE agent:tasks:done 0 -1").await;
    assert_eq!(kept, ["c", "d", "e"]);
}

pub(crate) async fn what_nobody_acknowledged_is_kept(bed: TestBed) {
    file(&bed, task("a")).await;
    finish_all(&bed, false).await;
    bed.advance_clock(Duration::from_hours(30 * 24)).await;
    assert_eq!(bed.queue.outbox(10).await.unwrap()[0].status, "success");
    acknowledge_all(&bed).await;
    bed.queue.tick_now().await.unwrap();
    assert!(bed.keys("agent:task:*").await.is_empty());
}

pub(crate) async fn a_parent_that_is_waited_for_is_kept(bed: TestBed) {
    file_all(&bed, &["a", "b"]).await;
    file(&bed, child("c", &["a", "b"])).await;
    let mut manual_worker = bed.manual_worker("w").await;
    let claim = manual_worker.claim_one().await;
    manual_worker.complete(&claim).await;
    acknowledge_all(&bed).await;
    bed.advance_clock(Duration::from_hours(30 * 24)).await;
    assert_eq!(bed.record("a").await.status, "success");
    finish_all(&bed, true).await;
    assert_eq!(bed.record("c").await.status, "success");
}

pub(crate) async fn a_task_that_lives_is_never_forgotten(bed: TestBed) {
    file(&bed, task("a")).await;
    bed.redis::<u64>("ZADD agent:tasks:done 1 a").await;
    bed.redis::<u64>("ZADD agent:tasks:dead 1 a").await;
    bed.advance_clock(Duration::from_hours(30 * 24)).await;
    assert_eq!(bed.record("a").await.status, "pending");
    assert!(bed.keys("agent:tasks:d*").await.is_empty());
}

#[tokio::test]
async fn a_backlog_of_what_is_kept_does_not_stop_the_rest() {
    let options = QueueOptions { keep_count: 0, ..QueueOptions::default() };
    let bed = TestBed::on(BedOptions { options, ..BedOptions::default() }).await;
    bed.queue.enqueue_many((0..1_200).map(|at| task(&format!("t{at}"))).collect()).await.unwrap();
    finish_all(&bed, false).await;
    let seen: Vec<(TaskId, String)> = bed
        .queue
        .outbox(2_000)
        .await
        .unwrap()
        .into_iter()
        .skip(600)
        .map(|record| (id(&record.id), record.fence))
        .collect();
    bed.queue.acknowledge(&seen).await.unwrap();
    bed.clock.advance(Duration::from_mins(11));
    for _ in 0..20 {
        bed.queue.tick_now().await.unwrap();
    }
    assert_eq!(bed.redis::<u64>("ZCARD agent:tasks:done").await, 600);
}
