//! A Redis of its own, a queue in it, and that queue's clock.

use std::time::Duration;

use greenline_queue::{
    ClockShift, Queue, QueueOptions, Scripts, Status, TaskId, TaskRecord, TaskType, Worker,
    WorkerProfile,
};
use greenline_store::{
    FromRedisValue, Namespace, PrivateServer, PrivateServerConfig, Store, StoreConfig, cmd,
};
use tempfile::TempDir;

use crate::Hand;

/// What a bed is made of.
#[derive(Default)]
pub struct Ground {
    /// The queue's options; their clock is replaced.
    pub options: QueueOptions,
    /// The queue's scripts.
    pub scripts: Scripts,
    /// Settings of the Redis, as name and value of redis.conf.
    pub settings: Vec<(&'static str, String)>,
    /// Whether the Redis writes an append-only file.
    pub append_only: bool,
    /// A port on loopback that the Redis listens on besides its socket.
    pub port: Option<u16>,
}

/// A Redis of its own, a queue in it, and that queue's clock.
pub struct TestBed {
    /// The server; a test may kill and restart it.
    pub redis: PrivateServer,
    /// The queue.
    pub queue: Queue,
    /// Moves the queue's clock.
    pub clock: ClockShift,
    scripts: Scripts,
    folder: TempDir,
}

impl TestBed {
    /// A bed with the queue's default options.
    ///
    /// # Panics
    ///
    /// If no Redis can be started: `make test` installs one.
    pub async fn new() -> Self {
        Self::on(Ground::default()).await
    }

    /// A bed with other options; its clock takes the place of theirs.
    ///
    /// # Panics
    ///
    /// If no Redis can be started: `make test` installs one.
    pub async fn with(options: QueueOptions) -> Self {
        Self::on(Ground { options, ..Ground::default() }).await
    }

    /// A bed whose queue runs these scripts.
    ///
    /// # Panics
    ///
    /// If no Redis can be started: `make test` installs one.
    pub async fn with_scripts(scripts: Scripts) -> Self {
        Self::on(Ground { scripts, ..Ground::default() }).await
    }

    /// A bed made of these.
    ///
    /// # Panics
    ///
    /// If no Redis can be started: `make test` installs one.
    pub async fn on(ground: Ground) -> Self {
        let folder = tempfile::tempdir().expect("a folder for the test's Redis");
        let mut config = PrivateServerConfig::new(folder.path());
        config.port = ground.port;
        if ground.append_only {
            config.persistence = greenline_store::Persistence::Always;
        }
        for (name, value) in &ground.settings {
            config = config.set(name, value);
        }
        let redis = PrivateServer::start(config).expect("a Redis for the test");
        let clock = ClockShift::default();
        let mut options = ground.options;
        options.clock = clock.clone();
        let store = Store::connect(StoreConfig::at(redis.url())).await.expect("a connection");
        let queue = Queue::open_with(store, options, ground.scripts.clone());
        let (queue, scripts) = (queue.await.expect("a queue"), ground.scripts);
        Self { redis, queue, clock, scripts, folder }
    }

    /// Where this bed keeps its files; gone with it.
    #[must_use]
    pub fn folder(&self) -> &std::path::Path {
        self.folder.path()
    }

    /// Another queue on the same server, with the same clock, options and scripts,
    /// reached as `config` says.
    ///
    /// # Panics
    ///
    /// If the server does not answer.
    pub async fn queue_by(&self, config: StoreConfig) -> Queue {
        let store = Store::lazy(config).expect("settings that can work");
        let options = self.queue.options().clone();
        Queue::open_with(store, options, self.scripts.clone()).await.expect("a queue")
    }

    /// Another queue on the same server and clock, in a namespace.
    ///
    /// # Panics
    ///
    /// If the server does not answer, or the name can't be one.
    pub async fn queue_in(&self, namespace: &str) -> Queue {
        let namespace: Namespace = namespace.parse().expect("a namespace");
        self.queue_by(StoreConfig::at(self.redis.url()).in_namespace(namespace)).await
    }

    /// Runs a plain command, words as redis-cli takes them without quotes.
    ///
    /// # Panics
    ///
    /// If Redis refuses it, or answers otherwise than the test expects.
    pub async fn redis<T: FromRedisValue>(&self, line: &str) -> T {
        let words: Vec<&str> = line.split(' ').collect();
        self.redis_words(&words).await
    }

    /// The same, for words that hold spaces.
    ///
    /// # Panics
    ///
    /// If Redis refuses it, or answers otherwise than the test expects.
    pub async fn redis_words<T: FromRedisValue>(&self, words: &[&str]) -> T {
        let mut call = cmd(words[0]);
        call.arg(&words[1..]);
        let answer = self.queue.store().command(&call).await;
        answer.unwrap_or_else(|error| panic!("{words:?}: {error}"))
    }

    /// All keys of the server that fit a pattern, in order.
    ///
    /// # Panics
    ///
    /// If Redis does not answer.
    pub async fn keys(&self, pattern: &str) -> Vec<String> {
        let mut keys: Vec<String> = self.redis_words(&["KEYS", pattern]).await;
        keys.sort();
        keys
    }

    /// A task's hash.
    ///
    /// # Panics
    ///
    /// If there is no such task.
    pub async fn record(&self, id: &str) -> TaskRecord {
        let id: TaskId = id.parse().expect("a task's id");
        let record = self.queue.record(&id).await.expect("an answer");
        record.unwrap_or_else(|| panic!("there is no task {id}"))
    }

    /// A task's status.
    ///
    /// # Panics
    ///
    /// If there is no such task.
    pub async fn status(&self, id: &str) -> Status {
        self.record(id).await.status.parse().expect("a status")
    }

    /// A registered worker that takes `run_command` tasks.
    ///
    /// # Panics
    ///
    /// If Redis does not answer.
    pub async fn worker(&self, id: &str) -> Worker {
        let worker = self.queue.worker(profile(id));
        self.queue.heartbeat(worker.profile(), &[], &[]).await.expect("a registration");
        worker
    }

    /// A worker that does what the test says.
    ///
    /// # Panics
    ///
    /// If Redis does not answer.
    pub async fn hand(&self, id: &str) -> Hand {
        Hand::of(self.queue.clone(), self.worker(id).await)
    }

    /// The same with a profile that the test changes.
    ///
    /// # Panics
    ///
    /// If Redis does not answer.
    pub async fn hand_with(&self, id: &str, change: impl FnOnce(&mut WorkerProfile)) -> Hand {
        let mut profile = profile(id);
        change(&mut profile);
        self.queue.heartbeat(&profile, &[], &[]).await.expect("a registration");
        Hand::of(self.queue.clone(), self.queue.worker(profile))
    }

    /// Lets `time` pass in one leap, then ticks.
    ///
    /// # Panics
    ///
    /// If Redis does not answer.
    pub async fn leap(&self, time: Duration) {
        self.clock.advance(time);
        self.queue.tick_now().await.expect("a tick");
    }

    /// Lets `time` pass in ticks, so that nobody looks asleep.
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
            self.leap(step).await;
            passed += step;
        }
    }

    /// Moves the clock past the lease, in ticks that keep everyone from looking
    /// asleep, so that whoever did not renew is reaped.
    ///
    /// # Panics
    ///
    /// If Redis does not answer.
    pub async fn let_leases_end(&self) {
        self.pass(self.queue.options().lease + Duration::from_secs(1)).await;
    }

    /// Ticks until the walk over all keys has come round twice.
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

/// Where the walk is; 0 when it is round.
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
