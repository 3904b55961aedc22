//! Who leads, and the outside actions that a leader has begun.

use std::time::Duration;

use greenline_queue::{Epoch, IntentState, Leadership, QueueError};
use greenline_testbed::{TestBed, eventually};

on_a_fresh_bed! {
    one_of_two_leads
    a_standby_takes_over_under_a_new_epoch
    a_leader_that_steps_down_is_not_waited_for
    an_intent_is_begun_once_and_found_by_the_next_leader
    who_was_deposed_begins_and_ends_nothing
    an_epoch_grows_whatever_the_clock_does
}

const LEASE: Duration = Duration::from_secs(10);

async fn lead(bed: &TestBed, who: &str) -> Option<Epoch> {
    match bed.queue.lead(who, LEASE).await.unwrap() {
        Leadership::Ours(epoch) => Some(epoch),
        Leadership::Other { .. } => None,
    }
}

/// Lets a leader's lease end, as it does when it is dead.
async fn end_lease(bed: &TestBed) {
    bed.redis::<u64>("PEXPIRE agent:lead 1").await;
    eventually("the lease ends", async || bed.keys("agent:lead").await.is_empty()).await;
}

pub(crate) async fn one_of_two_leads(bed: TestBed) {
    let epoch = lead(&bed, "one").await.unwrap();
    assert_eq!(lead(&bed, "other").await, None);
    assert_eq!(lead(&bed, "one").await, Some(epoch), "keeping the lead keeps its epoch");
    assert_eq!(bed.queue.leader().await.unwrap(), Some(("one".to_owned(), epoch)));
    assert_eq!(bed.redis::<String>("GET agent:lead").await, "one");
    assert_eq!(bed.redis::<u64>("GET agent:lead:epoch").await, epoch.0);
    assert!(bed.redis::<i64>("PTTL agent:lead").await > 0);
}

pub(crate) async fn a_standby_takes_over_under_a_new_epoch(bed: TestBed) {
    let old = lead(&bed, "one").await.unwrap();
    end_lease(&bed).await;
    assert_eq!(bed.queue.leader().await.unwrap(), None);
    let new = lead(&bed, "other").await.unwrap();
    assert!(new > old);
    assert_eq!(lead(&bed, "one").await, None);
}

pub(crate) async fn a_leader_that_steps_down_is_not_waited_for(bed: TestBed) {
    let old = lead(&bed, "one").await.unwrap();
    assert!(!bed.queue.resign("other").await.unwrap());
    assert!(bed.queue.resign("one").await.unwrap());
    assert!(lead(&bed, "other").await.unwrap() > old);
}

pub(crate) async fn an_intent_is_begun_once_and_found_by_the_next_leader(bed: TestBed) {
    let old = lead(&bed, "one").await.unwrap();
    let begin = |epoch| bed.queue.begin_intent(epoch, "comment-812", r#"{"pr":812}"#);
    assert_eq!(begin(old).await.unwrap(), IntentState::New);
    assert_eq!(begin(old).await.unwrap(), IntentState::Open { epoch: old });
    // It dies between the intent and its end.
    end_lease(&bed).await;
    let new = lead(&bed, "other").await.unwrap();
    let open = bed.queue.open_intents().await.unwrap();
    assert_eq!(open.len(), 1);
    assert_eq!((&*open[0].action, &*open[0].about), ("comment-812", r#"{"pr":812}"#));
    assert_eq!(begin(new).await.unwrap(), IntentState::Open { epoch: old });
    bed.queue.end_intent(new, "comment-812", r#"{"id":1}"#).await.unwrap();
    bed.queue.end_intent(new, "comment-812", r#"{"id":1}"#).await.unwrap();
    assert_eq!(begin(new).await.unwrap(), IntentState::Done);
    assert!(bed.queue.open_intents().await.unwrap().is_empty());
    assert!(bed.redis::<i64>("PTTL agent:lead:intent:comment-812").await > 0);
}

pub(crate) async fn who_was_deposed_begins_and_ends_nothing(bed: TestBed) {
    let old = lead(&bed, "one").await.unwrap();
    bed.queue.begin_intent(old, "a", "{}").await.unwrap();
    end_lease(&bed).await;
    let nobody_leads = bed.queue.begin_intent(old, "b", "{}").await;
    assert!(matches!(nobody_leads, Err(QueueError::Deposed)));
    lead(&bed, "other").await.unwrap();
    assert!(matches!(bed.queue.begin_intent(old, "b", "{}").await, Err(QueueError::Deposed)));
    assert!(matches!(bed.queue.end_intent(old, "a", "{}").await, Err(QueueError::Deposed)));
    assert_eq!(bed.queue.open_intents().await.unwrap().len(), 1);
}

pub(crate) async fn an_epoch_grows_whatever_the_clock_does(bed: TestBed) {
    let mut last = Epoch(0);
    for at in 0..6 {
        let epoch = lead(&bed, &format!("lead-{at}")).await.unwrap();
        assert!(epoch > last);
        last = epoch;
        bed.queue.resign(&format!("lead-{at}")).await.unwrap();
        bed.clock.set_back(Duration::from_hours(at));
    }
}
