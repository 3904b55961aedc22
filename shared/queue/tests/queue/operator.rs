//! What an operator does: cancel, retry, pause, purge, quarantine.

use std::time::Duration;

use futures_util::StreamExt;
use greenline_queue::{
    Beat, Cancelled, Channel, Pausable, Purged, Retried, Settled, Status, TaskId,
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
    let mut heard = Box::pin(bed.queue.listen(Channel::Completed).await.unwrap());
    for text in ["waiting", "blocked", "pending", "scheduled", "awaiting"] {
        let cancelled = bed.queue.cancel(&[id(text)], "enough").await.unwrap();
        assert_eq!(cancelled, [Cancelled::Done], "{text}");
        let record = bed.record(text).await;
        assert_eq!((&*record.status, record.error.as_deref()), ("cancelled", Some("enough")));
        assert_eq!(heard.next().await.unwrap(), text);
        let again = bed.queue.cancel(&[id(text)], "enough").await.unwrap();
        assert_eq!(again, [Cancelled::HadEnded { status: Status::Cancelled }]);
    }
    assert_eq!(bed.queue.cancel(&[id("nobody")], "").await.unwrap(), [Cancelled::Unknown]);
    for key in ["pending", "scheduled", "waiting", "slots:pr", "blocked:pr"] {
        assert!(bed.keys(&format!("agent:tasks:{key}")).await.is_empty(), "{key}");
    }
    assert_eq!(bed.queue.approval("awaiting").await.unwrap().unwrap().state, "withdrawn");
}

pub(crate) async fn a_running_task_learns_that_it_is_cancelled(bed: TestBed) {
    file(&bed, task("a")).await;
    let mut hand = bed.hand("w").await;
    let claim = hand.claim_one().await;
    assert_eq!(bed.queue.cancel(&[id("a")], "new head").await.unwrap(), [Cancelled::Asked]);
    assert_eq!(bed.status("a").await, Status::Running);
    assert_eq!(hand.beat(&[&claim]).await, [Beat::CancelAsked("new head".to_owned())]);
    assert_eq!(hand.fail(&claim).await, Settled::Cancelled);
    let record = bed.record("a").await;
    assert_eq!((&*record.status, record.error.as_deref()), ("cancelled", Some("new head")));
    assert_eq!(record.failures, 0);
    assert!(bed.redis::<Option<f64>>("ZSCORE agent:tasks:done a").await.is_some());
    assert!(bed.redis::<Option<f64>>("ZSCORE agent:tasks:dead a").await.is_none());
}

pub(crate) async fn a_dead_workers_cancelled_task_ends_cancelled(bed: TestBed) {
    file(&bed, keyed("a", "pr")).await;
    file(&bed, keyed("b", "pr")).await;
    let mut hand = bed.hand("w").await;
    let claim = hand.claim_one().await;
    bed.queue.cancel(&[id("a")], "enough").await.unwrap();
    bed.let_leases_end().await;
    assert_eq!(bed.status("a").await, Status::Cancelled);
    assert_eq!(hand.complete(&claim).await, Settled::Lost);
    assert_eq!(hand.claim_one().await.id.as_str(), "b");
}

pub(crate) async fn a_task_handed_back_after_a_cancel_ends_cancelled(bed: TestBed) {
    file(&bed, task("a")).await;
    let mut hand = bed.hand("w").await;
    let claim = hand.claim_one().await;
    bed.queue.cancel(&[id("a")], "enough").await.unwrap();
    assert_eq!(hand.release(&claim).await, Settled::Cancelled);
    assert!(hand.claim(1).await.is_empty());
    assert_eq!(bed.status("a").await, Status::Cancelled);
}

pub(crate) async fn many_are_marked_and_counted_right(bed: TestBed) {
    file_all(&bed, &["a", "b", "c", "d", "e"]).await;
    let cancelled = bed.queue.cancel(&ids(&["b", "d"]), "enough").await.unwrap();
    assert_eq!(cancelled, [Cancelled::Done, Cancelled::Done]);
    // Their entries are dropped by the next claim, and not counted until then.
    assert_eq!(bed.redis::<u64>("LLEN agent:tasks:pending").await, 5);
    assert_eq!(bed.queue.stats().await.unwrap().pending, 3);
    let mut hand = bed.hand("w").await;
    let claims = hand.claim(2).await;
    let claimed: Vec<&str> = claims.iter().map(|claim| claim.id.as_str()).collect();
    assert_eq!(claimed, ["a", "c"]);
    let pending = bed.queue.stats().await.unwrap().pending;
    assert_eq!(pending, 1);
    assert_eq!(hand.claim(8).await.len(), 1);
    assert!(bed.keys("agent:tasks:marked").await.is_empty());
}

