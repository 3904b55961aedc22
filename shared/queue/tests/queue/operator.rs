//! What an operator does: cancel, retry, pause, purge, quarantine.

use std::time::Duration;

use futures_util::StreamExt;
use greenline_queue::{
    CancelOutcome, HeartbeatReply, PauseTarget, PurgeOutcome, QueueChannel, RetryOutcome,
    Settlement, TaskId, TaskStatus,
};
use greenline_testbed::TestBed;

use crate::tasks::{child, file, file_all, id, keyed, task, task_with};

on_a_fresh_bed! {
    a_task_is_cancelled_wherever_it_stands
    a_running_task_learns_that_it_is_cancelled
    a_dead_workers_cancelled_task_ends_cancelled
    a_task_handed_back_after_a_cancel_ends_cancelled
    many_are_marked_and_counted_right
    marked_tasks_that_are_purged_leave_nothing_behind
    a_marked_task_that_is_retried_is_in_its_list_once
    a_retry_gives_all_tries_back
    a_retry_heeds_who_has_the_key_by_now
    nothing_starts_while_all_is_paused
    a_paused_type_is_parked_in_order
    a_paused_type_is_parked_whatever_labels_its_tasks_want
    a_paused_route_of_tasks_that_run_alone_is_not_served
    a_purge_forgets_what_has_ended
    quarantine_is_read_again_or_cleared
}

fn ids(texts: &[&str]) -> Vec<TaskId> {
    texts.iter().map(|text| id(text)).collect()
}

pub(crate) async fn a_task_is_cancelled_wherever_it_stands(bed: TestBed) {
    file(&bed, keyed("pending", "pr")).await;
    file(&bed, keyed("blocked", "pr")).await;
    file(&bed, child("waiting", &["pending"])).await;
    let later = chrono::Utc::now() + Duration::from_hours(1);
    file(&bed, task_with("scheduled", |spec| spec.not_before = Some(later))).await;
    file(&bed, task_with("awaiting", |spec| spec.requires_approval = true)).await;
    let mut messages = Box::pin(bed.queue.listen(QueueChannel::Completed).await.unwrap());
    for text in ["waiting", "blocked", "pending", "scheduled", "awaiting"] {
        let cancelled = bed.queue.cancel(&[id(text)], "enough").await.unwrap();
        assert_eq!(cancelled, [CancelOutcome::Done], "{text}");
        let record = bed.record(text).await;
        assert_eq!((&*record.status, record.error.as_deref()), ("cancelled", Some("enough")));
        assert_eq!(messages.next().await.unwrap(), text);
        let again = bed.queue.cancel(&[id(text)], "enough").await.unwrap();
        assert_eq!(again, [CancelOutcome::HadEnded { status: TaskStatus::Cancelled }]);
    }
    assert_eq!(bed.queue.cancel(&[id("nobody")], "").await.unwrap(), [CancelOutcome::Unknown]);
    for key in ["pending", "scheduled", "waiting", "slots:pr", "blocked:pr"] {
        assert!(bed.keys(&format!("agent:tasks:{key}")).await.is_empty(), "{key}");
    }
    assert_eq!(bed.queue.approval("awaiting").await.unwrap().unwrap().state, "withdrawn");
}

pub(crate) async fn a_running_task_learns_that_it_is_cancelled(bed: TestBed) {
    file(&bed, task("a")).await;
    let mut manual_worker = bed.manual_worker("w").await;
    let claim = manual_worker.claim_one().await;
    assert_eq!(bed.queue.cancel(&[id("a")], "new head").await.unwrap(), [CancelOutcome::Asked]);
    assert_eq!(bed.status("a").await, TaskStatus::Running);
    assert_eq!(
        manual_worker.beat(&[&claim]).await,
        [HeartbeatReply::CancelAsked("new head".to_owned())]
    );
    assert_eq!(manual_worker.fail(&claim).await, Settlement::Cancelled);
    let record = bed.record("a").await;
    assert_eq!((&*record.status, record.error.as_deref()), ("cancelled", Some("new head")));
    assert_eq!(record.failures, 0);
    assert!(bed.redis::<Option<f64>>("ZSCORE agent:tasks:done a").await.is_some());
    assert!(bed.redis::<Option<f64>>("ZSCORE agent:tasks:dead a").await.is_none());
}

