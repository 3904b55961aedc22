//! The lead's HTTP: requests as raw bytes, from a peer without a token.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::fd::AsRawFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use hmac::{Hmac, KeyInit, Mac};
use nix::sys::socket::{AddressFamily, SockFlag, SockType, SockaddrIn, bind, connect, socket};
use sha2::Sha256;

use super::stage::{HOOK_SECRET, Stage, VIEWER};
use super::{Case, broke_if, verdict};
use crate::attempt::AttackVerdict;

/// Bounds every wait for an answer.
const PATIENCE: Duration = Duration::from_secs(8);

/// Words of `/api/v1/status` and `/metrics` that nobody without a token may see.
const INSIDE: [&str; 3] = ["\"workers\"", "\"backlog\"", "greenline_"];

/// An answer; several come one after the other on one connection.
#[derive(Debug, Default)]
pub(super) struct HttpAnswer {
    pub(super) status: u16,
    pub(super) text: String,
}

impl HttpAnswer {
    fn count(&self) -> usize {
        self.text.matches("HTTP/1.1 ").count()
    }

    fn shows_the_inside(&self) -> bool {
        INSIDE.iter().any(|word| self.text.contains(word))
    }
}

impl Stage {
    pub(super) fn get(&self, path: &str) -> Option<HttpAnswer> {
        let head = format!("GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n");
        self.send(head.as_bytes()).ok()
    }

    fn get_as(&self, token: &str, path: &str) -> anyhow::Result<HttpAnswer> {
        self.send(
            format!(
                "GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\
                 Authorization: Bearer {token}\r\n\r\n"
            )
            .as_bytes(),
        )
    }

    /// Sends bytes and reads until the lead closes or nothing comes.
    fn send(&self, bytes: &[u8]) -> anyhow::Result<HttpAnswer> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.lead_port))?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        let _cut_off = stream.write_all(bytes);
        Ok(read(&mut stream))
    }

    fn hook(&self, delivery: &str, signature: &str, body: &[u8]) -> anyhow::Result<HttpAnswer> {
        self.send(&hook_request(delivery, signature, body))
    }
}

/// A connection from 127.0.0.2: strangers don't share an address with who is held up by them.
fn connect_from_elsewhere(port: u16) -> anyhow::Result<TcpStream> {
    let (flags, kind) = (SockFlag::SOCK_CLOEXEC, SockType::Stream);
    let own = socket(AddressFamily::Inet, kind, flags, None)?;
    bind(own.as_raw_fd(), &SockaddrIn::new(127, 0, 0, 2, 0))?;
    connect(own.as_raw_fd(), &SockaddrIn::new(127, 0, 0, 1, port))?;
    Ok(TcpStream::from(own))
}

fn read(stream: &mut TcpStream) -> HttpAnswer {
    let mut all = Vec::new();
    let mut part = [0_u8; 16_384];
    while let Ok(length) = stream.read(&mut part) {
        if length == 0 || all.len() > 4_000_000 {
            break;
        }
        all.extend_from_slice(&part[..length]);
    }
    let text = String::from_utf8_lossy(&all).into_owned();
    let status = text.split(' ').nth(1).and_then(|word| word.parse().ok()).unwrap_or(0);
    HttpAnswer { status, text }
}

fn signature(body: &[u8]) -> anyhow::Result<String> {
    let mut mac = Hmac::<Sha256>::new_from_slice(HOOK_SECRET.as_bytes())?;
    mac.update(body);
    let hex: String =
        mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
    Ok(format!("sha256={hex}"))
}

fn hook_request(delivery: &str, signature: &str, body: &[u8]) -> Vec<u8> {
    let mut request = format!(
        "POST /webhooks/github HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\
         X-GitHub-Event: check_run\r\nX-GitHub-Delivery: {delivery}\r\n\
         Content-Type: application/json\r\nX-Hub-Signature-256: {signature}\r\n\
         Content-Length: {}\r\n\r\n",
        body.len()
    )
    .into_bytes();
    request.extend_from_slice(body);
    request
}

/// A check run that failed, about a pull request of this number.
fn failed_check(number: u64) -> Vec<u8> {
    serde_json::json!({
        "action": "completed",
        "check_run": {
            "id": number, "name": "test", "head_sha": "1".repeat(40), "status": "completed",
            "conclusion": "failure", "completed_at": "2026-01-01T00:00:00Z",
            "app": {"slug": "github-actions"}, "pull_requests": [],
            "check_suite": {"id": 1, "head_branch": "main"},
            "details_url": "https://github.com/acme/app/actions/runs/1/job/2",
        },
        "repository": {"id": 1, "full_name": "acme/app", "default_branch": "main"},
        "sender": {"login": "ada", "type": "User"},
    })
    .to_string()
    .into_bytes()
}