pub(crate) async fn marked_tasks_that_are_purged_leave_nothing_behind(bed: TestBed) {
    file_all(&bed, &["a", "b", "c"]).await;
    bed.queue.cancel(&ids(&["a", "b"]), "enough").await.unwrap();
    bed.queue.purge(&ids(&["a", "b"]), true).await.unwrap();
    assert_eq!(bed.queue.stats().await.unwrap().pending, 1);
    let mut hand = bed.hand("w").await;
    assert_eq!(hand.claim(8).await.len(), 1);
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
    let mut hand = bed.hand("w").await;
    assert_eq!(hand.claim(8).await.len(), 2);
    assert!(bed.keys("agent:tasks:marked").await.is_empty());
}

pub(crate) async fn a_retry_gives_all_tries_back(bed: TestBed) {
    file(&bed, task("a")).await;
    let mut hand = bed.hand("w").await;
    for _ in 0..3 {
        let claim = hand.claim_one().await;
        hand.fail(&claim).await;
        bed.pass(Duration::from_secs(12)).await;
    }
    assert_eq!(bed.status("a").await, Status::Failed);
    let retried = bed.queue.retry(&[id("a")], "ada", false).await.unwrap();
    assert_eq!(retried, [Retried::Done { status: Status::Pending }]);
    for index in ["dead", "outbox", "done"] {
        assert!(bed.keys(&format!("agent:tasks:{index}")).await.is_empty(), "{index}");
    }
    let live = bed.queue.retry(&[id("a")], "ada", false).await.unwrap();
    assert_eq!(live, [Retried::NotFailed { status: Status::Pending }]);
    let claim = hand.claim_one().await;
    assert_eq!((claim.attempt, claim.retry_count), (4, 0));
    assert_eq!(hand.fail(&claim).await, Settled::WillRetry);
    bed.pass(Duration::from_secs(12)).await;
    let claim = hand.claim_one().await;
    hand.complete(&claim).await;
    let ended = bed.queue.retry(&ids(&["a", "nobody"]), "ada", false).await.unwrap();
    assert_eq!(ended, [Retried::NotFailed { status: Status::Success }, Retried::Unknown]);
}

pub(crate) async fn a_retry_heeds_who_has_the_key_by_now(bed: TestBed) {
    let deduped = |text| task_with(text, |spec| spec.dedup_key = Some("k".parse().unwrap()));
    file(&bed, deduped("a")).await;
    bed.queue.cancel(&[id("a")], "enough").await.unwrap();
    file(&bed, deduped("b")).await;
    let retried = bed.queue.retry(&[id("a")], "ada", false).await.unwrap();
    assert_eq!(retried, [Retried::Duplicate { of: id("b") }]);
    bed.queue.cancel(&[id("b")], "enough").await.unwrap();
    bed.queue.retry(&[id("a")], "ada", false).await.unwrap();
    assert_eq!(bed.redis::<String>("GET agent:tasks:dedup:k").await, "a");
}

pub(crate) async fn nothing_starts_while_all_is_paused(bed: TestBed) {
    file_all(&bed, &["a", "b"]).await;
    let mut hand = bed.hand("w").await;
    let running = hand.claim_one().await;
    bed.queue.pause(&Pausable::All, "ada", "a look around").await.unwrap();
    assert!(hand.claim(1).await.is_empty());
    assert_eq!(hand.complete(&running).await, Settled::Accepted, "what runs goes on");
    assert_eq!(bed.queue.paused().await.unwrap()["all"].why, "a look around");
    assert!(bed.queue.resume(&Pausable::All).await.unwrap());
    assert!(!bed.queue.resume(&Pausable::All).await.unwrap());
    assert_eq!(hand.claim_one().await.id.as_str(), "b");
}

pub(crate) async fn a_paused_type_is_parked_in_order(bed: TestBed) {
    let kind: Pausable = "run_command".parse().unwrap();
    let names: Vec<String> = (0..2_500).map(|at| format!("t{at:04}")).collect();
    let tasks = names.iter().map(|text| task(text)).collect();
    bed.queue.enqueue_many(tasks).await.unwrap();
    bed.queue.pause(&kind, "ada", "a look around").await.unwrap();
    let mut hand = bed.hand("w").await;
    let other =
        bed.hand_with("w2", |profile| profile.types = ["deploy_step".parse().unwrap()].into());
    let mut other = other.await;
    let deploy = task_with("deploy", |spec| spec.kind = "deploy_step".parse().unwrap());
    file(&bed, deploy).await;
    while hand.try_claim(8, 0).await.unwrap().more {}
    assert_eq!(bed.status("t0000").await, Status::Blocked);
    // Others go on, though they came later.
    other.worker.refresh_routes().await.unwrap();
    assert_eq!(other.claim_one().await.id.as_str(), "deploy");
    file(&bed, task("t9999")).await;
    assert_eq!(bed.queue.stats().await.unwrap().blocked, 2_500);

    bed.queue.resume(&kind).await.unwrap();
    let mut claimed = Vec::new();
    for _ in 0..3 {
        claimed.extend(hand.claim(900).await.into_iter().map(|claim| claim.id.to_string()));
    }
    assert_eq!(claimed[..2_500], names);
    assert_eq!(claimed[2_500], "t9999");
    bed.queue.tick_now().await.unwrap();
    assert!(bed.keys("agent:tasks:blocked*").await.is_empty());
}

