//! A person's yes, bound to the exact thing that was shown.

use std::time::Duration;

use greenline_queue::{
    ApprovalDecision, ApprovalOutcome, CancelOutcome, PurgeOutcome, RetryOutcome, Task, TaskStatus,
    content_hash,
};
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
    what_is_pushed_without_a_yes_goes_back_to_wait_for_one
    what_was_changed_since_the_yes_does_not_run
    a_yes_counts_until_it_expires
    a_retry_within_the_term_needs_no_second_yes
    no_is_not_gone_around
    nobody_is_shown_one_thing_and_asked_about_another
}

fn gated(text: &str) -> Task {
    task_with(text, |spec| spec.requires_approval = true)
}

fn answer<'a>(approval: &'a str, content_hash: &'a str) -> ApprovalDecision<'a> {
    ApprovalDecision { approval, content_hash, who: "ada", why: "because" }
}

/// What a person has to see to say yes to a task.
async fn shown(bed: &TestBed, text: &str) -> String {
    bed.queue.approval(text).await.unwrap().unwrap().content_hash
}

pub(crate) async fn an_approved_task_runs(bed: TestBed) {
    let mut manual_worker = bed.manual_worker("w").await;
    let task = gated("a");
    let payload = task.payload().to_owned();
    assert_eq!(file(&bed, task).await, TaskStatus::AwaitingApproval);
    assert!(manual_worker.claim(1).await.is_empty());
    let asked = bed.queue.approval("a").await.unwrap().unwrap();
    assert_eq!((&*asked.state, &*asked.gate, &*asked.shown), ("open", "run", &*payload));
    assert_eq!(asked.content_hash, content_hash(payload.as_bytes()));
    let printed = bed.queue.approve(&answer("a", &asked.content_hash)).await.unwrap();
    assert_eq!(printed, ApprovalOutcome::Done);
    let answered = bed.queue.approval("a").await.unwrap().unwrap();
    assert_eq!((&*answered.state, answered.answered_by.as_deref()), ("approved", Some("ada")));
    assert_eq!(manual_worker.claim_one().await.id.as_str(), "a");
    assert_eq!(bed.redis::<u64>("ZCARD agent:tasks:waiting").await, 0);
}

pub(crate) async fn a_yes_counts_for_what_was_shown_only(bed: TestBed) {
    file(&bed, gated("a")).await;
    let other = content_hash(b"something else");
    assert_eq!(
        bed.queue.approve(&answer("a", &other)).await.unwrap(),
        ApprovalOutcome::OtherContent
    );
    assert_eq!(bed.queue.approve(&answer("b", &other)).await.unwrap(), ApprovalOutcome::Unknown);
    assert_eq!(bed.status("a").await, TaskStatus::AwaitingApproval);
}

pub(crate) async fn a_rejected_task_is_cancelled_with_the_reason(bed: TestBed) {
    file(&bed, gated("a")).await;
    file(&bed, child("b", &["a"])).await;
    let hash = shown(&bed, "a").await;
    assert_eq!(bed.queue.reject(&answer("a", &hash)).await.unwrap(), ApprovalOutcome::Done);
    let record = bed.record("a").await;
    assert_eq!(
        (&*record.status, record.error.as_deref()),
        ("cancelled", Some("rejected by ada: because"))
    );
    assert_eq!(bed.status("b").await, TaskStatus::Cancelled);
}

pub(crate) async fn an_answer_is_given_once(bed: TestBed) {
    file(&bed, gated("a")).await;
    let hash = shown(&bed, "a").await;
    bed.queue.approve(&answer("a", &hash)).await.unwrap();
    let late = bed.queue.reject(&answer("a", &hash)).await.unwrap();
    assert_eq!(late, ApprovalOutcome::Before("approved".to_owned()));
    assert_eq!(bed.status("a").await, TaskStatus::Pending);
}

