//! A person's yes, bound to the exact thing that was shown.

use std::time::Duration;

use greenline_queue::{Answer, Answered, Cancelled, Purged, Retried, Status, Task, content_hash};
use greenline_testbed::TestBed;

use crate::tasks::{child, file, id, task, task_with};

on_a_fresh_bed! {
    an_approved_task_runs
    a_yes_counts_for_what_was_shown_only
    a_rejected_task_is_cancelled_with_the_reason
    an_answer_is_given_once
    nobody_answers_in_time
    an_approved_child_still_waits_for_its_parents
    a_retry_does_not_pass_the_gate
    a_yes_from_an_earlier_life_does_not_count
    the_question_of_a_task_called_off_is_withdrawn
    publishing_asks_once_for_each_content
}

fn gated(text: &str) -> Task {
    task_with(text, |spec| spec.requires_approval = true)
}

fn answer<'a>(approval: &'a str, content_hash: &'a str) -> Answer<'a> {
    Answer { approval, content_hash, who: "ada", why: "because" }
}

/// What a person has to see to say yes to a task.
async fn shown(bed: &TestBed, text: &str) -> String {
    bed.queue.approval(text).await.unwrap().unwrap().content_hash
}

pub(crate) async fn an_approved_task_runs(bed: TestBed) {
    let mut hand = bed.hand("w").await;
    let task = gated("a");
    let payload = task.payload().to_owned();
    assert_eq!(file(&bed, task).await, Status::AwaitingApproval);
    assert!(hand.claim(1).await.is_empty());
    let asked = bed.queue.approval("a").await.unwrap().unwrap();
    assert_eq!((&*asked.state, &*asked.gate, &*asked.shown), ("open", "run", &*payload));
    assert_eq!(asked.content_hash, content_hash(payload.as_bytes()));
    let said = bed.queue.approve(&answer("a", &asked.content_hash)).await.unwrap();
    assert_eq!(said, Answered::Done);
    let answered = bed.queue.approval("a").await.unwrap().unwrap();
    assert_eq!((&*answered.state, answered.answered_by.as_deref()), ("approved", Some("ada")));
    assert_eq!(hand.claim_one().await.id.as_str(), "a");
    assert_eq!(bed.redis::<u64>("ZCARD agent:tasks:waiting").await, 0);
}

pub(crate) async fn a_yes_counts_for_what_was_shown_only(bed: TestBed) {
    file(&bed, gated("a")).await;
    let other = content_hash(b"something else");
    assert_eq!(bed.queue.approve(&answer("a", &other)).await.unwrap(), Answered::OtherContent);
    assert_eq!(bed.queue.approve(&answer("b", &other)).await.unwrap(), Answered::Unknown);
    assert_eq!(bed.status("a").await, Status::AwaitingApproval);
}

pub(crate) async fn a_rejected_task_is_cancelled_with_the_reason(bed: TestBed) {
    file(&bed, gated("a")).await;
    file(&bed, child("b", &["a"])).await;
    let hash = shown(&bed, "a").await;
    assert_eq!(bed.queue.reject(&answer("a", &hash)).await.unwrap(), Answered::Done);
    let record = bed.record("a").await;
    assert_eq!(
        (&*record.status, record.error.as_deref()),
        ("cancelled", Some("rejected by ada: because"))
    );
    assert_eq!(bed.status("b").await, Status::Cancelled);
}

pub(crate) async fn an_answer_is_given_once(bed: TestBed) {
    file(&bed, gated("a")).await;
    let hash = shown(&bed, "a").await;
    bed.queue.approve(&answer("a", &hash)).await.unwrap();
    let late = bed.queue.reject(&answer("a", &hash)).await.unwrap();
    assert_eq!(late, Answered::Before("approved".to_owned()));
    assert_eq!(bed.status("a").await, Status::Pending);
}

pub(crate) async fn nobody_answers_in_time(bed: TestBed) {
    file(&bed, gated("a")).await;
    file(&bed, child("b", &["a"])).await;
    let hash = shown(&bed, "a").await;
    bed.leap(Duration::from_hours(7 * 24 - 1)).await;
    assert_eq!(bed.status("a").await, Status::AwaitingApproval);
    bed.clock.advance(Duration::from_hours(2));
    assert_eq!(bed.queue.approve(&answer("a", &hash)).await.unwrap(), Answered::Expired);
    assert_eq!(bed.queue.tick_now().await.unwrap().expired, 1);
    assert_eq!(bed.record("a").await.error.unwrap(), "nobody approved it in time");
    assert_eq!(bed.status("b").await, Status::Cancelled);
    assert_eq!(bed.queue.approval("a").await.unwrap().unwrap().state, "expired");
}

