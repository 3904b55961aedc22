//! Claims: leases, locks and fences; who dies, and what it costs.

use std::time::Duration;

use greenline_queue::{HeartbeatReply, QueueOptions, Settlement, StartReply, TaskStatus};
use greenline_testbed::{ManualWorker, TestBed};

use crate::tasks::{file, file_all, id, task};

on_a_fresh_bed! {
    a_zombie_can_change_nothing
    who_was_reaped_is_not_told_already
    a_settlement_said_twice_counts_once
    a_settlement_said_twice_at_once_counts_once
    a_heartbeat_keeps_a_claim
    a_heartbeat_after_a_settlement_changes_nothing
    a_heartbeat_puts_back_a_lease_and_a_lock
    nobody_takes_off_anothers_lock
    an_operators_lock_defers_a_task
    a_release_costs_nothing_and_comes_first
    prefetched_tasks_cost_nothing_until_they_start
    poison_in_a_batch_of_fifty_is_buried_alone
    innocents_beside_poison_are_not_buried_with_it
    redis_away_longer_than_a_lease_costs_nothing
    a_fence_only_grows
}

pub(crate) async fn a_zombie_can_change_nothing(bed: TestBed) {
    file(&bed, task("a")).await;
    let (mut dead, mut live) = (bed.manual_worker("w1").await, bed.manual_worker("w2").await);
    let old = dead.claim_one().await;
    bed.expire_leases().await;
    let new = live.claim_one().await;
    assert_eq!((new.attempt, new.crashes), (2, 1));
    assert_eq!(dead.beat(&[&old]).await, [HeartbeatReply::Lost]);
    assert_eq!(dead.complete(&old).await, Settlement::Lost);
    assert_eq!(dead.fail(&old).await, Settlement::Lost);
    assert_eq!(dead.release(&old).await, Settlement::Lost);
    let start = bed.queue.start(&[(old.id.clone(), old.fence.clone())]).await.unwrap();
    assert_eq!(start, [StartReply::Lost]);
    assert_eq!(bed.status("a").await, TaskStatus::Running);
    assert_eq!(bed.redis::<String>("GET agent:task:a:lock").await, "w2");
    assert_eq!(live.complete(&new).await, Settlement::Accepted);
    assert_eq!(dead.complete(&old).await, Settlement::Lost);
}

pub(crate) async fn who_was_reaped_is_not_told_already(bed: TestBed) {
    file(&bed, task("a")).await;
    let mut manual_worker = bed.manual_worker("w").await;
    let claim = manual_worker.claim_one().await;
    bed.expire_leases().await;
    // Nobody has the task by now; what its first worker says came too late.
    assert_eq!(bed.status("a").await, TaskStatus::Pending);
    assert_eq!(manual_worker.complete(&claim).await, Settlement::Lost);
    assert_eq!(bed.status("a").await, TaskStatus::Pending);
}

pub(crate) async fn a_settlement_said_twice_counts_once(bed: TestBed) {
    file_all(&bed, &["done", "retried", "given-up", "released"]).await;
    let mut manual_worker = bed.manual_worker("w").await;
    let claims = manual_worker.claim(4).await;
    assert_eq!(manual_worker.complete(&claims[0]).await, Settlement::Accepted);
    assert_eq!(manual_worker.complete(&claims[0]).await, Settlement::Already);
    assert_eq!(manual_worker.fail(&claims[0]).await, Settlement::Already);
    assert_eq!(manual_worker.fail(&claims[1]).await, Settlement::WillRetry);
    assert_eq!(manual_worker.fail(&claims[1]).await, Settlement::Already);
    assert_eq!(manual_worker.give_up(&claims[2]).await, Settlement::Failed);
    assert_eq!(manual_worker.complete(&claims[2]).await, Settlement::Already);
    assert_eq!(manual_worker.release(&claims[3]).await, Settlement::Accepted);
    assert_eq!(manual_worker.release(&claims[3]).await, Settlement::Already);
    assert_eq!(bed.record("retried").await.failures, 1);
    // Still so when another has had the task since.
    let mut other = bed.manual_worker("w2").await;
    let again = other.claim_one().await;
    assert_eq!(again.id.as_str(), "released");
    assert_eq!(manual_worker.release(&claims[3]).await, Settlement::Already);
    assert_eq!(manual_worker.complete(&claims[3]).await, Settlement::Already);
    assert_eq!(other.complete(&again).await, Settlement::Accepted);
}

