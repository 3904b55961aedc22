//! A key of the wrong type, wherever one can be: whoever broke it learns that,
//! the rest goes on, and when it is mended nothing is lost.

use std::collections::BTreeMap;
use std::time::Duration;

use greenline_queue::{
    ApprovalDecision, EnqueueOutcome, Settlement, Task, TaskFailure, content_hash,
};
use greenline_testbed::{ManualWorker, TestBed};

use crate::oracle::Oracle;
use crate::tasks::{child, file, file_all, id, keyed, task, task_with};

on_a_fresh_bed! {
    a_broken_task_stops_nobody_else
    a_broken_lock_stops_nobody_else
    a_hash_deleted_by_hand_is_put_aside
    a_neighbour_in_the_same_call_does_not_suffer
}

pub(crate) async fn a_broken_task_stops_nobody_else(bed: TestBed) {
    file_all(&bed, &["runs", "good-1", "pending", "good-2"]).await;
    file(&bed, keyed("slot", "pr")).await;
    file(&bed, keyed("blocked", "pr")).await;
    file(&bed, keyed("good-3", "pr")).await;
    file(&bed, child("waiting", &["good-1"])).await;
    file(&bed, child("good-4", &["good-1"])).await;
    let mut manual_worker = bed.manual_worker("w").await;
    let claims = manual_worker.claim(2).await;
    manual_worker.fail(&{ bed.manual_worker("w2").await.claim_one().await }).await;
    for text in ["runs", "pending", "blocked", "waiting"] {
        bed.redis::<String>(&format!("SET agent:task:{text} nonsense")).await;
    }
    // Its worker and everybody else's go on.
    manual_worker.beat(&[&claims[0], &claims[1]]).await;
    let (broken, good) =
        tokio::join!(manual_worker.complete(&claims[0]), manual_worker.complete(&claims[1]));
    assert_eq!((broken, good), (Settlement::Lost, Settlement::Accepted));
    bed.expire_leases().await;
    for _ in 0..4 {
        for claim in manual_worker.claim(8).await {
            assert_eq!(manual_worker.complete(&claim).await, Settlement::Accepted, "{}", claim.id);
        }
    }
    for text in ["good-1", "good-2", "good-3", "good-4", "slot"] {
        assert_eq!(bed.record(text).await.status, "success", "{text}");
    }
    // What can't be run is put aside with the reason.
    let aside: BTreeMap<String, String> = bed
        .queue
        .quarantined()
        .await
        .unwrap()
        .into_iter()
        .map(|one| (one.entry, one.reason))
        .collect();
    assert!(aside["runs"].contains("its lease ended"), "{aside:?}");
    let refused = bed.queue.enqueue(task("runs")).await.unwrap();
    assert!(matches!(refused, EnqueueOutcome::Refused { why } if why.contains("delete that key")));
}

pub(crate) async fn a_broken_lock_stops_nobody_else(bed: TestBed) {
    file_all(&bed, &["a", "b"]).await;
    bed.redis::<u64>("RPUSH agent:task:a:lock operator").await;
    let mut manual_worker = bed.manual_worker("w").await;
    let claim = manual_worker.claim(2).await.pop().unwrap();
    assert_eq!(claim.id.as_str(), "b");
    bed.redis::<u64>("DEL agent:task:b:lock").await;
    bed.redis::<u64>("RPUSH agent:task:b:lock operator").await;
    manual_worker.beat(&[&claim]).await;
    assert_eq!(manual_worker.complete(&claim).await, Settlement::Accepted);
    bed.redis::<u64>("DEL agent:task:a:lock").await;
    bed.pass(Duration::from_secs(6)).await;
    assert_eq!(manual_worker.claim_one().await.id.as_str(), "a");
}

