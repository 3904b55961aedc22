//! `dedup_key` and `concurrency_key`: one live task, one running task.

use std::time::Duration;

use greenline_queue::{Enqueued, Settled, Status};
use greenline_testbed::TestBed;

use crate::tasks::{file, id, keyed, task, task_with};

on_a_fresh_bed! {
    one_live_task_has_a_dedup_key
    a_dedup_key_is_free_when_its_task_is_gone
    a_task_that_ends_takes_nobody_elses_dedup_key_along
    tasks_of_a_key_run_one_at_a_time_in_order
    every_end_of_a_task_frees_its_slot
    a_task_that_waits_for_its_retry_lets_the_next_one_run
    a_task_that_is_deferred_lets_the_next_one_run
    a_dead_workers_task_keeps_its_slot_until_it_has_run
    a_blocked_task_that_is_cancelled_is_passed_over
}

fn deduped(text: &str) -> greenline_queue::Task {
    task_with(text, |spec| spec.dedup_key = Some("pr-812".parse().unwrap()))
}

pub(crate) async fn one_live_task_has_a_dedup_key(bed: TestBed) {
    assert_eq!(file(&bed, deduped("a")).await, Status::Pending);
    let again = || bed.queue.enqueue(deduped("b"));
    let duplicate = Enqueued::Duplicate { of: id("a") };
    assert_eq!(again().await.unwrap(), duplicate);
    let mut hand = bed.hand("w").await;
    let claim = hand.claim_one().await;
    assert_eq!(again().await.unwrap(), duplicate);
    hand.fail(&claim).await;
    assert_eq!(again().await.unwrap(), duplicate);
    bed.pass(Duration::from_secs(11)).await;
    let claim = hand.claim_one().await;
    hand.complete(&claim).await;
    assert!(bed.keys("agent:tasks:dedup:*").await.is_empty());
    assert_eq!(again().await.unwrap(), Enqueued::Filed { status: Status::Pending });
    // In one call too.
    let both = bed.queue.enqueue_many(vec![deduped("c"), task("d"), deduped("b")]).await.unwrap();
    assert_eq!(both[0], Enqueued::Duplicate { of: id("b") });
    assert_eq!(both[2], Enqueued::Exists { status: Status::Pending });
}

pub(crate) async fn a_dedup_key_is_free_when_its_task_is_gone(bed: TestBed) {
    file(&bed, deduped("a")).await;
    bed.redis::<u64>("DEL agent:task:a").await;
    assert_eq!(file(&bed, deduped("b")).await, Status::Pending);
    // A task that ended in a script that broke off before it freed the key.
    let mut hand = bed.hand("w").await;
    for claim in hand.claim(2).await {
        hand.complete(&claim).await;
    }
    bed.redis::<String>("SET agent:tasks:dedup:pr-812 b").await;
    assert_eq!(file(&bed, deduped("c")).await, Status::Pending);
    // Whose key holds something else.
    bed.redis::<String>("SET agent:tasks:dedup:pr-812 d").await;
    bed.redis::<String>("SET agent:task:d nonsense").await;
    assert_eq!(file(&bed, deduped("e")).await, Status::Pending);
}

pub(crate) async fn tasks_of_a_key_run_one_at_a_time_in_order(bed: TestBed) {
    for text in ["a", "b", "c", "d"] {
        file(&bed, keyed(text, "pr")).await;
    }
    file(&bed, keyed("other", "pr-2")).await;
    let (mut one, mut other) = (bed.hand("w1").await, bed.hand("w2").await);
    let first = one.claim(8).await;
    let ids: Vec<&str> = first.iter().map(|claim| claim.id.as_str()).collect();
    assert_eq!(ids, ["a", "other"]);
    let mut running = first.into_iter().next().unwrap();
    for next in ["b", "c", "d"] {
        assert!(other.claim(8).await.is_empty());
        one.complete(&running).await;
        running = other.claim_one().await;
        assert_eq!(running.id.as_str(), next);
        std::mem::swap(&mut one, &mut other);
    }
    assert_eq!(one.complete(&running).await, Settled::Accepted);
    assert!(bed.keys("agent:tasks:slots:pr").await.is_empty());
    assert!(bed.keys("agent:tasks:blocked*").await.is_empty());
}

