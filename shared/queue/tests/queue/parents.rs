//! `depends_on`: a child runs when its parents have succeeded.

use greenline_queue::{CancelOutcome, EnqueueOutcome, PurgeOutcome, RetryOutcome, TaskStatus};
use greenline_testbed::TestBed;

use crate::tasks::{child, file, file_all, id, task, task_with};

on_a_fresh_bed! {
    a_chain_runs_in_order
    a_diamond_waits_for_both_sides
    parents_and_children_may_come_in_one_call
    a_child_of_nobody_is_refused
    a_child_of_parents_that_ended_runs_or_is_cancelled_at_once
    when_a_parent_fails_for_good_all_who_wait_for_it_are_cancelled
    a_parent_called_off_takes_its_children_with_it
    a_parent_that_is_tried_again_cancels_nobody
    retrying_a_parent_revives_its_children_only_if_asked
    a_diamond_is_revived_whole
    a_child_is_not_retried_before_its_parent
    a_parent_that_a_child_waits_for_is_not_purged
    a_long_chain_is_cancelled_in_one_step
    another_task_of_a_childs_name_is_no_child
}

pub(crate) async fn a_chain_runs_in_order(bed: TestBed) {
    file(&bed, task("a")).await;
    assert_eq!(file(&bed, child("b", &["a"])).await, TaskStatus::Waiting);
    assert_eq!(file(&bed, child("c", &["b"])).await, TaskStatus::Waiting);
    let mut manual_worker = bed.manual_worker("w").await;
    for text in ["a", "b", "c"] {
        let claims = manual_worker.claim(8).await;
        assert_eq!(claims.len(), 1);
        assert_eq!(claims[0].id.as_str(), text);
        manual_worker.complete(&claims[0]).await;
    }
    assert_eq!(bed.redis::<u64>("ZCARD agent:tasks:waiting").await, 0);
}

async fn file_diamond(bed: &TestBed) {
    file(bed, task("top")).await;
    file(bed, child("left", &["top"])).await;
    file(bed, child("right", &["top"])).await;
    file(bed, child("bottom", &["left", "right"])).await;
}

pub(crate) async fn a_diamond_waits_for_both_sides(bed: TestBed) {
    file_diamond(&bed).await;
    let mut manual_worker = bed.manual_worker("w").await;
    let top = manual_worker.claim_one().await;
    manual_worker.complete(&top).await;
    let sides = manual_worker.claim(8).await;
    assert_eq!(sides.len(), 2);
    manual_worker.complete(&sides[0]).await;
    assert_eq!(bed.status("bottom").await, TaskStatus::Waiting);
    manual_worker.complete(&sides[1]).await;
    assert_eq!(manual_worker.claim_one().await.id.as_str(), "bottom");
}

pub(crate) async fn parents_and_children_may_come_in_one_call(bed: TestBed) {
    let family = vec![task("a"), child("b", &["a"]), task("c"), child("d", &["b", "c"])];
    let filed = bed.queue.enqueue_many(family).await.unwrap();
    let statuses: Vec<String> = filed.iter().map(ToString::to_string).collect();
    assert_eq!(statuses, ["pending", "waiting", "pending", "waiting"]);
    let mut manual_worker = bed.manual_worker("w").await;
    for n in [2, 1, 1] {
        let claims = manual_worker.claim(8).await;
        assert_eq!(claims.len(), n);
        for claim in &claims {
            manual_worker.complete(claim).await;
        }
    }
    assert_eq!(bed.status("d").await, TaskStatus::Success);
}

pub(crate) async fn a_child_of_nobody_is_refused(bed: TestBed) {
    file(&bed, task("a")).await;
    let EnqueueOutcome::Refused { why } =
        bed.queue.enqueue(child("b", &["a", "nobody"])).await.unwrap()
    else {
        panic!("it was filed");
    };
    assert!(why.contains("nobody") && why.contains("enqueue parents first"), "{why}");
    assert!(bed.keys("agent:task:b*").await.is_empty());
    assert!(bed.keys("agent:task:a:children").await.is_empty());
    let itself = bed.queue.enqueue_many(vec![child("c", &["d"]), task("d")]).await.unwrap();
    assert!(!itself[0].is_accepted(), "children go behind their parents");
}