pub(crate) async fn a_settlement_said_twice_at_once_counts_once(bed: TestBed) {
    file(&bed, task("a")).await;
    let mut manual_worker = bed.manual_worker("w").await;
    let claim = manual_worker.claim_one().await;
    // Said at the same time, they go in one call.
    let printed = tokio::join!(
        manual_worker.complete(&claim),
        manual_worker.complete(&claim),
        manual_worker.complete(&claim)
    );
    let mut printed = [printed.0, printed.1, printed.2];
    printed.sort_by_key(|settled| *settled != Settlement::Accepted);
    assert_eq!(printed, [Settlement::Accepted, Settlement::Already, Settlement::Already]);
    let story = bed.queue.details(&id("a")).await.unwrap().unwrap();
    assert_eq!(story.attempts.len(), 1);
}

pub(crate) async fn a_heartbeat_after_a_settlement_changes_nothing(bed: TestBed) {
    file_all(&bed, &["done", "retried", "given-up", "released"]).await;
    let mut manual_worker = bed.manual_worker("w").await;
    let claims = manual_worker.claim(4).await;
    assert_eq!(manual_worker.complete(&claims[0]).await, Settlement::Accepted);
    assert_eq!(manual_worker.fail(&claims[1]).await, Settlement::WillRetry);
    assert_eq!(manual_worker.give_up(&claims[2]).await, Settlement::Failed);
    assert_eq!(manual_worker.release(&claims[3]).await, Settlement::Accepted);
    let held: Vec<_> = claims.iter().collect();
    assert_eq!(
        manual_worker.beat(&held).await,
        [HeartbeatReply::Lost, HeartbeatReply::Lost, HeartbeatReply::Lost, HeartbeatReply::Lost]
    );
    assert_eq!(bed.redis::<usize>("ZCARD agent:tasks:leases").await, 0, "no lease came back");
    assert!(bed.keys("agent:task:*:lock").await.is_empty(), "nor a lock");
    let statuses = [
        ("done", TaskStatus::Success),
        ("retried", TaskStatus::Scheduled),
        ("given-up", TaskStatus::Failed),
        ("released", TaskStatus::Pending),
    ];
    for (id, status) in statuses {
        assert_eq!(bed.status(id).await, status, "{id}");
    }
}

pub(crate) async fn a_heartbeat_keeps_a_claim(bed: TestBed) {
    file(&bed, task("a")).await;
    let mut manual_worker = bed.manual_worker("w").await;
    let claim = manual_worker.claim_one().await;
    bed.queue.tick_now().await.unwrap();
    for _ in 0..10 {
        bed.advance_clock(Duration::from_secs(4)).await;
        assert_eq!(manual_worker.beat(&[&claim]).await, [HeartbeatReply::Held]);
    }
    assert_eq!(manual_worker.complete(&claim).await, Settlement::Accepted);
    assert_eq!(bed.record("a").await.attempt, 1);
}

pub(crate) async fn a_heartbeat_puts_back_a_lease_and_a_lock(bed: TestBed) {
    file(&bed, task("a")).await;
    let mut manual_worker = bed.manual_worker("w").await;
    let claim = manual_worker.claim_one().await;
    bed.redis::<u64>("ZREM agent:tasks:leases a").await;
    bed.redis::<u64>("DEL agent:task:a:lock").await;
    assert_eq!(manual_worker.beat(&[&claim]).await, [HeartbeatReply::Held]);
    assert!(bed.redis::<Option<f64>>("ZSCORE agent:tasks:leases a").await.is_some());
    assert_eq!(bed.redis::<String>("GET agent:task:a:lock").await, "w");
    // An operator's lock stays an operator's.
    bed.redis::<String>("SET agent:task:a:lock operator").await;
    assert_eq!(manual_worker.beat(&[&claim]).await, [HeartbeatReply::Held]);
    assert_eq!(bed.redis::<String>("GET agent:task:a:lock").await, "operator");
    assert_eq!(manual_worker.complete(&claim).await, Settlement::Accepted);
}