pub(crate) async fn every_end_of_a_task_frees_its_slot(bed: TestBed) {
    let ids = ["completed", "given-up", "called-off", "called-off-running", "poison", "last"];
    for text in ids {
        file(&bed, keyed(text, "pr")).await;
    }
    let mut hand = bed.hand("w").await;
    let claim = hand.claim_one().await;
    hand.complete(&claim).await;
    let claim = hand.claim_one().await;
    hand.give_up(&claim).await;
    bed.queue.cancel(&[id("called-off")], "enough").await.unwrap();
    let claim = hand.claim_one().await;
    bed.queue.cancel(std::slice::from_ref(&claim.id), "enough").await.unwrap();
    assert_eq!(hand.fail(&claim).await, Settled::Cancelled);
    for _ in 0..3 {
        assert_eq!(hand.claim_one().await.id.as_str(), "poison");
        bed.let_leases_end().await;
        hand.worker.refresh_routes().await.unwrap();
    }
    assert_eq!(bed.status("poison").await, Status::Failed);
    let claim = hand.claim_one().await;
    assert_eq!(claim.id.as_str(), "last");
    hand.complete(&claim).await;
    assert!(bed.keys("agent:tasks:slots:*").await.is_empty());
    bed.queue.tick_now().await.unwrap();
    assert!(bed.keys("agent:tasks:blocked*").await.is_empty());
}

pub(crate) async fn a_task_that_waits_for_its_retry_lets_the_next_one_run(bed: TestBed) {
    for text in ["a", "b"] {
        file(&bed, keyed(text, "pr")).await;
    }
    let mut hand = bed.hand("w").await;
    let first = hand.claim_one().await;
    assert_eq!(hand.fail(&first).await, Settled::WillRetry);
    let second = hand.claim_one().await;
    assert_eq!(second.id.as_str(), "b");
    // Its time has come, and another has the slot.
    bed.pass(Duration::from_secs(12)).await;
    assert_eq!(bed.status("a").await, Status::Blocked);
    assert!(hand.claim(2).await.is_empty());
    hand.complete(&second).await;
    assert_eq!(hand.claim_one().await.id.as_str(), "a");
}

pub(crate) async fn a_task_that_is_deferred_lets_the_next_one_run(bed: TestBed) {
    for text in ["a", "b"] {
        file(&bed, keyed(text, "pr")).await;
    }
    bed.redis::<String>("SET agent:task:a:lock operator").await;
    let mut hand = bed.hand("w").await;
    assert!(hand.claim(1).await.iter().all(|claim| claim.id.as_str() == "b"));
    assert_eq!(bed.status("a").await, Status::Scheduled);
    assert_eq!(bed.redis::<Vec<String>>("SMEMBERS agent:tasks:slots:pr").await, ["b"]);
}

pub(crate) async fn a_dead_workers_task_keeps_its_slot_until_it_has_run(bed: TestBed) {
    for text in ["a", "b"] {
        file(&bed, keyed(text, "pr")).await;
    }
    let (mut dead, mut live) = (bed.hand("w1").await, bed.hand("w2").await);
    dead.claim_one().await;
    bed.let_leases_end().await;
    let claims = live.claim(2).await;
    assert_eq!(claims.len(), 1);
    assert_eq!(claims[0].id.as_str(), "a");
    live.complete(&claims[0]).await;
    assert_eq!(live.claim_one().await.id.as_str(), "b");
}

pub(crate) async fn a_blocked_task_that_is_cancelled_is_passed_over(bed: TestBed) {
    for text in ["a", "b", "c", "d"] {
        file(&bed, keyed(text, "pr")).await;
    }
    bed.queue.cancel(&[id("b"), id("c")], "enough").await.unwrap();
    let mut hand = bed.hand("w").await;
    let claim = hand.claim_one().await;
    hand.complete(&claim).await;
    assert_eq!(hand.claim_one().await.id.as_str(), "d");
}

pub(crate) async fn a_task_that_ends_takes_nobody_elses_dedup_key_along(bed: TestBed) {
    file(&bed, deduped("a")).await;
    let mut hand = bed.hand("w").await;
    let claim = hand.claim_one().await;
    // Somebody cleared it by hand, and another task has taken it since.
    bed.redis::<u64>("DEL agent:tasks:dedup:pr-812").await;
    file(&bed, deduped("b")).await;
    hand.complete(&claim).await;
    let third = bed.queue.enqueue(deduped("c")).await.unwrap();
    assert_eq!(third, Enqueued::Duplicate { of: id("b") });
}
