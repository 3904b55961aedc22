//! Who runs when: priorities, routes, times, rate limits, wakes.

use std::collections::BTreeMap;
use std::time::Duration;

use chrono::Utc;
use greenline_queue::{
    EnqueueOutcome, PauseTarget, Priority, Route, TaskStatus, TaskType, WakeReason,
};
use greenline_testbed::TestBed;

use crate::tasks::{file, file_all, task, task_with};

on_a_fresh_bed! {
    priorities_are_served_eight_four_two_one
    what_is_less_urgent_fills_what_is_left
    a_worker_takes_what_its_labels_fit
    an_unknown_type_waits_for_one_who_knows_it
    a_built_in_type_that_a_worker_does_not_know_goes_to_others
    a_paused_route_holds_its_tasks_only
    there_are_at_most_256_routes
    a_task_does_not_run_before_its_time
    no_minute_sees_more_starts_than_the_limit
    a_retry_within_the_minute_counts
    a_late_start_counts_when_it_starts
    one_token_wakes_one_worker
    tokens_are_capped
    tasks_of_one_call_keep_what_is_their_own
}

fn urgent(text: &str, priority: Priority) -> greenline_queue::Task {
    task_with(text, |spec| spec.priority = priority)
}

async fn file_of_each(bed: &TestBed, count: usize) {
    let mut tasks = Vec::new();
    for priority in Priority::ALL {
        tasks.extend((0..count).map(|at| urgent(&format!("{priority}-{at}"), priority)));
    }
    bed.queue.enqueue_many(tasks).await.unwrap();
}

pub(crate) async fn priorities_are_served_eight_four_two_one(bed: TestBed) {
    file_of_each(&bed, 200).await;
    let mut manual_worker = bed.manual_worker("w").await;
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    // One at a time, then in batches.
    for n in std::iter::repeat_n(1, 75).chain([5; 15]).chain([15; 10]) {
        for claim in manual_worker.claim(n).await {
            let (priority, _) = claim.id.as_str().split_once('-').unwrap();
            *counts.entry(priority.to_owned()).or_default() += 1;
        }
    }
    let counts: Vec<usize> =
        Priority::ALL.iter().map(|priority| counts[priority.as_str()]).collect();
    assert_eq!(counts, [160, 80, 40, 20]);
}

pub(crate) async fn what_is_less_urgent_fills_what_is_left(bed: TestBed) {
    file_of_each(&bed, 3).await;
    let mut manual_worker = bed.manual_worker("w").await;
    assert_eq!(manual_worker.claim(100).await.len(), 12);
    file(&bed, urgent("low", Priority::Low)).await;
    assert_eq!(manual_worker.claim_one().await.id.as_str(), "low");
}

pub(crate) async fn a_worker_takes_what_its_labels_fit(bed: TestBed) {
    let labelled = |text, labels: &[&str]| {
        task_with(text, |spec| {
            spec.labels = labels.iter().map(|label| label.parse().unwrap()).collect();
        })
    };
    file(&bed, labelled("gpu", &["gpu"])).await;
    file(&bed, labelled("both", &["linux", "gpu"])).await;
    file(&bed, labelled("nobody", &["quantum"])).await;
    file(&bed, task("plain")).await;
    assert_eq!(bed.redis::<u64>("LLEN agent:tasks:pending@run_command+gpu+linux").await, 1);

    let mut plain = bed.manual_worker("w1").await;
    let mut able = bed
        .manual_worker_with("w2", |profile| {
            profile.labels = ["gpu", "linux"].map(|label| label.parse().unwrap()).into();
        })
        .await;
    let names = |claims: Vec<greenline_queue::Claim>| {
        let mut names: Vec<String> = claims.iter().map(|claim| claim.id.to_string()).collect();
        names.sort();
        names
    };
    assert_eq!(names(plain.claim(8).await), ["plain"]);
    assert_eq!(names(able.claim(8).await), ["both", "gpu"]);
    // What nobody can take stays where it is, and is told.
    let stats = bed.queue.stats().await.unwrap();
    assert_eq!(stats.pending, 1);
    let route = stats.routes.iter().find(|one| one.route == "run_command+quantum").unwrap();
    assert_eq!((route.pending, route.workers), (1, 0));
}

