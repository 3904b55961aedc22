//! Failovers. Replication is asynchronous: what a dead master alone knew is
//! lost. Fences stay monotonic, nothing settles twice, and a task whose enqueue
//! was lost comes back when it is enqueued again.

use std::time::Duration;

use greenline_queue::{Claim, EnqueueOutcome, Queue, Settlement, TaskStatus};
use greenline_store::{
    Credentials, Endpoint, PrivateServer, PrivateServerConfig, Store, StoreConfig, Value, cmd,
};
use greenline_testbed::{BedOptions, ManualWorker, Sentinels, TestBed, eventually, free_port};

use crate::oracle::Oracle;
use crate::tasks::{file_all, task};

/// A master and its replica, each with a port.
struct Pair {
    bed: TestBed,
    master_port: u16,
    replica: PrivateServer,
    _folder: tempfile::TempDir,
}

impl Pair {
    async fn start() -> Self {
        let master_port = free_port();
        let bed =
            TestBed::on(BedOptions { port: Some(master_port), ..BedOptions::default() }).await;
        let folder = tempfile::tempdir().unwrap();
        let mut config = PrivateServerConfig::new(folder.path())
            .set("replicaof", &format!("127.0.0.1 {master_port}"));
        config.port = Some(free_port());
        let replica = PrivateServer::start(config).unwrap();
        let pair = Self { bed, master_port, replica, _folder: folder };
        pair.caught_up().await;
        pair
    }

    /// Waits until the replica has what the master acknowledged.
    async fn caught_up(&self) {
        eventually("the replica follows", async || self.bed.redis::<u64>("WAIT 1 100").await == 1)
            .await;
    }

    fn replica_config(&self) -> StoreConfig {
        StoreConfig::at(self.replica.url())
    }
}

fn fence(claim: &Claim) -> u64 {
    claim.fence.as_str().parse().unwrap()
}

#[tokio::test]
async fn a_stale_replica_that_is_promoted_settles_nothing_twice() {
    let pair = Pair::start().await;
    let bed = &pair.bed;
    file_all(bed, &["a", "b"]).await;
    let mut old = bed.manual_worker("w1").await;
    let a = old.claim_one().await;
    pair.caught_up().await;
    // From here on the replica hears nothing.
    let replica = Store::connect(pair.replica_config()).await.unwrap();
    let promoted: String = replica.command(cmd("REPLICAOF").arg("NO").arg("ONE")).await.unwrap();
    assert_eq!(promoted, "OK");
    let b = old.claim_one().await;
    assert_eq!(old.complete(&a).await, Settlement::Accepted);
    file_all(bed, &["c"]).await;

    let queue = bed.queue_by(pair.replica_config()).await;
    let profile = bed.worker("w2").await.profile().clone();
    let mut new = ManualWorker::of(queue.clone(), queue.worker(profile));
    let again = new.claim_one().await;
    assert_eq!(again.id.as_str(), "b");
    assert!(fence(&again) > fence(&b), "a fence never repeats");
    let zombie = queue.complete(&old.id(), &b, "{}".to_owned()).await.unwrap();
    assert_eq!(zombie, Settlement::Lost);
    assert_eq!(new.complete(&again).await, Settlement::Accepted);
    // The settlement of `a` was lost with its master: said again, it counts once.
    let worker = old.id();
    let printed = || queue.complete(&worker, &a, "{}".to_owned());
    assert_eq!(printed().await.unwrap(), Settlement::Accepted);
    assert_eq!(printed().await.unwrap(), Settlement::Already);
    // So was `c`: it comes back under its id.
    let filed = EnqueueOutcome::Created { status: TaskStatus::Pending };
    assert_eq!(queue.enqueue(task("c")).await.unwrap(), filed);
    let c = new.claim_one().await;
    assert_eq!(new.complete(&c).await, Settlement::Accepted);
    Oracle::of(&queue, "").assert_all_over(false).await;
}

#[tokio::test]
async fn sentinels_lead_to_the_new_master() {
    let pair = Pair::start().await;
    let bed = &pair.bed;
    let sentinels = Sentinels::watch(pair.master_port, 1, bed.folder());
    let endpoint = Endpoint::Sentinel {
        sentinels: sentinels.addresses.clone(),
        master: "greenline".to_owned(),
        credentials: Credentials::default(),
        tls: false,
    };
    let sentinel = Store::lazy(StoreConfig::at(format!("redis://{}/0", sentinels.addresses[0])));
    let sentinel = sentinel.unwrap();
    eventually("the Sentinel knows the replica", async || {
        let mut ask = cmd("SENTINEL");
        ask.arg("REPLICAS").arg("greenline");
        let known: Result<Vec<Value>, _> = sentinel.command(&ask).await;
        known.is_ok_and(|replicas| replicas.len() == 1)
    })
    .await;
    let config = StoreConfig {
        endpoint,
        call_timeout: Duration::from_secs(1),
        ..StoreConfig::at(String::new())
    };
    let queue = bed.queue_by(config).await;
    let tasks = || (0..20).map(|at| task(&format!("t{at}"))).collect();
    queue.enqueue_many(tasks()).await.unwrap();
    let profile = bed.worker("w").await.profile().clone();
    let mut manual_worker = ManualWorker::of(queue.clone(), queue.worker(profile));
    let held = manual_worker.claim(5).await;
    manual_worker.complete(&held[0]).await;
    let highest = held.iter().map(fence).max().unwrap();

    let Pair { mut bed, replica, _folder: folder, .. } = pair;
    bed.redis.kill();
    eventually("another master takes writes", async || queue.enqueue(task("after")).await.is_ok())
        .await;
    // Whatever was lost on the way comes back.
    assert!(queue.enqueue_many(tasks()).await.unwrap().iter().all(EnqueueOutcome::is_accepted));
    finish(&queue, &mut manual_worker, &held, highest).await;
    Oracle::of(&queue, "").assert_all_over(true).await;
    assert_eq!(queue.stats().await.unwrap().done, 21);
    drop((replica, folder));
}

/// Settles what was held, and then all the rest.
async fn finish(queue: &Queue, manual_worker: &mut ManualWorker, held: &[Claim], highest: u64) {
    for claim in held {
        assert!(manual_worker.complete(claim).await != Settlement::Failed);
    }
    for _ in 0..40 {
        for claim in manual_worker.claim(50).await {
            assert!(fence(&claim) > highest, "a fence never repeats");
            assert_eq!(manual_worker.complete(&claim).await, Settlement::Accepted);
        }
        queue.options().clock.advance(Duration::from_secs(2));
        queue.tick_now().await.unwrap();
    }
}
