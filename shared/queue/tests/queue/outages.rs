//! Redis dies, is full, or cannot write: nothing that it acknowledged is lost.

use std::process::{Child, Command, Stdio};
use std::time::Duration;

use greenline_queue::{
    HeartbeatReply, Queue, QueueError, QueueOptions, Settlement, TaskId, TaskStatus,
};
use greenline_store::{Store, StoreConfig, StoreError, server_program};
use greenline_testbed::{BedOptions, TestBed, eventually};

use crate::oracle::Oracle;
use crate::tasks::{file, file_all, id, task, task_with};

on_a_fresh_bed! {
    a_clock_set_forth_and_back_costs_nothing
}

pub(crate) async fn a_clock_set_forth_and_back_costs_nothing(bed: TestBed) {
    for advance_clock in [Duration::from_hours(5), Duration::from_hours(9)] {
        for back in [false, true] {
            let names =
                ["live", "dead", "retried"].map(|name| format!("{name}-{back}-{advance_clock:?}"));
            for name in &names {
                file(&bed, task(name)).await;
            }
            let mut manual_worker = bed.manual_worker("w").await;
            let claims = manual_worker.claim(3).await;
            bed.queue.tick_now().await.unwrap();
            manual_worker.fail(&claims[2]).await;
            if back {
                bed.clock.set_back(advance_clock);
            } else {
                bed.clock.advance(advance_clock);
            }
            assert_eq!(bed.queue.tick_now().await.unwrap().reaped, 0);
            for _ in 0..5 {
                assert_eq!(manual_worker.beat(&[&claims[0]]).await, [HeartbeatReply::Held]);
                bed.pass(Duration::from_secs(4)).await;
            }
            let mut again: Vec<String> = manual_worker
                .claim(8)
                .await
                .into_iter()
                .map(|claim| claim.id.to_string())
                .collect();
            again.sort();
            assert_eq!(again, [names[1].clone(), names[2].clone()], "neither waits for hours");
            assert_eq!(manual_worker.complete(&claims[0]).await, Settlement::Accepted);
            assert_eq!(bed.record(&names[0]).await.crashes, 0);
            bed.queue.cancel(&[id(&names[1]), id(&names[2])], "enough").await.unwrap();
            bed.expire_leases().await;
        }
    }
}

#[tokio::test]
async fn redis_killed_under_load_comes_back_with_all_that_it_acknowledged() {
    let mut bed = TestBed::on(BedOptions { append_only: true, ..BedOptions::default() }).await;
    bed.queue.enqueue_many((0..50).map(|at| task(&format!("t{at}"))).collect()).await.unwrap();
    let mut manual_worker = bed.manual_worker("w").await;
    let claims = manual_worker.claim(20).await;
    bed.queue.tick_now().await.unwrap();
    for claim in &claims[..5] {
        manual_worker.complete(claim).await;
    }
    bed.redis.kill();
    assert!(manual_worker.try_claim(1, 0).await.unwrap_err().is_transient());
    // It is away for longer than a lease.
    bed.clock.advance(Duration::from_mins(5));
    bed.redis.restart().unwrap();
    assert_eq!(bed.queue.tick_now().await.unwrap().reaped, 0);
    let held: Vec<_> = claims[5..].iter().collect();
    assert_eq!(manual_worker.beat(&held).await, vec![HeartbeatReply::Held; 15]);
    for claim in held {
        assert_eq!(manual_worker.complete(claim).await, Settlement::Accepted);
    }
    for claim in manual_worker.claim(50).await {
        assert_eq!(
            (claim.crashes, manual_worker.complete(&claim).await),
            (0, Settlement::Accepted)
        );
    }
    Oracle::of(&bed.queue, "").assert_all_over(false).await;
    assert_eq!(bed.queue.stats().await.unwrap().done, 50);
}

#[tokio::test]
async fn a_full_redis_takes_the_completions_that_empty_it() {
    let options = QueueOptions { keep_count: 0, ..QueueOptions::default() };
    let bed = TestBed::on(BedOptions { options, ..BedOptions::default() }).await;
    let used = bed.queue.store().facts().await.unwrap().used_memory;
    bed.redis::<String>(&format!("CONFIG SET maxmemory {}", used + 3_000_000)).await;
    let large =
        |at: usize| task_with(&format!("t{at}"), |spec| spec.prompt = Some("x".repeat(60_000)));
    let mut filed = 0;
    let error = loop {
        match bed.queue.enqueue(large(filed)).await {
            Ok(_) => filed += 1,
            Err(error) => break error,
        }
    };
    let QueueError::Store(StoreError::Full(_)) = error else { panic!("{error}") };
    assert!(error.is_transient());
    // Everything but new work goes on.
    let mut manual_worker = bed.manual_worker("w").await;
    loop {
        let claims = manual_worker.claim(5).await;
        if claims.is_empty() {
            break;
        }
        manual_worker.beat(&claims.iter().collect::<Vec<_>>()).await;
        for claim in &claims {
            assert_eq!(manual_worker.complete(claim).await, Settlement::Accepted);
        }
    }
    assert!(bed.queue.enqueue(large(filed)).await.is_err(), "what has ended takes room too");
    let ended = bed.queue.outbox(1_000).await.unwrap();
    assert_eq!(ended.len(), filed);
    let seen: Vec<(TaskId, String)> =
        ended.into_iter().map(|record| (id(&record.id), record.fence)).collect();
    bed.queue.acknowledge(&seen).await.unwrap();
    bed.advance_clock(Duration::from_mins(11)).await;
    eventually("there is room again", async || bed.queue.enqueue(large(filed)).await.is_ok()).await;
    assert_eq!(bed.status(&format!("t{filed}")).await, TaskStatus::Pending);
}

