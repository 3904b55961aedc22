//! Webhooks: who is believed, what is kept, and what is told once.

use std::time::Duration;

use greenline_forge::webhook::WebhookSecrets;
use greenline_forge::{ApiBase, Forge, ForgeConfig, GitHubCredentials};
use greenline_lead::watch::WatchOptions;
use greenline_runtime::clock::Clock;
use greenline_testbed::TestBed;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::json;
use sha2::Sha256;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::bed::{HttpReply, LONG, RunningLead, options, run};

pub(crate) const SECRET: &str = "what-github-signs-with";
const FORMER: &str = "what-it-signed-with-before";
const SHA: &str = "3f2a91c00000000000000000000000000000000f";

/// A lead that takes webhooks, and whose GitHub never answers.
pub(crate) async fn lead(bed: &TestBed) -> RunningLead {
    run(options_of(bed).await).await
}

async fn options_of(bed: &TestBed) -> greenline_lead::LeadOptions {
    let mut options = options(bed, "one", LONG).await;
    let config = ForgeConfig::new(GitHubCredentials::Token("t".to_owned().into()), Clock::system());
    let nowhere = ApiBase::parse("http://127.0.0.1:9").unwrap();
    options.watch = Some(WatchOptions {
        forge: Forge::new(config.at(nowhere)).unwrap(),
        repos: vec!["acme/app".parse().unwrap()],
        poll_interval: Duration::from_secs(60),
        secrets: WebhookSecrets::new([SECRET.to_owned().into(), FORMER.to_owned().into()]),
    });
    options
}

fn sign(secret: &str, body: &[u8]) -> String {
    let mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap().chain_update(body);
    let digits: Vec<String> =
        mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
    format!("sha256={}", digits.concat())
}

pub(crate) struct Hook<'a> {
    event: &'a str,
    id: &'a str,
    signature: String,
    body: &'a [u8],
}

impl<'a> Hook<'a> {
    pub(crate) fn new(event: &'a str, id: &'a str, body: &'a [u8]) -> Self {
        Self { event, id, signature: sign(SECRET, body), body }
    }

    pub(crate) async fn send(&self, lead: &RunningLead) -> HttpReply {
        let Self { event, id, signature, body } = self;
        let mut request = format!(
            "POST /webhooks/github HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\
             X-GitHub-Event: {event}\r\nX-GitHub-Delivery: {id}\r\n\
             X-Hub-Signature-256: {signature}\r\nContent-Length: {}\r\n\r\n",
            body.len()
        )
        .into_bytes();
        request.extend_from_slice(body);
        lead.ask(request).await
    }
}

fn repository() -> serde_json::Value {
    json!({"id": 1, "full_name": "acme/app", "default_branch": "main"})
}

fn check_run(id: u64, name: &str, conclusion: &str) -> Vec<u8> {
    let run = json!({
        "id": id, "name": name, "head_sha": SHA, "status": "completed", "conclusion": conclusion,
        "completed_at": "2026-01-01T00:00:00Z", "app": {"id": 15368, "slug": "github-actions"},
        "details_url": format!("https://github.com/acme/app/actions/runs/9/job/{id}"),
    });
    let event = json!({"action": "completed", "check_run": run, "repository": repository()});
    event.to_string().into_bytes()
}

fn workflow_job(id: u64, name: &str, conclusion: &str) -> Vec<u8> {
    let job = json!({
        "id": id, "run_id": 9, "run_attempt": 1, "name": name, "head_sha": SHA,
        "status": "completed", "conclusion": conclusion, "completed_at": "2026-01-01T00:00:01Z",
    });
    let event = json!({"action": "completed", "workflow_job": job, "repository": repository()});
    event.to_string().into_bytes()
}

/// How many things were ever told.
pub(crate) async fn told(bed: &TestBed) -> u64 {
    if bed.keys("agent:lead:events").await.is_empty() {
        return 0;
    }
    let facts: std::collections::HashMap<String, greenline_store::Value> =
        bed.redis("XINFO STREAM agent:lead:events").await;
    greenline_store::from_redis_value(facts["entries-added"].clone()).unwrap()
}

