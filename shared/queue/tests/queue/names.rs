//! What people see with redis-cli: the names of keys and channels are public.

use std::collections::{BTreeMap, HashMap};

use futures_util::StreamExt;
use greenline_queue::{Priority, QueueChannel, Settlement, TaskStatus};
use greenline_store::{StoreConfig, cmd};
use greenline_testbed::{ManualWorker, TestBed};
use serde_json::Value;

use crate::tasks::{child, file, file_all, id, keyed, task, task_with};

on_a_fresh_bed! {
    pending_tasks_stand_in_the_list_of_their_priority
    a_tasks_hash_is_flat_and_tells_its_whole_state
    a_claim_is_a_lease_and_a_lock_with_the_workers_id
    each_attempt_leaves_a_record
    channels_carry_the_bare_id
    a_namespace_goes_before_every_key_and_channel
    a_namespace_goes_before_what_calls_a_worker_to_come_alone
    json_pushed_by_hand_is_run_byte_for_byte
    an_id_that_is_pushed_by_hand_twice_is_given_once
    who_waits_stands_where_the_design_says
}

async fn pending_tasks_stand_in_the_list_of_their_priority(bed: TestBed) {
    for (at, priority) in Priority::ALL.into_iter().enumerate() {
        let filed = task_with(&format!("t{at}"), |spec| spec.priority = priority);
        assert_eq!(file(&bed, filed).await, TaskStatus::Pending);
    }
    for (list, of) in [(":critical", "t0"), (":high", "t1"), ("", "t2"), (":low", "t3")] {
        let ids: Vec<String> = bed.redis(&format!("LRANGE agent:tasks:pending{list} 0 -1")).await;
        assert_eq!(ids, [of]);
    }
    assert_eq!(bed.redis::<u64>("LLEN agent:tasks:wake").await, 4);
    assert_eq!(bed.queue.stats().await.unwrap().pending, 4);
}

