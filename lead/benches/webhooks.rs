//! What watching GitHub takes: `make bench-webhooks`.
//!
//! A lead in a process of its own gets a thousand signed webhooks a second for ten seconds, some
//! twice, some late, some of the same job in another shape. Each is told once, or this ends with an
//! error. Beside it, in the same run: as many as it takes, what a handler takes that only checks
//! the signature, and how many entries this Redis appends one by one.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a measurement that can not go on has failed"
)]
#![allow(clippy::print_stdout, reason = "it prints its table")]

use std::collections::{BTreeSet, HashMap};
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, StatusCode};
use greenline_fake_github::github::{
    GitChange, GitHub, NewPull, PullHandle, RecordedDelivery, RepoHandle, everything, sign,
};
use greenline_fake_github::project;
use greenline_forge::webhook::{Signature, WebhookSecrets};
use greenline_forge::{ApiBase, Forge, ForgeConfig, GitHubCredentials};
use greenline_lead::publish::IntentKeys;
use greenline_lead::watch::WatchOptions;
use greenline_lead::{ApiTokens, Lead, LeadOptions, Reach};
use greenline_queue::{Claim, ClaimRequest, Queue, QueueOptions, Worker, WorkerProfile};
use greenline_runtime::ProcessRole;
use greenline_runtime::clock::Clock;
use greenline_runtime::liveness::Watchdog;
use greenline_runtime::metrics::{BuildInfo, MetricsExporter};
use greenline_runtime::shutdown::Shutdown;
use greenline_store::{Store, StoreConfig, Value, cmd, from_redis_value};
use greenline_testbed::TestBed;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

const SECRET: &str = "what-github-signs-with";
const NOWHERE: &str = "http://127.0.0.1:9";
const LONG: Duration = Duration::from_secs(600);

const CONNECTIONS: usize = 16;
const PER_SECOND: u32 = 1_000;
const DISTINCT: usize = 8_500;
const AGAIN: usize = 1_000;
const OTHER_SHAPE: usize = 500;
/// By so many places one may come too late.
const DISORDER: usize = 50;

const PULLS: usize = 500;
const CHECKS: usize = 20;
const CLAIMS: usize = 20;

#[tokio::main]
async fn main() {
    // The fake GitHub sends webhooks before anything else here has chosen one.
    let _already_set = rustls::crypto::ring::default_provider().install_default();
    let arguments: Vec<String> = std::env::args().collect();
    let words: Vec<&str> = arguments.iter().skip(1).map(String::as_str).collect();
    match words.as_slice() {
        ["lead", redis, github, token, seconds] => {
            run_lead(redis, github, token, seconds.parse().unwrap()).await;
        }
        ["bare"] => run_bare().await,
        _ => measure().await,
    }
}

async fn measure() {
    let github = GitHub::start().await.unwrap();
    let repo = project::found(&github, "acme/app").await.unwrap();
    let shots = shots(&github, &repo).await;
    println!("{CONNECTIONS} connections, webhooks of {} bytes\n", shots[0].len());
    intake(&shots).await;
    let waits = claims().await;
    row("failed check to claimed task, half of them", ms(waits[waits.len() / 2]), "ms");
    row("  the slowest of 20", ms(waits[waits.len() - 1]), "ms");
    let (points, peak) = sweep().await;
    row("a sweep of 500 pull requests × 20 checks", points, "points");
    row("  the lead's memory at its peak", peak, "MB");
}

/// Webhooks at a steady rate, and as fast as they go.
async fn intake(shots: &[Shot]) {
    let bed = TestBed::new().await;
    let lead = Process::lead(&bed, NOWHERE, "t", 60);
    let took = send(lead.address, shots, Some(PER_SECOND)).await;
    let stored_events = stored_events(&bed).await;
    row("webhooks, 1,000 a second for 10 s", shots.len(), "");
    row("  of them distinct failures", DISTINCT, "");
    row("  told by the lead", stored_events, "");
    row("  refused", took.refused, "");
    row("  answered within, half of them", ms(took.percentile(50)), "ms");
    row("  answered within, 99 of 100", ms(took.percentile(99)), "ms");
    row("  answered within, all", ms(took.percentile(100)), "ms");
    row("  the lead's memory at its peak", lead.peak_mb(), "MB");
    assert_eq!(
        (stored_events, took.refused),
        (DISTINCT, 0),
        "none is lost, and none is told twice"
    );
    drop(lead);

    let bed = TestBed::new().await;
    let lead = Process::lead(&bed, NOWHERE, "t", 60);
    row(
        "webhooks, as fast as they are taken",
        rate(send(lead.address, shots, None).await),
        "a second",
    );
    drop(lead);
    let bare = Process::bare();
    row(
        "  a handler that only checks signatures",
        rate(send(bare.address, shots, None).await),
        "a second",
    );
    drop(bare);
    row("  this Redis, XADD of 1 KiB one by one", appended(&bed).await, "a second");
}