pub(crate) async fn nobody_takes_off_anothers_lock(bed: TestBed) {
    file_all(&bed, &["done", "failed", "released", "lost"]).await;
    let mut manual_worker = bed.manual_worker("w").await;
    let claims = manual_worker.claim(4).await;
    for text in ["done", "failed", "released", "lost"] {
        bed.redis::<String>(&format!("SET agent:task:{text}:lock operator")).await;
    }
    manual_worker.complete(&claims[0]).await;
    manual_worker.fail(&claims[1]).await;
    manual_worker.release(&claims[2]).await;
    bed.expire_leases().await;
    for text in ["done", "failed", "released", "lost"] {
        let holder: String = bed.redis(&format!("GET agent:task:{text}:lock")).await;
        assert_eq!(holder, "operator", "{text}");
    }
}

pub(crate) async fn an_operators_lock_defers_a_task(bed: TestBed) {
    file_all(&bed, &["a", "b"]).await;
    bed.redis::<String>("SET agent:task:a:lock operator").await;
    let mut manual_worker = bed.manual_worker("w").await;
    let claims = manual_worker.claim(2).await;
    assert_eq!(claims.len(), 1, "the other goes on");
    assert_eq!(claims[0].id.as_str(), "b");
    assert_eq!(bed.status("a").await, TaskStatus::Scheduled);
    // Looked at again every five seconds.
    bed.pass(Duration::from_secs(4)).await;
    assert_eq!(bed.status("a").await, TaskStatus::Scheduled);
    bed.pass(Duration::from_secs(2)).await;
    assert_eq!(bed.status("a").await, TaskStatus::Pending);
    assert!(manual_worker.claim(1).await.is_empty());
    bed.redis::<u64>("DEL agent:task:a:lock").await;
    bed.pass(Duration::from_secs(6)).await;
    let claim = manual_worker.claim_one().await;
    assert_eq!((claim.id.as_str(), claim.attempt), ("a", 1));
}

pub(crate) async fn a_release_costs_nothing_and_comes_first(bed: TestBed) {
    file_all(&bed, &["a", "b"]).await;
    let mut manual_worker = bed.manual_worker("w").await;
    for attempt in 1..=10 {
        let claim = manual_worker.claim_one().await;
        assert_eq!((claim.id.as_str(), claim.attempt), ("a", attempt));
        assert_eq!((claim.retry_count, claim.crashes), (0, 0));
        assert_eq!(manual_worker.release(&claim).await, Settlement::Accepted);
    }
    let record = bed.record("a").await;
    assert_eq!((record.failures, record.crashes, record.retry_count), (0, 0, 0));
}

pub(crate) async fn prefetched_tasks_cost_nothing_until_they_start(bed: TestBed) {
    file_all(&bed, &["a", "b", "c"]).await;
    let mut dead = bed.manual_worker("w1").await;
    let claims = dead.try_claim(1, 2).await.unwrap().tasks;
    let started: Vec<bool> = claims.iter().map(|claim| claim.started).collect();
    assert_eq!(started, [true, false, false]);
    let second = (claims[1].id.clone(), claims[1].fence.clone());
    assert_eq!(bed.queue.start(std::slice::from_ref(&second)).await.unwrap(), [StartReply::Go]);
    assert_eq!(bed.queue.start(&[second]).await.unwrap(), [StartReply::Go], "said again");
    bed.expire_leases().await;
    for (text, crashes) in [("a", 1), ("b", 1), ("c", 0)] {
        let record = bed.record(text).await;
        assert_eq!((&*record.status, record.crashes), ("pending", crashes), "{text}");
    }
    assert_eq!(dead.complete(&claims[2]).await, Settlement::Lost);
}

/// A worker that dies whenever it runs the task `poison`; it starts one task at
/// a time, and all that it has claimed dies with it.
async fn work_until_death(bed: &TestBed, manual_worker: &mut ManualWorker, prefetch: usize) {
    manual_worker.running = 0;
    loop {
        let claims = manual_worker.try_claim(1, prefetch).await.unwrap().tasks;
        if claims.is_empty() {
            return;
        }
        for claim in claims {
            if !claim.started {
                let held = (claim.id.clone(), claim.fence.clone());
                bed.queue.start(&[held]).await.unwrap();
            }
            if claim.id.as_str() == "poison" {
                return;
            }
            assert_eq!(manual_worker.complete(&claim).await, Settlement::Accepted);
        }
    }
}