pub(super) const CASES: &[Case] = &[
    Case { name: "96", words: "spellings of guarded paths and methods", run: spellings },
    Case { name: "97", words: "Host and Origin of another site", run: rebinding },
    Case { name: "98", words: "two Authorization headers", run: two_headers },
    Case { name: "99", words: "a token in the query, override headers", run: overrides },
    Case { name: "100", words: "smuggling: Content-Length and Transfer-Encoding", run: cl_te },
    Case { name: "101", words: "smuggling: two Transfer-Encodings", run: te_te },
    Case { name: "102", words: "smuggling: two Content-Lengths", run: two_lengths },
    Case { name: "103", words: "folded headers", run: folded },
    Case { name: "104", words: "a space before the colon", run: space },
    Case { name: "105", words: "HTTP/0.9 and an upgrade to h2c", run: old_and_new },
    Case { name: "106", words: "big heads", run: big_heads },
    Case { name: "107", words: "big bodies", run: big_bodies },
    Case { name: "108", words: "ten signed bodies of 24 MB at once", run: big_signed },
    Case { name: "109", words: "signatures that are none", run: no_signatures },
    Case { name: "110", words: "signed JSON that is deep, doubled or broken", run: bad_json },
    Case { name: "111", words: "the same delivery again", run: again },
    Case { name: "B10j", words: "the same delivery, its signature in upper case", run: upper_case },
    Case { name: "B9a", words: "300 kept-alive connections ask /health", run: kept_alive },
    Case { name: "B9b", words: "24 slow large bodies hold up a webhook", run: slow_bodies },
    Case { name: "B9c", words: "600 idle connections", run: idle },
];

fn shows(stage: &Stage) -> anyhow::Result<bool> {
    let answer = stage.get_as(VIEWER, "/api/v1/status")?;
    Ok(answer.status == 200 && answer.shows_the_inside())
}

fn none_shows(stage: &Stage, requests: &[String]) -> anyhow::Result<AttackVerdict> {
    let works = shows(stage)?;
    for request in requests {
        let answer = stage.send(request.as_bytes())?;
        if answer.shows_the_inside() {
            return Ok(verdict(works, Some(format!("{request:?} shows it"))));
        }
    }
    Ok(verdict(works, None))
}

fn spellings(stage: &Stage) -> anyhow::Result<AttackVerdict> {
    let paths = [
        "/api/v1/status",
        "/API/V1/STATUS",
        "//api/v1/status",
        "/api//v1/status",
        "/api/v1/status/",
        "/api/v1/./status",
        "/health/../api/v1/status",
        "/health/..%2fapi/v1/status",
        "/%61pi/v1/status",
        "/api%2fv1%2fstatus",
        "/api/v1/status%00",
        "/api/v1/status;x=1",
        "/api/v1/status?x",
        "/api/v1/status#x",
        "/metrics",
        "//metrics",
        "/metrics/",
        "/%6detrics",
        "/ready/../metrics",
        "\\api\\v1\\status",
        "/api/v1/status%20",
        "/./metrics",
        "http://127.0.0.1/api/v1/status",
        "*",
    ];
    let mut requests = Vec::new();
    for path in paths {
        for method in ["GET", "HEAD", "POST", "OPTIONS", "PUT", "get", "TRACE"] {
            requests.push(format!(
                "{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
            ));
        }
    }
    none_shows(stage, &requests)
}

fn with_headers(headers: &str) -> String {
    format!("GET /api/v1/status HTTP/1.1\r\nConnection: close\r\n{headers}\r\n")
}

fn rebinding(stage: &Stage) -> anyhow::Result<AttackVerdict> {
    let works = shows(stage)?;
    for path in ["/api/v1/status", "/"] {
        let answer = stage.send(
            format!("GET {path} HTTP/1.1\r\nHost: attacker.example\r\nOrigin: http://attacker.example\r\n\
                     Connection: close\r\n\r\n").as_bytes(),
        )?;
        // Nothing may be told, and with an allow-list of hosts nothing is served.
        if answer.shows_the_inside() || answer.status == 200 {
            return Ok(verdict(works, Some(format!("{path} is served to another Host"))));
        }
        if answer.text.to_lowercase().contains("access-control-allow-origin") {
            return Ok(verdict(works, Some(format!("{path} allows another Origin"))));
        }
    }
    Ok(verdict(works, None))
}