pub(crate) async fn a_purge_forgets_what_has_ended(bed: TestBed) {
    file_all(&bed, &["a", "b"]).await;
    let mut hand = bed.hand("w").await;
    let claim = hand.claim_one().await;
    hand.complete(&claim).await;
    let purged = bed.queue.purge(&ids(&["a", "b", "c"]), false).await.unwrap();
    let live = Purged::Live { status: Status::Pending };
    assert_eq!(purged, [Purged::Unacknowledged, live, Purged::Unknown]);
    assert_eq!(bed.queue.purge(&ids(&["a"]), true).await.unwrap(), [Purged::Done]);
    assert!(bed.keys("agent:task:a*").await.is_empty());
    for index in ["done", "dead", "outbox"] {
        assert_eq!(bed.redis::<u64>(&format!("ZCARD agent:tasks:{index}")).await, 0);
    }
}

pub(crate) async fn quarantine_is_read_again_or_cleared(bed: TestBed) {
    let orphan = r#"{"task_id":"b","type":"run_command","validation":["true"],"depends_on":["a"]}"#;
    bed.redis_words::<u64>(&["LPUSH", "agent:tasks:pending", orphan, "{broken"]).await;
    let mut hand = bed.hand("w").await;
    while hand.try_claim(1, 0).await.unwrap().more {}
    let stored = bed.queue.quarantined().await.unwrap();
    assert_eq!(stored.len(), 2, "{stored:?}");
    assert!(stored.iter().any(|one| one.entry == orphan && one.reason.contains("parents first")));
    file(&bed, task("a")).await;
    let chosen = bed.queue.clear_quarantine(true, |one| one.entry == orphan).await.unwrap();
    assert_eq!(chosen, 1);
    assert_eq!(hand.claim(2).await.len(), 1);
    assert_eq!(bed.status("b").await, Status::Waiting);
    assert_eq!(bed.queue.clear_quarantine(false, |_| true).await.unwrap(), 1);
    assert!(bed.keys("agent:tasks:quarantine").await.is_empty());
}

pub(crate) async fn a_paused_type_is_parked_whatever_labels_its_tasks_want(bed: TestBed) {
    let deploys = "deploy_step".parse().unwrap();
    let mut hand = bed
        .hand_with("w", |it| {
            it.labels = ["gpu".parse().unwrap()].into();
            it.types.insert("deploy_step".parse().unwrap());
        })
        .await;
    file(&bed, task_with("labelled", |spec| spec.labels = ["gpu".parse().unwrap()].into())).await;
    file(&bed, task_with("routed", |spec| spec.kind = deploys)).await;
    let kinds: [Pausable; 2] = ["run_command".parse().unwrap(), "deploy_step".parse().unwrap()];
    for kind in &kinds {
        bed.queue.pause(kind, "ada", "a look around").await.unwrap();
    }
    assert!(hand.claim(4).await.is_empty());
    for kind in &kinds {
        bed.queue.resume(kind).await.unwrap();
    }
    let mut claimed: Vec<String> =
        hand.claim(4).await.iter().map(|claim| claim.id.to_string()).collect();
    claimed.sort();
    assert_eq!(claimed, ["labelled", "routed"]);
}

pub(crate) async fn a_paused_route_of_tasks_that_run_alone_is_not_served(bed: TestBed) {
    file(&bed, task("poison")).await;
    for life in 0..2 {
        bed.hand(&format!("w{life}")).await.claim_one().await;
        bed.let_leases_end().await;
    }
    assert_eq!(bed.record("poison").await.route.as_deref(), Some("!run_command"));
    let route: Pausable = "route:!run_command".parse().unwrap();
    bed.queue.pause(&route, "ada", "it kills workers").await.unwrap();
    let mut hand = bed.hand("w").await;
    assert!(hand.claim(1).await.is_empty());
    hand.running = 1;
    assert!(!hand.try_claim(1, 0).await.unwrap().come_alone, "nobody is called for it");
    hand.running = 0;
    bed.queue.resume(&route).await.unwrap();
    assert!(hand.claim_one().await.alone);
}
