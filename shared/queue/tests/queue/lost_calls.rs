//! Calls whose answer is lost, late or cut; Redis that forgets the scripts.

use std::time::Duration;

use futures_util::StreamExt;
use greenline_queue::{Channel, Enqueued, Queue, Settled, Status, WorkerProfile};
use greenline_store::{StoreConfig, StoreError};
use greenline_testbed::{Hand, Proxy, TestBed, Weather, eventually};

use crate::tasks::{child, file, file_all, id, task};

on_a_fresh_bed! {
    redis_may_forget_the_scripts_at_any_time
    a_claim_whose_answer_was_lost_is_given_again
    an_old_claim_that_arrives_late_claims_nothing
    an_answer_cut_in_the_middle_is_asked_for_again
    a_settlement_whose_answer_was_lost_is_said_again
    an_enqueue_whose_answer_was_lost_is_said_again
    a_slow_wire_only_slows
    a_wire_that_swallows_everything_is_given_up_in_time
    fifty_producers_of_one_task_make_one
    a_cut_subscription_ends_and_can_be_made_again
}

/// The same queue behind a wire that misbehaves, and who works there.
struct Far {
    proxy: Proxy,
    queue: Queue,
}

impl Far {
    async fn from(bed: &TestBed) -> Self {
        let proxy = Proxy::before(&bed.redis).await;
        let config = StoreConfig {
            call_timeout: Duration::from_millis(300),
            ..StoreConfig::at(proxy.url())
        };
        let queue = bed.queue_by(config).await;
        Self { proxy, queue }
    }

    fn hand(&self, profile: &WorkerProfile) -> Hand {
        Hand::of(self.queue.clone(), self.queue.worker(profile.clone()))
    }
}

async fn redis_may_forget_the_scripts_at_any_time(bed: TestBed) {
    let forget = async || {
        bed.redis::<String>("SCRIPT FLUSH").await;
    };
    forget().await;
    file_all(&bed, &["a", "b", "c"]).await;
    forget().await;
    let mut hand = bed.hand("w").await;
    forget().await;
    let claims = hand.claim(3).await;
    forget().await;
    hand.beat(&[&claims[0]]).await;
    forget().await;
    assert_eq!(hand.complete(&claims[0]).await, Settled::Accepted);
    forget().await;
    assert_eq!(hand.fail(&claims[1]).await, Settled::WillRetry);
    forget().await;
    assert_eq!(hand.release(&claims[2]).await, Settled::Accepted);
    forget().await;
    assert!(bed.queue.tick_now().await.unwrap().took_effect);
    forget().await;
    // Many calls at once, and parents still before their children.
    let mut tasks = vec![task("p")];
    for at in 0..3_000 {
        let parent = if at == 0 { "p".to_owned() } else { format!("t{}", at - 1) };
        tasks.push(child(&format!("t{at}"), &[&parent]));
    }
    let all = bed.queue.enqueue_many(tasks);
    let flushes = async {
        for _ in 0..20 {
            forget().await;
        }
    };
    let (filed, ()) = tokio::join!(all, flushes);
    let refused: Vec<Enqueued> =
        filed.unwrap().into_iter().filter(|one| !one.is_accepted()).collect();
    assert!(refused.is_empty(), "{:?}", refused[0]);
}

pub(crate) async fn a_claim_whose_answer_was_lost_is_given_again(bed: TestBed) {
    file_all(&bed, &["a", "b", "c", "d"]).await;
    let far = Far::from(&bed).await;
    let profile = bed.worker("w").await.profile().clone();
    let mut hand = far.hand(&profile);
    // Something was claimed before, and the wire is in use.
    let first = hand.claim_one().await;
    hand.complete(&first).await;
    far.proxy.weather(Weather::CutsReplyAfter(0));
    let lost = hand.try_claim(2, 0).await.unwrap_err();
    assert!(lost.is_passing(), "{lost}");
    assert_eq!(bed.redis::<u64>("ZCARD agent:tasks:leases").await, 2, "it took effect");
    let again = hand.try_claim(1, 0).await.unwrap().tasks;
    let ids: Vec<&str> = again.iter().map(|claim| claim.id.as_str()).collect();
    assert_eq!(ids, ["b", "c"], "the answer that was lost, not another");
    assert_eq!(again[0].attempt, 1);
    assert_eq!(hand.claim_one().await.id.as_str(), "d");
    for claim in &again {
        assert_eq!(hand.complete(claim).await, Settled::Accepted);
    }
}

