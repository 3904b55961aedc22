//! A private Redis, a queue in it, and the queue's clock.

use std::time::Duration;

use greenline_queue::{
    ClockShift, Queue, QueueOptions, Scripts, TaskId, TaskRecord, TaskStatus, TaskType, Worker,
    WorkerProfile,
};
use greenline_store::{
    FromRedisValue, Namespace, PrivateServer, PrivateServerConfig, Store, StoreConfig, cmd,
};
use tempfile::TempDir;

use crate::ManualWorker;

/// Options of a bed.
#[derive(Default)]
pub struct BedOptions {
    /// The queue's options; their clock is replaced.
    pub options: QueueOptions,
    pub scripts: Scripts,
    /// Settings of Redis, as name and value of redis.conf.
    pub settings: Vec<(&'static str, String)>,
    /// Redis writes an append-only file.
    pub append_only: bool,
    /// A loopback port of Redis besides its socket.
    pub port: Option<u16>,
}

/// A private Redis, a queue in it, and the queue's clock.
pub struct TestBed {
    /// A test may kill and restart it.
    pub redis: PrivateServer,
    pub queue: Queue,
    /// Moves the queue's clock.
    pub clock: ClockShift,
    scripts: Scripts,
    folder: TempDir,
}

impl TestBed {
    /// Creates a bed with the queue's default options.
    ///
    /// # Panics
    ///
    /// If no Redis can be started: `make test` installs one.
    pub async fn new() -> Self {
        Self::on(BedOptions::default()).await
    }

    /// Creates a bed with other options; its clock replaces theirs.
    ///
    /// # Panics
    ///
    /// If no Redis can be started: `make test` installs one.
    pub async fn with(options: QueueOptions) -> Self {
        Self::on(BedOptions { options, ..BedOptions::default() }).await
    }

    /// Creates a bed whose queue runs these scripts.
    ///
    /// # Panics
    ///
    /// If no Redis can be started: `make test` installs one.
    pub async fn with_scripts(scripts: Scripts) -> Self {
        Self::on(BedOptions { scripts, ..BedOptions::default() }).await
    }

    /// Creates a bed with these options.
    ///
    /// # Panics
    ///
    /// If no Redis can be started: `make test` installs one.
    pub async fn on(bed_options: BedOptions) -> Self {
        let folder = tempfile::tempdir().expect("a folder for the test's Redis");
        let mut config = PrivateServerConfig::new(folder.path());
        config.port = bed_options.port;
        if bed_options.append_only {
            config.persistence = greenline_store::Persistence::Always;
        }
        for (name, value) in &bed_options.settings {
            config = config.set(name, value);
        }
        let redis = PrivateServer::start(config).expect("a Redis for the test");
        let clock = ClockShift::default();
        let mut options = bed_options.options;
        options.clock = clock.clone();
        let store = Store::connect(StoreConfig::at(redis.url())).await.expect("a connection");
        let queue = Queue::open_with(store, options, bed_options.scripts.clone());
        let (queue, scripts) = (queue.await.expect("a queue"), bed_options.scripts);
        Self { redis, queue, clock, scripts, folder }
    }

    /// Returns the folder of this bed's files, which is deleted with the bed.
    #[must_use]
    pub fn folder(&self) -> &std::path::Path {
        self.folder.path()
    }

    /// Connects another queue to the same server by `config`, with the same clock, options and
    /// scripts.
    ///
    /// # Panics
    ///
    /// If the server does not answer.
    pub async fn queue_by(&self, config: StoreConfig) -> Queue {
        let store = Store::lazy(config).expect("settings that can work");
        let options = self.queue.options().clone();
        Queue::open_with(store, options, self.scripts.clone()).await.expect("a queue")
    }

    /// Connects another queue in a namespace to the same server and clock.
    ///
    /// # Panics
    ///
    /// If the server does not answer, or the name is invalid.
    pub async fn queue_in(&self, namespace: &str) -> Queue {
        let namespace: Namespace = namespace.parse().expect("a namespace");
        self.queue_by(StoreConfig::at(self.redis.url()).in_namespace(namespace)).await
    }

    /// Runs a plain command, with words as redis-cli takes them without quotes.
    ///
    /// # Panics
    ///
    /// If Redis refuses it, or replies with another type.
    pub async fn redis<T: FromRedisValue>(&self, line: &str) -> T {
        let words: Vec<&str> = line.split(' ').collect();
        self.redis_words(&words).await
    }

