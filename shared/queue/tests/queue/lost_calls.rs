//! Calls whose answer is lost, late or cut; Redis that forgets the scripts.

use std::time::Duration;

use futures_util::StreamExt;
use greenline_queue::{EnqueueOutcome, Queue, QueueChannel, Settlement, TaskStatus, WorkerProfile};
use greenline_store::{StoreConfig, StoreError};
use greenline_testbed::{FaultyProxy, InjectedFault, ManualWorker, TestBed, eventually};

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
    proxy: FaultyProxy,
    queue: Queue,
}

impl Far {
    async fn from(bed: &TestBed) -> Self {
        let proxy = FaultyProxy::before(&bed.redis).await;
        let config = StoreConfig {
            call_timeout: Duration::from_millis(300),
            ..StoreConfig::at(proxy.url())
        };
        let queue = bed.queue_by(config).await;
        Self { proxy, queue }
    }

    fn manual_worker(&self, profile: &WorkerProfile) -> ManualWorker {
        ManualWorker::of(self.queue.clone(), self.queue.worker(profile.clone()))
    }
}

async fn redis_may_forget_the_scripts_at_any_time(bed: TestBed) {
    let forget = async || {
        bed.redis::<String>("SCRIPT FLUSH").await;
    };
    forget().await;
    file_all(&bed, &["a", "b", "c"]).await;
    forget().await;
    let mut manual_worker = bed.manual_worker("w").await;
    forget().await;
    let claims = manual_worker.claim(3).await;
    forget().await;
    manual_worker.beat(&[&claims[0]]).await;
    forget().await;
    assert_eq!(manual_worker.complete(&claims[0]).await, Settlement::Accepted);
    forget().await;
    assert_eq!(manual_worker.fail(&claims[1]).await, Settlement::WillRetry);
    forget().await;
    assert_eq!(manual_worker.release(&claims[2]).await, Settlement::Accepted);
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
    let refused: Vec<EnqueueOutcome> =
        filed.unwrap().into_iter().filter(|one| !one.is_accepted()).collect();
    assert!(refused.is_empty(), "{:?}", refused[0]);
}

pub(crate) async fn a_claim_whose_answer_was_lost_is_given_again(bed: TestBed) {
    file_all(&bed, &["a", "b", "c", "d"]).await;
    let far = Far::from(&bed).await;
    let profile = bed.worker("w").await.profile().clone();
    let mut manual_worker = far.manual_worker(&profile);
    // Something was claimed before, and the wire is in use.
    let first = manual_worker.claim_one().await;
    manual_worker.complete(&first).await;
    far.proxy.fault(InjectedFault::CutsReplyAfter(0));
    let lost = manual_worker.try_claim(2, 0).await.unwrap_err();
    assert!(lost.is_transient(), "{lost}");
    assert_eq!(bed.redis::<u64>("ZCARD agent:tasks:leases").await, 2, "it took effect");
    let again = manual_worker.try_claim(1, 0).await.unwrap().tasks;
    let ids: Vec<&str> = again.iter().map(|claim| claim.id.as_str()).collect();
    assert_eq!(ids, ["b", "c"], "the answer that was lost, not another");
    assert_eq!(again[0].attempt, 1);
    assert_eq!(manual_worker.claim_one().await.id.as_str(), "d");
    for claim in &again {
        assert_eq!(manual_worker.complete(claim).await, Settlement::Accepted);
    }
}

pub(crate) async fn an_old_claim_that_arrives_late_claims_nothing(bed: TestBed) {
    let far = Far::from(&bed).await;
    let profile = bed.worker("w").await.profile().clone();
    let mut manual_worker = far.manual_worker(&profile);
    assert!(manual_worker.claim(1).await.is_empty());
    // A call is under way for a long time. Its worker has given it up, and asks
    // again by another wire.
    far.proxy.fault(InjectedFault::Slow(Duration::from_millis(700)));
    assert!(manual_worker.try_claim(1, 0).await.is_err());
    far.proxy.fault(InjectedFault::None);
    assert!(manual_worker.claim(1).await.is_empty());
    assert!(manual_worker.claim(1).await.is_empty());
    file(&bed, task("a")).await;
    let calls = async || -> u64 {
        let reported: String = bed.redis("INFO commandstats").await;
        let line = reported.lines().find(|line| line.starts_with("cmdstat_evalsha:")).unwrap();
        line.split(['=', ',']).nth(1).unwrap().parse().unwrap()
    };
    let before = calls().await;
    eventually("the late call arrives", async || calls().await > before).await;
    assert_eq!(bed.status("a").await, TaskStatus::Pending, "nobody would hear of the claim");
}

async fn an_answer_cut_in_the_middle_is_asked_for_again(bed: TestBed) {
    let far = Far::from(&bed).await;
    let profile = bed.worker("w").await.profile().clone();
    let mut manual_worker = far.manual_worker(&profile);
    for (at, cut) in [1, 3, 10, 40, 100].into_iter().enumerate() {
        let text = format!("t{at}");
        file(&bed, task(&text)).await;
        far.proxy.fault(InjectedFault::CutsReplyAfter(cut));
        assert!(manual_worker.try_claim(1, 0).await.is_err(), "cut after {cut}");
        let claim = manual_worker.claim_one().await;
        assert_eq!((claim.id.as_str(), claim.attempt), (&*text, 1));
        manual_worker.complete(&claim).await;
    }
}