#[tokio::test]
async fn only_what_is_signed_is_believed() {
    let bed = TestBed::new().await;
    let lead = lead(&bed).await;
    let body = check_run(1, "test", "failure");
    let forged = Hook { signature: sign("guessed", &body), ..Hook::new("check_run", "a", &body) };
    assert_eq!(forged.send(&lead).await.status, 401);
    let mangled = Hook { signature: "sha256=zz".to_owned(), ..Hook::new("check_run", "a", &body) };
    assert_eq!(mangled.send(&lead).await.status, 401);
    let empty = Hook { signature: String::new(), ..Hook::new("check_run", "a", &body) };
    assert_eq!(empty.send(&lead).await.status, 401);
    assert_eq!(told(&bed).await, 0);
    let former = Hook { signature: sign(FORMER, &body), ..Hook::new("check_run", "a", &body) };
    assert_eq!(former.send(&lead).await.status, 202, "both secrets hold while one is replaced");
    assert_eq!(told(&bed).await, 1);
}

#[tokio::test]
async fn one_failure_is_told_once_however_often_it_comes() {
    let bed = TestBed::new().await;
    let lead = lead(&bed).await;
    let by_run = check_run(4471, "test", "failure");
    assert_eq!(Hook::new("check_run", "a", &by_run).send(&lead).await.status, 202);
    // GitHub sends it again, and somebody replays it under an id of their own.
    let again = Hook::new("check_run", "a", &by_run).send(&lead).await;
    assert_eq!((again.status, again.json()["result"].as_str()), (200, Some("duplicate")));
    assert_eq!(Hook::new("check_run", "made-up", &by_run).send(&lead).await.status, 200);
    // The same job as a job.
    let by_job = workflow_job(4471, "test", "failure");
    assert_eq!(Hook::new("workflow_job", "b", &by_job).send(&lead).await.status, 202);
    assert_eq!(told(&bed).await, 1);
    // Green is news of its own, and our own check is none.
    let green = check_run(4472, "lint", "success");
    assert_eq!(Hook::new("check_run", "c", &green).send(&lead).await.status, 202);
    let ours = check_run(4473, "greenline", "failure");
    assert_eq!(Hook::new("check_run", "d", &ours).send(&lead).await.status, 202);
    assert_eq!(told(&bed).await, 2);
    let seen: Vec<String> = bed.redis("ZRANGE agent:lead:seen:acme/app 0 -1").await;
    assert_eq!(seen, ["check-4471", "check-4472"]);
}

#[tokio::test]
async fn what_is_no_webhook_is_refused_and_what_is_unknown_is_fine() {
    let bed = TestBed::new().await;
    let lead = lead(&bed).await;
    for body in [&b"{"[..], b"", b"[]", b"{\"check_run\":{}}", b"\xff\xfe"] {
        assert_eq!(Hook::new("check_run", "a", body).send(&lead).await.status, 400, "{body:?}");
    }
    let body = br#"{"zen":"Keep it logically awesome."}"#;
    for event in ["ping", "sponsorship", "made_up", ""] {
        assert_eq!(Hook::new(event, "b", body).send(&lead).await.status, 200, "{event}");
    }
    assert_eq!(lead.get("/webhooks/github").await.status, 405);
    assert_eq!(lead.get("/health").await.status, 200);
    assert_eq!(told(&bed).await, 0);
}

#[tokio::test]
async fn a_large_body_is_taken_and_a_larger_one_is_not() {
    let bed = TestBed::new().await;
    let lead = lead(&bed).await;
    let mut event: serde_json::Value =
        serde_json::from_slice(&check_run(1, "test", "failure")).unwrap();
    event["check_run"]["output"] = json!({"text": "x".repeat(24 << 20)});
    let large = event.to_string().into_bytes();
    assert_eq!(Hook::new("check_run", "a", &large).send(&lead).await.status, 202);
    let head = "POST /webhooks/github HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\
                X-Hub-Signature-256: sha256=";
    let shape = "0".repeat(64);
    let answer = lead.ask(format!("{head}{shape}\r\nContent-Length: 26214401\r\n\r\n")).await;
    assert_eq!(answer.status, 413);
    assert!(answer.json()["hint"].as_str().unwrap().contains("25 MB"));
}