    /// Runs a plain command whose words may hold spaces.
    ///
    /// # Panics
    ///
    /// If Redis refuses it, or replies with another type.
    pub async fn redis_words<T: FromRedisValue>(&self, words: &[&str]) -> T {
        let mut call = cmd(words[0]);
        call.arg(&words[1..]);
        let answer = self.queue.store().command(&call).await;
        answer.unwrap_or_else(|error| panic!("{words:?}: {error}"))
    }

    /// Returns all keys of the server that match a pattern, sorted.
    ///
    /// # Panics
    ///
    /// If Redis does not answer.
    pub async fn keys(&self, pattern: &str) -> Vec<String> {
        let mut keys: Vec<String> = self.redis_words(&["KEYS", pattern]).await;
        keys.sort();
        keys
    }

    /// Returns a task's hash.
    ///
    /// # Panics
    ///
    /// If there is no such task.
    pub async fn record(&self, id: &str) -> TaskRecord {
        let id: TaskId = id.parse().expect("a task's id");
        let record = self.queue.record(&id).await.expect("an answer");
        record.unwrap_or_else(|| panic!("there is no task {id}"))
    }

    /// Returns a task's status.
    ///
    /// # Panics
    ///
    /// If there is no such task.
    pub async fn status(&self, id: &str) -> TaskStatus {
        self.record(id).await.status.parse().expect("a status")
    }

    /// Registers a worker that takes `run_command` tasks.
    ///
    /// # Panics
    ///
    /// If Redis does not answer.
    pub async fn worker(&self, id: &str) -> Worker {
        let worker = self.queue.worker(profile(id));
        self.queue.heartbeat(worker.profile(), &[], &[]).await.expect("a registration");
        worker
    }

    /// Creates a worker that the test drives.
    ///
    /// # Panics
    ///
    /// If Redis does not answer.
    pub async fn manual_worker(&self, id: &str) -> ManualWorker {
        ManualWorker::of(self.queue.clone(), self.worker(id).await)
    }

    /// Creates a worker that the test drives, with a changed profile.
    ///
    /// # Panics
    ///
    /// If Redis does not answer.
    pub async fn manual_worker_with(
        &self,
        id: &str,
        change: impl FnOnce(&mut WorkerProfile),
    ) -> ManualWorker {
        let mut profile = profile(id);
        change(&mut profile);
        self.queue.heartbeat(&profile, &[], &[]).await.expect("a registration");
        ManualWorker::of(self.queue.clone(), self.queue.worker(profile))
    }

    /// Advances the clock by `time` at once, then ticks.
    ///
    /// # Panics
    ///
    /// If Redis does not answer.
    pub async fn advance_clock(&self, time: Duration) {
        self.clock.advance(time);
        self.queue.tick_now().await.expect("a tick");
    }

    /// Advances the clock by `time` in ticks, so that no process looks suspended.
    ///
    /// # Panics
    ///
    /// If Redis does not answer.
    pub async fn pass(&self, time: Duration) {
        let step = Duration::from_secs(2);
        self.queue.tick_now().await.expect("a tick");
        let mut passed = Duration::ZERO;
        while passed < time {
            let step = step.min(time - passed);
            self.advance_clock(step).await;
            passed += step;
        }
    }

    /// Advances the clock past the lease in ticks, so that claims without a renewal are reaped and
    /// no process looks suspended.
    ///
    /// # Panics
    ///
    /// If Redis does not answer.
    pub async fn expire_leases(&self) {
        self.pass(self.queue.options().lease + Duration::from_secs(1)).await;
    }

    /// Ticks until the scan over all keys has completed twice.
    ///
    /// # Panics
    ///
    /// If Redis does not answer.
    pub async fn walk(&self) {
        for _ in 0..2 {
            let mut first = true;
            while first || self.redis::<Option<String>>(WALKED).await.as_deref() != Some("0") {
                first = false;
                self.queue.tick_now().await.expect("a tick");
            }
        }
    }
}

/// Reads the cursor of the scan; 0 when it is complete.
const WALKED: &str = "HGET agent:tasks:tick cursor";

fn profile(id: &str) -> WorkerProfile {
    WorkerProfile {
        id: id.parse().expect("a worker's id"),
        types: [TaskType::run_command()].into(),
        labels: [].into(),
        slots: 4,
        host: "test".to_owned(),
        version: "test".to_owned(),
    }
}