pub(crate) async fn poison_in_a_batch_of_fifty_is_buried_alone(bed: TestBed) {
    let innocent: Vec<String> = (0..49).map(|at| format!("t{at}")).collect();
    for (at, text) in innocent.iter().enumerate() {
        if at == 20 {
            file(&bed, task("poison")).await;
        }
        file(&bed, task(text)).await;
    }
    for life in 0..5 {
        let mut manual_worker = bed.manual_worker(&format!("w{life}")).await;
        work_until_death(&bed, &mut manual_worker, 49).await;
        bed.expire_leases().await;
    }
    assert_eq!(bed.redis::<Vec<String>>("ZRANGE agent:tasks:dead 0 -1").await, ["poison"]);
    assert_eq!(bed.record("poison").await.crashes, 3);
    for text in &innocent {
        let record = bed.record(text).await;
        assert_eq!((&*record.status, record.crashes), ("success", 0), "{text}");
    }
}

pub(crate) async fn innocents_beside_poison_are_not_buried_with_it(bed: TestBed) {
    file_all(&bed, &["one", "poison", "other"]).await;
    // Three run at once, and all die with the poison, twice.
    for life in 0..2 {
        let mut manual_worker = bed.manual_worker(&format!("w{life}")).await;
        assert_eq!(manual_worker.claim(3).await.len(), 3);
        bed.expire_leases().await;
    }
    // From now on each runs alone. A worker that is busy is asked to come empty.
    let mut busy = bed.manual_worker("busy").await;
    busy.running = 1;
    let claimed = busy.try_claim(3, 0).await.unwrap();
    assert!(claimed.tasks.is_empty() && claimed.come_alone);
    busy.running = 0;
    for life in 0..3 {
        let mut manual_worker = bed.manual_worker(&format!("alone{life}")).await;
        let claims = manual_worker.claim(3).await;
        assert_eq!(claims.len(), 1);
        assert!(claims[0].alone);
        if claims[0].id.as_str() != "poison" {
            assert_eq!(manual_worker.complete(&claims[0]).await, Settlement::Accepted);
        }
        bed.expire_leases().await;
    }
    assert_eq!(bed.redis::<Vec<String>>("ZRANGE agent:tasks:dead 0 -1").await, ["poison"]);
    assert_eq!(bed.status("one").await, TaskStatus::Success);
    assert_eq!(bed.status("other").await, TaskStatus::Success);
}

pub(crate) async fn redis_away_longer_than_a_lease_costs_nothing(bed: TestBed) {
    file_all(&bed, &["live", "dead"]).await;
    let mut manual_worker = bed.manual_worker("w").await;
    let claims = manual_worker.claim(2).await;
    bed.queue.tick_now().await.unwrap();
    bed.clock.advance(Duration::from_mins(10));
    assert_eq!(bed.queue.tick_now().await.unwrap().reaped, 0);
    assert_eq!(manual_worker.beat(&[&claims[0]]).await, [HeartbeatReply::Held]);
    bed.pass(Duration::from_secs(14)).await;
    assert_eq!(manual_worker.complete(&claims[0]).await, Settlement::Accepted);
    assert_eq!(bed.record("live").await.crashes, 0);
    // Who is dead is found out one lease later.
    bed.pass(Duration::from_secs(2)).await;
    assert_eq!(bed.status("dead").await, TaskStatus::Pending);
    assert_eq!(bed.record("dead").await.crashes, 1);
}

/// A worker is sure to have been heard of within a third of its lease, however
/// short that is.
#[tokio::test]
async fn a_short_lease_outlives_a_short_absence_of_redis() {
    let options = QueueOptions { lease: Duration::from_secs(3), ..QueueOptions::default() };
    let bed = TestBed::with(options).await;
    file_all(&bed, &["live"]).await;
    let mut manual_worker = bed.manual_worker("w").await;
    let claim = manual_worker.claim_one().await;
    bed.queue.tick_now().await.unwrap();
    bed.advance_clock(Duration::from_secs(4)).await;
    assert_eq!(manual_worker.complete(&claim).await, Settlement::Accepted);
    assert_eq!(bed.record("live").await.crashes, 0);
}

pub(crate) async fn a_fence_only_grows(bed: TestBed) {
    file(&bed, task("a")).await;
    let mut manual_worker = bed.manual_worker("w").await;
    let mut last = 0_u64;
    for at in 0..20 {
        let claim = manual_worker.claim_one().await;
        let fence: u64 = claim.fence.as_str().parse().unwrap();
        assert!(fence > last, "{fence} after {last}");
        last = fence;
        manual_worker.release(&claim).await;
        match at % 3 {
            0 => bed.clock.set_back(Duration::from_hours(3)),
            1 => bed.clock.advance(Duration::from_hours(4)),
            _ => {}
        }
    }
}
