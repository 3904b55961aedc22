//! A task's life, from enqueue to its end.

use std::collections::BTreeSet;
use std::time::Duration;

use greenline_queue::{
    Claim, ClaimRequest, EnqueueOutcome, Settlement, TaskFailure, TaskId, TaskSpec, TaskStatus,
    Worker,
};
use greenline_testbed::TestBed;

fn id(text: &str) -> TaskId {
    text.parse().unwrap()
}

fn command(text: &str) -> TaskSpec {
    TaskSpec::command(id(text), ["true"])
}

async fn claim(worker: &mut Worker, start: usize) -> Vec<Claim> {
    let short = BTreeSet::new();
    worker
        .claim(ClaimRequest { start, prefetch: 0, short: &short, running: 0 })
        .await
        .unwrap()
        .tasks
}

async fn status(bed: &TestBed, text: &str) -> TaskStatus {
    bed.queue.record(&id(text)).await.unwrap().unwrap().status.parse().unwrap()
}

#[tokio::test]
async fn a_task_is_claimed_once_and_completed_once() {
    let bed = TestBed::new().await;
    let filed = bed.queue.enqueue(command("a").build().unwrap()).await.unwrap();
    assert_eq!(filed, EnqueueOutcome::Created { status: TaskStatus::Pending });
    let again = bed.queue.enqueue(command("a").build().unwrap()).await.unwrap();
    assert_eq!(again, EnqueueOutcome::Exists { status: TaskStatus::Pending });

    let (mut one, mut other) = (bed.worker("w1").await, bed.worker("w2").await);
    let claims = claim(&mut one, 4).await;
    assert_eq!(claims.len(), 1);
    assert_eq!((claims[0].attempt, claims[0].started), (1, true));
    assert!(claim(&mut other, 4).await.is_empty());
    assert_eq!(status(&bed, "a").await, TaskStatus::Running);

    let worker = one.profile().id.clone();
    let complete = || bed.queue.complete(&worker, &claims[0], "{}".to_owned());
    assert_eq!(complete().await.unwrap(), Settlement::Accepted);
    assert_eq!(complete().await.unwrap(), Settlement::Already);
    assert_eq!(status(&bed, "a").await, TaskStatus::Success);
}

#[tokio::test]
async fn a_failure_is_retried_later_and_then_given_up() {
    let bed = TestBed::new().await;
    bed.queue.enqueue(command("a").build().unwrap()).await.unwrap();
    let mut worker = bed.worker("w").await;
    let failure = TaskFailure { error: "it says \"no\"".to_owned(), retryable: true, result: None };
    let mut outcomes = Vec::new();
    for _ in 0..3 {
        let claims = claim(&mut worker, 1).await;
        let id = worker.profile().id.clone();
        outcomes.push(bed.queue.fail(&id, &claims[0], &failure).await.unwrap());
        assert!(claim(&mut worker, 1).await.is_empty());
        bed.clock.advance(Duration::from_secs(700));
        bed.queue.tick_now().await.unwrap();
    }
    assert_eq!(outcomes, [Settlement::WillRetry, Settlement::WillRetry, Settlement::Failed]);
    let story = bed.queue.details(&id("a")).await.unwrap().unwrap();
    assert_eq!(story.attempts.len(), 3);
    assert_eq!(story.attempts[0]["error"], "it says \"no\"");
    assert_eq!(bed.queue.stats().await.unwrap().dead, 1);
}

#[tokio::test]
async fn a_dead_workers_task_goes_to_another_and_the_dead_can_not_settle_it() {
    let bed = TestBed::new().await;
    bed.queue.enqueue(command("a").build().unwrap()).await.unwrap();
    let (mut dead, mut live) = (bed.worker("dead").await, bed.worker("live").await);
    let lost = claim(&mut dead, 1).await;
    bed.expire_leases().await;
    let again = claim(&mut live, 1).await;
    assert_eq!((again[0].attempt, again[0].crashes), (2, 1));
    let (dead, live) = (dead.profile().id.clone(), live.profile().id.clone());
    let late = bed.queue.complete(&dead, &lost[0], "{}".to_owned()).await.unwrap();
    assert_eq!(late, Settlement::Lost);
    let done = bed.queue.complete(&live, &again[0], "{}".to_owned()).await.unwrap();
    assert_eq!(done, Settlement::Accepted);
}