fn two_headers(stage: &Stage) -> anyhow::Result<AttackVerdict> {
    none_shows(
        stage,
        &[
            with_headers(&format!(
                "Host: 127.0.0.1\r\nAuthorization: Bearer x\r\nAuthorization: Bearer {VIEWER}\r\n"
            )),
            with_headers(&format!(
                "Host: 127.0.0.1\r\nAuthorization: Bearer {VIEWER}\r\nAuthorization: Bearer x\r\n"
            )),
        ],
    )
}

fn overrides(stage: &Stage) -> anyhow::Result<AttackVerdict> {
    let head = "Host: 127.0.0.1\r\nConnection: close\r\n";
    none_shows(
        stage,
        &[
            format!(
                "GET /api/v1/status?token={VIEWER}&access_token={VIEWER} HTTP/1.1\r\n{head}\r\n"
            ),
            format!(
                "GET /health HTTP/1.1\r\n{head}X-Original-URL: /api/v1/status\r\nX-Rewrite-URL: /metrics\r\n\r\n"
            ),
            format!("GET /health HTTP/1.1\r\n{head}X-HTTP-Method-Override: POST\r\n\r\n"),
            format!(
                "GET /api/v1/status HTTP/1.1\r\n{head}Cookie: token={VIEWER}\r\nX-Forwarded-For: 127.0.0.1\r\n\r\n"
            ),
        ],
    )
}

/// Two requests in one are answered as one at most.
fn smuggled(stage: &Stage, requests: &[String]) -> anyhow::Result<AttackVerdict> {
    let pair = "GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\nGET /health HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n";
    let works = stage.send(pair.as_bytes())?.count() == 2;
    for request in requests {
        let answer = stage.send(request.as_bytes())?;
        if answer.count() > 1 && answer.text.contains("200 OK") {
            return Ok(verdict(works, Some(format!("two answers to {request:?}"))));
        }
    }
    Ok(verdict(works, None))
}

const HIDDEN: &str = "GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n";

fn hiding(headers: &str, body: &str) -> String {
    format!("POST /health HTTP/1.1\r\nHost: 127.0.0.1\r\n{headers}\r\n{body}")
}

fn cl_te(stage: &Stage) -> anyhow::Result<AttackVerdict> {
    smuggled(
        stage,
        &[
            hiding(
                "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
                &format!("0\r\n\r\n{HIDDEN}"),
            ),
            hiding(
                "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n",
                &format!("0\r\n\r\n{HIDDEN}"),
            ),
        ],
    )
}

fn te_te(stage: &Stage) -> anyhow::Result<AttackVerdict> {
    smuggled(
        stage,
        &[
            hiding(
                "Content-Length: 4\r\nTransfer-Encoding: xchunked\r\n",
                &format!("0\r\n\r\n{HIDDEN}"),
            ),
            hiding(
                "Content-Length: 4\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n",
                &format!("0\r\n\r\n{HIDDEN}"),
            ),
        ],
    )
}

fn two_lengths(stage: &Stage) -> anyhow::Result<AttackVerdict> {
    smuggled(
        stage,
        &[
            hiding("Content-Length: 0\r\nContent-Length: 60\r\n", HIDDEN),
            hiding("Content-Length: 60\r\nContent-Length: 0\r\n", HIDDEN),
            hiding("Content-Length: +0\r\n", HIDDEN),
            hiding("Content-Length: 0, 60\r\n", HIDDEN),
        ],
    )
}

fn folded(stage: &Stage) -> anyhow::Result<AttackVerdict> {
    none_shows(
        stage,
        &[
            with_headers(&format!(
                "Host: 127.0.0.1\r\nX: y\r\n Authorization: Bearer {VIEWER}\r\n"
            )),
            with_headers(&format!("Host: 127.0.0.1\r\nAuthorization:\r\n\tBearer {VIEWER}\r\n")),
        ],
    )
}

fn space(stage: &Stage) -> anyhow::Result<AttackVerdict> {
    none_shows(
        stage,
        &[with_headers(&format!("Host: 127.0.0.1\r\nAuthorization : Bearer {VIEWER}\r\n"))],
    )
}