fn row(what: &str, figure: impl std::fmt::Display, unit: &str) {
    println!("{what:<44}{figure:>8} {unit}");
}

fn ms(time: Duration) -> String {
    format!("{:.1}", time.as_secs_f64() * 1e3)
}

/// A process of this program that answers at an address. It ends with its handle.
struct Process {
    child: Child,
    address: SocketAddr,
}

impl Process {
    fn lead(bed: &TestBed, github: &str, token: &str, poll_seconds: u64) -> Self {
        Self::start(&["lead", &bed.redis.url(), github, token, &poll_seconds.to_string()])
    }

    fn bare() -> Self {
        Self::start(&["bare"])
    }

    fn start(words: &[&str]) -> Self {
        let mut command = Command::new(std::env::current_exe().unwrap());
        let mut child = command.args(words).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        Self { child, address: line.trim().parse().unwrap() }
    }

    fn peak_mb(&self) -> String {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
        let kib: f64 = line.trim().trim_end_matches(" kB").parse().unwrap();
        format!("{:.1}", kib * 1024.0 / 1e6)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended by itself; there is nothing to save.
        let _killed = self.child.kill();
        let _reaped = self.child.wait();
    }
}

async fn run_lead(redis: &str, github: &str, token: &str, poll_seconds: u64) {
    let store = Store::connect(StoreConfig::at(redis)).await.unwrap();
    let clock = Clock::system();
    let (_nobody_watches, pulse) = Watchdog::new("a lead", LONG, clock.clone());
    let build = BuildInfo { version: "bench", role: ProcessRole::Lead };
    let credentials = GitHubCredentials::Token(token.to_owned().into());
    let config = ForgeConfig::new(credentials, clock.clone());
    let options = LeadOptions {
        id: "bench".to_owned(),
        queue: Queue::open(store, QueueOptions::default()).await.unwrap(),
        listen: "127.0.0.1:0".parse().unwrap(),
        tokens: ApiTokens::Both {
            viewer: "viewer".to_owned().into(),
            operator: "operator".to_owned().into(),
        },
        lease: Duration::from_secs(10),
        exporter: MetricsExporter::install(&build, &clock).unwrap(),
        clock,
        pulse,
        watch: Some(WatchOptions {
            forge: Forge::new(config.at(ApiBase::parse(github).unwrap())).unwrap(),
            repos: vec!["acme/app".parse().unwrap()],
            poll_interval: Duration::from_secs(poll_seconds),
            secrets: WebhookSecrets::new([SECRET.to_owned().into()]),
        }),
        notifier: None,
        intent_keys: IntentKeys::new("intent-key".to_owned().into(), None),
        reach: Reach::default(),
    };
    let lead = Lead::bind(options).await.unwrap();
    println!("{}", lead.address());
    lead.run(Shutdown::new()).await.unwrap();
}

/// The least that anybody has to do who believes webhooks.
async fn run_bare() {
    let secrets = WebhookSecrets::new([SECRET.to_owned().into()]).unwrap();
    let check = move |headers: HeaderMap, body: Body| {
        let secrets = secrets.clone();
        async move {
            let body: Bytes = axum::body::to_bytes(body, 25 << 20).await.unwrap_or_default();
            let signature = headers.get("x-hub-signature-256").and_then(|it| it.to_str().ok());
            let signed = Signature::read(signature).and_then(|it| secrets.check(&body, &it));
            match signed {
                Ok(()) => StatusCode::ACCEPTED,
                Err(_) => StatusCode::UNAUTHORIZED,
            }
        }
    };
    let router = axum::Router::new().route("/webhooks/github", axum::routing::post(check));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    println!("{}", listener.local_addr().unwrap());
    axum::serve(listener, router).await.unwrap();
}

/// A request as bytes.
type Shot = Arc<[u8]>;