pub(crate) async fn an_unknown_type_waits_for_one_who_knows_it(bed: TestBed) {
    file(&bed, task_with("a", |spec| spec.kind = "train_model".parse().unwrap())).await;
    let mut plain = bed.manual_worker("w1").await;
    assert!(plain.claim(8).await.is_empty());
    assert_eq!(bed.status("a").await, TaskStatus::Pending);
    let mut able = bed
        .manual_worker_with("w2", |profile| profile.types = ["train_model".parse().unwrap()].into())
        .await;
    assert_eq!(able.claim_one().await.id.as_str(), "a");
}

pub(crate) async fn a_built_in_type_that_a_worker_does_not_know_goes_to_others(bed: TestBed) {
    let deploy = |text| task_with(text, |spec| spec.kind = "deploy_step".parse().unwrap());
    let json = r#"{"task_id":"c","type":"deploy_step"}"#;
    file(&bed, deploy("a")).await;
    file(&bed, task("b")).await;
    bed.redis_words::<u64>(&["LPUSH", "agent:tasks:pending", json]).await;
    let mut plain = bed.manual_worker("w1").await;
    assert_eq!(plain.claim_one().await.id.as_str(), "b");
    assert!(plain.claim(8).await.is_empty());
    assert!(plain.claim(8).await.is_empty());
    let mut able = bed
        .manual_worker_with("w2", |profile| profile.types = ["deploy_step".parse().unwrap()].into())
        .await;
    assert_eq!(able.claim(8).await.len(), 2);
}

pub(crate) async fn a_paused_route_holds_its_tasks_only(bed: TestBed) {
    let gpu = |text| task_with(text, |spec| spec.labels = ["gpu".parse().unwrap()].into());
    file(&bed, gpu("a")).await;
    file(&bed, gpu("b")).await;
    file(&bed, task("c")).await;
    let mut manual_worker = bed
        .manual_worker_with("w", |profile| profile.labels = ["gpu".parse().unwrap()].into())
        .await;
    let route = PauseTarget::Route(Route::stored("run_command+gpu"));
    bed.queue.pause(&route, "ada", "hot").await.unwrap();
    assert_eq!(manual_worker.claim_one().await.id.as_str(), "c");
    assert!(manual_worker.claim(8).await.is_empty());
    bed.queue.resume(&route).await.unwrap();
    assert_eq!(manual_worker.claim_one().await.id.as_str(), "a");
    assert_eq!(manual_worker.claim_one().await.id.as_str(), "b");
}

pub(crate) async fn there_are_at_most_256_routes(bed: TestBed) {
    let kind = |at: usize| {
        task_with(&format!("t{at}"), |spec| spec.kind = format!("kind-{at}").parse().unwrap())
    };
    let filed = bed.queue.enqueue_many((0..257).map(kind).collect()).await.unwrap();
    assert!(filed[..256].iter().all(EnqueueOutcome::is_accepted));
    let EnqueueOutcome::Refused { why } = &filed[256] else { panic!("{:?}", filed[256]) };
    assert!(why.contains("use fewer labels"), "{why}");
    assert!(bed.queue.enqueue(task("plain")).await.unwrap().is_accepted());
    // A route that nobody uses is forgotten after an hour.
    let types: Vec<TaskType> = (0..256).map(|at| format!("kind-{at}").parse().unwrap()).collect();
    let mut manual_worker =
        bed.manual_worker_with("w", |profile| profile.types = types.into_iter().collect()).await;
    for claim in manual_worker.claim(300).await {
        manual_worker.complete(&claim).await;
    }
    bed.advance_clock(Duration::from_mins(61)).await;
    let left: BTreeMap<String, String> = bed.redis("HGETALL agent:tasks:routes").await;
    assert_eq!(left.into_keys().collect::<Vec<_>>(), ["run_command"], "where `plain` waits");
    assert!(bed.queue.enqueue(kind(256)).await.unwrap().is_accepted());
}

