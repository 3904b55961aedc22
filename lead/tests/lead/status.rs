//! What `/api/v1/status` tells.

use std::time::Duration;

use greenline_queue::{PauseTarget, TaskSpec};
use greenline_runtime::clock::ManualClock;
use greenline_store::cmd;
use greenline_testbed::TestBed;

use crate::bed::{LONG, fail, id, options, run, start, succeed};

#[tokio::test]
async fn an_empty_queue_has_no_success_rate() {
    let bed = TestBed::new().await;
    let lead = start(&bed, "one", LONG).await;
    let status = lead.status().await;
    assert_eq!(status["pending_tasks"], 0);
    assert_eq!(status["active_workers"], 0);
    assert_eq!(status["recent_tasks"], serde_json::json!([]));
    assert!(status["success_rate"].is_null());
    assert!(status["oldest_pending_ms"].is_null());
}

#[tokio::test]
async fn it_tells_of_real_tasks() {
    let bed = TestBed::new().await;
    let mut worker = bed.worker("w1").await;
    let _idle = bed.worker("w2").await;
    for number in 0..3 {
        succeed(&bed, &mut worker, &format!("good-{number}")).await;
    }
    fail(&bed, &mut worker, "bad", "it says no").await;
    let task = |text: &str, priority: &str| {
        let mut spec = TaskSpec::command(id(text), ["true"]);
        spec.priority = priority.parse().unwrap();
        spec
    };
    for (text, priority) in [("n", "normal"), ("l", "low"), ("h", "high"), ("c", "critical")] {
        bed.queue.enqueue(task(text, priority).build().unwrap()).await.unwrap();
    }
    let mut gated = task("gated", "normal");
    gated.requires_approval = true;
    bed.queue.enqueue(gated.build().unwrap()).await.unwrap();
    bed.queue.pause(&PauseTarget::All, "somebody", "an upgrade").await.unwrap();

    let mut lead = start(&bed, "one", LONG).await;
    lead.leads().await;
    let status = lead.status().await;
    assert_eq!(status["pending_tasks"], 4, "the sum of all priorities");
    assert_eq!(status["by_priority"]["high"]["pending"], 1);
    assert_eq!(status["awaiting_approval"], 1);
    assert_eq!(status["active_workers"], 2);
    assert_eq!(status["workers"].as_array().unwrap().len(), 2);
    assert_eq!(status["slots"], 8);
    assert_eq!(status["dead"], 1);
    assert_eq!(status["success_rate"], 75.0);
    assert_eq!(status["paused"]["all"]["by"], "somebody");
    assert!(status["oldest_pending_ms"].as_i64().unwrap() >= 0);
    assert!(status["redis"]["used_memory"].as_u64().unwrap() > 0);

    let recent = status["recent_tasks"].as_array().unwrap();
    assert_eq!(recent.len(), 4);
    let bad = recent.iter().find(|task| task["id"] == "bad").unwrap();
    assert_eq!((&bad["type"], &bad["status"]), (&"run_command".into(), &"failed".into()));
    assert_eq!(bad["error"], "it says no");
    assert!(bad["duration_ms"].as_i64().unwrap() >= 0);
    assert!(bad["finished_at"].as_str().unwrap().ends_with('Z'));
}

#[tokio::test]
async fn only_the_last_twenty_count() {
    let bed = TestBed::new().await;
    let mut worker = bed.worker("w").await;
    for number in 0..5 {
        fail(&bed, &mut worker, &format!("old-{number}"), "no").await;
    }
    bed.clock.advance(Duration::from_secs(1));
    for number in 0..20 {
        succeed(&bed, &mut worker, &format!("new-{number}")).await;
    }
    let lead = start(&bed, "one", LONG).await;
    let status = lead.status().await;
    assert_eq!(status["recent_tasks"].as_array().unwrap().len(), 20);
    assert_eq!(status["success_rate"], 100.0);
}

#[tokio::test]
async fn a_crowd_of_askers_costs_redis_one_reading() {
    let bed = TestBed::new().await;
    let manual = ManualClock::at(1_700_000_000_000);
    let mut options = options(&bed, "one", LONG).await;
    options.clock = manual.clock();
    let lead = run(options).await;
    lead.status().await;
    let before = readings(&bed).await;

    futures_util::future::join_all((0..50).map(|_| lead.status())).await;
    let still = readings(&bed).await;
    assert_eq!(still - before, 1, "the clock stood still: only this test asked");

    manual.advance(Duration::from_secs(60));
    futures_util::future::join_all((0..50).map(|_| lead.status())).await;
    assert_eq!(readings(&bed).await - still, 2, "one for all, and this test");
}

/// How often Redis was asked about itself: once in each reading, and once in each call of this.
async fn readings(bed: &TestBed) -> u64 {
    let info: String = bed.queue.store().command(cmd("INFO").arg("commandstats")).await.unwrap();
    let line = info.lines().find_map(|line| line.strip_prefix("cmdstat_info:calls=")).unwrap();
    line.split(',').next().unwrap().parse().unwrap()
}