async fn a_settlement_whose_answer_was_lost_is_said_again(bed: TestBed) {
    teach_scripts(&bed).await;
    file_all(&bed, &["done", "failed", "released"]).await;
    let far = Far::from(&bed).await;
    let profile = bed.worker("w").await.profile().clone();
    let mut manual_worker = far.manual_worker(&profile);
    let claims = manual_worker.claim(3).await;
    let worker = manual_worker.id();
    far.proxy.fault(InjectedFault::CutsReplyAfter(0));
    let lost = far.queue.complete(&worker, &claims[0], "{}".to_owned()).await;
    assert!(lost.unwrap_err().is_transient());
    assert_eq!(manual_worker.complete(&claims[0]).await, Settlement::Already);
    far.proxy.fault(InjectedFault::CutsReplyAfter(0));
    assert!(far.queue.release(&worker, &[&claims[2]], "it stops").await.is_err());
    assert_eq!(manual_worker.release(&claims[2]).await, Settlement::Already);
    assert_eq!(manual_worker.fail(&claims[1]).await, Settlement::WillRetry);
    for text in ["done", "released", "failed"] {
        let story = bed.queue.details(&id(text)).await.unwrap().unwrap();
        assert_eq!(story.attempts.len(), 1, "{text}");
    }
}

async fn an_enqueue_whose_answer_was_lost_is_said_again(bed: TestBed) {
    teach_scripts(&bed).await;
    let far = Far::from(&bed).await;
    far.queue.stats().await.unwrap();
    far.proxy.fault(InjectedFault::CutsReplyAfter(2));
    assert!(far.queue.enqueue(task("a")).await.unwrap_err().is_transient());
    let again = far.queue.enqueue(task("a")).await.unwrap();
    assert_eq!(again, EnqueueOutcome::Exists { status: TaskStatus::Pending });
    assert_eq!(bed.redis::<u64>("LLEN agent:tasks:pending").await, 1);
}

/// Lets Redis know the scripts, so that the answer which is lost is theirs.
async fn teach_scripts(bed: &TestBed) {
    file_all(bed, &["x", "y"]).await;
    let mut manual_worker = bed.manual_worker("teacher").await;
    let claims = manual_worker.claim(2).await;
    manual_worker.release(&claims[1]).await;
    for claim in [&claims[0], &manual_worker.claim_one().await] {
        manual_worker.complete(claim).await;
    }
}

async fn a_slow_wire_only_slows(bed: TestBed) {
    let far = Far::from(&bed).await;
    let profile = bed.worker("w").await.profile().clone();
    let mut manual_worker = far.manual_worker(&profile);
    far.proxy.fault(InjectedFault::Slow(Duration::from_millis(20)));
    far.queue.enqueue(task("a")).await.unwrap();
    let claim = manual_worker.claim_one().await;
    assert_eq!(manual_worker.complete(&claim).await, Settlement::Accepted);
}

async fn a_wire_that_swallows_everything_is_given_up_in_time(bed: TestBed) {
    file(&bed, task("a")).await;
    let far = Far::from(&bed).await;
    let profile = bed.worker("w").await.profile().clone();
    let mut manual_worker = far.manual_worker(&profile);
    let claim = manual_worker.claim_one().await;
    for fault in [InjectedFault::BlackHole, InjectedFault::LosesReplies, InjectedFault::Cut] {
        far.proxy.fault(fault);
        let error = manual_worker.try_claim(1, 0).await.unwrap_err();
        let greenline_queue::QueueError::Store(StoreError::Unavailable { .. }) = error else {
            panic!("{error}");
        };
    }
    far.proxy.fault(InjectedFault::None);
    assert!(manual_worker.claim(1).await.is_empty());
    assert_eq!(manual_worker.complete(&claim).await, Settlement::Accepted);
}

pub(crate) async fn fifty_producers_of_one_task_make_one(bed: TestBed) {
    let mut messages = Box::pin(bed.queue.listen(QueueChannel::New).await.unwrap());
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
    let filed = EnqueueOutcome::Created { status: TaskStatus::Pending };
    assert_eq!(outcomes.iter().filter(|outcome| **outcome == filed).count(), 1);
    assert!(outcomes.iter().all(EnqueueOutcome::is_accepted));
    assert_eq!(bed.redis::<u64>("LLEN agent:tasks:pending").await, 1);
    file(&bed, task("last")).await;
    assert_eq!(messages.next().await.unwrap(), "ci-fix-812-4471");
    assert_eq!(messages.next().await.unwrap(), "last");
}

async fn a_cut_subscription_ends_and_can_be_made_again(bed: TestBed) {
    let mut messages = Box::pin(bed.queue.listen(QueueChannel::Completed).await.unwrap());
    let mut events = bed.queue.events("$");
    assert!(events.next(Duration::from_millis(1)).await.unwrap().is_empty());
    assert_eq!(bed.redis::<u64>("CLIENT KILL TYPE pubsub").await, 1);
    assert_eq!(messages.next().await, None, "whoever listens learns that it is over");
    // Nothing was missed by those who look at the outbox.
    file(&bed, task("a")).await;
    let mut manual_worker = bed.manual_worker("w").await;
    let claim = manual_worker.claim_one().await;
    manual_worker.complete(&claim).await;
    assert_eq!(bed.queue.outbox(10).await.unwrap()[0].id, "a");
    let reported: Vec<String> = events
        .next(Duration::from_secs(5))
        .await
        .unwrap()
        .into_iter()
        .map(|one| one.what)
        .collect();
    assert_eq!(reported, ["new", "claimed", "success"]);
    let mut messages = Box::pin(bed.queue.listen(QueueChannel::Completed).await.unwrap());
    file(&bed, task("b")).await;
    let claim = manual_worker.claim_one().await;
    manual_worker.complete(&claim).await;
    assert_eq!(messages.next().await.unwrap(), "b");
}
