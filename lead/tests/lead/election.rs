//! Who leads, whatever happens to whom.

use std::time::Duration;

use greenline_lead::LeaderStatus;
use greenline_queue::IntentState;
use greenline_store::cmd;
use greenline_testbed::TestBed;
use nix::sys::signal::Signal;

use crate::bed::{LONG, start};

const SHORT: Duration = Duration::from_secs(1);

#[tokio::test]
async fn a_standby_takes_over_from_a_leader_that_was_killed() {
    let bed = TestBed::new().await;
    let mut one = start(&bed, "one", SHORT).await;
    let first = one.leads().await;
    let mut other = start(&bed, "other", SHORT).await;
    let knows_one = |leader_status: &LeaderStatus| matches!(leader_status, LeaderStatus::Standby { leader: Some(id), .. } if id == "one");
    other.stands(knows_one).await;
    one.kill().await;
    assert!(other.leads().await > first);
    assert_eq!(bed.queue.leader().await.unwrap().unwrap().0, "other");
}

#[tokio::test]
async fn of_many_that_start_at_once_one_leads() {
    let bed = TestBed::new().await;
    let names = ["one", "two", "three", "four", "five"];
    let mut leads = Vec::new();
    for name in names {
        leads.push(start(&bed, name, LONG).await);
    }
    let mut leading = Vec::new();
    for (name, lead) in names.iter().zip(&mut leads) {
        lead.stands(|leader_status| {
            !matches!(leader_status, LeaderStatus::Standby { leader: None, .. })
        })
        .await;
        if matches!(*lead.leader_status.borrow(), LeaderStatus::Leading { .. }) {
            leading.push((*name).to_owned());
        }
    }
    let (holder, _) = bed.queue.leader().await.unwrap().unwrap();
    assert_eq!(leading, [holder]);
}

#[tokio::test]
async fn a_leader_that_stops_well_leaves_the_place_at_once() {
    let bed = TestBed::new().await;
    let mut one = start(&bed, "one", LONG).await;
    let first = one.leads().await;
    let mut other = start(&bed, "other", LONG).await;
    one.drain().await;
    // Far before the lease of ten minutes would have ended.
    assert!(other.leads().await > first);
}

#[tokio::test]
async fn a_leader_that_is_interrupted_resigns_too() {
    let bed = TestBed::new().await;
    let mut one = start(&bed, "one", LONG).await;
    one.leads().await;
    one.stop.interrupt_now();
    one.drain().await;
    assert_eq!(bed.queue.leader().await.unwrap(), None);
}

#[tokio::test]
async fn a_leader_that_can_not_renew_stops_leading_by_itself() {
    let bed = TestBed::new().await;
    let mut lead = start(&bed, "one", SHORT).await;
    lead.leads().await;
    bed.redis.signal(Signal::SIGSTOP);
    // Redis can't have told it: it stands still, with the lease in it.
    lead.stands(|leader_status| {
        matches!(leader_status, LeaderStatus::Standby { leader: None, .. })
    })
    .await;
    bed.redis.signal(Signal::SIGCONT);
    lead.leads().await;
}

#[tokio::test]
async fn a_lease_that_redis_lost_is_noticed_long_before_it_ends() {
    let bed = TestBed::new().await;
    let mut lead = start(&bed, "one", LONG).await;
    let first = lead.leads().await;
    bed.queue.begin_intent(first, "merge:acme/app#812", "{}").await.unwrap();
    let _deleted: u64 = bed.queue.store().command(cmd("DEL").arg("agent:lead")).await.unwrap();
    let later = |leader_status: &LeaderStatus| matches!(leader_status, LeaderStatus::Leading { epoch, .. } if *epoch > first);
    lead.stands(later).await;
    assert_eq!(lead.status().await["open_intents"][0]["epoch"], first.0);
}

#[tokio::test]
async fn what_a_killed_leader_left_open_is_shown_by_the_next() {
    let bed = TestBed::new().await;
    let mut one = start(&bed, "one", SHORT).await;
    let epoch = one.leads().await;
    let about = r#"{"pr":812}"#;
    let begun = bed.queue.begin_intent(epoch, "comment:acme/app#812", about).await.unwrap();
    assert_eq!(begun, IntentState::New);
    one.kill().await;

    let mut next = start(&bed, "next", SHORT).await;
    next.leads().await;
    let status = next.status().await;
    assert_eq!(status["leader"]["id"], "next");
    assert_eq!(status["lead"]["leading"], true);
    assert_eq!(status["open_intents"].as_array().unwrap().len(), 1);
    assert_eq!(status["open_intents"][0]["action"], "comment:acme/app#812");
    assert_eq!(status["open_intents"][0]["about"]["pr"], 812);
    assert_eq!(status["open_intents"][0]["epoch"], epoch.0);
    // Of a kind that nobody here knows: it stays open.
    assert_eq!(bed.queue.open_intents().await.unwrap().len(), 1);
}

#[tokio::test]
async fn every_lead_answers_and_says_who_leads() {
    let bed = TestBed::new().await;
    let mut one = start(&bed, "one", LONG).await;
    let epoch = one.leads().await;
    let other = start(&bed, "other", LONG).await;
    let status = other.status().await;
    assert_eq!(status["leader"]["id"], "one");
    assert_eq!(status["leader"]["epoch"], epoch.0);
    assert_eq!(status["lead"]["id"], "other");
    assert_eq!(status["lead"]["leading"], false);
    assert_eq!(other.get("/ready").await.status, 200);
}