async fn a_tasks_hash_is_flat_and_tells_its_whole_state(bed: TestBed) {
    let json = r#"{ "task_id":"a","type":"run_command","validation":["true"],"mine":[1.0e3,{}],"created_at":"2026-01-01T00:00:00" }"#;
    file(&bed, greenline_queue::Task::from_json(json).unwrap()).await;
    let hash = |bed| hash_of(bed, "a");
    let fields = hash(&bed).await;
    assert_eq!(fields["payload"], json);
    for (name, value) in [
        ("type", "run_command"),
        ("status", "pending"),
        ("priority", "normal"),
        ("timeout_minutes", "30"),
        ("retry_count", "0"),
        ("created_at", "2026-01-01T00:00:00+00:00"),
    ] {
        assert_eq!(fields[name], value, "{name}");
    }

    let mut manual_worker = bed.manual_worker("w").await;
    let claim = manual_worker.claim_one().await;
    let fields = hash(&bed).await;
    assert_eq!(fields["status"], "running");
    assert_eq!(fields["worker_id"], "w");
    assert_eq!(fields["attempt"], "1");
    assert_eq!(fields["fence"], claim.fence.as_str());
    assert!(fields["fence"].bytes().all(|byte| byte.is_ascii_digit()), "{}", fields["fence"]);

    manual_worker.complete(&claim).await;
    let fields = hash(&bed).await;
    assert_eq!((&*fields["status"], &*fields["result"]), ("success", r#"{"ok":true}"#));
    assert!(bed.redis::<Option<f64>>("ZSCORE agent:tasks:done a").await.is_some());
    assert!(bed.redis::<Option<f64>>("ZSCORE agent:tasks:outbox a").await.is_some());
    assert_eq!(bed.redis::<u64>("LLEN agent:tasks:pending").await, 0);
}

async fn hash_of(bed: &TestBed, id: &str) -> BTreeMap<String, String> {
    bed.redis(&format!("HGETALL agent:task:{id}")).await
}

async fn a_claim_is_a_lease_and_a_lock_with_the_workers_id(bed: TestBed) {
    file(&bed, task("a")).await;
    let mut manual_worker = bed.manual_worker("worker-7").await;
    let claim = manual_worker.claim_one().await;
    assert_eq!(bed.redis::<String>("GET agent:task:a:lock").await, "worker-7");
    let left: i64 = bed.redis("PTTL agent:task:a:lock").await;
    assert!((1..=15_000).contains(&left), "{left}");
    let leases: HashMap<String, f64> = bed.redis("ZRANGE agent:tasks:leases 0 -1 WITHSCORES").await;
    let claimed_at = bed.record("a").await.claimed_at.unwrap();
    assert_eq!(leases["a"] as i64, claimed_at + 15_000);

    manual_worker.complete(&claim).await;
    assert!(bed.keys("agent:task:a:lock").await.is_empty());
    assert_eq!(bed.redis::<u64>("ZCARD agent:tasks:leases").await, 0);
}

async fn each_attempt_leaves_a_record(bed: TestBed) {
    file(&bed, task("a")).await;
    let mut manual_worker = bed.manual_worker("w").await;
    let first = manual_worker.claim_one().await;
    manual_worker.fail(&first).await;
    assert!(bed.redis::<Option<f64>>("ZSCORE agent:tasks:scheduled a").await.is_some());
    bed.pass(std::time::Duration::from_secs(11)).await;
    let second = manual_worker.claim_one().await;
    manual_worker.give_up(&second).await;
    assert!(bed.redis::<Option<f64>>("ZSCORE agent:tasks:dead a").await.is_some());

    let attempts: Vec<String> = bed.redis("LRANGE agent:task:a:attempts 0 -1").await;
    let attempts: Vec<Value> =
        attempts.iter().map(|text| serde_json::from_str(text).unwrap()).collect();
    for (at, attempt) in attempts.iter().enumerate() {
        assert_eq!(attempt["attempt"], at + 1);
        assert_eq!(attempt["outcome"], "failed");
        assert_eq!(attempt["worker"], "w");
        assert_eq!(attempt["error"], "it says \"no\"");
    }
    assert_eq!(attempts.len(), 2);
}

async fn channels_carry_the_bare_id(bed: TestBed) {
    let mut new = Box::pin(bed.queue.listen(QueueChannel::New).await.unwrap());
    let mut completed = Box::pin(bed.queue.listen(QueueChannel::Completed).await.unwrap());
    let mut failed = Box::pin(bed.queue.listen(QueueChannel::Failed).await.unwrap());
    // The same, as anyone hears it.
    let name = "agent:tasks:completed".to_owned();
    let mut raw = bed.queue.store().subscribe(&[name]).await.unwrap().into_on_message();

    file_all(&bed, &["a", "b", "c"]).await;
    let mut manual_worker = bed.manual_worker("w").await;
    let claims = manual_worker.claim(3).await;
    manual_worker.complete(&claims[0]).await;
    manual_worker.fail(&claims[1]).await;
    manual_worker.give_up(&claims[2]).await;
    for text in ["a", "b", "c"] {
        assert_eq!(new.next().await.unwrap(), text);
    }
    assert_eq!(completed.next().await.unwrap(), "a");
    assert_eq!(raw.next().await.unwrap().get_payload::<String>().unwrap(), "a");
    // Once for each failed attempt, the last one too.
    assert_eq!(failed.next().await.unwrap(), "b");
    assert_eq!(failed.next().await.unwrap(), "c");
}

async fn a_namespace_goes_before_every_key_and_channel(bed: TestBed) {
    let (one, other) = (bed.queue_in("one").await, bed.queue_in("other").await);
    let mut messages = Box::pin(other.listen(QueueChannel::Completed).await.unwrap());
    for queue in [&one, &other] {
        queue.enqueue(keyed("a", "pr")).await.unwrap();
        let profile = bed.worker("w").await.profile().clone();
        let mut manual_worker = ManualWorker::of(queue.clone(), queue.worker(profile));
        let claim = manual_worker.claim_one().await;
        assert!(manual_worker.claim(1).await.is_empty());
        assert_eq!(manual_worker.complete(&claim).await, Settlement::Accepted);
        queue.tick_now().await.unwrap();
    }
    // Were channels shared, the first `a` would have been heard twice.
    assert_eq!(messages.next().await.unwrap(), "a");
    other.enqueue(task("b")).await.unwrap();
    other.cancel(&[id("b")], "enough").await.unwrap();
    assert_eq!(messages.next().await.unwrap(), "b");

    let foreign: Vec<String> = bed
        .keys("*")
        .await
        .into_iter()
        .filter(|key| !key.starts_with("one:agent:") && !key.starts_with("other:agent:"))
        .collect();
    assert_eq!(foreign, ["agent:schema", "agent:worker:w", "agent:workers"]);
    let other_database = StoreConfig { database: 3, ..StoreConfig::at(bed.redis.url()) };
    let queue = bed.queue_by(other_database).await;
    assert_eq!(queue.stats().await.unwrap().done, 0);
}

async fn json_pushed_by_hand_is_run_byte_for_byte(bed: TestBed) {
    let mut manual_worker = bed.manual_worker("w").await;
    for (at, list) in ["", ":high", ":low", ":critical"].iter().enumerate() {
        let json = format!(
            "{{ \"task_id\":\"t{at}\", \"type\":\"run_command\",\"validation\":[\"true\"],\n\"inputs\":[],\"n\":12345678901234567890 }}"
        );
        let list = format!("agent:tasks:pending{list}");
        bed.redis_words::<u64>(&["LPUSH", &list, &json]).await;
        // Read once, then filed like any task.
        let mut claims = manual_worker.claim(1).await;
        if claims.is_empty() {
            claims = manual_worker.claim(1).await;
        }
        assert_eq!(claims[0].task().unwrap().payload(), json);
        assert_eq!(manual_worker.complete(&claims[0]).await, Settlement::Accepted);
    }
    assert!(bed.keys("agent:tasks:adopting").await.is_empty());
    assert!(bed.queue.quarantined().await.unwrap().is_empty());
}

pub(crate) async fn an_id_that_is_pushed_by_hand_twice_is_given_once(bed: TestBed) {
    // The first is taken alone, as its priority's share; the rest in one look.
    file_all(&bed, &["first", "a"]).await;
    bed.redis::<u64>("LPUSH agent:tasks:pending a a").await;
    let (mut one, mut other) = (bed.manual_worker("w1").await, bed.manual_worker("w2").await);
    let mut claims = one.claim(8).await;
    assert_eq!(claims.len(), 2);
    claims.remove(0);
    assert!(other.claim(8).await.is_empty());
    assert_eq!(one.complete(&claims[0]).await, Settlement::Accepted);

    // The same JSON twice is one task.
    let json = r#"{"task_id":"b","type":"run_command","validation":["true"]}"#;
    bed.redis_words::<u64>(&["LPUSH", "agent:tasks:pending", json, json]).await;
    one.claim(8).await;
    let claims = one.claim(8).await;
    assert_eq!(claims.len(), 1);
    assert_eq!(one.complete(&claims[0]).await, Settlement::Accepted);
    assert!(bed.keys("agent:tasks:adopting").await.is_empty());
    // Another task of its id is not dropped unseen.
    let json = r#"{"task_id":"b","type":"run_command","validation":["false"]}"#;
    bed.redis_words::<u64>(&["LPUSH", "agent:tasks:pending", json]).await;
    one.claim(8).await;
    let quarantined = bed.queue.quarantined().await.unwrap();
    assert_eq!(quarantined[0].entry, json);
    assert!(quarantined[0].reason.contains("another task has this id"), "{quarantined:?}");
}

async fn who_waits_stands_where_the_design_says(bed: TestBed) {
    file(&bed, keyed("first", "acme/app#812")).await;
    assert_eq!(file(&bed, keyed("second", "acme/app#812")).await, TaskStatus::Blocked);
    assert_eq!(file(&bed, child("later", &["first"])).await, TaskStatus::Waiting);
    let asked = task_with("asked", |spec| spec.requires_approval = true);
    assert_eq!(file(&bed, asked).await, TaskStatus::AwaitingApproval);
    let deduped = task_with("only", |spec| spec.dedup_key = Some("k".parse().unwrap()));
    file(&bed, deduped).await;

    let slots: Vec<String> = bed.redis("SMEMBERS agent:tasks:slots:acme/app#812").await;
    assert_eq!(slots, ["first"]);
    let blocked: Vec<String> = bed.redis("LRANGE agent:tasks:blocked:acme/app#812 0 -1").await;
    assert_eq!(blocked, ["second"]);
    assert_eq!(bed.redis::<Vec<String>>("SMEMBERS agent:task:first:children").await, ["later"]);
    let waiting: Vec<String> = bed.redis("ZRANGE agent:tasks:waiting 0 -1").await;
    assert_eq!(waiting, ["asked", "later"]);
    assert_eq!(bed.redis::<String>("GET agent:tasks:dedup:k").await, "only");
    assert_eq!(bed.redis::<i64>("TTL agent:tasks:dedup:k").await, -1);
    let approval: BTreeMap<String, String> = bed.redis("HGETALL agent:approval:asked").await;
    assert_eq!((&*approval["state"], &*approval["gate"]), ("open", "run"));
    assert_eq!(bed.redis::<String>("GET agent:schema").await, "1");
    // Runnable only: what waits is in no pending list.
    assert_eq!(bed.redis::<u64>("LLEN agent:tasks:pending").await, 2);
    let reported: String =
        bed.queue.store().command(cmd("TYPE").arg("agent:tasks:events")).await.unwrap();
    assert_eq!(reported, "stream");
}

pub(crate) async fn a_namespace_goes_before_what_calls_a_worker_to_come_alone(bed: TestBed) {
    let queue = bed.queue_in("acme").await;
    queue.enqueue(task("poison")).await.unwrap();
    for line in [
        "HSET acme:agent:task:poison route !run_command",
        "HSET acme:agent:tasks:routes !run_command 1",
        "RENAME acme:agent:tasks:pending acme:agent:tasks:pending@!run_command",
    ] {
        bed.redis::<greenline_store::Value>(line).await;
    }
    let profile = bed.worker("w").await.profile().clone();
    let before = bed.keys("agent:*").await;
    let mut manual_worker = ManualWorker::of(queue.clone(), queue.worker(profile));
    manual_worker.running = 1;
    assert!(manual_worker.try_claim(1, 0).await.unwrap().come_alone);
    assert_eq!(bed.redis::<String>("GET acme:agent:tasks:alone").await, "w");
    assert_eq!(bed.keys("agent:*").await, before);
}