fn old_and_new(stage: &Stage) -> anyhow::Result<AttackVerdict> {
    let works = shows(stage)?;
    let upgrade = with_headers(
        "Host: 127.0.0.1\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA\r\nConnection: Upgrade, HTTP2-Settings\r\n",
    );
    let mut broke = None;
    for request in ["GET /api/v1/status\r\n\r\n", "GET /health HTTP/0.9\r\n\r\n", &upgrade] {
        let answer = stage.send(request.as_bytes())?;
        if answer.shows_the_inside() || answer.status == 101 {
            broke = Some(format!("{request:?} shows it"));
        }
    }
    Ok(verdict(works, broke))
}

fn lives(stage: &Stage) -> bool {
    let started = Instant::now();
    let answer = stage.get("/health");
    answer.is_some_and(|answer| answer.status == 200) && started.elapsed() < Duration::from_secs(5)
}

fn big_heads(stage: &Stage) -> anyhow::Result<AttackVerdict> {
    let works = lives(stage);
    let many = "X: y\r\n".repeat(200_000);
    let long = format!("X: {}\r\n", "y".repeat(10_000_000));
    let mut broke = None;
    for headers in [many, long] {
        let answer = stage.send(with_headers(&headers).as_bytes())?;
        if answer.status == 200 {
            broke = Some("a head of megabytes is taken".to_owned());
        }
    }
    let broke = broke.or(broke_if(!lives(stage), "/health does not answer any more"));
    Ok(verdict(works, broke))
}

fn big_bodies(stage: &Stage) -> anyhow::Result<AttackVerdict> {
    let works = lives(stage);
    let before = stage.peak(stage.lead.id());
    let head = "POST /health HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\nContent-Length: 10000000000\r\n\r\n";
    let answer = stage.send(head.as_bytes())?;
    let mut unsigned = hook_request("107", "sha256=0", b"");
    unsigned.extend(std::iter::repeat_n(b'x', 30_000_000));
    let second = stage.send(&unsigned)?;
    let grown = stage.peak(stage.lead.id()).saturating_sub(before);
    let broke = broke_if(answer.status == 200 || second.status == 200, "it is taken")
        .or(broke_if(grown > 100_000, "the lead's memory grew by more than 100 MB"));
    Ok(verdict(works, broke))
}

fn big_signed(stage: &Stage) -> anyhow::Result<AttackVerdict> {
    let body = format!("{{\"x\":\"{}\"}}", "y".repeat(24_000_000)).into_bytes();
    let signed = signature(&body)?;
    let small = failed_check(108);
    let works = stage.hook("108-small", &signature(&small)?, &small)?.status < 300;
    std::thread::scope(|scope| {
        for number in 0..10 {
            let (body, signed) = (&body, &signed);
            scope.spawn(move || stage.hook(&format!("108-{number}"), signed, body));
        }
    });
    let peak = stage.peak(stage.lead.id());
    let broke = broke_if(peak > 300_000, "the lead took more than 300 MB")
        .or(broke_if(!lives(stage), "/health does not answer any more"));
    Ok(verdict(works, broke))
}

fn no_signatures(stage: &Stage) -> anyhow::Result<AttackVerdict> {
    let body = failed_check(109);
    let right = signature(&body)?;
    let empty = {
        let mut mac = Hmac::<Sha256>::new_from_slice(b"")?;
        mac.update(&body);
        let hex: String =
            mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
        format!("sha256={hex}")
    };
    let wrong = [
        String::new(),
        "sha256=".to_owned(),
        right[..40].to_owned(),
        format!("{right}00"),
        right.replace("sha256", "sha1"),
        right.replace("sha256=", ""),
        empty,
        format!("{right},{right}"),
        "sha256=".to_owned() + &"0".repeat(64),
        right.replace("sha256=", "sha256=0x"),
        format!(" {right} x"),
    ];
    for (number, signature) in wrong.iter().enumerate() {
        let answer = stage.hook(&format!("109-{number}"), signature, &body)?;
        if answer.status < 300 {
            return Ok(verdict(true, Some(format!("{signature:?} is believed"))));
        }
    }
    let works = stage.hook("109", &right, &body)?.status < 300;
    Ok(verdict(works, None))
}

fn bad_json(stage: &Stage) -> anyhow::Result<AttackVerdict> {
    let good = failed_check(110);
    let works = stage.hook("110", &signature(&good)?, &good)?.status < 300;
    let text = String::from_utf8(good)?;
    let bad: [Vec<u8>; 7] = [
        "[".repeat(100_000).into_bytes(),
        "{\"a\":".repeat(100_000).into_bytes(),
        text.replacen('{', "{\"action\":\"x\",", 1).into_bytes(),
        text.replace("test", "te\\u0000st").into_bytes(),
        text.replace("test", "te\0st").into_bytes(),
        [text.as_bytes(), b"\xff\xfe"].concat(),
        text.replace("110,", &format!("{},", "9".repeat(5000))).into_bytes(),
    ];
    for (number, body) in bad.iter().enumerate() {
        stage.hook(&format!("110-{number}"), &signature(body)?, body)?;
        if !lives(stage) {
            return Ok(verdict(works, Some(format!("body {number} stops the lead"))));
        }
    }
    Ok(verdict(works, None))
}

