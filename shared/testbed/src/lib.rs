//! The one test bed: a private Redis for each test, so that tests run side by
//! side and may kill what is theirs.

use std::collections::BTreeSet;
use std::time::Duration;

use greenline_queue::{ClockShift, Queue, QueueOptions, TaskType, Worker, WorkerProfile};
use greenline_store::{PrivateServer, PrivateServerConfig, Store, StoreConfig};
use tempfile::TempDir;

/// A Redis of its own, a queue in it, and that queue's clock.
pub struct TestBed {
    /// The server; a test may kill and restart it.
    pub redis: PrivateServer,
    /// The queue.
    pub queue: Queue,
    /// Moves the queue's clock.
    pub clock: ClockShift,
    folder: TempDir,
}

impl TestBed {
    /// A bed with the queue's default options.
    ///
    /// # Panics
    ///
    /// If no Redis can be started: `make test` installs one.
    pub async fn new() -> Self {
        Self::with(QueueOptions::default()).await
    }

    /// A bed with other options; its clock takes the place of theirs.
    ///
    /// # Panics
    ///
    /// If no Redis can be started: `make test` installs one.
    pub async fn with(mut options: QueueOptions) -> Self {
        let folder = tempfile::tempdir().expect("a folder for the test's Redis");
        let redis = PrivateServer::start(PrivateServerConfig::new(folder.path()))
            .expect("a Redis for the test");
        let clock = ClockShift::default();
        options.clock = clock.clone();
        let store = Store::connect(StoreConfig::at(redis.url())).await.expect("a connection");
        let queue = Queue::open(store, options).await.expect("a queue");
        Self { redis, queue, clock, folder }
    }

    /// Where this bed keeps its files; gone with it.
    #[must_use]
    pub fn folder(&self) -> &std::path::Path {
        self.folder.path()
    }

    /// A registered worker that takes `run_command` tasks.
    ///
    /// # Panics
    ///
    /// If Redis does not answer.
    pub async fn worker(&self, id: &str) -> Worker {
        let worker = self.queue.worker(WorkerProfile {
            id: id.parse().expect("a worker's id"),
            types: BTreeSet::from([TaskType::run_command()]),
            labels: BTreeSet::new(),
            slots: 4,
            host: "test".to_owned(),
            version: "test".to_owned(),
        });
        self.queue.heartbeat(worker.profile(), &[], &[]).await.expect("a registration");
        worker
    }

    /// Moves the clock past the lease, in ticks that keep everyone from looking
    /// asleep, so that whoever did not renew is reaped.
    ///
    /// # Panics
    ///
    /// If Redis does not answer.
    pub async fn let_leases_end(&self) {
        let lease = self.queue.options().lease;
        let step = Duration::from_secs(2);
        self.queue.tick_now().await.expect("a tick");
        for _ in 0..=(lease.as_millis() / step.as_millis()) {
            self.clock.advance(step);
            self.queue.tick_now().await.expect("a tick");
        }
    }
}
