//! What `/metrics` shows: alone in its process, as the recorder is global.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that can not go on has failed")]

#[path = "lead/bed.rs"]
#[expect(dead_code, reason = "shared with the other tests, which use more of it")]
mod bed;

use bed::{LONG, VIEWER, eventually, fail, start, succeed};
use greenline_testbed::TestBed;

fn value(text: &str, series: &str) -> Option<f64> {
    let line = text.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '))?;
    line.parse().ok()
}

#[tokio::test]
async fn each_end_is_counted_once_and_every_number_has_help() {
    let bed = TestBed::new().await;
    let mut worker = bed.worker("w").await;
    let mut lead = start(&bed, "one", LONG).await;
    let epoch = lead.leads().await;
    for number in 0..5 {
        succeed(&bed, &mut worker, &format!("good-{number}")).await;
    }
    fail(&bed, &mut worker, "bad", "no").await;
    eventually("noticed", async || bed.queue.outbox_len().await.unwrap() == 0).await;

    let answer = lead.get_as(VIEWER, "/metrics").await;
    assert!(answer.head.contains("content-type: text/plain; version=0.0.4"));
    let text = answer.body;
    let ended = |status: &str| {
        let series =
            format!("greenline_tasks_finished_total{{status=\"{status}\",type=\"run_command\"}}");
        value(&text, &series)
    };
    assert_eq!((ended("success"), ended("failed")), (Some(5.0), Some(1.0)));
    let count = "greenline_task_duration_seconds_count{type=\"run_command\"}";
    assert_eq!(value(&text, count), Some(6.0));
    #[expect(clippy::cast_precision_loss, reason = "an epoch is far below 2^53")]
    let epoch = epoch.0 as f64;
    let expected = [
        ("greenline_leader", 1.0),
        ("greenline_leader_epoch", epoch),
        ("greenline_redis_up", 1.0),
        ("greenline_workers_active", 1.0),
        ("greenline_slots", 4.0),
        ("greenline_tasks_dead", 1.0),
        ("greenline_outbox_tasks", 0.0),
        ("greenline_open_intents", 0.0),
        ("greenline_oldest_pending_seconds", 0.0),
        ("greenline_tasks_pending{priority=\"critical\"}", 0.0),
    ];
    for (series, number) in expected {
        assert_eq!(value(&text, series), Some(number), "{series}");
    }
    assert!(!text.contains("good-0"), "ids of tasks are no labels");

    let mut shown = text.lines().filter_map(|line| line.strip_prefix("# TYPE "));
    let helpless = shown.find(|line| {
        let name = line.split(' ').next().unwrap();
        !name.starts_with("greenline_") || !text.contains(&format!("# HELP {name} "))
    });
    assert_eq!(helpless, None);

    assert_eq!(lead.get("/made-up-by-someone").await.status, 404);
    let text = lead.get_as(VIEWER, "/metrics").await.body;
    let other = "greenline_http_requests_total{route=\"other\",status=\"404\"}";
    assert_eq!(value(&text, other), Some(1.0));
    assert!(!text.contains("made-up"));
}
