//! Leads over a real Redis, and requests to them as bytes.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use greenline_lead::publish::IntentKeys;
use greenline_lead::{ApiTokens, Lead, LeadError, LeadOptions, LeaderStatus, Reach};
use greenline_queue::{
    ClaimRequest, Epoch, Queue, QueueOptions, TaskFailure, TaskId, TaskSpec, Worker,
};
use greenline_runtime::ProcessRole;
use greenline_runtime::clock::Clock;
use greenline_runtime::liveness::Watchdog;
use greenline_runtime::metrics::{BuildInfo, MetricsExporter};
use greenline_runtime::settings::{SettingFlags, SettingSources, load};
use greenline_runtime::shutdown::Shutdown;
use greenline_store::{Store, StoreConfig};
use greenline_testbed::TestBed;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::task::JoinHandle;

pub(crate) const VIEWER: &str = "viewer-of-this-test";
pub(crate) const OPERATOR: &str = "operator-of-this-test";

/// Longer than any lease that a test gives; nothing is to be noticed by it.
pub(crate) const LONG: Duration = Duration::from_secs(600);

/// A lead that runs until it is stopped, killed or dropped.
pub(crate) struct RunningLead {
    pub(crate) address: SocketAddr,
    pub(crate) leader_status: watch::Receiver<LeaderStatus>,
    pub(crate) stop: Shutdown,
    task: JoinHandle<Result<(), LeadError>>,
}

/// The recorder is global, so all leads of a test process share the one exporter.
fn exporter() -> MetricsExporter {
    static EXPORTER: OnceLock<MetricsExporter> = OnceLock::new();
    let build = BuildInfo { version: "test", role: ProcessRole::Lead };
    EXPORTER.get_or_init(|| MetricsExporter::install(&build, &Clock::system()).unwrap()).clone()
}

pub(crate) async fn options(bed: &TestBed, id: &str, lease: Duration) -> LeadOptions {
    // A connection of its own, as in a process of its own.
    let store = Store::connect(StoreConfig::at(bed.redis.url())).await.unwrap();
    let queue_options = QueueOptions { clock: bed.clock.clone(), ..QueueOptions::default() };
    options_on(Queue::open(store, queue_options).await.unwrap(), id, lease)
}

pub(crate) fn options_on(queue: Queue, id: &str, lease: Duration) -> LeadOptions {
    let clock = Clock::system();
    let (_nobody_watches, pulse) = Watchdog::new("a lead", LONG, clock.clone());
    LeadOptions {
        id: id.to_owned(),
        queue,
        listen: "127.0.0.1:0".parse().unwrap(),
        tokens: ApiTokens::Both {
            viewer: VIEWER.to_owned().into(),
            operator: OPERATOR.to_owned().into(),
        },
        lease,
        clock,
        pulse,
        exporter: exporter(),
        watch: None,
        notifier: None,
        intent_keys: IntentKeys::new("intent-key-of-this-test".to_owned().into(), None),
        reach: Reach::default(),
    }
}

/// What settings say of names and proxies.
pub(crate) fn reach(settings: &[(&str, &str)]) -> Reach {
    let mut sources = SettingSources::of_process(ProcessRole::Worker, SettingFlags::none());
    let named = settings.iter().map(|(name, value)| ((*name).to_owned(), value.into()));
    sources.environment = named.collect();
    let lead = load(&sources).unwrap().settings.lead;
    Reach::new(lead.host_names, lead.proxies)
}

pub(crate) async fn start(bed: &TestBed, id: &str, lease: Duration) -> RunningLead {
    run(options(bed, id, lease).await).await
}

pub(crate) async fn run(options: LeadOptions) -> RunningLead {
    let lead = Lead::bind(options).await.unwrap();
    let (address, leader_status, stop) = (lead.address(), lead.leader_status(), Shutdown::new());
    let task = tokio::spawn(lead.run(stop.clone()));
    RunningLead { address, leader_status, stop, task }
}