/// Ten thousand requests, made of what the fake GitHub sends.
async fn shots(github: &GitHub, repo: &RepoHandle) -> Vec<Shot> {
    let pull = open(repo, "template").await;
    // Nobody listens there; what was to be sent is listed.
    github.hook(repo, NOWHERE, SECRET);
    repo.fail_job(&pull, "test", "boom\n");
    github.settle().await;
    let deliveries = github.deliveries();
    let sent = |event: &str| {
        let fits =
            |it: &&RecordedDelivery| it.event == event && it.action.as_deref() == Some("completed");
        deliveries.iter().find(fits).unwrap().json()
    };
    let (run, job) = (sent("check_run"), sent("workflow_job"));
    let mut random = fastrand::Rng::with_seed(4);
    let mut shots = Vec::new();
    for number in 0..DISTINCT {
        let (mut body, id) = (run.clone(), 1_000_000 + number);
        body["check_run"]["id"] = json!(id);
        let job = format!("https://github.com/acme/app/actions/runs/9/job/{id}");
        body["check_run"]["details_url"] = json!(job);
        shots.push(shot("check_run", &format!("run-{number}"), &body));
    }
    for number in 0..OTHER_SHAPE {
        let mut body = job.clone();
        body["workflow_job"]["id"] = json!(1_000_000 + random.usize(..DISTINCT));
        shots.push(shot("workflow_job", &format!("job-{number}"), &body));
    }
    for _ in 0..AGAIN {
        shots.push(shots[random.usize(..DISTINCT)].clone());
    }
    random.shuffle(&mut shots[DISTINCT..]);
    spread(&mut random, shots)
}

/// What comes twice is mixed in, and all are somewhat out of order.
fn spread(random: &mut fastrand::Rng, mut shots: Vec<Shot>) -> Vec<Shot> {
    for late in shots.split_off(DISTINCT) {
        let at = random.usize(..=shots.len());
        shots.insert(at, late);
    }
    for at in 0..shots.len() {
        let other = (at + random.usize(..DISORDER)).min(shots.len() - 1);
        shots.swap(at, other);
    }
    shots
}