pub(crate) async fn a_dead_workers_cancelled_task_ends_cancelled(bed: TestBed) {
    file(&bed, keyed("a", "pr")).await;
    file(&bed, keyed("b", "pr")).await;
    let mut manual_worker = bed.manual_worker("w").await;
    let claim = manual_worker.claim_one().await;
    bed.queue.cancel(&[id("a")], "enough").await.unwrap();
    bed.expire_leases().await;
    assert_eq!(bed.status("a").await, TaskStatus::Cancelled);
    assert_eq!(manual_worker.complete(&claim).await, Settlement::Lost);
    assert_eq!(manual_worker.claim_one().await.id.as_str(), "b");
}

pub(crate) async fn a_task_handed_back_after_a_cancel_ends_cancelled(bed: TestBed) {
    file(&bed, task("a")).await;
    let mut manual_worker = bed.manual_worker("w").await;
    let claim = manual_worker.claim_one().await;
    bed.queue.cancel(&[id("a")], "enough").await.unwrap();
    assert_eq!(manual_worker.release(&claim).await, Settlement::Cancelled);
    assert!(manual_worker.claim(1).await.is_empty());
    assert_eq!(bed.status("a").await, TaskStatus::Cancelled);
}

pub(crate) async fn many_are_marked_and_counted_right(bed: TestBed) {
    file_all(&bed, &["a", "b", "c", "d", "e"]).await;
    let cancelled = bed.queue.cancel(&ids(&["b", "d"]), "enough").await.unwrap();
    assert_eq!(cancelled, [CancelOutcome::Done, CancelOutcome::Done]);
    // Their entries are dropped by the next claim, and not counted until then.
    assert_eq!(bed.redis::<u64>("LLEN agent:tasks:pending").await, 5);
    assert_eq!(bed.queue.stats().await.unwrap().pending, 3);
    let mut manual_worker = bed.manual_worker("w").await;
    let claims = manual_worker.claim(2).await;
    let claimed: Vec<&str> = claims.iter().map(|claim| claim.id.as_str()).collect();
    assert_eq!(claimed, ["a", "c"]);
    let pending = bed.queue.stats().await.unwrap().pending;
    assert_eq!(pending, 1);
    assert_eq!(manual_worker.claim(8).await.len(), 1);
    assert!(bed.keys("agent:tasks:marked").await.is_empty());
}

pub(crate) async fn marked_tasks_that_are_purged_leave_nothing_behind(bed: TestBed) {
    file_all(&bed, &["a", "b", "c"]).await;
    bed.queue.cancel(&ids(&["a", "b"]), "enough").await.unwrap();
    bed.queue.purge(&ids(&["a", "b"]), true).await.unwrap();
    assert_eq!(bed.queue.stats().await.unwrap().pending, 1);
    let mut manual_worker = bed.manual_worker("w").await;
    assert_eq!(manual_worker.claim(8).await.len(), 1);
    assert!(bed.queue.quarantined().await.unwrap().is_empty(), "nobody lost a hash");
    assert!(bed.keys("agent:tasks:marked").await.is_empty());
}

pub(crate) async fn a_marked_task_that_is_retried_is_in_its_list_once(bed: TestBed) {
    file_all(&bed, &["a", "b", "c"]).await;
    bed.queue.cancel(&ids(&["a", "b"]), "enough").await.unwrap();
    bed.queue.retry(&ids(&["a"]), "ada", false).await.unwrap();
    assert_eq!(bed.queue.stats().await.unwrap().pending, 2);
    let listed: Vec<String> = bed.redis("LRANGE agent:tasks:pending 0 -1").await;
    assert_eq!(listed, ["a", "c", "b"]);
    let mut manual_worker = bed.manual_worker("w").await;
    assert_eq!(manual_worker.claim(8).await.len(), 2);
    assert!(bed.keys("agent:tasks:marked").await.is_empty());
}

