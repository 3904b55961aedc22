//! apalis-redis under the benchmark's workload, as producer and as worker.
//!
//! `producer bulk N`, `producer single N CALLERS` and `producer paced N PER_SECOND` print the
//! seconds they took. `worker noop|latency|sleep CONCURRENCY` writes its observations to BENCH_OUT.
//! Throughput and latency run tuned (large batches, no locks, no events, a short poll interval);
//! `sleep`, which measures recovery, runs with the defaults.

use std::{
    env, fs,
    io::Write,
    path::Path,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use apalis::prelude::*;
use apalis_redis::{Config, RedisStorage};
use nix::time::{ClockId, clock_gettime};

/// Tasks per bulk call, and concurrent callers: the fastest of 100 to 5,000 with 1 to 10.
const BULK: usize = 200;
const BULK_CALLERS: usize = 4;
const TUNED_BATCH: usize = 100;
const TUNED_POLL: Duration = Duration::from_millis(10);
const DEFAULT_POLL: Duration = Duration::from_millis(100);

type Storage = RedisStorage<String>;

#[tokio::main]
async fn main() {
    let args: Vec<String> = env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    match args[..] {
        ["producer", how, count] => produce(how, parse(count), 0).await,
        ["producer", how, count, rate] => produce(how, parse(count), parse(rate)).await,
        ["worker", mode, concurrency] => work(mode, parse(concurrency)).await,
        _ => panic!("usage: producer bulk|single|paced N [RATE], or worker noop|latency|sleep CONCURRENCY"),
    }
}

async fn storage(config: Config) -> Storage {
    let connection = apalis_redis::connect(variable("BENCH_REDIS_URL")).await.expect("Redis answers");
    RedisStorage::new(connection).with_config(config.queue("bench"))
}

fn tuned() -> Config {
    Config::default().batch_size(TUNED_BATCH).lock_tasks(false).emit_events(false)
}

async fn produce(how: &str, count: usize, rate: usize) {
    let storage = storage(tuned()).await;
    let started = now();
    match how {
        "bulk" => bulk(&storage, count).await,
        "single" => single(&storage, count, rate).await,
        "paced" => paced(&storage, count, rate).await,
        other => panic!("no way to enqueue is called {other}"),
    }
    println!("{{\"seconds\": {}}}", (now() - started) as f64 / 1e9);
}

async fn bulk(storage: &Storage, count: usize) {
    let next = Arc::new(AtomicUsize::new(0));
    let callers = (0..BULK_CALLERS).map(|_| {
        let (mut storage, next) = (storage.clone(), next.clone());
        tokio::spawn(async move {
            loop {
                let from = next.fetch_add(BULK, Ordering::Relaxed);
                if from >= count {
                    break;
                }
                let tasks = (from..count.min(from + BULK)).map(|index| payload(index as u64)).collect();
                storage.push_bulk(tasks).await.expect("tasks are pushed");
            }
        })
    });
    join(callers.collect()).await;
}

async fn single(storage: &Storage, count: usize, callers: usize) {
    let next = Arc::new(AtomicUsize::new(0));
    let callers = (0..callers).map(|_| {
        let (mut storage, next) = (storage.clone(), next.clone());
        tokio::spawn(async move {
            loop {
                let index = next.fetch_add(1, Ordering::Relaxed);
                if index >= count {
                    break;
                }
                storage.push(payload(index as u64)).await.expect("a task is pushed");
            }
        })
    });
    join(callers.collect()).await;
}

async fn paced(storage: &Storage, count: usize, per_second: usize) {
    let mut ticks = tokio::time::interval(Duration::from_secs(1) / per_second as u32);
    let mut pushes = Vec::with_capacity(count);
    for _ in 0..count {
        ticks.tick().await;
        let mut storage = storage.clone();
        pushes.push(tokio::spawn(async move { storage.push(payload(now())).await.expect("a task is pushed") }));
    }
    join(pushes).await;
}

async fn join(tasks: Vec<tokio::task::JoinHandle<()>>) {
    for task in tasks {
        task.await.expect("no caller panics");
    }
}

async fn work(mode: &str, concurrency: usize) {
    let notes = Arc::new(Notes::open());
    let (config, poll) = if mode == "sleep" { (Config::default(), DEFAULT_POLL) } else { (tuned(), TUNED_POLL) };
    let backend = storage(config).await.poll_with_interval(poll);
    notes.write("ready");
    let gate = variable("BENCH_GATE");
    while !Path::new(&gate).exists() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let mode: Arc<str> = mode.into();
    WorkerBuilder::new(format!("worker-{}", std::process::id()))
        .backend(backend)
        .concurrency(concurrency)
        .build(move |payload: String| {
            let (mode, notes) = (mode.clone(), notes.clone());
            async move {
                run_task(&mode, &payload, &notes).await;
                Ok::<_, BoxDynError>(())
            }
        })
        .run()
        .await
        .expect("the worker runs until it is killed");
}

async fn run_task(mode: &str, payload: &str, notes: &Notes) {
    match mode {
        "noop" => notes.first(),
        "latency" => notes.write(&format!("latency {}", now() - number_in(payload))),
        _ => {
            let index = number_in(payload);
            notes.write(&format!("start {index}"));
            tokio::time::sleep(Duration::from_secs(1)).await;
            notes.write(&format!("end {index}"));
        }
    }
}

/// The worker's observations, line by line, for the runner.
struct Notes {
    out: Mutex<fs::File>,
    started: AtomicBool,
}

impl Notes {
    fn open() -> Self {
        let out = fs::OpenOptions::new().create(true).append(true).open(variable("BENCH_OUT"));
        Self { out: Mutex::new(out.expect("BENCH_OUT can be written")), started: AtomicBool::new(false) }
    }

    fn first(&self) {
        if !self.started.swap(true, Ordering::Relaxed) {
            self.write(&format!("first {}", now()));
        }
    }

    fn write(&self, line: &str) {
        let mut out = self.out.lock().expect("no writer panics");
        out.write_all(format!("{line}\n").as_bytes()).expect("BENCH_OUT can be written");
    }
}

/// CLOCK_MONOTONIC in nanoseconds: the same clock in every process of the machine.
fn now() -> u64 {
    let time = clock_gettime(ClockId::CLOCK_MONOTONIC).expect("the system has a monotonic clock");
    time.tv_sec() as u64 * 1_000_000_000 + time.tv_nsec() as u64
}

/// 1 KiB, whose first 20 characters are a number: a time or an index.
fn payload(number: u64) -> String {
    format!("{number:020}{}", "x".repeat(1004))
}

fn number_in(payload: &str) -> u64 {
    parse(&payload[..20]) as u64
}

fn parse(text: &str) -> usize {
    text.parse().unwrap_or_else(|_| panic!("{text} is not a number"))
}

fn variable(name: &str) -> String {
    env::var(name).unwrap_or_else(|_| panic!("{name} is set by the runner"))
}