pub(crate) async fn a_task_does_not_run_before_its_time(bed: TestBed) {
    let at = Utc::now() + Duration::from_mins(30);
    let late = task_with("late", |spec| spec.not_before = Some(at));
    assert_eq!(file(&bed, late).await, TaskStatus::Scheduled);
    let past = task_with("past", |spec| spec.not_before = Some(at - Duration::from_hours(1)));
    assert_eq!(file(&bed, past).await, TaskStatus::Pending);
    let mut manual_worker = bed.manual_worker("w").await;
    assert_eq!(manual_worker.claim(8).await.len(), 1);
    bed.advance_clock(Duration::from_mins(29)).await;
    assert!(manual_worker.claim(8).await.is_empty());
    bed.advance_clock(Duration::from_mins(2)).await;
    assert_eq!(manual_worker.claim_one().await.id.as_str(), "late");
}

/// Lets workers claim whatever they get for a while; when each task was claimed.
async fn run_for(bed: &TestBed, minutes: u64, finish: bool) -> Vec<i64> {
    let mut manual_worker = bed.manual_worker("w").await;
    let mut starts = Vec::new();
    for _ in 0..minutes * 12 {
        for claim in manual_worker.claim(50).await {
            starts.push(bed.record(claim.id.as_str()).await.claimed_at.unwrap());
            if finish {
                manual_worker.complete(&claim).await;
            } else {
                manual_worker.fail(&claim).await;
            }
        }
        bed.advance_clock(Duration::from_secs(5)).await;
    }
    starts
}

fn most_in_a_minute(starts: &[i64]) -> usize {
    let within = |from: i64| starts.iter().filter(|at| (from..from + 60_000).contains(*at)).count();
    starts.iter().map(|from| within(*from)).max().unwrap_or(0)
}

pub(crate) async fn no_minute_sees_more_starts_than_the_limit(bed: TestBed) {
    let kind = TaskType::run_command();
    bed.queue.limit(&kind, Some(7)).await.unwrap();
    let tasks = (0..60).map(|at| task(&format!("t{at}"))).collect();
    bed.queue.enqueue_many(tasks).await.unwrap();
    let starts = run_for(&bed, 10, true).await;
    assert_eq!(starts.len(), 60, "everything runs in the end");
    assert_eq!(most_in_a_minute(&starts), 7);
    bed.queue.limit(&kind, None).await.unwrap();
    bed.queue.enqueue_many((60..90).map(|at| task(&format!("t{at}"))).collect()).await.unwrap();
    let mut manual_worker = bed.manual_worker("w2").await;
    assert_eq!(manual_worker.claim(50).await.len(), 30);
}

pub(crate) async fn a_retry_within_the_minute_counts(bed: TestBed) {
    bed.queue.limit(&TaskType::run_command(), Some(4)).await.unwrap();
    let tasks = (0..10).map(|at| task(&format!("t{at}"))).collect();
    bed.queue.enqueue_many(tasks).await.unwrap();
    let starts = run_for(&bed, 10, false).await;
    assert_eq!(starts.len(), 30, "three attempts each");
    assert!(most_in_a_minute(&starts) <= 4);
}

pub(crate) async fn a_late_start_counts_when_it_starts(bed: TestBed) {
    bed.queue.limit(&TaskType::run_command(), Some(1)).await.unwrap();
    file_all(&bed, &["a", "b", "c"]).await;
    let mut manual_worker = bed.manual_worker("w").await;
    // `b` has its place after a minute, `c` after two; but the workers are busy.
    assert_eq!(manual_worker.claim(8).await.len(), 1);
    assert!(manual_worker.claim(8).await.is_empty());
    bed.advance_clock(Duration::from_secs(119)).await;
    assert_eq!(manual_worker.claim(8).await.len(), 1);
    bed.advance_clock(Duration::from_secs(2)).await;
    assert!(manual_worker.claim(8).await.is_empty());
    bed.advance_clock(Duration::from_secs(59)).await;
    assert_eq!(manual_worker.claim(8).await.len(), 1);
}