pub(crate) async fn a_hash_deleted_by_hand_is_put_aside(bed: TestBed) {
    file_all(&bed, &["running", "scheduled", "pending", "good"]).await;
    file(&bed, child("waiting", &["good"])).await;
    let mut manual_worker = bed.manual_worker("w").await;
    let claims = manual_worker.claim(2).await;
    manual_worker.fail(&claims[1]).await;
    for text in ["running", "scheduled", "pending", "waiting"] {
        bed.redis::<u64>(&format!("DEL agent:task:{text}")).await;
    }
    // A hash that somebody made by hand has no type.
    bed.redis::<u64>("HSET agent:task:typed status pending").await;
    bed.redis::<u64>("RPUSH agent:tasks:pending typed").await;
    assert_eq!(manual_worker.complete(&claims[0]).await, Settlement::Lost);
    assert_eq!(manual_worker.claim_one().await.id.as_str(), "good");
    bed.expire_leases().await;
    let mut aside: Vec<String> =
        bed.queue.quarantined().await.unwrap().into_iter().map(|one| one.entry).collect();
    aside.sort();
    assert_eq!(aside, ["pending", "running", "scheduled", "typed", "waiting"]);
}

pub(crate) async fn a_neighbour_in_the_same_call_does_not_suffer(bed: TestBed) {
    bed.redis::<String>("SET agent:tasks:slots:pr nonsense").await;
    let queue = &bed.queue;
    let (good, bad, other) = tokio::join!(
        queue.enqueue(task("a")),
        queue.enqueue(keyed("b", "pr")),
        queue.enqueue(task("c"))
    );
    assert!(good.unwrap().is_accepted() && other.unwrap().is_accepted());
    let mut manual_worker = bed.manual_worker("w").await;
    assert_eq!(manual_worker.claim(8).await.len(), 2);
    // The broken one is told so, or was filed half; then the walk finds it.
    if !bad.as_ref().is_ok_and(EnqueueOutcome::is_accepted) {
        assert!(format!("{bad:?}").contains("wrong type"), "{bad:?}");
    }
    bed.redis::<u64>("DEL agent:tasks:slots:pr").await;
    assert!(queue.enqueue(keyed("b", "pr")).await.unwrap().is_accepted());
    bed.walk().await;
    assert_eq!(manual_worker.claim_one().await.id.as_str(), "b");
}

/// Every key that a script may meet, and that somebody may have broken.
const KEYS: [&str; 24] = [
    "tasks:pending",
    "tasks:pending:high",
    "tasks:pending@run_command+gpu",
    "tasks:scheduled",
    "tasks:waiting",
    "tasks:leases",
    "tasks:done",
    "tasks:dead",
    "tasks:outbox",
    "tasks:events",
    "tasks:wake",
    "tasks:routes",
    "tasks:paused",
    "tasks:limits",
    "tasks:marked",
    "tasks:slots:pr",
    "tasks:blocked",
    "tasks:blocked:pr",
    "tasks:dedup:k",
    "tasks:adopting",
    "tasks:quarantine",
    "tasks:tick",
    "task:top:children",
    "task:top:attempts",
];

/// Tasks wherever a task can be, and two hands that run some.
struct Town {
    bed: TestBed,
    manual_worker: ManualWorker,
    claims: Vec<greenline_queue::Claim>,
    accepted: usize,
}

fn asked(text: &str) -> Task {
    task_with(text, |spec| spec.requires_approval = true)
}

fn newcomers() -> Vec<Task> {
    vec![
        task("new"),
        keyed("new-keyed", "pr"),
        child("new-child", &["top"]),
        task_with("new-high", |spec| spec.priority = "high".parse().unwrap()),
        task_with("new-only", |spec| spec.dedup_key = Some("k2".parse().unwrap())),
        task_with("new-gpu", |spec| spec.labels = ["gpu".parse().unwrap()].into()),
        asked("new-asked"),
    ]
}

impl Town {
    async fn build() -> Self {
        let bed = TestBed::new().await;
        file_all(&bed, &["top", "fails", "back", "stays"]).await;
        let mut manual_worker = bed
            .manual_worker_with("w", |profile| profile.labels = ["gpu".parse().unwrap()].into())
            .await;
        let claims = manual_worker.claim(4).await;
        file(&bed, child("below", &["top"])).await;
        for text in ["keyed-1", "keyed-2", "keyed-3"] {
            file(&bed, keyed(text, "pr")).await;
        }
        file_all(&bed, &["p1", "p2", "p3", "p4"]).await;
        file(&bed, task_with("high", |spec| spec.priority = "high".parse().unwrap())).await;
        file(&bed, task_with("only", |spec| spec.dedup_key = Some("k".parse().unwrap()))).await;
        file(&bed, asked("asked")).await;
        Self { bed, manual_worker, claims, accepted: 0 }
    }

