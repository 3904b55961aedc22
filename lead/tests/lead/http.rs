//! Who is let in, and what becomes of requests that are wrong, slow or too large.

use greenline_lead::{HealthCheckError, Lead, LeadError, health_check};
use greenline_testbed::TestBed;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::bed::{LONG, OPERATOR, RunningLead, VIEWER, options, start};

#[tokio::test]
async fn two_doors_are_open_and_the_others_want_a_token() {
    let bed = TestBed::new().await;
    let lead = start(&bed, "one", LONG).await;
    let health = lead.get("/health").await;
    assert_eq!(health.json(), serde_json::json!({"status": "healthy"}));
    assert_eq!(lead.get("/ready").await.status, 200);
    let page = lead.get("/").await;
    assert!(page.status == 200 && page.body.contains("/api/v1/status"), "{page:?}");
    assert!(!page.body.contains("one answers"), "it tells nothing of this deployment");

    for path in ["/metrics", "/api/v1/status"] {
        let refused = lead.get(path).await;
        assert_eq!(refused.status, 401, "{path}");
        assert!(refused.head.contains("www-authenticate: bearer realm=\"greenline\""));
        assert!(refused.json()["hint"].as_str().unwrap().contains("Authorization: Bearer"));
        assert_eq!(lead.get_as("guessed", path).await.status, 401);
        assert_eq!(lead.get_as(VIEWER, path).await.status, 200);
        assert_eq!(lead.get_as(OPERATOR, path).await.status, 200);
    }
}

#[tokio::test]
async fn a_viewer_only_reads() {
    let bed = TestBed::new().await;
    let lead = start(&bed, "one", LONG).await;
    let post = async |token: &str| {
        let head = "POST /api/v1/status HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n";
        lead.ask(format!("{head}Authorization: Bearer {token}\r\nContent-Length: 0\r\n\r\n")).await
    };
    let refused = post(VIEWER).await;
    assert_eq!(refused.status, 403);
    assert!(refused.json()["hint"].as_str().unwrap().contains("operator"));
    let wrong = post(OPERATOR).await;
    assert_eq!(wrong.status, 405);
    assert!(wrong.head.contains("allow: get"), "{}", wrong.head);
    assert!(wrong.json()["hint"].is_string());
}

#[tokio::test]
async fn every_answer_is_safe_to_show_and_every_error_is_json() {
    let bed = TestBed::new().await;
    let lead = start(&bed, "one", LONG).await;
    for path in ["/", "/health", "/nowhere", "/api/v1/status", "/..%2f..%2fetc/passwd"] {
        let answer = lead.get(path).await;
        for header in [
            "x-content-type-options: nosniff",
            "content-security-policy: default-src 'none'",
            "cache-control: no-store",
            "x-frame-options: deny",
        ] {
            assert!(answer.head.contains(header), "{path}: {}", answer.head);
        }
        if answer.status >= 400 {
            assert!(answer.json()["error"].is_string(), "{path}");
        }
    }
    assert_eq!(lead.get("/nowhere").await.status, 404);
}

#[tokio::test]
async fn malformed_requests_are_refused_and_stop_nobody() {
    let bed = TestBed::new().await;
    let lead = start(&bed, "one", LONG).await;
    let status = async |headers: &[u8]| {
        let mut request =
            b"GET /api/v1/status HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n".to_vec();
        request.extend_from_slice(headers);
        request.extend_from_slice(b"\r\n");
        lead.ask(request).await.status
    };
    assert_eq!(status(b"Authorization: Bearer \xff\xfe\r\n").await, 401);
    assert_eq!(status(b"Authorization:\r\n").await, 401);
    let twice = format!("Authorization: Bearer {VIEWER}\r\nAuthorization: Bearer x\r\n");
    assert_eq!(status(twice.as_bytes()).await, 401);
    assert_eq!(status(b"no colon\r\n").await, 400);
    assert_eq!(status(b"X: a\0b\r\n").await, 400);
    assert_eq!(status(b"Content-Length: many\r\n").await, 400);
    let many = "X: y\r\n".repeat(500);
    assert_eq!(status(many.as_bytes()).await, 431);
    let large = format!("X: {}\r\n", "y".repeat(64 * 1024));
    assert_eq!(status(large.as_bytes()).await, 431);
    assert_eq!(lead.ask("SSH-2.0-hello\r\n\r\n").await.status, 400);
    assert_eq!(lead.get("/health").await.status, 200);
}

#[tokio::test]
async fn a_body_that_is_too_large_is_not_read() {
    let bed = TestBed::new().await;
    let lead = start(&bed, "one", LONG).await;
    let head = "POST /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n";
    let answer = lead.ask(format!("{head}Content-Length: 10000000000\r\n\r\n")).await;
    assert_eq!(answer.status, 413);
    assert!(answer.json()["hint"].as_str().unwrap().contains("64 KiB"));
}