/// A Redis that may write files of this many blocks, and then gets an error as
/// from a full disk; ended with its handle.
struct SmallDisk {
    process: Child,
    folder: tempfile::TempDir,
}

impl SmallDisk {
    fn start(blocks: u32) -> Self {
        let folder = tempfile::tempdir().unwrap();
        // The limit's signal is ignored, so that Redis sees the error.
        let line = format!(
            "trap '' XFSZ; ulimit -S -f {blocks}; exec \"$0\" --dir \"$1\" --unixsocket \
             \"$1/redis.sock\" --port 0 --save '' --appendonly yes --appendfsync everysec \
             --maxmemory-policy noeviction --auto-aof-rewrite-percentage 0"
        );
        let process = Command::new("sh")
            .arg("-c")
            .arg(line)
            .arg(server_program().unwrap())
            .arg(folder.path())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        Self { process, folder }
    }

    /// More room, as after somebody has cleaned up.
    fn grow(&self) -> bool {
        let pid = self.process.id().to_string();
        let grown = Command::new("prlimit").args(["--pid", &pid, "--fsize=unlimited"]).status();
        grown.is_ok_and(|status| status.success())
    }

    async fn queue(&self) -> Queue {
        let url = format!("unix://{}", self.folder.path().join("redis.sock").display());
        let mut opened = None;
        eventually("the server answers", async || {
            let Ok(store) = Store::connect(StoreConfig::at(&url)).await else { return false };
            // It may still be reading its data.
            opened = Queue::open(store, QueueOptions::default()).await.ok();
            opened.is_some()
        })
        .await;
        opened.unwrap()
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _gone = self.process.kill();
        let _reaped = self.process.wait();
    }
}

#[tokio::test]
async fn a_full_disk_refuses_writes_until_there_is_room() {
    let mut disk = SmallDisk::start(2_000);
    let queue = disk.queue().await;
    let large =
        |at: usize| task_with(&format!("t{at}"), |spec| spec.prompt = Some("x".repeat(60_000)));
    let mut filed = 0;
    let error = loop {
        match queue.enqueue(large(filed)).await {
            Ok(_) => filed += 1,
            Err(error) => break error,
        }
        assert!(filed < 500, "the limit is too large");
    };
    let QueueError::Store(StoreError::ReadOnly(_)) = error else { panic!("{error}") };
    assert!(error.is_transient(), "{error}");
    assert!(!queue.store().facts().await.unwrap().append_only_healthy);
    assert!(queue.tick_now().await.is_err());
    if !disk.grow() {
        println!("skipped the end: prlimit is not there, or may not raise a limit");
        return;
    }
    eventually("there is room again", async || queue.enqueue(large(filed)).await.is_ok()).await;
    // What was acknowledged is on the disk.
    disk.process.kill().unwrap();
    disk.process.wait().unwrap();
    let again = Command::new(server_program().unwrap())
        .arg("--dir")
        .arg(disk.folder.path())
        .args(["--unixsocket", "redis.sock", "--port", "0", "--appendonly", "yes"])
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    disk.process = again;
    let queue = disk.queue().await;
    let filed = u64::try_from(filed).unwrap();
    // The last second may be missing: that is what everysec promises.
    assert!(queue.stats().await.unwrap().pending >= filed);
}

#[tokio::test]
async fn a_paused_redis_reaps_nobody() {
    let bed = TestBed::new().await;
    file_all(&bed, &["a"]).await;
    let mut manual_worker = bed.manual_worker("w").await;
    let claim = manual_worker.claim_one().await;
    bed.queue.tick_now().await.unwrap();
    bed.redis.signal(nix::sys::signal::Signal::SIGSTOP);
    bed.clock.advance(Duration::from_mins(2));
    let late = tokio::spawn({
        let queue = bed.queue.clone();
        async move { queue.tick_now().await }
    });
    bed.redis.signal(nix::sys::signal::Signal::SIGCONT);
    assert_eq!(late.await.unwrap().unwrap().reaped, 0);
    assert_eq!(manual_worker.complete(&claim).await, Settlement::Accepted);
    assert_eq!(bed.record("a").await.crashes, 0);
}