#[tokio::test]
async fn what_can_be_no_signature_is_refused_before_the_body_comes() {
    let bed = TestBed::new().await;
    let lead = lead(&bed).await;
    let body = check_run(1, "test", "failure");
    let right = sign(SECRET, &body);
    for shape in [
        "x",
        "sha256=",
        "sha1=00",
        &right[..70],
        &right.replace("sha256=", ""),
        &format!("{right}00"),
        &format!("{right} 00"),
        &"g".repeat(71),
    ] {
        // The body never comes: only the head can have been looked at.
        let head = format!(
            "POST /webhooks/github HTTP/1.1\r\nHost: localhost\r\nX-GitHub-Event: check_run\r\n\
             X-Hub-Signature-256: {shape}\r\nContent-Length: 26000000\r\n\r\n"
        );
        assert_eq!(lead.ask(head).await.status, 401, "{shape}");
    }
    let trailing = Hook { signature: format!("{right}00"), ..Hook::new("check_run", "a", &body) };
    assert_eq!(trailing.send(&lead).await.status, 401);
    assert_eq!(told(&bed).await, 0);
}

#[tokio::test]
async fn a_replay_is_known_however_its_signature_is_spelt() {
    let bed = TestBed::new().await;
    let lead = lead(&bed).await;
    let body = check_run(1, "test", "failure");
    assert_eq!(Hook::new("check_run", "a", &body).send(&lead).await.status, 202);
    let right = sign(SECRET, &body);
    let digits = right.strip_prefix("sha256=").unwrap();
    let mixed: String = digits
        .chars()
        .enumerate()
        .map(|(at, digit)| if at % 2 == 0 { digit.to_ascii_uppercase() } else { digit })
        .collect();
    for (id, digits) in [("b", digits.to_uppercase()), ("c", mixed), ("d", digits.to_owned())] {
        let signature = format!("sha256={digits}");
        let again = Hook { signature, ..Hook::new("check_run", id, &body) }.send(&lead).await;
        assert_eq!(
            (again.status, again.json()["result"].as_str()),
            (200, Some("duplicate")),
            "{id}"
        );
    }
    assert_eq!(told(&bed).await, 1);
}

/// Sends the head of a large webhook and one byte of it, again and again.
async fn holds_up(address: std::net::SocketAddr) {
    let head = format!(
        "POST /webhooks/github HTTP/1.1\r\nHost: localhost\r\nX-GitHub-Event: check_run\r\n\
         X-Hub-Signature-256: sha256={}\r\nContent-Length: 26000000\r\n\r\nx",
        "a".repeat(64)
    );
    loop {
        let Ok(mut stream) = TcpStream::connect(address).await else { return };
        let _closed = stream.write_all(head.as_bytes()).await;
        let mut rest = Vec::new();
        let _closed = stream.read_to_end(&mut rest).await;
    }
}

#[tokio::test]
async fn large_bodies_that_do_not_come_hold_up_no_webhook() {
    let bed = TestBed::new().await;
    let lead = lead(&bed).await;
    let mut senders = tokio::task::JoinSet::new();
    for _ in 0..24 {
        senders.spawn(holds_up(lead.address));
    }
    // Some of them have been heard by now.
    for _ in 0..24 {
        assert_eq!(lead.get("/health").await.status, 200);
    }
    for number in 0..5 {
        let (body, id) = (check_run(number + 1, "test", "failure"), format!("{number}"));
        // Before, each took what was left of the 8 s that the others' bodies may take.
        let hook = Hook::new("check_run", &id, &body);
        let answer = tokio::time::timeout(Duration::from_secs(4), hook.send(&lead)).await;
        assert_eq!(answer.expect("it is not held up").status, 202, "{number}");
    }
    senders.shutdown().await;
}

