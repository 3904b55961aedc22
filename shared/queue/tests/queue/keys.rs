//! `dedup_key` and `concurrency_key`: one live task, one running task.

use std::time::Duration;

use greenline_queue::{EnqueueOutcome, Settlement, TaskStatus};
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
    assert_eq!(file(&bed, deduped("a")).await, TaskStatus::Pending);
    let again = || bed.queue.enqueue(deduped("b"));
    let duplicate = EnqueueOutcome::Duplicate { of: id("a") };
    assert_eq!(again().await.unwrap(), duplicate);
    let mut manual_worker = bed.manual_worker("w").await;
    let claim = manual_worker.claim_one().await;
    assert_eq!(again().await.unwrap(), duplicate);
    manual_worker.fail(&claim).await;
    assert_eq!(again().await.unwrap(), duplicate);
    bed.pass(Duration::from_secs(11)).await;
    let claim = manual_worker.claim_one().await;
    manual_worker.complete(&claim).await;
    assert!(bed.keys("agent:tasks:dedup:*").await.is_empty());
    assert_eq!(again().await.unwrap(), EnqueueOutcome::Created { status: TaskStatus::Pending });
    // In one call too.
    let both = bed.queue.enqueue_many(vec![deduped("c"), task("d"), deduped("b")]).await.unwrap();
    assert_eq!(both[0], EnqueueOutcome::Duplicate { of: id("b") });
    assert_eq!(both[2], EnqueueOutcome::Exists { status: TaskStatus::Pending });
}

pub(crate) async fn a_dedup_key_is_free_when_its_task_is_gone(bed: TestBed) {
    file(&bed, deduped("a")).await;
    bed.redis::<u64>("DEL agent:task:a").await;
    assert_eq!(file(&bed, deduped("b")).await, TaskStatus::Pending);
    // A task that ended in a script that broke off before it freed the key.
    let mut manual_worker = bed.manual_worker("w").await;
    for claim in manual_worker.claim(2).await {
        manual_worker.complete(&claim).await;
    }
    bed.redis::<String>("SET agent:tasks:dedup:pr-812 b").await;
    assert_eq!(file(&bed, deduped("c")).await, TaskStatus::Pending);
    // Whose key holds something else.
    bed.redis::<String>("SET agent:tasks:dedup:pr-812 d").await;
    bed.redis::<String>("SET agent:task:d nonsense").await;
    assert_eq!(file(&bed, deduped("e")).await, TaskStatus::Pending);
}

pub(crate) async fn tasks_of_a_key_run_one_at_a_time_in_order(bed: TestBed) {
    for text in ["a", "b", "c", "d"] {
        file(&bed, keyed(text, "pr")).await;
    }
    file(&bed, keyed("other", "pr-2")).await;
    let (mut one, mut other) = (bed.manual_worker("w1").await, bed.manual_worker("w2").await);
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
    assert_eq!(one.complete(&running).await, Settlement::Accepted);
    assert!(bed.keys("agent:tasks:slots:pr").await.is_empty());
    assert!(bed.keys("agent:tasks:blocked*").await.is_empty());
}

pub(crate) async fn every_end_of_a_task_frees_its_slot(bed: TestBed) {
    let ids = ["completed", "given-up", "called-off", "called-off-running", "poison", "last"];
    for text in ids {
        file(&bed, keyed(text, "pr")).await;
    }
    let mut manual_worker = bed.manual_worker("w").await;
    let claim = manual_worker.claim_one().await;
    manual_worker.complete(&claim).await;
    let claim = manual_worker.claim_one().await;
    manual_worker.give_up(&claim).await;
    bed.queue.cancel(&[id("called-off")], "enough").await.unwrap();
    let claim = manual_worker.claim_one().await;
    bed.queue.cancel(std::slice::from_ref(&claim.id), "enough").await.unwrap();
    assert_eq!(manual_worker.fail(&claim).await, Settlement::Cancelled);
    for _ in 0..3 {
        assert_eq!(manual_worker.claim_one().await.id.as_str(), "poison");
        bed.expire_leases().await;
        manual_worker.worker.refresh_routes().await.unwrap();
    }
    assert_eq!(bed.status("poison").await, TaskStatus::Failed);
    let claim = manual_worker.claim_one().await;
    assert_eq!(claim.id.as_str(), "last");
    manual_worker.complete(&claim).await;
    assert!(bed.keys("agent:tasks:slots:*").await.is_empty());
    bed.queue.tick_now().await.unwrap();
    assert!(bed.keys("agent:tasks:blocked*").await.is_empty());
}

pub(crate) async fn a_task_that_waits_for_its_retry_lets_the_next_one_run(bed: TestBed) {
    for text in ["a", "b"] {
        file(&bed, keyed(text, "pr")).await;
    }
    let mut manual_worker = bed.manual_worker("w").await;
    let first = manual_worker.claim_one().await;
    assert_eq!(manual_worker.fail(&first).await, Settlement::WillRetry);
    let second = manual_worker.claim_one().await;
    assert_eq!(second.id.as_str(), "b");
    // Its time has come, and another has the slot.
    bed.pass(Duration::from_secs(12)).await;
    assert_eq!(bed.status("a").await, TaskStatus::Blocked);
    assert!(manual_worker.claim(2).await.is_empty());
    manual_worker.complete(&second).await;
    assert_eq!(manual_worker.claim_one().await.id.as_str(), "a");
}

pub(crate) async fn a_task_that_is_deferred_lets_the_next_one_run(bed: TestBed) {
    for text in ["a", "b"] {
        file(&bed, keyed(text, "pr")).await;
    }
    bed.redis::<String>("SET agent:task:a:lock operator").await;
    let mut manual_worker = bed.manual_worker("w").await;
    assert!(manual_worker.claim(1).await.iter().all(|claim| claim.id.as_str() == "b"));
    assert_eq!(bed.status("a").await, TaskStatus::Scheduled);
    assert_eq!(bed.redis::<Vec<String>>("SMEMBERS agent:tasks:slots:pr").await, ["b"]);
}

pub(crate) async fn a_dead_workers_task_keeps_its_slot_until_it_has_run(bed: TestBed) {
    for text in ["a", "b"] {
        file(&bed, keyed(text, "pr")).await;
    }
    let (mut dead, mut live) = (bed.manual_worker("w1").await, bed.manual_worker("w2").await);
    dead.claim_one().await;
    bed.expire_leases().await;
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
    let mut manual_worker = bed.manual_worker("w").await;
    let claim = manual_worker.claim_one().await;
    manual_worker.complete(&claim).await;
    assert_eq!(manual_worker.claim_one().await.id.as_str(), "d");
}

pub(crate) async fn a_task_that_ends_takes_nobody_elses_dedup_key_along(bed: TestBed) {
    file(&bed, deduped("a")).await;
    let mut manual_worker = bed.manual_worker("w").await;
    let claim = manual_worker.claim_one().await;
    // Somebody cleared it by hand, and another task has taken it since.
    bed.redis::<u64>("DEL agent:tasks:dedup:pr-812").await;
    file(&bed, deduped("b")).await;
    manual_worker.complete(&claim).await;
    let third = bed.queue.enqueue(deduped("c")).await.unwrap();
    assert_eq!(third, EnqueueOutcome::Duplicate { of: id("b") });
}