pub(crate) async fn nobody_answers_in_time(bed: TestBed) {
    file(&bed, gated("a")).await;
    file(&bed, child("b", &["a"])).await;
    let hash = shown(&bed, "a").await;
    bed.advance_clock(Duration::from_hours(7 * 24 - 1)).await;
    assert_eq!(bed.status("a").await, TaskStatus::AwaitingApproval);
    bed.clock.advance(Duration::from_hours(2));
    assert_eq!(bed.queue.approve(&answer("a", &hash)).await.unwrap(), ApprovalOutcome::Expired);
    assert_eq!(bed.queue.tick_now().await.unwrap().expired, 1);
    assert_eq!(bed.record("a").await.error.unwrap(), "nobody approved it in time");
    assert_eq!(bed.status("b").await, TaskStatus::Cancelled);
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
    assert_eq!(bed.status("b").await, TaskStatus::Waiting);
    let mut manual_worker = bed.manual_worker("w").await;
    let claim = manual_worker.claim_one().await;
    manual_worker.complete(&claim).await;
    assert_eq!(manual_worker.claim_one().await.id.as_str(), "b");
}

pub(crate) async fn a_retry_does_not_pass_the_gate(bed: TestBed) {
    file(&bed, gated("a")).await;
    let hash = shown(&bed, "a").await;
    bed.queue.reject(&answer("a", &hash)).await.unwrap();
    let retried = bed.queue.retry(&[id("a")], "eve", false).await.unwrap();
    assert_eq!(retried, [RetryOutcome::Done { status: TaskStatus::AwaitingApproval }]);
    let mut manual_worker = bed.manual_worker("w").await;
    assert!(manual_worker.claim(1).await.is_empty());
    bed.queue.approve(&answer("a", &hash)).await.unwrap();
    // Once approved it may be tried again: it is the same thing.
    let claim = manual_worker.claim_one().await;
    manual_worker.give_up(&claim).await;
    let retried = bed.queue.retry(&[id("a")], "ada", false).await.unwrap();
    assert_eq!(retried, [RetryOutcome::Done { status: TaskStatus::Pending }]);
}

pub(crate) async fn a_yes_from_an_earlier_life_does_not_count(bed: TestBed) {
    file(&bed, gated("a")).await;
    let hash = shown(&bed, "a").await;
    bed.queue.approve(&answer("a", &hash)).await.unwrap();
    let mut manual_worker = bed.manual_worker("w").await;
    let claim = manual_worker.claim_one().await;
    manual_worker.complete(&claim).await;
    assert_eq!(bed.queue.purge(&[id("a")], true).await.unwrap(), [PurgeOutcome::Done]);
    let other = task_with("a", |spec| {
        spec.requires_approval = true;
        spec.validation = vec!["rm -rf build".to_owned()];
    });
    assert_eq!(file(&bed, other).await, TaskStatus::AwaitingApproval);
    assert_eq!(
        bed.queue.approve(&answer("a", &hash)).await.unwrap(),
        ApprovalOutcome::OtherContent
    );
    // Nor does an old question, where a worker could not write the new one.
    let key = "agent:approval:a";
    let old = gated("a").payload().to_owned();
    let question = ["HSET", key, "content_hash", &hash, "shown", &old, "state", "open"];
    bed.redis_words::<u64>(&question).await;
    assert_eq!(
        bed.queue.approve(&answer("a", &hash)).await.unwrap(),
        ApprovalOutcome::OtherContent
    );
    assert_eq!(bed.status("a").await, TaskStatus::AwaitingApproval);
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
    assert_eq!(bed.queue.cancel(&[id("a")], "enough").await.unwrap(), [CancelOutcome::Done]);
    let printed = bed.queue.approve(&answer("b", &hash)).await.unwrap();
    assert_eq!(printed, ApprovalOutcome::Before("withdrawn".to_owned()));
    assert_eq!(bed.status("b").await, TaskStatus::Cancelled);
}

