//! A lead is killed at any point, and connections break before and after the effect: in the end
//! everything was done once, and nothing was forgotten.

use std::pin::pin;
use std::task::Poll;

use fastrand::Rng;
use greenline_lead::publish::{ActionKind, OutsideAction, Publisher};
use greenline_runtime::clock::ManualClock;
use greenline_testbed::TestBed;

use crate::bed::{action, check_run, comment, commit, patch, publisher, rerun, takes_over};
use crate::github::{Fault, GitHub};

const ROUNDS: u64 = 200;
const REMARKS: usize = 120;

fn story() -> Vec<OutsideAction> {
    let labels =
        ActionKind::Label { add: vec!["greenline:repaired".to_owned()], remove: Vec::new() };
    vec![
        comment("seen", "test fails"),
        check_run(REMARKS),
        rerun(),
        commit(patch(), None),
        comment("repaired", "repaired"),
        action("repaired", labels),
    ]
}

/// Runs something up to its so-manieth poll, and drops it there: nothing of it runs on, as after a
/// SIGKILL. What it has sent is on its way.
async fn killed_after<T>(polls: usize, what: impl Future<Output = T>) -> Option<T> {
    let mut what = pin!(what);
    let mut left = polls;
    std::future::poll_fn(|context| {
        if left == 0 {
            return Poll::Ready(None);
        }
        left -= 1;
        what.as_mut().poll(context).map(Some)
    })
    .await
}

/// A life of a lead: it goes through the story, as its plan would after any start, and then sweeps.
async fn live(publisher: &Publisher, clock: &ManualClock) -> bool {
    if publisher.sweep().await.is_err() {
        return false;
    }
    for action in story() {
        if publisher.publish(&action).await.is_err() {
            return false;
        }
    }
    for _ in 0..20 {
        clock.advance(std::time::Duration::from_secs(600));
        if publisher.sweep().await.unwrap_or(1) == 0 {
            return true;
        }
    }
    false
}

async fn round(bed: &TestBed, seed: u64) -> usize {
    let mut rng = Rng::with_seed(seed);
    let queue = bed.queue_in(&format!("round-{seed}")).await;
    let github = GitHub::start().await;
    let clock = ManualClock::at(1_700_000_000_000);
    let mut before: Option<String> = None;
    let mut lives = 0;
    loop {
        lives += 1;
        assert!(lives < 20, "seed {seed}: it never comes to an end");
        let name = format!("lead-{lives}");
        let epoch = takes_over(&queue, before.as_deref(), &name).await;
        before = Some(name);
        let publisher = publisher(&queue, &github, epoch, &clock);
        if rng.bool() {
            let faults =
                [Fault::BrokenBefore, Fault::BrokenAfter, Fault::BadBefore, Fault::BadAfter];
            let fault = faults[rng.usize(..faults.len())];
            github.world().fault = Some((rng.usize(..30), fault));
        }
        let polls = if lives > 4 { usize::MAX } else { rng.usize(1..90) };
        let ended = killed_after(polls, live(&publisher, &clock)).await;
        drop(publisher);
        github.is_left_alone().await;
        if ended == Some(true) {
            break;
        }
    }
    check(&github, seed);
    let open = queue.open_intents().await.unwrap();
    assert!(open.is_empty(), "seed {seed}: {open:?}");
    lives
}

fn check(github: &GitHub, seed: u64) {
    let world = github.world();
    let told = format!("seed {seed}: {:#?}", world.writes);
    assert_eq!(world.comments.len(), 1, "{told}");
    let body = world.comments[0]["body"].as_str().unwrap();
    assert!(body.starts_with("<!-- greenline pr=812 -->\n**repaired**"), "{told}\n{body}");
    assert_eq!(world.check_runs.len(), 1, "{told}");
    assert_eq!(world.check_runs[0]["output"]["annotations_count"], REMARKS, "{told}");
    assert_eq!(world.check_runs[0]["conclusion"], "neutral", "{told}");
    assert_eq!(world.run_attempt, 2, "{told}");
    assert_eq!(world.commits.len(), 2, "{told}");
    assert_eq!(world.labels, ["greenline:repaired"], "{told}");
}

#[tokio::test]
async fn whenever_it_is_killed_everything_is_done_once() {
    let bed = TestBed::new().await;
    let mut lives = 0;
    for seed in 0..ROUNDS {
        lives += round(&bed, seed).await;
    }
    assert!(lives > 2 * ROUNDS as usize, "most rounds had a kill in them: {lives} lives");
}
