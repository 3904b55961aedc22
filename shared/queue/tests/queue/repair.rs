//! The slow walk over all keys: what fell out of its list is put back.

use std::time::Duration;

use chrono::Utc;
use greenline_queue::{Settlement, TaskStatus};
use greenline_testbed::TestBed;

use crate::tasks::{child, file, file_all, id, keyed, task, task_with};

on_a_fresh_bed! {
    a_task_of_each_status_that_no_list_knows_is_put_back
    a_task_missing_from_a_list_that_holds_others_is_put_back
    a_task_missing_from_a_long_list_is_put_back
    a_scheduled_task_is_not_put_back_before_its_time
    a_live_worker_keeps_its_task_though_the_lease_was_deleted
    a_dead_workers_task_is_found_though_the_lease_was_deleted
    slots_and_keys_of_nobody_are_freed
    leftovers_of_a_forgotten_task_are_removed
    a_child_whose_parent_is_gone_is_cancelled
    the_question_of_an_adopted_task_is_written_by_who_may
}

pub(crate) async fn a_task_of_each_status_that_no_list_knows_is_put_back(bed: TestBed) {
    file_all(&bed, &["success", "failed"]).await;
    let mut manual_worker = bed.manual_worker("w").await;
    let claims = manual_worker.claim(2).await;
    manual_worker.complete(&claims[0]).await;
    manual_worker.give_up(&claims[1]).await;
    file_all(&bed, &["running", "scheduled"]).await;
    let claims = manual_worker.claim(2).await;
    manual_worker.fail(&claims[1]).await;
    file(&bed, keyed("pending", "pr")).await;
    file(&bed, keyed("blocked", "pr")).await;
    file(&bed, child("waiting", &["pending"])).await;
    file(&bed, task_with("awaiting", |spec| spec.requires_approval = true)).await;
    for index in ["done", "dead", "leases", "scheduled", "pending", "waiting", "blocked:pr"] {
        let key = format!("agent:tasks:{index}");
        assert_eq!(bed.redis::<u64>(&format!("DEL {key}")).await, 1, "{index}");
    }
    bed.redis::<u64>("DEL agent:approval:awaiting").await;
    bed.walk().await;
    assert_eq!(manual_worker.complete(&claims[0]).await, Settlement::Accepted);
    let stats = bed.queue.stats().await.unwrap();
    assert_eq!((stats.done, stats.dead, stats.pending), (2, 1, 2), "the retry was due at once");
    assert_eq!((stats.waiting, stats.awaiting_approval, stats.blocked), (1, 1, 1));
    assert_eq!(bed.queue.approval("awaiting").await.unwrap().unwrap().state, "open");
}

pub(crate) async fn a_task_missing_from_a_list_that_holds_others_is_put_back(bed: TestBed) {
    file_all(&bed, &["a", "b", "c"]).await;
    bed.redis::<u64>("LREM agent:tasks:pending 0 b").await;
    for text in ["d", "e", "f"] {
        file(&bed, keyed(text, "pr")).await;
    }
    bed.redis::<u64>("LREM agent:tasks:blocked:pr 0 e").await;
    bed.walk().await;
    let pending: Vec<String> = bed.redis("LRANGE agent:tasks:pending 0 -1").await;
    assert_eq!(pending, ["b", "d", "c", "a"]);
    let blocked: Vec<String> = bed.redis("LRANGE agent:tasks:blocked:pr 0 -1").await;
    assert_eq!(blocked, ["f", "e"]);
    bed.walk().await;
    assert_eq!(bed.redis::<u64>("LLEN agent:tasks:pending").await, 4, "put back once");
}

pub(crate) async fn a_task_missing_from_a_long_list_is_put_back(bed: TestBed) {
    file(&bed, task("a")).await;
    bed.redis::<u64>("LREM agent:tasks:pending 0 a").await;
    bed.clock.advance(Duration::from_secs(1));
    bed.queue.enqueue_many((0..600).map(|at| task(&format!("t{at}"))).collect()).await.unwrap();
    bed.walk().await;
    assert_eq!(bed.redis::<u64>("LLEN agent:tasks:pending").await, 601);
}