impl RunningLead {
    /// Ends it in the middle of whatever it does, as SIGKILL would.
    pub(crate) async fn kill(self) {
        self.task.abort();
        assert!(self.task.await.unwrap_err().is_cancelled());
    }

    /// Asks it to stop and waits for its end.
    pub(crate) async fn drain(self) {
        self.stop.step();
        tokio::time::timeout(Duration::from_secs(30), self.task).await.unwrap().unwrap().unwrap();
    }

    pub(crate) async fn leads(&mut self) -> Epoch {
        self.stands(|leader_status| matches!(leader_status, LeaderStatus::Leading { .. })).await;
        match *self.leader_status.borrow() {
            LeaderStatus::Leading { epoch, .. } => epoch,
            LeaderStatus::Standby { .. } => unreachable!("it led a moment ago"),
        }
    }

    pub(crate) async fn stands(&mut self, like: impl FnMut(&LeaderStatus) -> bool) {
        let news = self.leader_status.wait_for(like);
        tokio::time::timeout(Duration::from_secs(30), news).await.unwrap().unwrap();
    }

    pub(crate) async fn get(&self, path: &str) -> HttpReply {
        self.ask(&format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"))
            .await
    }

    pub(crate) async fn get_as(&self, token: &str, path: &str) -> HttpReply {
        let head = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n");
        self.ask(&format!("{head}Authorization: Bearer {token}\r\n\r\n")).await
    }

    pub(crate) async fn status(&self) -> serde_json::Value {
        let answer = self.get_as(VIEWER, "/api/v1/status").await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        answer.json()
    }

    /// Sends bytes and reads until the lead closes the connection.
    pub(crate) async fn ask(&self, request: impl AsRef<[u8]>) -> HttpReply {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        // It may close before it has read all; what it answered is there all the same.
        let _closed = stream.write_all(request.as_ref()).await;
        let mut bytes = Vec::new();
        let read = stream.read_to_end(&mut bytes);
        let _reset = tokio::time::timeout(Duration::from_secs(60), read).await.unwrap();
        HttpReply::read(&String::from_utf8_lossy(&bytes))
    }
}

#[derive(Debug)]
pub(crate) struct HttpReply {
    /// 0 if there was no answer.
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl HttpReply {
    fn read(text: &str) -> Self {
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or((text, ""));
        let status = head.split(' ').nth(1).and_then(|code| code.parse().ok()).unwrap_or(0);
        Self { status, head: head.to_lowercase(), body: body.to_owned() }
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

/// Waits until it is so.
pub(crate) async fn eventually(what: &str, mut so: impl AsyncFnMut() -> bool) {
    let end = Instant::now() + Duration::from_secs(30);
    while !so().await {
        assert!(Instant::now() < end, "still not: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

pub(crate) fn id(text: &str) -> TaskId {
    text.parse().unwrap()
}

/// Enqueues a task and lets a worker succeed with it.
pub(crate) async fn succeed(bed: &TestBed, worker: &mut Worker, task: &str) {
    let claim = claim(bed, worker, task).await;
    let worker = worker.profile().id.clone();
    bed.queue.complete(&worker, &claim, "{}".to_owned()).await.unwrap();
}

/// Enqueues a task and lets a worker fail with it for good.
pub(crate) async fn fail(bed: &TestBed, worker: &mut Worker, task: &str, error: &str) {
    let claim = claim(bed, worker, task).await;
    let failure = TaskFailure { error: error.to_owned(), retryable: false, result: None };
    let worker = worker.profile().id.clone();
    bed.queue.fail(&worker, &claim, &failure).await.unwrap();
}

async fn claim(bed: &TestBed, worker: &mut Worker, task: &str) -> greenline_queue::Claim {
    bed.queue.enqueue(TaskSpec::command(id(task), ["true"]).build().unwrap()).await.unwrap();
    let short = BTreeSet::new();
    let appetite = ClaimRequest { start: 1, prefetch: 0, short: &short, running: 0 };
    let mut claimed = worker.claim(appetite).await.unwrap().tasks;
    let claim = claimed.pop().expect("the task is pending");
    assert_eq!(claim.id, id(task));
    claim
}