pub(crate) async fn an_approved_child_still_waits_for_its_parents(bed: TestBed) {
    file(&bed, task("a")).await;
    let gated = task_with("b", |spec| {
        spec.requires_approval = true;
        spec.depends_on = vec![id("a")];
    });
    file(&bed, gated).await;
    let hash = shown(&bed, "b").await;
    bed.queue.approve(&answer("b", &hash)).await.unwrap();
    assert_eq!(bed.status("b").await, Status::Waiting);
    let mut hand = bed.hand("w").await;
    let claim = hand.claim_one().await;
    hand.complete(&claim).await;
    assert_eq!(hand.claim_one().await.id.as_str(), "b");
}

pub(crate) async fn a_retry_does_not_pass_the_gate(bed: TestBed) {
    file(&bed, gated("a")).await;
    let hash = shown(&bed, "a").await;
    bed.queue.reject(&answer("a", &hash)).await.unwrap();
    let retried = bed.queue.retry(&[id("a")], "eve", false).await.unwrap();
    assert_eq!(retried, [Retried::Done { status: Status::AwaitingApproval }]);
    let mut hand = bed.hand("w").await;
    assert!(hand.claim(1).await.is_empty());
    bed.queue.approve(&answer("a", &hash)).await.unwrap();
    // Once approved it may be tried again: it is the same thing.
    let claim = hand.claim_one().await;
    hand.give_up(&claim).await;
    let retried = bed.queue.retry(&[id("a")], "ada", false).await.unwrap();
    assert_eq!(retried, [Retried::Done { status: Status::Pending }]);
}

pub(crate) async fn a_yes_from_an_earlier_life_does_not_count(bed: TestBed) {
    file(&bed, gated("a")).await;
    let hash = shown(&bed, "a").await;
    bed.queue.approve(&answer("a", &hash)).await.unwrap();
    let mut hand = bed.hand("w").await;
    let claim = hand.claim_one().await;
    hand.complete(&claim).await;
    assert_eq!(bed.queue.purge(&[id("a")], true).await.unwrap(), [Purged::Done]);
    let other = task_with("a", |spec| {
        spec.requires_approval = true;
        spec.validation = vec!["rm -rf build".to_owned()];
    });
    assert_eq!(file(&bed, other).await, Status::AwaitingApproval);
    assert_eq!(bed.queue.approve(&answer("a", &hash)).await.unwrap(), Answered::OtherContent);
    // Nor does an old question, where a worker could not write the new one.
    let key = "agent:approval:a";
    bed.redis_words::<u64>(&["HSET", key, "content_hash", &hash, "state", "open"]).await;
    assert_eq!(bed.queue.approve(&answer("a", &hash)).await.unwrap(), Answered::OtherContent);
    assert_eq!(bed.status("a").await, Status::AwaitingApproval);
    assert_ne!(shown(&bed, "a").await, hash);
}

pub(crate) async fn the_question_of_a_task_called_off_is_withdrawn(bed: TestBed) {
    file(&bed, task("a")).await;
    let gated = task_with("b", |spec| {
        spec.requires_approval = true;
        spec.depends_on = vec![id("a")];
    });
    file(&bed, gated).await;
    let hash = shown(&bed, "b").await;
    assert_eq!(bed.queue.cancel(&[id("a")], "enough").await.unwrap(), [Cancelled::Done]);
    let said = bed.queue.approve(&answer("b", &hash)).await.unwrap();
    assert_eq!(said, Answered::Before("withdrawn".to_owned()));
    assert_eq!(bed.status("b").await, Status::Cancelled);
}

pub(crate) async fn publishing_asks_once_for_each_content(bed: TestBed) {
    let (term, question) = (Duration::from_hours(1), id("publish-a"));
    let ask = |hash: &'static str| {
        bed.queue.ask_approval(&question, &question, hash, "a patch", "lead-1", term)
    };
    assert_eq!(ask("h1").await.unwrap(), "open");
    assert_eq!(ask("h1").await.unwrap(), "open");
    let said = bed.queue.approve(&answer("publish-a", "h2")).await.unwrap();
    assert_eq!(said, Answered::OtherContent);
    bed.queue.approve(&answer("publish-a", "h1")).await.unwrap();
    assert_eq!(ask("h1").await.unwrap(), "approved");
    // The head has moved: it is a new question.
    assert_eq!(ask("h2").await.unwrap(), "open");
    let said = bed.queue.approve(&answer("publish-a", "h1")).await.unwrap();
    assert_eq!(said, Answered::OtherContent);
    bed.clock.advance(Duration::from_hours(2));
    let said = bed.queue.approve(&answer("publish-a", "h2")).await.unwrap();
    assert_eq!(said, Answered::Expired);
}