pub(crate) async fn publishing_asks_once_for_each_content(bed: TestBed) {
    let (term, question) = (Duration::from_hours(1), id("publish-a"));
    let ask = |hash: &'static str| {
        bed.queue.request_approval(&question, &question, hash, "a patch", "lead-1", term)
    };
    assert_eq!(ask("h1").await.unwrap(), "open");
    assert_eq!(ask("h1").await.unwrap(), "open");
    let printed = bed.queue.approve(&answer("publish-a", "h2")).await.unwrap();
    assert_eq!(printed, ApprovalOutcome::OtherContent);
    bed.queue.approve(&answer("publish-a", "h1")).await.unwrap();
    assert_eq!(ask("h1").await.unwrap(), "approved");
    // The head has moved: it is a new question.
    assert_eq!(ask("h2").await.unwrap(), "open");
    let printed = bed.queue.approve(&answer("publish-a", "h1")).await.unwrap();
    assert_eq!(printed, ApprovalOutcome::OtherContent);
    bed.clock.advance(Duration::from_hours(2));
    let printed = bed.queue.approve(&answer("publish-a", "h2")).await.unwrap();
    assert_eq!(printed, ApprovalOutcome::Expired);
}

/// What a worker's Redis user can do to a task's hash and the lists.
async fn force(bed: &TestBed, text: &str, list: &str, fields: &[&str]) {
    let key = format!("agent:task:{text}");
    bed.redis_words::<u64>(&[&["HSET", &key, "status", "pending"], fields].concat()).await;
    bed.redis_words::<u64>(&["RPUSH", &format!("agent:tasks:{list}"), text]).await;
}

/// Says yes to what waits, as a person does who has looked.
async fn say_yes(bed: &TestBed, text: &str) {
    let hash = shown(bed, text).await;
    assert_eq!(bed.queue.approve(&answer(text, &hash)).await.unwrap(), ApprovalOutcome::Done);
}

/// Why a task ended, after it was put into quarantine.
async fn quarantined(bed: &TestBed, text: &str) -> String {
    let record = bed.record(text).await;
    assert_eq!((&*record.status, record.retry_count), ("failed", 0));
    let reason = record.error.unwrap();
    let entries = bed.queue.quarantined().await.unwrap();
    assert!(entries.iter().any(|one| one.reason == reason), "{entries:?}");
    reason
}

pub(crate) async fn what_is_pushed_without_a_yes_goes_back_to_wait_for_one(bed: TestBed) {
    let mut manual_worker =
        bed.manual_worker_with("w", |it| it.labels = ["x".parse().unwrap()].into()).await;
    bed.redis::<u64>("HSET agent:tasks:routes run_command+x 1").await;
    for (text, list) in
        [("a", "pending"), ("b", "pending:critical"), ("c", "pending@run_command+x")]
    {
        file(&bed, gated(text)).await;
        force(&bed, text, list, &[]).await;
        assert!(manual_worker.claim(4).await.is_empty(), "{text} from {list}");
        let record = bed.record(text).await;
        assert_eq!((&*record.status, record.attempt), ("awaiting_approval", 0));
        assert_eq!(bed.queue.approval(text).await.unwrap().unwrap().state, "open");
        say_yes(&bed, text).await;
        let claim = manual_worker.claim_one().await;
        assert_eq!((claim.id.as_str(), claim.attempt), (text, 1));
        manual_worker.complete(&claim).await;
    }
    // Without what says so in the hash: the payload says it too.
    file(&bed, gated("d")).await;
    bed.redis::<u64>("HDEL agent:task:d approval_hash").await;
    force(&bed, "d", "pending", &[]).await;
    assert!(manual_worker.claim(4).await.is_empty());
    assert_eq!(quarantined(&bed, "d").await, "it needs a person's yes, and its approval is open");
    assert!(bed.keys("agent:tasks:leases").await.is_empty());
}

pub(crate) async fn what_was_changed_since_the_yes_does_not_run(bed: TestBed) {
    let mut manual_worker = bed.manual_worker("w").await;
    let with_gate = task_with("x", |spec| {
        spec.requires_approval = true;
        spec.validation = vec!["echo evil".to_owned()];
    });
    let without = task_with("x", |spec| spec.validation = vec!["echo evil".to_owned()]);
    for (text, payload) in [("a", with_gate.payload()), ("b", without.payload())] {
        file(&bed, gated(text)).await;
        say_yes(&bed, text).await;
        let key = format!("agent:task:{text}");
        bed.redis_words::<u64>(&["HSET", &key, "payload", payload]).await;
        assert!(manual_worker.claim(1).await.is_empty(), "{text}");
        assert_eq!(
            quarantined(&bed, text).await,
            "it is not what a person was asked about: it was changed since"
        );
    }
    // The hash of the other content does not help: nobody approved that one.
    file(&bed, gated("c")).await;
    say_yes(&bed, "c").await;
    let hash = content_hash(with_gate.payload().as_bytes());
    let fields = ["payload", with_gate.payload(), "approval_hash", &hash];
    force(&bed, "c", "pending", &fields).await;
    assert!(manual_worker.claim(1).await.is_empty());
    quarantined(&bed, "c").await;
}