pub(crate) async fn a_scheduled_task_is_not_put_back_before_its_time(bed: TestBed) {
    let at = Utc::now() + Duration::from_hours(1);
    file(&bed, task_with("a", |spec| spec.not_before = Some(at))).await;
    bed.redis::<u64>("DEL agent:tasks:scheduled").await;
    bed.walk().await;
    assert_eq!(bed.status("a").await, TaskStatus::Scheduled);
    bed.advance_clock(Duration::from_mins(61)).await;
    assert_eq!(bed.status("a").await, TaskStatus::Pending);
}

pub(crate) async fn a_live_worker_keeps_its_task_though_the_lease_was_deleted(bed: TestBed) {
    file(&bed, task("a")).await;
    let mut manual_worker = bed.manual_worker("w").await;
    let claim = manual_worker.claim_one().await;
    bed.redis::<u64>("ZREM agent:tasks:leases a").await;
    bed.walk().await;
    for _ in 0..10 {
        manual_worker.beat(&[&claim]).await;
        bed.advance_clock(Duration::from_secs(4)).await;
    }
    assert_eq!(manual_worker.complete(&claim).await, Settlement::Accepted);
}

pub(crate) async fn a_dead_workers_task_is_found_though_the_lease_was_deleted(bed: TestBed) {
    file(&bed, task("a")).await;
    let mut manual_worker = bed.manual_worker("w").await;
    manual_worker.claim_one().await;
    bed.redis::<u64>("ZREM agent:tasks:leases a").await;
    bed.walk().await;
    bed.expire_leases().await;
    assert_eq!(bed.record("a").await.crashes, 1);
    assert_eq!(manual_worker.claim_one().await.attempt, 2);
}

pub(crate) async fn slots_and_keys_of_nobody_are_freed(bed: TestBed) {
    bed.redis::<u64>("SADD agent:tasks:slots:pr ghost").await;
    bed.redis::<String>("SET agent:tasks:dedup:k ghost").await;
    assert_eq!(file(&bed, keyed("a", "pr")).await, TaskStatus::Blocked);
    bed.walk().await;
    assert_eq!(bed.status("a").await, TaskStatus::Pending);
    assert!(bed.keys("agent:tasks:dedup:*").await.is_empty());
    // A slot given to a task that a broken list kept from moving.
    file(&bed, keyed("b", "pr")).await;
    bed.redis::<u64>("SREM agent:tasks:slots:pr a").await;
    bed.redis::<u64>("SADD agent:tasks:slots:pr b").await;
    bed.walk().await;
    assert_eq!(bed.status("b").await, TaskStatus::Pending);
}

pub(crate) async fn leftovers_of_a_forgotten_task_are_removed(bed: TestBed) {
    bed.redis::<u64>("RPUSH agent:task:ghost:attempts {}").await;
    bed.redis::<u64>("SADD agent:task:ghost:children a").await;
    bed.redis_words::<String>(&["XADD", "agent:task:ghost:log", "*", "t", "x"]).await;
    bed.redis::<String>("SET agent:task:ghost:lock operator").await;
    bed.walk().await;
    assert_eq!(
        bed.keys("agent:task:*").await,
        ["agent:task:ghost:lock"],
        "an operator's lock stays"
    );
}

pub(crate) async fn a_child_whose_parent_is_gone_is_cancelled(bed: TestBed) {
    file(&bed, task("a")).await;
    file(&bed, child("b", &["a"])).await;
    file(&bed, child("c", &["b"])).await;
    bed.redis::<u64>("DEL agent:task:a").await;
    bed.walk().await;
    assert_eq!(bed.record("b").await.error.unwrap(), "its parent a did not succeed");
    assert_eq!(bed.status("c").await, TaskStatus::Cancelled);
    // A parent that succeeded in a script that broke off before it told.
    file(&bed, task("d")).await;
    file(&bed, child("e", &["d"])).await;
    bed.redis::<u64>("HSET agent:task:d status success").await;
    bed.walk().await;
    assert_eq!(bed.status("e").await, TaskStatus::Pending);
}

pub(crate) async fn the_question_of_an_adopted_task_is_written_by_who_may(bed: TestBed) {
    file(&bed, task_with("a", |spec| spec.requires_approval = true)).await;
    let asked = bed.queue.approval("a").await.unwrap().unwrap();
    bed.redis::<u64>("DEL agent:approval:a").await;
    bed.walk().await;
    let again = bed.queue.approval(id("a").as_str()).await.unwrap().unwrap();
    assert_eq!((again.state, again.content_hash), (asked.state, asked.content_hash));
}