#[tokio::test]
async fn a_client_has_a_share_of_the_room_for_large_bodies() {
    let bed = TestBed::new().await;
    let lead = lead(&bed).await;
    let begin = format!(
        "POST /webhooks/github HTTP/1.1\r\nHost: localhost\r\nX-GitHub-Event: check_run\r\n\
         X-Hub-Signature-256: sha256={}\r\nContent-Length: 1000000\r\n\r\n{}",
        "a".repeat(64),
        "x".repeat(64 << 10)
    );
    // Each is in earnest at first, and then sends nothing: two of them wait for the rest.
    let mut all = tokio::task::JoinSet::new();
    for _ in 0..6 {
        let (address, begin) = (lead.address, begin.clone());
        all.spawn(async move {
            let mut stream = TcpStream::connect(address).await.unwrap();
            stream.write_all(begin.as_bytes()).await.unwrap();
            let mut answer = Vec::new();
            let _closed = stream.read_to_end(&mut answer).await;
            String::from_utf8_lossy(&answer).split(' ').nth(1).map(str::to_owned)
        });
    }
    let answers = all.join_all().await;
    let count = |status: &str| answers.iter().filter(|it| it.as_deref() == Some(status)).count();
    assert!(count("503") >= 1, "beyond its share: {answers:?}");
    assert_eq!(count("503") + count("408"), 6, "{answers:?}");
}

#[tokio::test]
async fn behind_a_proxy_shares_count_whom_it_speaks_for() {
    for (proxies, believed) in [("127.0.0.1", true), ("192.0.2.1", false)] {
        let bed = TestBed::new().await;
        let mut options = options_of(&bed).await;
        options.reach = crate::bed::reach(&[("GREENLINE_PROXIES", proxies)]);
        let lead = run(options).await;
        let mut all = tokio::task::JoinSet::new();
        for client in 0..6 {
            let begin = format!(
                "POST /webhooks/github HTTP/1.1\r\nHost: localhost\r\nX-GitHub-Event: check_run\r\n\
                 X-Forwarded-For: 198.51.100.7, 198.51.100.{client}\r\n\
                 X-Hub-Signature-256: sha256={}\r\nContent-Length: 1000000\r\n\r\n{}",
                "a".repeat(64),
                "x".repeat(64 << 10)
            );
            let mut stream = TcpStream::connect(lead.address).await.unwrap();
            stream.write_all(begin.as_bytes()).await.unwrap();
            all.spawn(async move {
                let mut answer = Vec::new();
                let _closed = stream.read_to_end(&mut answer).await;
                String::from_utf8_lossy(&answer).contains(" 503 ")
            });
        }
        let answers = all.join_all().await;
        let over = answers.iter().filter(|over| **over).count();
        assert_eq!(over == 0, believed, "{proxies}: {answers:?}");
    }
}

#[tokio::test]
async fn without_redis_nothing_is_promised() {
    let mut bed = TestBed::new().await;
    let lead = lead(&bed).await;
    let body = check_run(1, "test", "failure");
    bed.redis.kill();
    let refused = Hook::new("check_run", "a", &body).send(&lead).await;
    assert_eq!(refused.status, 503, "{refused:?}");
    bed.redis.restart().unwrap();
    let mut status = 0;
    crate::bed::eventually("the same delivery is taken", async || {
        status = Hook::new("check_run", "a", &body).send(&lead).await.status;
        status == 202
    })
    .await;
    let back = async || bed.queue.leader().await.is_ok();
    crate::bed::eventually("the test's own connection is back", back).await;
    assert_eq!(told(&bed).await, 1);
}

#[tokio::test]
async fn a_crowd_of_webhooks_is_told_whole_and_once() {
    const MANY: u64 = 400;
    let bed = TestBed::new().await;
    let lead = std::sync::Arc::new(lead(&bed).await);
    let mut senders = tokio::task::JoinSet::new();
    for worker in 0..8 {
        let lead = lead.clone();
        senders.spawn(async move {
            for number in (0..MANY).filter(|number| number % 4 == worker % 4) {
                let body = check_run(number + 1, "test", "failure");
                let id = format!("{number}");
                let answer = Hook::new("check_run", &id, &body).send(&lead).await;
                assert!([200, 202].contains(&answer.status), "{answer:?}");
            }
        });
    }
    senders.join_all().await;
    assert_eq!(told(&bed).await, MANY);
}