pub(crate) async fn an_old_claim_that_arrives_late_claims_nothing(bed: TestBed) {
    let far = Far::from(&bed).await;
    let profile = bed.worker("w").await.profile().clone();
    let mut hand = far.hand(&profile);
    assert!(hand.claim(1).await.is_empty());
    // A call is under way for a long time. Its worker has given it up, and asks
    // again by another wire.
    far.proxy.weather(Weather::Slow(Duration::from_millis(700)));
    assert!(hand.try_claim(1, 0).await.is_err());
    far.proxy.weather(Weather::Fair);
    assert!(hand.claim(1).await.is_empty());
    assert!(hand.claim(1).await.is_empty());
    file(&bed, task("a")).await;
    let calls = async || -> u64 {
        let told: String = bed.redis("INFO commandstats").await;
        let line = told.lines().find(|line| line.starts_with("cmdstat_evalsha:")).unwrap();
        line.split(['=', ',']).nth(1).unwrap().parse().unwrap()
    };
    let before = calls().await;
    eventually("the late call arrives", async || calls().await > before).await;
    assert_eq!(bed.status("a").await, Status::Pending, "nobody would hear of the claim");
}

async fn an_answer_cut_in_the_middle_is_asked_for_again(bed: TestBed) {
    let far = Far::from(&bed).await;
    let profile = bed.worker("w").await.profile().clone();
    let mut hand = far.hand(&profile);
    for (at, cut) in [1, 3, 10, 40, 100].into_iter().enumerate() {
        let text = format!("t{at}");
        file(&bed, task(&text)).await;
        far.proxy.weather(Weather::CutsReplyAfter(cut));
        assert!(hand.try_claim(1, 0).await.is_err(), "cut after {cut}");
        let claim = hand.claim_one().await;
        assert_eq!((claim.id.as_str(), claim.attempt), (&*text, 1));
        hand.complete(&claim).await;
    }
}

async fn a_settlement_whose_answer_was_lost_is_said_again(bed: TestBed) {
    teach_scripts(&bed).await;
    file_all(&bed, &["done", "failed", "released"]).await;
    let far = Far::from(&bed).await;
    let profile = bed.worker("w").await.profile().clone();
    let mut hand = far.hand(&profile);
    let claims = hand.claim(3).await;
    let worker = hand.id();
    far.proxy.weather(Weather::CutsReplyAfter(0));
    let lost = far.queue.complete(&worker, &claims[0], "{}".to_owned()).await;
    assert!(lost.unwrap_err().is_passing());
    assert_eq!(hand.complete(&claims[0]).await, Settled::Already);
    far.proxy.weather(Weather::CutsReplyAfter(0));
    assert!(far.queue.release(&worker, &[&claims[2]], "it stops").await.is_err());
    assert_eq!(hand.release(&claims[2]).await, Settled::Already);
    assert_eq!(hand.fail(&claims[1]).await, Settled::WillRetry);
    for text in ["done", "released", "failed"] {
        let story = bed.queue.story(&id(text)).await.unwrap().unwrap();
        assert_eq!(story.attempts.len(), 1, "{text}");
    }
}

async fn an_enqueue_whose_answer_was_lost_is_said_again(bed: TestBed) {
    teach_scripts(&bed).await;
    let far = Far::from(&bed).await;
    far.queue.stats().await.unwrap();
    far.proxy.weather(Weather::CutsReplyAfter(2));
    assert!(far.queue.enqueue(task("a")).await.unwrap_err().is_passing());
    let again = far.queue.enqueue(task("a")).await.unwrap();
    assert_eq!(again, Enqueued::Exists { status: Status::Pending });
    assert_eq!(bed.redis::<u64>("LLEN agent:tasks:pending").await, 1);
}

