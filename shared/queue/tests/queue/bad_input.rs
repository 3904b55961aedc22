//! What people and programs get wrong: a clear error, or quarantine with the
//! reason; the rest goes on.

use std::time::Duration;

use greenline_queue::{
    ApprovalDecision, ApprovalOutcome, EnqueueOutcome, Queue, QueueError, QueueOptions,
    RetryOutcome, Settlement, Task, TaskError, TaskKeys, TaskSigningKey, TaskStatus, Unsigned,
};
use greenline_store::StoreConfig;
use greenline_testbed::{ManualWorker, TestBed};

use crate::tasks::{file, id, task, task_with};

on_a_fresh_bed! {
    what_can_not_be_read_goes_to_quarantine_with_the_reason
    a_task_that_is_too_large_is_refused_or_put_aside
    a_list_that_is_no_list_stops_only_its_own
    quarantine_keeps_the_entry_whole
    an_entry_is_not_lost_though_quarantine_is_broken
}

/// Entries as people push them, and what the reason has to name.
const BAD: [(&str, &str); 15] = [
    ("{", "EOF"),
    ("{}", "missing field `task_id`"),
    ("hello world", "neither a task as JSON"),
    ("x:lock", "neither a task as JSON"),
    ("", "neither a task as JSON"),
    ("[1,2]", "neither a task as JSON"),
    (r#"{"task_id":"a b","type":"run_command"}"#, "task_id"),
    (r#"{"task_id":"a\nb","type":"run_command"}"#, "task_id"),
    (r#"{"task_id":"x:lock","type":"run_command"}"#, "use 1 to 128 of A-Z a-z 0-9 . _ -"),
    (r#"{"task_id":7,"type":"run_command"}"#, "task_id: invalid type"),
    (r#"{"task_id":"a","type":"run_command"}"#, "at least one command"),
    (r#"{"task_id":"a","type":"deploy_step","timeout_minutes":0}"#, "timeout_minutes: 0 is not"),
    (r#"{"task_id":"a","type":"deploy_step","timeout_minutes":525600}"#, "(a day)"),
    (r#"{"task_id":"a","type":"deploy_step"} trailing"#, "follows the task"),
    (r#"{"task_id":"a","type":"deploy_step","depends_on":["nobody"]}"#, "no such task"),
];

async fn what_can_not_be_read_goes_to_quarantine_with_the_reason(bed: TestBed) {
    let mut manual_worker = bed.manual_worker("w").await;
    for (entry, reason) in BAD {
        bed.redis_words::<u64>(&["LPUSH", "agent:tasks:pending", entry]).await;
        file(&bed, task("good")).await;
        let mut claims = manual_worker.claim(2).await;
        claims.extend(manual_worker.claim(2).await);
        assert_eq!(claims.len(), 1, "{entry}");
        assert_eq!(manual_worker.complete(&claims[0]).await, Settlement::Accepted);
        let aside = bed.queue.quarantined().await.unwrap();
        assert_eq!(aside.len(), 1, "{entry}: {aside:?}");
        assert_eq!(aside[0].entry, entry);
        assert!(aside[0].reason.contains(reason), "{entry}: {}", aside[0].reason);
        assert!(bed.keys("agent:tasks:adopting").await.is_empty());
        bed.queue.clear_quarantine(false, |_| true).await.unwrap();
        bed.queue.purge(&[id("good")], true).await.unwrap();
    }
    // Bytes that are no text.
    let bytes: &[u8] = &[0xff, 0xfe, b'{'];
    let mut push = greenline_store::cmd("LPUSH");
    push.arg("agent:tasks:pending").arg(bytes);
    bed.queue.store().command::<u64>(&push).await.unwrap();
    assert!(manual_worker.claim(1).await.is_empty());
    assert!(bed.queue.quarantined().await.unwrap()[0].reason.starts_with("not UTF-8"));
    // An id without a task.
    bed.redis::<u64>("LPUSH agent:tasks:pending nobody").await;
    assert!(manual_worker.claim(1).await.is_empty());
    let aside = bed.queue.quarantined().await.unwrap();
    assert!(aside.iter().any(|one| one.entry == "nobody" && one.reason.contains("hash")));
}

async fn a_task_that_is_too_large_is_refused_or_put_aside(bed: TestBed) {
    let most = 256 * 1024;
    let sized = |text: &str, bytes: usize| {
        let empty = task_with(text, |spec| spec.prompt = Some(String::new()));
        let prompt = "x".repeat(bytes - empty.payload().len());
        task_with(text, |spec| spec.prompt = Some(prompt))
    };
    assert_eq!(sized("fits", most).payload().len(), most);
    assert_eq!(file(&bed, sized("fits", most)).await, TaskStatus::Pending);
    let too_large = sized("large", 300 * 1024);
    let error = bed.queue.enqueue(too_large.clone()).await.unwrap_err();
    let TaskError::TooLarge { bytes, most } = (match error {
        QueueError::Task(error) => error,
        other => panic!("{other}"),
    }) else {
        panic!("another error")
    };
    assert_eq!((bytes, most), (300 * 1024, 256 * 1024));
    bed.redis_words::<u64>(&["LPUSH", "agent:tasks:pending", too_large.payload()]).await;
    let mut manual_worker = bed.manual_worker("w").await;
    assert_eq!(manual_worker.claim(2).await.len(), 1);
    let aside = bed.queue.quarantined().await.unwrap();
    assert!(aside[0].reason.contains("at most 262144 are allowed"), "{}", aside[0].reason);
}

async fn a_list_that_is_no_list_stops_only_its_own(bed: TestBed) {
    bed.redis::<String>("SET agent:tasks:pending:high nonsense").await;
    let urgent = || task_with("urgent", |spec| spec.priority = "high".parse().unwrap());
    let error = bed.queue.enqueue(urgent()).await.unwrap_err();
    assert!(error.to_string().contains("a key in Redis has the wrong type"), "{error}");
    assert!(!error.is_transient());
    file(&bed, task("a")).await;
    let mut manual_worker = bed.manual_worker("w").await;
    let claim = manual_worker.claim_one().await;
    assert_eq!(manual_worker.complete(&claim).await, Settlement::Accepted);
    bed.pass(Duration::from_secs(3)).await;
    bed.redis::<u64>("DEL agent:tasks:pending:high").await;
    assert_eq!(file(&bed, urgent()).await, TaskStatus::Pending, "nothing was half filed");
}

async fn quarantine_keeps_the_entry_whole(bed: TestBed) {
    let entry = "{\"task_id\": \"ä\u{1F600}\\u0000\",\n\t\"quotes\": \"\\\"\"";
    bed.redis_words::<u64>(&["LPUSH", "agent:tasks:pending:low", entry]).await;
    bed.manual_worker("w").await.claim(1).await;
    let raw: Vec<String> = bed.redis("LRANGE agent:tasks:quarantine 0 -1").await;
    let record: serde_json::Value = serde_json::from_str(&raw[0]).unwrap();
    assert_eq!(record["entry"], entry);
    assert!(record["at"].as_i64().unwrap() > 0);
}

pub(crate) async fn an_entry_is_not_lost_though_quarantine_is_broken(bed: TestBed) {
    bed.redis::<String>("SET agent:tasks:quarantine nonsense").await;
    bed.redis_words::<u64>(&["LPUSH", "agent:tasks:pending", "{broken"]).await;
    assert!(bed.manual_worker("w").await.claim(1).await.is_empty());
    assert!(bed.queue.tick_now().await.is_err(), "who ticks learns of it");
    bed.redis::<u64>("DEL agent:tasks:quarantine").await;
    bed.queue.tick_now().await.unwrap();
    assert_eq!(bed.queue.quarantined().await.unwrap()[0].entry, "{broken");
    assert!(bed.keys("agent:tasks:adopting").await.is_empty());
}

/// A queue whose workers check signatures, and one that signs for it.
async fn with_keys(unsigned: Unsigned) -> (TestBed, Queue) {
    let (old, new) = (TaskSigningKey::from_seed(&[1; 32]), TaskSigningKey::from_seed(&[2; 32]));
    let task_keys = TaskKeys::new(None, vec![new.public(), old.public()], unsigned);
    let bed = TestBed::with(QueueOptions { task_keys, ..QueueOptions::default() }).await;
    let signs = TaskKeys::new(Some(old), vec![], unsigned);
    let lead = queue_with(&bed, signs).await;
    (bed, lead)
}

async fn queue_with(bed: &TestBed, task_keys: TaskKeys) -> Queue {
    let options = QueueOptions { task_keys, ..bed.queue.options().clone() };
    let store = greenline_store::Store::connect(StoreConfig::at(bed.redis.url())).await.unwrap();
    Queue::open(store, options).await.unwrap()
}

async fn ids_of_claims(manual_worker: &mut ManualWorker) -> Vec<String> {
    let mut ids: Vec<String> =
        manual_worker.claim(8).await.iter().map(|claim| claim.id.to_string()).collect();
    ids.sort();
    ids
}

#[tokio::test]
async fn what_was_signed_and_changed_since_does_not_run() {
    for unsigned in [Unsigned::Run, Unsigned::Quarantine] {
        let (bed, lead) = with_keys(unsigned).await;
        for text in ["signed", "forged", "retyped", "moved"] {
            lead.enqueue(task(text)).await.unwrap();
        }
        let other = task("forged").payload().replace("true", "evil");
        bed.redis_words::<u64>(&["HSET", "agent:task:forged", "payload", &other]).await;
        bed.redis::<u64>("HSET agent:task:retyped type fix_test_failure").await;
        // The signature of another task, over that task's own text.
        let signature: String = bed.redis("HGET agent:task:signed signature").await;
        let payload = task("signed").payload().to_owned();
        let moved = ["HSET", "agent:task:moved", "payload", &payload, "signature", &signature];
        bed.redis_words::<u64>(&moved).await;
        let stranger = TaskSigningKey::from_seed(&[3; 32]);
        let stranger = queue_with(&bed, TaskKeys::new(Some(stranger), vec![], unsigned)).await;
        stranger.enqueue(task("strangers")).await.unwrap();

        let mut manual_worker = bed
            .manual_worker_with("w", |it| {
                it.types.insert("fix_test_failure".parse().unwrap());
            })
            .await;
        assert_eq!(ids_of_claims(&mut manual_worker).await, ["signed"]);
        for text in ["forged", "strangers", "moved"] {
            let record = bed.record(text).await;
            let why = record.error.unwrap();
            assert_eq!(&*record.status, "failed");
            assert!(why.starts_with("its signature is wrong"), "{text}: {why}");
        }
        let why = bed.record("retyped").await.error.unwrap();
        assert_eq!(why, "its hash says type fix_test_failure, its payload run_command");
        assert_eq!(bed.queue.quarantined().await.unwrap().len(), 4);
        assert_eq!(bed.redis::<u64>("ZCARD agent:tasks:leases").await, 1);
    }
}

#[tokio::test]
async fn unsigned_tasks_run_unless_the_operator_says_otherwise() {
    let json = r#"{"task_id":"pushed","type":"run_command","validation":["true"]}"#;
    for (unsigned, run) in
        [(Unsigned::Run, vec!["pushed", "unsigned"]), (Unsigned::Quarantine, vec![])]
    {
        let (bed, _) = with_keys(unsigned).await;
        // A producer without the key, and a person with redis-cli.
        bed.queue.enqueue(task("unsigned")).await.unwrap();
        bed.redis_words::<u64>(&["LPUSH", "agent:tasks:pending", json]).await;
        let mut manual_worker = bed.manual_worker("w").await;
        let mut ids = ids_of_claims(&mut manual_worker).await;
        ids.extend(ids_of_claims(&mut manual_worker).await);
        ids.sort();
        assert_eq!(ids, run);
        let reasons: Vec<String> =
            bed.queue.quarantined().await.unwrap().into_iter().map(|one| one.reason).collect();
        assert_eq!(reasons.len(), 2 - run.len(), "{reasons:?}");
        assert!(reasons.iter().all(|reason| reason.contains("not signed")), "{reasons:?}");
    }
}

#[tokio::test]
async fn a_payload_without_gate_or_signature_is_no_way_around_a_yes() {
    let (bed, lead) = with_keys(Unsigned::Run).await;
    lead.enqueue(task_with("a", |spec| spec.requires_approval = true)).await.unwrap();
    let payload = task("a").payload().to_owned();
    bed.redis_words::<u64>(&["HDEL", "agent:task:a", "approval_hash", "signature"]).await;
    let forged = ["HSET", "agent:task:a", "status", "pending", "payload", &payload];
    bed.redis_words::<u64>(&forged).await;
    bed.redis::<u64>("RPUSH agent:tasks:pending a").await;
    assert!(bed.manual_worker("w").await.claim(1).await.is_empty());
    let why = bed.record("a").await.error.unwrap();
    assert_eq!(why, "it is not what a person was asked about: it was changed since");
}

/// What a worker's Redis user writes to have a task run.
async fn push(bed: &TestBed, text: &str) {
    let key = format!("agent:task:{text}");
    bed.redis_words::<u64>(&["HSET", &key, "status", "pending", "route", ""]).await;
    bed.redis_words::<u64>(&["RPUSH", "agent:tasks:pending", text]).await;
}

#[tokio::test]
async fn a_signed_task_runs_where_and_when_its_payload_says() {
    let (bed, lead) = with_keys(Unsigned::Quarantine).await;
    let later = chrono::Utc::now() + Duration::from_hours(1);
    lead.enqueue(task_with("gpu", |spec| spec.labels = ["gpu".parse().unwrap()].into()))
        .await
        .unwrap();
    lead.enqueue(task_with("late", |spec| spec.not_before = Some(later))).await.unwrap();
    for (text, why) in [
        ("gpu", "it is for workers with label gpu, which this worker does not have"),
        ("late", "it must not run before"),
    ] {
        push(&bed, text).await;
        assert!(bed.manual_worker("w").await.claim(1).await.is_empty(), "{text}");
        let record = bed.record(text).await;
        assert_eq!(&*record.status, "failed");
        assert!(record.error.as_ref().is_some_and(|error| error.starts_with(why)), "{record:?}");
    }
    assert_eq!(bed.queue.quarantined().await.unwrap().len(), 2);

    // A retry by hand waits for its time, and then the task runs.
    let retried = lead.retry(&[id("late")], "ada", false).await.unwrap();
    assert_eq!(retried[0], RetryOutcome::Done { status: TaskStatus::Scheduled });
    bed.pass(Duration::from_hours(1)).await;
    assert_eq!(bed.manual_worker("w").await.claim_one().await.id.as_str(), "late");
}

#[tokio::test]
async fn no_task_runs_after_a_gate_that_nobody_opened() {
    let (bed, lead) = with_keys(Unsigned::Quarantine).await;
    let after = |text: &str, gate: &str| {
        let gate = id(gate);
        task_with(text, move |spec| spec.depends_on = vec![gate])
    };
    for (gate, child) in [("g1", "c1"), ("g2", "c2"), ("g3", "c3"), ("g4", "c4")] {
        lead.enqueue(task_with(gate, |spec| spec.requires_approval = true)).await.unwrap();
        lead.enqueue(after(child, gate)).await.unwrap();
    }
    bed.redis::<u64>("HSET agent:task:g1 status success").await;
    // One that was deleted, and one over which another payload was written.
    bed.redis::<u64>("DEL agent:task:g2").await;
    let open = task("g3").payload().to_owned();
    let written = ["HSET", "agent:task:g3", "status", "success", "payload", &open];
    bed.redis_words::<u64>(&written).await;
    for (child, why) in [
        ("c1", "it comes after g1, but the approval of that is open"),
        ("c2", "it comes after g2, but the approval of that is open"),
        (
            "c3",
            "it comes after g3, but that is not what a person was asked about: it was changed since",
        ),
    ] {
        push(&bed, child).await;
        assert!(bed.manual_worker("w").await.claim(1).await.is_empty(), "{child}");
        assert_eq!(bed.record(child).await.error.unwrap(), why);
    }
    // With a yes, both run, also after the term of the yes.
    let hash = bed.queue.approval("g4").await.unwrap().unwrap().content_hash;
    let decision = ApprovalDecision { approval: "g4", content_hash: &hash, who: "ada", why: "" };
    assert_eq!(lead.approve(&decision).await.unwrap(), ApprovalOutcome::Done);
    let mut manual_worker = bed.manual_worker("w").await;
    let claim = manual_worker.claim_one().await;
    assert_eq!(claim.id.as_str(), "g4");
    manual_worker.complete(&claim).await;
    bed.clock.advance(Duration::from_hours(8 * 24));
    assert_eq!(manual_worker.claim_one().await.id.as_str(), "c4");
}

#[tokio::test]
async fn a_producer_learns_what_is_wrong_with_its_task() {
    for (json, says) in [
        (r#"{"task_id":"x:lock","type":"x"}"#, r#"task id "x:lock": use 1 to 128 of"#),
        (r#"{"task_id":"a","type":"x","labels":["a b"]}"#, "labels[0]: label \"a b\""),
        (r#"{"task_id":"a","type":"x","concurrency_key":"@type:x"}"#, "not beginning with @"),
        (r#"{"task_id":"a","type":"x","retry_count":-1}"#, "retry_count: invalid value"),
    ] {
        let error = Task::from_json(json).unwrap_err().to_string();
        assert!(error.contains(says), "{error}");
    }
    assert!(!EnqueueOutcome::Refused { why: "it is bad".to_owned() }.is_accepted());
}