pub(crate) async fn a_child_of_parents_that_ended_runs_or_is_cancelled_at_once(bed: TestBed) {
    file_all(&bed, &["good", "bad"]).await;
    let mut manual_worker = bed.manual_worker("w").await;
    let claims = manual_worker.claim(2).await;
    manual_worker.complete(&claims[0]).await;
    manual_worker.give_up(&claims[1]).await;
    assert_eq!(file(&bed, child("a", &["good"])).await, TaskStatus::Pending);
    assert_eq!(file(&bed, child("b", &["good", "bad"])).await, TaskStatus::Cancelled);
    assert_eq!(file(&bed, child("c", &["b"])).await, TaskStatus::Cancelled);
    assert_eq!(bed.record("b").await.error.unwrap(), "its parent bad ended as failed");
    let ended: Vec<String> = bed.redis("ZRANGE agent:tasks:outbox 0 -1").await;
    assert!(ended.contains(&"b".to_owned()) && ended.contains(&"c".to_owned()), "{ended:?}");
}

pub(crate) async fn when_a_parent_fails_for_good_all_who_wait_for_it_are_cancelled(bed: TestBed) {
    file_diamond(&bed).await;
    let asked = task_with("asked", |spec| {
        spec.depends_on = vec![id("left")];
        spec.requires_approval = true;
    });
    assert_eq!(file(&bed, asked).await, TaskStatus::AwaitingApproval);
    file(&bed, task("bystander")).await;
    let mut manual_worker = bed.manual_worker("w").await;
    let top = manual_worker.claim_one().await;
    manual_worker.give_up(&top).await;
    for (text, parent) in [("left", "top"), ("right", "top"), ("asked", "left")] {
        let record = bed.record(text).await;
        assert_eq!(record.status, "cancelled", "{text}");
        assert!(record.error.unwrap().starts_with(&format!("its parent {parent} ended as ")));
    }
    assert_eq!(bed.status("bottom").await, TaskStatus::Cancelled);
    assert_eq!(bed.status("bystander").await, TaskStatus::Pending);
    assert_eq!(bed.redis::<u64>("ZCARD agent:tasks:waiting").await, 0);
}

pub(crate) async fn a_parent_called_off_takes_its_children_with_it(bed: TestBed) {
    file_diamond(&bed).await;
    assert_eq!(bed.queue.cancel(&[id("left")], "enough").await.unwrap(), [CancelOutcome::Done]);
    assert_eq!(bed.status("bottom").await, TaskStatus::Cancelled);
    assert_eq!(bed.status("right").await, TaskStatus::Waiting);
}

pub(crate) async fn a_parent_that_is_tried_again_cancels_nobody(bed: TestBed) {
    file(&bed, task("a")).await;
    file(&bed, child("b", &["a"])).await;
    let mut manual_worker = bed.manual_worker("w").await;
    let claim = manual_worker.claim_one().await;
    manual_worker.fail(&claim).await;
    assert_eq!(bed.status("b").await, TaskStatus::Waiting);
}

pub(crate) async fn retrying_a_parent_revives_its_children_only_if_asked(bed: TestBed) {
    file(&bed, task("a")).await;
    file(&bed, child("b", &["a"])).await;
    let mut manual_worker = bed.manual_worker("w").await;
    for with_children in [false, true] {
        let claim = manual_worker.claim_one().await;
        assert_eq!(claim.retry_count, 0);
        manual_worker.give_up(&claim).await;
        assert_eq!(bed.status("b").await, TaskStatus::Cancelled);
        let retried = bed.queue.retry(&[id("a")], "ada", with_children).await.unwrap();
        assert_eq!(retried, [RetryOutcome::Done { status: TaskStatus::Pending }]);
    }
    assert_eq!(bed.status("b").await, TaskStatus::Waiting);
    let claim = manual_worker.claim_one().await;
    manual_worker.complete(&claim).await;
    assert_eq!(manual_worker.claim_one().await.id.as_str(), "b");
}