    /// One of each transition. What Redis refuses is refused.
    async fn live(&mut self) {
        let queue = &self.bed.queue;
        let worker = self.manual_worker.id();
        let done = queue.complete(&worker, &self.claims[0], "{}".to_owned()).await;
        self.accepted += usize::from(done.is_ok_and(|settled| settled == Settlement::Accepted));
        let failure = TaskFailure { error: "no".to_owned(), retryable: true, result: None };
        let _refused = queue.fail(&worker, &self.claims[1], &failure).await;
        let _refused = queue.release(&worker, &[&self.claims[2]], "it stops").await;
        for task in newcomers() {
            let _refused = queue.enqueue(task).await;
        }
        let _refused = queue.cancel(&[id("p1")], "enough").await;
        let _refused = queue.cancel(&[id("p2"), id("keyed-2")], "enough").await;
        let _refused = queue.retry(&[id("p1")], "ada", true).await;
        let hash = content_hash(asked("asked").payload().as_bytes());
        let yes = ApprovalDecision { approval: "asked", content_hash: &hash, who: "ada", why: "" };
        let _refused = queue.approve(&yes).await;
        for _ in 0..3 {
            if let Ok(claimed) = self.manual_worker.try_claim(3, 0).await {
                self.claims.extend(claimed.tasks);
            }
            self.bed.clock.advance(Duration::from_secs(2));
            let _refused = queue.tick_now().await;
        }
        let last = self.claims.len() - 1;
        let _refused = queue.complete(&worker, &self.claims[last], "{}".to_owned()).await;
    }

    /// Says everything again that may have got no answer, then works until
    /// nothing is left to do.
    async fn end(&mut self) {
        let queue = &self.bed.queue;
        let done = self.manual_worker.complete(&self.claims[0]).await;
        self.accepted += usize::from(done == Settlement::Accepted);
        assert!(done == Settlement::Accepted || done == Settlement::Already, "{done:?}");
        assert!(self.accepted <= 1, "`top` was settled twice");
        for task in newcomers() {
            assert!(queue.enqueue(task).await.unwrap().is_accepted());
        }
        self.bed.walk().await;
        for _ in 0..12 {
            for text in ["asked", "new-asked"] {
                let approval = queue.approval(text).await.unwrap().unwrap();
                let hash = approval.content_hash;
                let yes =
                    ApprovalDecision { approval: text, content_hash: &hash, who: "ada", why: "" };
                queue.approve(&yes).await.unwrap();
            }
            self.manual_worker.running = 0;
            for claim in self.manual_worker.claim(50).await {
                self.manual_worker.complete(&claim).await;
            }
            self.bed.pass(Duration::from_secs(4)).await;
        }
        self.bed.walk().await;
    }
}

#[tokio::test]
async fn whatever_key_is_broken_no_task_is_lost() {
    for key in KEYS {
        let key = format!("agent:{key}");
        let mut town = Town::build().await;
        let existed: bool = town.bed.redis(&format!("EXISTS {key}")).await;
        if existed {
            town.bed.redis::<String>(&format!("RENAME {key} aside")).await;
        }
        town.bed.redis::<String>(&format!("SET {key} nonsense")).await;
        town.live().await;
        town.bed.redis::<u64>(&format!("DEL {key}")).await;
        if existed {
            town.bed.redis::<String>(&format!("RENAME aside {key}")).await;
        }
        town.end().await;
        println!("{key} was broken, and is whole again");
        Oracle::of(&town.bed.queue, "").assert_all_over(true).await;
        let reported = Oracle::of(&town.bed.queue, "").statuses().await;
        assert_eq!(reported.len(), 22, "{key}: {reported:?}");
        assert!(town.bed.queue.quarantined().await.unwrap().is_empty(), "{key}");
    }
}