pub(crate) async fn a_retry_gives_all_tries_back(bed: TestBed) {
    file(&bed, task("a")).await;
    let mut manual_worker = bed.manual_worker("w").await;
    for _ in 0..3 {
        let claim = manual_worker.claim_one().await;
        manual_worker.fail(&claim).await;
        bed.pass(Duration::from_secs(12)).await;
    }
    assert_eq!(bed.status("a").await, TaskStatus::Failed);
    let retried = bed.queue.retry(&[id("a")], "ada", false).await.unwrap();
    assert_eq!(retried, [RetryOutcome::Done { status: TaskStatus::Pending }]);
    for index in ["dead", "outbox", "done"] {
        assert!(bed.keys(&format!("agent:tasks:{index}")).await.is_empty(), "{index}");
    }
    let live = bed.queue.retry(&[id("a")], "ada", false).await.unwrap();
    assert_eq!(live, [RetryOutcome::NotFailed { status: TaskStatus::Pending }]);
    let claim = manual_worker.claim_one().await;
    assert_eq!((claim.attempt, claim.retry_count), (4, 0));
    assert_eq!(manual_worker.fail(&claim).await, Settlement::WillRetry);
    bed.pass(Duration::from_secs(12)).await;
    let claim = manual_worker.claim_one().await;
    manual_worker.complete(&claim).await;
    let ended = bed.queue.retry(&ids(&["a", "nobody"]), "ada", false).await.unwrap();
    assert_eq!(
        ended,
        [RetryOutcome::NotFailed { status: TaskStatus::Success }, RetryOutcome::Unknown]
    );
}

pub(crate) async fn a_retry_heeds_who_has_the_key_by_now(bed: TestBed) {
    let deduped = |text| task_with(text, |spec| spec.dedup_key = Some("k".parse().unwrap()));
    file(&bed, deduped("a")).await;
    bed.queue.cancel(&[id("a")], "enough").await.unwrap();
    file(&bed, deduped("b")).await;
    let retried = bed.queue.retry(&[id("a")], "ada", false).await.unwrap();
    assert_eq!(retried, [RetryOutcome::Duplicate { of: id("b") }]);
    bed.queue.cancel(&[id("b")], "enough").await.unwrap();
    bed.queue.retry(&[id("a")], "ada", false).await.unwrap();
    assert_eq!(bed.redis::<String>("GET agent:tasks:dedup:k").await, "a");
}

pub(crate) async fn nothing_starts_while_all_is_paused(bed: TestBed) {
    file_all(&bed, &["a", "b"]).await;
    let mut manual_worker = bed.manual_worker("w").await;
    let running = manual_worker.claim_one().await;
    bed.queue.pause(&PauseTarget::All, "ada", "a look around").await.unwrap();
    assert!(manual_worker.claim(1).await.is_empty());
    assert_eq!(manual_worker.complete(&running).await, Settlement::Accepted, "what runs goes on");
    assert_eq!(bed.queue.paused().await.unwrap()["all"].why, "a look around");
    assert!(bed.queue.resume(&PauseTarget::All).await.unwrap());
    assert!(!bed.queue.resume(&PauseTarget::All).await.unwrap());
    assert_eq!(manual_worker.claim_one().await.id.as_str(), "b");
}

pub(crate) async fn a_paused_type_is_parked_in_order(bed: TestBed) {
    let kind: PauseTarget = "run_command".parse().unwrap();
    let names: Vec<String> = (0..2_500).map(|at| format!("t{at:04}")).collect();
    let tasks = names.iter().map(|text| task(text)).collect();
    bed.queue.enqueue_many(tasks).await.unwrap();
    bed.queue.pause(&kind, "ada", "a look around").await.unwrap();
    let mut manual_worker = bed.manual_worker("w").await;
    let other = bed.manual_worker_with("w2", |profile| {
        profile.types = ["deploy_step".parse().unwrap()].into();
    });
    let mut other = other.await;
    let deploy = task_with("deploy", |spec| spec.kind = "deploy_step".parse().unwrap());
    file(&bed, deploy).await;
    while manual_worker.try_claim(8, 0).await.unwrap().more {}
    assert_eq!(bed.status("t0000").await, TaskStatus::Blocked);
    // Others go on, though they came later.
    other.worker.refresh_routes().await.unwrap();
    assert_eq!(other.claim_one().await.id.as_str(), "deploy");
    file(&bed, task("t9999")).await;
    assert_eq!(bed.queue.stats().await.unwrap().blocked, 2_500);

    bed.queue.resume(&kind).await.unwrap();
    let mut claimed = Vec::new();
    for _ in 0..3 {
        claimed
            .extend(manual_worker.claim(900).await.into_iter().map(|claim| claim.id.to_string()));
    }
    assert_eq!(claimed[..2_500], names);
    assert_eq!(claimed[2_500], "t9999");
    bed.queue.tick_now().await.unwrap();
    assert!(bed.keys("agent:tasks:blocked*").await.is_empty());
}

