//! Databases of other versions: the one before is read, a newer one refused.

use std::time::Duration;

use greenline_queue::{Queue, QueueError, QueueOptions, SCHEMA, Settlement, TaskStatus};
use greenline_store::{Store, StoreConfig};
use greenline_testbed::{ManualWorker, TestBed};

use crate::tasks::file;
use crate::tasks::task;

on_a_fresh_bed! {
    a_database_without_a_schema_is_taken_over
    a_newer_database_is_refused_by_name
}

/// Types what is recorded into Redis: command, key, and the rest as one word
/// where it is JSON.
async fn type_in(bed: &TestBed, recorded: &str) {
    for line in recorded.lines().filter(|line| !line.starts_with('#')) {
        let (start, json) = match line.find('{') {
            Some(at) => (line[..at].trim_end(), Some(&line[at..])),
            None => (line, None),
        };
        let words: Vec<&str> = start.split(' ').chain(json).collect();
        let _answer: greenline_store::Value = bed.redis_words(&words).await;
    }
}

async fn a_database_without_a_schema_is_taken_over(bed: TestBed) {
    bed.redis::<u64>("DEL agent:schema").await;
    type_in(&bed, include_str!("recorded/schema-0.redis")).await;
    let queue = bed.queue_by(StoreConfig::at(bed.redis.url())).await;
    assert_eq!(bed.redis::<u32>("GET agent:schema").await, SCHEMA);
    let profile = bed
        .manual_worker_with("w", |profile| {
            profile.types.insert("fix_test_failure".parse().unwrap());
        })
        .await;
    let mut manual_worker =
        ManualWorker::of(queue, bed.queue.worker(profile.worker.profile().clone()));
    let mut ended = Vec::new();
    for round in 0..6 {
        for claim in manual_worker.claim(8).await {
            assert_eq!(manual_worker.complete(&claim).await, Settlement::Accepted);
            ended.push(claim.id.to_string());
        }
        if round == 3 {
            bed.redis::<u64>("DEL agent:task:greet-2:lock").await;
        }
        bed.pass(Duration::from_secs(6)).await;
    }
    ended.sort();
    assert_eq!(ended, ["ci-fix-812-4471", "greet-1", "greet-2", "greet-3"]);
    let aside = bed.queue.quarantined().await.unwrap();
    assert_eq!(aside.len(), 1, "{aside:?}");
    assert!(aside[0].reason.contains("at least one command"), "{aside:?}");
}

async fn a_newer_database_is_refused_by_name(bed: TestBed) {
    bed.redis::<String>(&format!("SET agent:schema {}", SCHEMA + 1)).await;
    let open = async || {
        let store = Store::connect(StoreConfig::at(bed.redis.url())).await.unwrap();
        Queue::open(store, QueueOptions::default()).await
    };
    let Err(error) = open().await else { panic!("it was opened") };
    let QueueError::NewerSchema { found, known } = error else { panic!("{error}") };
    assert_eq!((found, known), (SCHEMA + 1, SCHEMA));
    assert!(error.to_string().contains("use the newer Greenline that wrote it"));
    bed.redis::<String>("SET agent:schema nonsense").await;
    let Err(error) = open().await else { panic!("it was opened") };
    assert!(error.to_string().contains("agent:schema"), "{error}");
    // Whoever is at work goes on: it is of the version that wrote its tasks.
    assert_eq!(file(&bed, task("a")).await, TaskStatus::Pending);
}