pub(crate) async fn a_diamond_is_revived_whole(bed: TestBed) {
    file_diamond(&bed).await;
    let mut manual_worker = bed.manual_worker("w").await;
    let top = manual_worker.claim_one().await;
    manual_worker.give_up(&top).await;
    bed.queue.retry(&[id("top")], "ada", true).await.unwrap();
    for n in [1, 2, 1] {
        let claims = manual_worker.claim(8).await;
        assert_eq!(claims.len(), n);
        for claim in &claims {
            manual_worker.complete(claim).await;
        }
    }
    assert_eq!(bed.status("bottom").await, TaskStatus::Success);
}

pub(crate) async fn a_child_is_not_retried_before_its_parent(bed: TestBed) {
    file(&bed, task("a")).await;
    file(&bed, child("b", &["a"])).await;
    bed.queue.cancel(&[id("a")], "enough").await.unwrap();
    let alone = bed.queue.retry(&[id("b")], "ada", false).await.unwrap();
    assert_eq!(alone, [RetryOutcome::Orphan { parent: id("a") }]);
    assert_eq!(bed.status("b").await, TaskStatus::Cancelled);
    // Both at once, in whatever order.
    let both = bed.queue.retry(&[id("b"), id("a")], "ada", false).await.unwrap();
    assert_eq!(both[0], RetryOutcome::Done { status: TaskStatus::Waiting });
    assert_eq!(both[1], RetryOutcome::Done { status: TaskStatus::Pending });
    // One that has run needs no parents any more.
    let mut manual_worker = bed.manual_worker("w").await;
    let claim = manual_worker.claim_one().await;
    manual_worker.complete(&claim).await;
    let claim = manual_worker.claim_one().await;
    manual_worker.give_up(&claim).await;
    assert_eq!(bed.queue.purge(&[id("a")], true).await.unwrap(), [PurgeOutcome::Done]);
    let again = bed.queue.retry(&[id("b")], "ada", false).await.unwrap();
    assert_eq!(again, [RetryOutcome::Done { status: TaskStatus::Pending }]);
}

pub(crate) async fn a_parent_that_a_child_waits_for_is_not_purged(bed: TestBed) {
    file_all(&bed, &["a", "b"]).await;
    file(&bed, child("c", &["a", "b"])).await;
    let mut manual_worker = bed.manual_worker("w").await;
    let claim = manual_worker.claim_one().await;
    manual_worker.complete(&claim).await;
    let purged = bed.queue.purge(&[id("a")], true).await.unwrap();
    assert_eq!(purged, [PurgeOutcome::Needed { by: id("c") }]);
    let claim = manual_worker.claim_one().await;
    manual_worker.complete(&claim).await;
    let claim = manual_worker.claim_one().await;
    manual_worker.complete(&claim).await;
    assert_eq!(
        bed.queue.purge(&[id("a"), id("b"), id("c")], true).await.unwrap(),
        [PurgeOutcome::Done, PurgeOutcome::Done, PurgeOutcome::Done]
    );
    assert!(bed.keys("agent:task:*").await.is_empty());
}

pub(crate) async fn a_long_chain_is_cancelled_in_one_step(bed: TestBed) {
    let names: Vec<String> = (0..600).map(|at| format!("t{at}")).collect();
    let mut chain = vec![task("t0")];
    chain.extend(names.windows(2).map(|pair| child(&pair[1], &[&pair[0]])));
    let filed = bed.queue.enqueue_many(chain).await.unwrap();
    assert!(filed.iter().all(EnqueueOutcome::is_accepted));
    bed.queue.cancel(&[id("t0")], "enough").await.unwrap();
    assert_eq!(bed.redis::<u64>("ZCARD agent:tasks:done").await, 600);
    assert_eq!(bed.status("t599").await, TaskStatus::Cancelled);
}

pub(crate) async fn another_task_of_a_childs_name_is_no_child(bed: TestBed) {
    file_all(&bed, &["a", "b"]).await;
    file(&bed, child("c", &["a"])).await;
    bed.queue.cancel(&[id("c")], "enough").await.unwrap();
    bed.queue.purge(&[id("c")], true).await.unwrap();
    assert!(bed.keys("agent:task:a:children").await.is_empty());
    // Nor where the set still names it, as after a purge by hand.
    bed.redis::<u64>("SADD agent:task:a:children c").await;
    file(&bed, child("c", &["b"])).await;
    bed.queue.cancel(&[id("a")], "enough").await.unwrap();
    assert_eq!(bed.status("c").await, TaskStatus::Waiting);
}