fn again(stage: &Stage) -> anyhow::Result<AttackVerdict> {
    let body = failed_check(111);
    let signed = signature(&body)?;
    let first = stage.hook("111", &signed, &body)?.text.contains("stored");
    let same = stage.hook("111", &signed, &body)?.text.contains("stored");
    let other = stage.hook("111-b", &signed, &body)?.text.contains("stored");
    Ok(verdict(first, broke_if(same || other, "it is stored again")))
}

fn upper_case(stage: &Stage) -> anyhow::Result<AttackVerdict> {
    let body = failed_check(112);
    let signed = signature(&body)?;
    let first = stage.hook("112", &signed, &body)?.text.contains("stored");
    let upper = format!("sha256={}", signed["sha256=".len()..].to_uppercase());
    let again = stage.hook("112-b", &upper, &body)?.text.contains("stored");
    Ok(verdict(first, broke_if(again, "it is stored again")))
}

fn kept_alive(stage: &Stage) -> anyhow::Result<AttackVerdict> {
    let works = lives(stage);
    let over = AtomicBool::new(false);
    let answers = std::thread::scope(|scope| -> anyhow::Result<bool> {
        for _ in 0..300 {
            let over = &over;
            scope.spawn(move || ask_again(stage.lead_port, over));
        }
        std::thread::sleep(Duration::from_secs(2));
        let answers = (0..3).all(|_| lives(stage));
        over.store(true, Ordering::Relaxed);
        Ok(answers)
    })?;
    Ok(verdict(works, broke_if(!answers, "/health does not answer within 5 s")))
}

/// Keeps one connection, and asks `/health` on it each second.
fn ask_again(port: u16, over: &AtomicBool) {
    let ask = b"GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n";
    while !over.load(Ordering::Relaxed) {
        let Ok(mut stream) = connect_from_elsewhere(port) else { continue };
        let _bounded = stream.set_read_timeout(Some(Duration::from_secs(1)));
        while !over.load(Ordering::Relaxed) && stream.write_all(ask).is_ok() {
            match stream.read(&mut [0; 4096]) {
                Ok(0) => break,
                Ok(_) => std::thread::sleep(Duration::from_secs(1)),
                // Not taken yet: whoever waits in line goes on waiting.
                Err(_) => {}
            }
        }
    }
}

fn slow_bodies(stage: &Stage) -> anyhow::Result<AttackVerdict> {
    let body = failed_check(113);
    let works = stage.hook("113", &signature(&body)?, &body)?.status < 300;
    let mut held = Vec::new();
    for _ in 0..24 {
        let mut stream = connect_from_elsewhere(stage.lead_port)?;
        let head = "POST /webhooks/github HTTP/1.1\r\nHost: 127.0.0.1\r\nX-GitHub-Event: check_run\r\n\
                    X-GitHub-Delivery: slow\r\nX-Hub-Signature-256: x\r\nContent-Length: 26000000\r\n\r\n{";
        stream.write_all(head.as_bytes())?;
        held.push(stream);
    }
    std::thread::sleep(Duration::from_millis(500));
    let body = failed_check(114);
    let started = Instant::now();
    let answer = stage.hook("114", &signature(&body)?, &body)?;
    let took = started.elapsed();
    drop(held);
    let late = answer.status >= 300 || answer.status == 0 || took > Duration::from_secs(3);
    Ok(verdict(works, broke_if(late, &format!("a webhook took {} ms", took.as_millis()))))
}

fn idle(stage: &Stage) -> anyhow::Result<AttackVerdict> {
    let works = lives(stage);
    let mut held = Vec::new();
    for _ in 0..600 {
        if let Ok(stream) = connect_from_elsewhere(stage.lead_port) {
            held.push(stream);
        }
    }
    // Idle ones are dropped after five seconds.
    std::thread::sleep(Duration::from_secs(6));
    let answers = lives(stage);
    drop(held);
    Ok(verdict(works, broke_if(!answers, "/health does not answer within 5 s")))
}