fn shot(event: &str, delivery: &str, body: &serde_json::Value) -> Shot {
    let body = body.to_string();
    let signature = sign(SECRET, body.as_bytes());
    let request = format!(
        "POST /webhooks/github HTTP/1.1\r\nHost: lead\r\nContent-Type: application/json\r\n\
         X-GitHub-Event: {event}\r\nX-GitHub-Delivery: {delivery}\r\n\
         X-Hub-Signature-256: {signature}\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    request.into_bytes().into()
}

/// How sending went.
#[derive(Default)]
struct Took {
    /// Sorted.
    answers: Vec<Duration>,
    refused: usize,
    whole: Duration,
}

impl Took {
    fn percentile(&self, percent: usize) -> Duration {
        self.answers[(self.answers.len() * percent / 100).min(self.answers.len() - 1)]
    }
}

fn rate(took: Took) -> String {
    format!("{:.0}", took.answers.len() as f64 / took.whole.as_secs_f64())
}

/// Sends all, so many a second or one after the other on each connection. An answer's time counts
/// from when its webhook was due, not from when its connection was free.
async fn send(address: SocketAddr, shots: &[Shot], per_second: Option<u32>) -> Took {
    let start = Instant::now();
    let mut senders = JoinSet::new();
    for connection in 0..CONNECTIONS {
        let mine = shots.iter().enumerate().skip(connection).step_by(CONNECTIONS);
        let due = |at: usize| {
            let at = u32::try_from(at).unwrap();
            per_second.map(|rate| start + Duration::from_secs(1) / rate * at)
        };
        let mine = mine.map(|(at, shot)| (due(at), shot.clone())).collect();
        senders.spawn(send_on_one(address, mine));
    }
    let mut took = Took::default();
    for (answers, refused) in senders.join_all().await {
        took.answers.extend(answers);
        took.refused += refused;
    }
    took.answers.sort();
    Took { whole: start.elapsed(), ..took }
}

async fn send_on_one(
    address: SocketAddr,
    shots: Vec<(Option<Instant>, Shot)>,
) -> (Vec<Duration>, usize) {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.set_nodelay(true).unwrap();
    let (mut answers, mut refused) = (Vec::new(), 0);
    for (due, shot) in shots {
        if let Some(due) = due {
            tokio::time::sleep_until(due.into()).await;
        }
        let due = due.unwrap_or_else(Instant::now);
        stream.write_all(&shot).await.unwrap();
        refused += usize::from(!(200..300).contains(&answer(&mut stream).await));
        answers.push(due.elapsed());
    }
    (answers, refused)
}

/// Reads an answer to its end; its status.
async fn answer(stream: &mut TcpStream) -> u16 {
    let mut bytes = Vec::with_capacity(1_024);
    loop {
        assert!(stream.read_buf(&mut bytes).await.unwrap() > 0, "the connection was closed");
        let text = String::from_utf8_lossy(&bytes);
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let head = head.to_lowercase();
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
        if body.len() >= length.map_or(0, |length| length.parse().unwrap()) {
            return head.split(' ').nth(1).unwrap().parse().unwrap();
        }
    }
}

/// How many things were ever told.
async fn stored_events(bed: &TestBed) -> usize {
    let facts: HashMap<String, Value> = bed.redis("XINFO STREAM agent:lead:events").await;
    from_redis_value(facts["entries-added"].clone()).unwrap()
}

/// How many entries a second a stream of this Redis takes from as many callers.
async fn appended(bed: &TestBed) -> String {
    const EACH: usize = 4_000;
    let begun = Instant::now();
    let mut callers = JoinSet::new();
    for _ in 0..CONNECTIONS {
        let store = Store::connect(StoreConfig::at(bed.redis.url())).await.unwrap();
        callers.spawn(async move {
            let mut call = cmd("XADD");
            call.arg("bench").arg("*").arg("event").arg("x".repeat(1_024));
            for _ in 0..EACH {
                let _id: String = store.command(&call).await.unwrap();
            }
        });
    }
    callers.join_all().await;
    format!("{:.0}", (CONNECTIONS * EACH) as f64 / begun.elapsed().as_secs_f64())
}

async fn open(repo: &RepoHandle, branch: &str) -> PullHandle {
    let change = GitChange::write("new.txt", branch);
    repo.open_pull(NewPull::new(branch, "Change something", vec![change])).await.unwrap()
}

/// From the end of a job on GitHub to a worker that has the task, by webhook.
async fn claims() -> Vec<Duration> {
    let github = GitHub::start().await.unwrap();
    let repo = project::found(&github, "acme/app").await.unwrap();
    let bed = TestBed::new().await;
    let token = github.token("greenline-bot", everything());
    let lead = Process::lead(&bed, github.url(), &token, 60);
    github.hook(&repo, &format!("http://{}/webhooks/github", lead.address), SECRET);
    let mut worker = worker(&bed).await;
    let mut waits = Vec::new();
    for number in 0..CLAIMS {
        let pull = open(&repo, &format!("change-{number}")).await;
        github.settle().await;
        let log = format!("FAILED tests/test_{number}.py::test_it - assert 1 == {number}\n");
        let begun = Instant::now();
        repo.fail_job(&pull, "test", &log);
        let claim = claim(&mut worker).await;
        waits.push(begun.elapsed());
        let id = worker.profile().id.clone();
        bed.queue.complete(&id, &claim, "{}".to_owned()).await.unwrap();
    }
    waits.sort();
    waits
}

async fn worker(bed: &TestBed) -> Worker {
    let types = ["fix_test_failure", "investigate_failure"];
    let profile = WorkerProfile {
        id: "bench-worker".parse().unwrap(),
        types: types.iter().map(|name| name.parse().unwrap()).collect(),
        labels: [].into(),
        slots: 4,
        host: "bench".to_owned(),
        version: "bench".to_owned(),
    };
    bed.queue.heartbeat(&profile, &[], &[]).await.unwrap();
    bed.queue.worker(profile)
}

async fn claim(worker: &mut Worker) -> Claim {
    let short = BTreeSet::new();
    let end = Instant::now() + Duration::from_secs(30);
    loop {
        let appetite = ClaimRequest { start: 1, prefetch: 0, short: &short, running: 0 };
        if let Some(claim) = worker.claim(appetite).await.unwrap().tasks.pop() {
            return claim;
        }
        assert!(Instant::now() < end, "no task came");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

/// What a sweep over many pull requests cost, and the peak of memory after two.
async fn sweep() -> (u64, String) {
    let github = GitHub::start().await.unwrap();
    let repo = github.repo("acme/app").await.unwrap();
    let first = open(&repo, "change").await;
    for number in 0..CHECKS {
        let state = if number == 0 { "failure" } else { "success" };
        repo.status(&first.sha, &format!("ci/{number}"), state, None);
    }
    for number in 1..PULLS {
        let title = format!("Change {number}");
        // Without changes it is of the branch as it is: what is swept is as much.
        let same = NewPull { title: &title, ..NewPull::new(&first.branch, "", Vec::new()) };
        repo.open_pull(same).await.unwrap();
    }
    let bed = TestBed::new().await;
    let token = github.token("greenline-bot", everything());
    github.forget_calls();
    let lead = Process::lead(&bed, github.url(), &token, 1);
    let swept =
        async || -> Option<u64> { bed.redis("HGET agent:lead:cursor:acme/app polled_at").await };
    let mut last = None;
    for _ in 0..2 {
        while swept().await == last {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        last = swept().await;
    }
    let calls = github.calls();
    let pages = calls.iter().filter(|call| !call.graphql.is_empty()).take(PULLS.div_ceil(50));
    (pages.map(|call| call.points).sum(), lead.peak_mb())
}