pub(crate) async fn one_token_wakes_one_worker(bed: TestBed) {
    let mut waiters: Vec<_> = Vec::new();
    for at in 0..5 {
        waiters.push(bed.worker(&format!("w{at}")).await.waiter());
    }
    let mut waiting = tokio::task::JoinSet::new();
    for mut waiter in waiters {
        waiting.spawn(async move { waiter.wait().await });
    }
    greenline_testbed::eventually("five wait", async || {
        let blocked: String = bed.redis("INFO clients").await;
        blocked.contains("blocked_clients:5")
    })
    .await;
    file(&bed, task("a")).await;
    assert_eq!(waiting.join_next().await.unwrap().unwrap().unwrap(), WakeReason::Work);
    let blocked: String = bed.redis("INFO clients").await;
    assert!(blocked.contains("blocked_clients:4"), "{blocked}");
}

pub(crate) async fn tokens_are_capped(bed: TestBed) {
    bed.queue.enqueue_many((0..1_500).map(|at| task(&format!("t{at}"))).collect()).await.unwrap();
    assert_eq!(bed.redis::<u64>("LLEN agent:tasks:wake").await, 1_024);
    file(&bed, task("one-more")).await;
    assert_eq!(bed.redis::<u64>("LLEN agent:tasks:wake").await, 1_024);
    // The tick sets what is missing, for what was pushed by hand.
    bed.redis::<u64>("DEL agent:tasks:wake").await;
    bed.queue.tick_now().await.unwrap();
    assert_eq!(bed.redis::<u64>("LLEN agent:tasks:wake").await, 1_024);
}

/// What tasks that stand side by side have in common is told to the script once.
pub(crate) async fn tasks_of_one_call_keep_what_is_their_own(bed: TestBed) {
    let retried = task_with("retried", |spec| spec.retry_count = 1);
    let long = task_with("long", |spec| spec.timeout_minutes = 77);
    let traced = task_with("traced", |spec| spec.traceparent = Some("00-aa-bb-01".to_owned()));
    let tasks = vec![task("a"), traced, task("a"), urgent("b", Priority::Low), retried, long];
    let payloads: Vec<String> = tasks.iter().map(|task| task.payload().to_owned()).collect();
    let outcomes = bed.queue.enqueue_many(tasks).await.unwrap();
    let pending = TaskStatus::Pending;
    for (at, outcome) in outcomes.iter().enumerate() {
        let again = at == 2;
        let wanted = if again {
            EnqueueOutcome::Exists { status: pending }
        } else {
            EnqueueOutcome::Created { status: pending }
        };
        assert_eq!(*outcome, wanted, "outcome {at}");
    }
    let reported = async |id: &str, field: &str| {
        bed.redis::<Option<String>>(&format!("HGET agent:task:{id} {field}")).await
    };
    for (id, payload) in ["a", "traced", "a", "b", "retried", "long"].iter().zip(payloads) {
        assert_eq!(reported(id, "payload").await, Some(payload), "{id}");
    }
    assert_eq!(reported("traced", "traceparent").await.as_deref(), Some("00-aa-bb-01"));
    assert_eq!(reported("a", "traceparent").await, None);
    assert_eq!(reported("b", "priority").await.as_deref(), Some("low"));
    assert_eq!(reported("retried", "retry_count").await.as_deref(), Some("1"));
    assert_eq!(reported("long", "timeout_minutes").await.as_deref(), Some("77"));
    assert_eq!(reported("a", "timeout_minutes").await, reported("b", "timeout_minutes").await);
}