pub(crate) async fn a_yes_counts_until_it_expires(bed: TestBed) {
    let mut manual_worker = bed.manual_worker("w").await;
    file(&bed, gated("a")).await;
    say_yes(&bed, "a").await;
    bed.clock.advance(Duration::from_hours(7 * 24 + 1));
    assert!(manual_worker.claim(1).await.is_empty());
    assert_eq!(bed.status("a").await, TaskStatus::AwaitingApproval);
    let asked = bed.queue.approval("a").await.unwrap().unwrap();
    assert_eq!(asked.state, "open");
    assert_eq!(bed.record("a").await.attempt, 0);
    say_yes(&bed, "a").await;
    assert_eq!(manual_worker.claim_one().await.id.as_str(), "a");
}

pub(crate) async fn a_retry_within_the_term_needs_no_second_yes(bed: TestBed) {
    let mut manual_worker = bed.manual_worker("w").await;
    file(&bed, gated("a")).await;
    say_yes(&bed, "a").await;
    let claim = manual_worker.claim_one().await;
    manual_worker.fail(&claim).await;
    bed.advance_clock(Duration::from_secs(11)).await;
    let claim = manual_worker.claim_one().await;
    manual_worker.fail(&claim).await;
    bed.advance_clock(Duration::from_hours(7 * 24)).await;
    assert!(manual_worker.claim(1).await.is_empty(), "the second retry comes after the term");
    assert_eq!(bed.status("a").await, TaskStatus::AwaitingApproval);
    say_yes(&bed, "a").await;
    let claim = manual_worker.claim_one().await;
    manual_worker.give_up(&claim).await;
    // By hand too: within the term it runs, after it a person is asked.
    let retried = bed.queue.retry(&[id("a")], "ada", false).await.unwrap();
    assert_eq!(retried, [RetryOutcome::Done { status: TaskStatus::Pending }]);
    let claim = manual_worker.claim_one().await;
    manual_worker.give_up(&claim).await;
    bed.clock.advance(Duration::from_hours(8 * 24));
    let retried = bed.queue.retry(&[id("a")], "ada", false).await.unwrap();
    assert_eq!(retried, [RetryOutcome::Done { status: TaskStatus::AwaitingApproval }]);
}

pub(crate) async fn no_is_not_gone_around(bed: TestBed) {
    let mut manual_worker = bed.manual_worker("w").await;
    file(&bed, gated("a")).await;
    let hash = shown(&bed, "a").await;
    bed.queue.reject(&answer("a", &hash)).await.unwrap();
    force(&bed, "a", "pending", &[]).await;
    assert!(manual_worker.claim(1).await.is_empty());
    assert_eq!(
        quarantined(&bed, "a").await,
        "it needs a person's yes, and its approval is rejected"
    );
    assert!(manual_worker.claim(1).await.is_empty(), "and it does not come back");
}

pub(crate) async fn nobody_is_shown_one_thing_and_asked_about_another(bed: TestBed) {
    file(&bed, gated("a")).await;
    let evil = content_hash(b"evil");
    bed.redis_words::<u64>(&["HSET", "agent:task:a", "approval_hash", &evil]).await;
    bed.walk().await;
    let asked = bed.queue.approval("a").await.unwrap().unwrap();
    assert_eq!((&*asked.content_hash, &*asked.shown), (&*evil, gated("a").payload()));
    for hash in [evil, content_hash(asked.shown.as_bytes())] {
        let printed = bed.queue.approve(&answer("a", &hash)).await.unwrap();
        assert_eq!(printed, ApprovalOutcome::OtherContent);
    }
    assert_eq!(bed.status("a").await, TaskStatus::AwaitingApproval);
}