/// Lets Redis know the scripts, so that the answer which is lost is theirs.
async fn teach_scripts(bed: &TestBed) {
    file_all(bed, &["x", "y"]).await;
    let mut hand = bed.hand("teacher").await;
    let claims = hand.claim(2).await;
    hand.release(&claims[1]).await;
    for claim in [&claims[0], &hand.claim_one().await] {
        hand.complete(claim).await;
    }
}

async fn a_slow_wire_only_slows(bed: TestBed) {
    let far = Far::from(&bed).await;
    let profile = bed.worker("w").await.profile().clone();
    let mut hand = far.hand(&profile);
    far.proxy.weather(Weather::Slow(Duration::from_millis(20)));
    far.queue.enqueue(task("a")).await.unwrap();
    let claim = hand.claim_one().await;
    assert_eq!(hand.complete(&claim).await, Settled::Accepted);
}

async fn a_wire_that_swallows_everything_is_given_up_in_time(bed: TestBed) {
    file(&bed, task("a")).await;
    let far = Far::from(&bed).await;
    let profile = bed.worker("w").await.profile().clone();
    let mut hand = far.hand(&profile);
    let claim = hand.claim_one().await;
    for weather in [Weather::BlackHole, Weather::LosesReplies, Weather::Cut] {
        far.proxy.weather(weather);
        let error = hand.try_claim(1, 0).await.unwrap_err();
        let greenline_queue::QueueError::Store(StoreError::Unavailable { .. }) = error else {
            panic!("{error}");
        };
    }
    far.proxy.weather(Weather::Fair);
    assert!(hand.claim(1).await.is_empty());
    assert_eq!(hand.complete(&claim).await, Settled::Accepted);
}

pub(crate) async fn fifty_producers_of_one_task_make_one(bed: TestBed) {
    let mut heard = Box::pin(bed.queue.listen(Channel::New).await.unwrap());
    let mut producers = tokio::task::JoinSet::new();
    for at in 0..50 {
        let queue = if at % 2 == 0 {
            bed.queue.clone()
        } else {
            bed.queue_by(StoreConfig::at(bed.redis.url())).await
        };
        producers.spawn(async move { queue.enqueue(task("ci-fix-812-4471")).await.unwrap() });
    }
    let outcomes = producers.join_all().await;
    let filed = Enqueued::Filed { status: Status::Pending };
    assert_eq!(outcomes.iter().filter(|outcome| **outcome == filed).count(), 1);
    assert!(outcomes.iter().all(Enqueued::is_accepted));
    assert_eq!(bed.redis::<u64>("LLEN agent:tasks:pending").await, 1);
    file(&bed, task("last")).await;
    assert_eq!(heard.next().await.unwrap(), "ci-fix-812-4471");
    assert_eq!(heard.next().await.unwrap(), "last");
}

async fn a_cut_subscription_ends_and_can_be_made_again(bed: TestBed) {
    let mut heard = Box::pin(bed.queue.listen(Channel::Completed).await.unwrap());
    let mut events = bed.queue.events("$");
    assert!(events.next(Duration::from_millis(1)).await.unwrap().is_empty());
    assert_eq!(bed.redis::<u64>("CLIENT KILL TYPE pubsub").await, 1);
    assert_eq!(heard.next().await, None, "whoever listens learns that it is over");
    // Nothing was missed by those who look at the outbox.
    file(&bed, task("a")).await;
    let mut hand = bed.hand("w").await;
    let claim = hand.claim_one().await;
    hand.complete(&claim).await;
    assert_eq!(bed.queue.outbox(10).await.unwrap()[0].id, "a");
    let told: Vec<String> = events
        .next(Duration::from_secs(5))
        .await
        .unwrap()
        .into_iter()
        .map(|one| one.what)
        .collect();
    assert_eq!(told, ["new", "claimed", "success"]);
    let mut heard = Box::pin(bed.queue.listen(Channel::Completed).await.unwrap());
    file(&bed, task("b")).await;
    let claim = hand.claim_one().await;
    hand.complete(&claim).await;
    assert_eq!(heard.next().await.unwrap(), "b");
}