#[tokio::test]
async fn who_sends_slowly_is_cut_off_and_holds_up_nobody() {
    let bed = TestBed::new().await;
    let lead = start(&bed, "one", LONG).await;
    let mut slow = Vec::new();
    for _ in 0..100 {
        let mut stream = TcpStream::connect(lead.address).await.unwrap();
        stream.write_all(b"GET /health HTTP/1.1\r\nX: ").await.unwrap();
        slow.push(stream);
    }
    assert_eq!(lead.get("/health").await.status, 200);
    // Reading ends when the lead closes, which is what this waits for.
    for mut stream in slow {
        let mut rest = Vec::new();
        let _reset = stream.read_to_end(&mut rest).await;
        assert!(!rest.starts_with(b"HTTP/1.1 200"));
    }
}

/// Keeps a connection alive and asks on it, and makes another when it is closed.
async fn keeps_asking(address: std::net::SocketAddr) {
    const ASK: &[u8] = b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n";
    loop {
        let Ok(mut stream) = TcpStream::connect(address).await else { return };
        let mut some = [0; 4_096];
        while stream.write_all(ASK).await.is_ok()
            && stream.read(&mut some).await.is_ok_and(|read| read > 0)
        {
            tokio::time::sleep(std::time::Duration::from_millis(500)).await;
        }
    }
}

#[tokio::test]
async fn connections_that_are_kept_alive_hold_up_neither_probes_nor_webhooks() {
    let bed = TestBed::new().await;
    let lead = crate::webhooks::lead(&bed).await;
    let mut crowd = tokio::task::JoinSet::new();
    for _ in 0..300 {
        crowd.spawn(keeps_asking(lead.address));
    }
    // A probe's patience; before, a newcomer waited up to 60 s for a place.
    let patience = std::time::Duration::from_secs(10);
    for round in 0..20 {
        let health = tokio::time::timeout(patience, lead.get("/health")).await;
        assert_eq!(health.expect("an answer in time").status, 200, "{round}");
        let body = br#"{"zen":"Keep it logically awesome."}"#;
        let id = format!("{round}");
        let hook = crate::webhooks::Hook::new("ping", &id, body);
        let answer = tokio::time::timeout(patience, hook.send(&lead)).await;
        assert_eq!(answer.expect("an answer in time").status, 200, "{round}");
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    crowd.shutdown().await;
}

#[tokio::test]
async fn pages_and_the_api_answer_to_names_of_this_lead_only() {
    let bed = TestBed::new().await;
    let lead = start(&bed, "one", LONG).await;
    let ask = async |host: &str, path: &str| {
        let head = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n");
        lead.ask(format!("{head}Authorization: Bearer {OPERATOR}\r\n\r\n")).await
    };
    let own = lead.address.to_string();
    for path in ["/", "/api/v1/status", "/nowhere"] {
        let refused = ask("rebound.example.com", path).await;
        assert_eq!(refused.status, 421, "{path}");
        let hint = refused.json()["hint"].as_str().unwrap().to_owned();
        assert!(hint.contains("GREENLINE_HOST_NAMES"), "{hint}");
        for host in [own.as_str(), "localhost", "[::1]:1"] {
            assert_ne!(ask(host, path).await.status, 421, "{host}");
        }
    }
    for path in ["/health", "/ready", "/metrics"] {
        assert_eq!(ask("10.1.2.3:7410", path).await.status, 200, "{path}");
    }
}

#[tokio::test]
async fn names_of_the_settings_are_names_of_this_lead() {
    let bed = TestBed::new().await;
    let mut options = options(&bed, "one", LONG).await;
    options.reach = crate::bed::reach(&[("GREENLINE_HOST_NAMES", "lead.example.com")]);
    let lead = crate::bed::run(options).await;
    let ask = async |host: &str| {
        lead.ask(format!("GET / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n")).await
    };
    assert_eq!(ask("Lead.example.com:443").await.status, 200);
    assert_eq!(ask("lead.example.org").await.status, 421);
}

#[tokio::test]
async fn a_connection_that_idles_does_not_hold_up_the_end() {
    let bed = TestBed::new().await;
    let lead = start(&bed, "one", LONG).await;
    let mut idle = TcpStream::connect(lead.address).await.unwrap();
    idle.write_all(b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
    let mut some = [0; 16];
    idle.read_exact(&mut some).await.unwrap();
    let address = lead.address;
    lead.drain().await;
    assert!(TcpStream::connect(address).await.is_err(), "nobody listens any more");
}

#[tokio::test]
async fn a_taken_port_is_said_before_anything_begins() {
    let bed = TestBed::new().await;
    let lead = start(&bed, "one", LONG).await;
    let mut second = options(&bed, "other", LONG).await;
    second.listen = lead.address;
    let error = Lead::bind(second).await.err().unwrap();
    assert!(matches!(error, LeadError::Taken { .. }));
    let text = error.to_string();
    assert!(text.contains(&lead.address.to_string()) && text.contains("GREENLINE_LISTEN"));
}

#[tokio::test]
async fn a_health_check_asks_a_lead_by_its_listen_address() {
    let bed = TestBed::new().await;
    let mut options = options(&bed, "one", LONG).await;
    options.listen = "0.0.0.0:0".parse().unwrap();
    let lead: RunningLead = crate::bed::run(options).await;
    assert!(lead.address.ip().is_unspecified());
    health_check(lead.address).await.unwrap();
    let address = lead.address;
    lead.drain().await;
    let error = health_check(address).await.unwrap_err();
    assert!(matches!(error, HealthCheckError::Unreachable { .. }), "{error}");
}