pub(crate) async fn a_purge_forgets_what_has_ended(bed: TestBed) {
    file_all(&bed, &["a", "b"]).await;
    let mut manual_worker = bed.manual_worker("w").await;
    let claim = manual_worker.claim_one().await;
    manual_worker.complete(&claim).await;
    let purged = bed.queue.purge(&ids(&["a", "b", "c"]), false).await.unwrap();
    let live = PurgeOutcome::Live { status: TaskStatus::Pending };
    assert_eq!(purged, [PurgeOutcome::Unacknowledged, live, PurgeOutcome::Unknown]);
    assert_eq!(bed.queue.purge(&ids(&["a"]), true).await.unwrap(), [PurgeOutcome::Done]);
    assert!(bed.keys("agent:task:a*").await.is_empty());
    for index in ["done", "dead", "outbox"] {
        assert_eq!(bed.redis::<u64>(&format!("ZCARD agent:tasks:{index}")).await, 0);
    }
}

pub(crate) async fn quarantine_is_read_again_or_cleared(bed: TestBed) {
    let orphan = r#"{"task_id":"b","type":"run_command","validation":["true"],"depends_on":["a"]}"#;
    bed.redis_words::<u64>(&["LPUSH", "agent:tasks:pending", orphan, "{broken"]).await;
    let mut manual_worker = bed.manual_worker("w").await;
    while manual_worker.try_claim(1, 0).await.unwrap().more {}
    let stored = bed.queue.quarantined().await.unwrap();
    assert_eq!(stored.len(), 2, "{stored:?}");
    assert!(stored.iter().any(|one| one.entry == orphan && one.reason.contains("parents first")));
    file(&bed, task("a")).await;
    let chosen = bed.queue.clear_quarantine(true, |one| one.entry == orphan).await.unwrap();
    assert_eq!(chosen, 1);
    assert_eq!(manual_worker.claim(2).await.len(), 1);
    assert_eq!(bed.status("b").await, TaskStatus::Waiting);
    assert_eq!(bed.queue.clear_quarantine(false, |_| true).await.unwrap(), 1);
    assert!(bed.keys("agent:tasks:quarantine").await.is_empty());
}

pub(crate) async fn a_paused_type_is_parked_whatever_labels_its_tasks_want(bed: TestBed) {
    let deploys = "deploy_step".parse().unwrap();
    let mut manual_worker = bed
        .manual_worker_with("w", |it| {
            it.labels = ["gpu".parse().unwrap()].into();
            it.types.insert("deploy_step".parse().unwrap());
        })
        .await;
    file(&bed, task_with("labelled", |spec| spec.labels = ["gpu".parse().unwrap()].into())).await;
    file(&bed, task_with("routed", |spec| spec.kind = deploys)).await;
    let kinds: [PauseTarget; 2] = ["run_command".parse().unwrap(), "deploy_step".parse().unwrap()];
    for kind in &kinds {
        bed.queue.pause(kind, "ada", "a look around").await.unwrap();
    }
    assert!(manual_worker.claim(4).await.is_empty());
    for kind in &kinds {
        bed.queue.resume(kind).await.unwrap();
    }
    let mut claimed: Vec<String> =
        manual_worker.claim(4).await.iter().map(|claim| claim.id.to_string()).collect();
    claimed.sort();
    assert_eq!(claimed, ["labelled", "routed"]);
}

pub(crate) async fn a_paused_route_of_tasks_that_run_alone_is_not_served(bed: TestBed) {
    file(&bed, task("poison")).await;
    for life in 0..2 {
        bed.manual_worker(&format!("w{life}")).await.claim_one().await;
        bed.expire_leases().await;
    }
    assert_eq!(bed.record("poison").await.route.as_deref(), Some("!run_command"));
    let route: PauseTarget = "route:!run_command".parse().unwrap();
    bed.queue.pause(&route, "ada", "it kills workers").await.unwrap();
    let mut manual_worker = bed.manual_worker("w").await;
    assert!(manual_worker.claim(1).await.is_empty());
    manual_worker.running = 1;
    assert!(!manual_worker.try_claim(1, 0).await.unwrap().come_alone, "nobody is called for it");
    manual_worker.running = 0;
    bed.queue.resume(&route).await.unwrap();
    assert!(manual_worker.claim_one().await.alone);
}
