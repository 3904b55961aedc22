//! The one request of a connection without TLS, checked and written again.
//!
//! - A request passes if it is GET or HEAD, of HTTP/1.0 or 1.1, for the listed host alone, without
//!   a body and without a change of protocol.
//! - The host gets a head that is written from the parts that were checked, never the client's own
//!   bytes. It asks the host to close the connection after the answer.
//! - Paths and all other headers pass as they are.

use std::time::Duration;

use httparse::{EMPTY_HEADER, Header, Request, Status};
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::time::timeout;

use super::Target;

/// The largest head.
const LARGEST: usize = 16 * 1024;

/// The most headers.
const MOST_HEADERS: usize = 64;

/// How long a client may take for it.
const DEADLINE: Duration = Duration::from_secs(20);

/// Headers that hold for one connection only. A length that passes is 0, so it says nothing.
const DROPPED: [&str; 5] =
    ["Host", "Connection", "Proxy-Connection", "Keep-Alive", "Content-Length"];

/// Why a request does not pass.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum BadRequest {
    /// The client closed the connection, or sent too little for too long.
    #[error("nothing came")]
    Nothing,
    #[error("it does not begin with a request of HTTP/1.0 or HTTP/1.1")]
    NoHttp,
    #[error("the head of its request is larger than {} KiB", LARGEST >> 10)]
    TooLarge,
    #[error("without TLS, only GET and HEAD pass")]
    Method,
    #[error("its request is for another host")]
    OtherHost,
    #[error("its request does not have exactly one Host header")]
    NotOneHost,
    #[error("without TLS, a request with a body does not pass")]
    Body,
    #[error("without TLS, a request with Upgrade or Expect does not pass")]
    Upgrade,
}

/// Reads one request head and returns the head to send to the target. Bytes behind the head are
/// dropped.
pub(super) async fn read(
    client: &mut (impl AsyncRead + Unpin),
    target: &Target,
) -> Result<Vec<u8>, BadRequest> {
    timeout(DEADLINE, read_all(client, target)).await.unwrap_or(Err(BadRequest::Nothing))
}

async fn read_all(
    client: &mut (impl AsyncRead + Unpin),
    target: &Target,
) -> Result<Vec<u8>, BadRequest> {
    let mut bytes = Vec::with_capacity(2 * 1024);
    loop {
        let before = bytes.len();
        if client.read_buf(&mut bytes).await.map_err(|_| BadRequest::Nothing)? == 0 {
            return Err(BadRequest::Nothing);
        }
        // The end of a head is the end of a line. The first piece shows other protocols at once.
        let worth_parsing = before == 0 || bytes[before..].contains(&b'\n');
        if worth_parsing && let Some(head) = checked(&bytes, target)? {
            return Ok(head);
        }
        if bytes.len() >= LARGEST {
            return Err(BadRequest::TooLarge);
        }
    }
}

/// Returns the head to send to the target, or `None` while the client's head is not complete.
fn checked(bytes: &[u8], target: &Target) -> Result<Option<Vec<u8>>, BadRequest> {
    let mut space = [EMPTY_HEADER; MOST_HEADERS];
    let mut request = Request::new(&mut space);
    let length = match request.parse(bytes) {
        Ok(Status::Complete(length)) => length,
        Ok(Status::Partial) => return Ok(None),
        Err(_) => return Err(BadRequest::NoHttp),
    };
    if length > LARGEST {
        return Err(BadRequest::TooLarge);
    }
    if !has_plain_lines(&bytes[..length]) {
        return Err(BadRequest::NoHttp);
    }
    let (Some(method), Some(uri), Some(minor)) = (request.method, request.path, request.version)
    else {
        return Err(BadRequest::NoHttp);
    };
    if !matches!(method, "GET" | "HEAD") {
        return Err(BadRequest::Method);
    }
    let path = path(uri, target)?;
    let host = host(request.headers, target)?;
    check_framing(request.headers)?;

    let mut head = format!("{method} {path} HTTP/1.{minor}\r\nHost: {host}\r\n").into_bytes();
    for header in request.headers.iter().filter(|header| !is_one_of(header, &DROPPED)) {
        head.extend_from_slice(header.name.as_bytes());
        head.extend_from_slice(b": ");
        head.extend_from_slice(header.value);
        head.extend_from_slice(b"\r\n");
    }
    head.extend_from_slice(b"Connection: close\r\n\r\n");
    Ok(Some(head))
}

/// Returns whether all lines end with CR LF, and neither these two nor NUL stand elsewhere.
fn has_plain_lines(head: &[u8]) -> bool {
    let Some(lines) = head.strip_suffix(b"\r\n") else { return false };
    let mut rest = lines.split(|byte| *byte == b'\n').peekable();
    while let Some(line) = rest.next() {
        let is_last = rest.peek().is_none();
        let line = if is_last { Some(line) } else { line.strip_suffix(b"\r") };
        if !line.is_some_and(|line| !line.contains(&b'\r') && !line.contains(&0)) {
            return false;
        }
    }
    true
}

/// Returns the path and query of a request target: it has these alone, or the listed host in front.
fn path(uri: &str, target: &Target) -> Result<String, BadRequest> {
    if !uri.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'#') {
        return Err(BadRequest::NoHttp);
    }
    if uri.starts_with('/') {
        return Ok(uri.to_owned());
    }
    let Some((scheme, rest)) = uri.split_once("://") else { return Err(BadRequest::OtherHost) };
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    if !scheme.eq_ignore_ascii_case("http") || target.named_by(authority).is_none() {
        return Err(BadRequest::OtherHost);
    }
    Ok(if path.starts_with('/') { path.to_owned() } else { format!("/{path}") })
}

/// Returns the value of the one Host header, which has to be the target.
fn host(headers: &[Header<'_>], target: &Target) -> Result<String, BadRequest> {
    let mut hosts = headers.iter().filter(|header| is_one_of(header, &["Host"]));
    let (Some(host), None) = (hosts.next(), hosts.next()) else {
        return Err(BadRequest::NotOneHost);
    };
    let value = str::from_utf8(host.value).map_err(|_| BadRequest::OtherHost)?;
    target.named_by(value).ok_or(BadRequest::OtherHost)
}

/// Checks that nothing follows the head.
fn check_framing(headers: &[Header<'_>]) -> Result<(), BadRequest> {
    for header in headers {
        let has_length = is_one_of(header, &["Content-Length"]) && header.value != b"0";
        if has_length || is_one_of(header, &["Transfer-Encoding"]) {
            return Err(BadRequest::Body);
        }
        if is_one_of(header, &["Upgrade", "Expect"]) {
            return Err(BadRequest::Upgrade);
        }
    }
    Ok(())
}

fn is_one_of(header: &Header<'_>, names: &[&str]) -> bool {
    names.iter().any(|name| header.name.eq_ignore_ascii_case(name))
}

#[cfg(test)]
mod tests {
    use greenline_runtime::hosts::Protocol;

    use super::*;

    fn target(host: &str, port: u16) -> Target {
        let host = host.parse().unwrap();
        Target { host, port, protocol: Protocol::Plain, private: false }
    }

    fn check(head: &str) -> Result<String, BadRequest> {
        let head = checked(head.as_bytes(), &target("vm", 18080))?.ok_or(BadRequest::Nothing)?;
        Ok(String::from_utf8(head).unwrap())
    }

    /// A GET with these lines.
    fn get(lines: &str) -> Result<String, BadRequest> {
        check(&format!("GET / HTTP/1.1\r\n{lines}\r\n"))
    }

    const PASSED: &str = "GET / HTTP/1.1\r\nHost: vm:18080\r\nConnection: close\r\n\r\n";

    #[test]
    fn a_request_for_the_listed_host_passes_in_each_of_its_forms() {
        for host in ["vm", "vm:18080", "VM", "Vm.", "vm.:18080"] {
            assert_eq!(get(&format!("Host: {host}\r\n")).as_deref(), Ok(PASSED), "{host}");
            for target in ["/", ""] {
                let absolute = format!("GET http://{host}{target} HTTP/1.1\r\nHost: vm\r\n\r\n");
                assert_eq!(check(&absolute).as_deref(), Ok(PASSED), "{absolute}");
            }
        }
        let asked = check("HEAD HTTP://vm?a=http://b/ HTTP/1.0\r\nhost:vm\r\n\r\n").unwrap();
        assert!(asked.starts_with("HEAD /?a=http://b/ HTTP/1.0\r\n"), "{asked}");
    }

    #[test]
    fn headers_of_the_connection_are_dropped_and_others_pass() {
        let passed = get("User-Agent: apt\r\nHost: vm\r\nConnection: keep-alive, x\r\n\
                          proxy-connection: a\r\nKeep-Alive: 5\r\nContent-Length: 0\r\n\
                          Range: bytes=5-\r\n");
        let expected = "GET / HTTP/1.1\r\nHost: vm:18080\r\nUser-Agent: apt\r\n\
                        Range: bytes=5-\r\nConnection: close\r\n\r\n";
        assert_eq!(passed.as_deref(), Ok(expected));
    }

    #[test]
    fn another_host_is_refused_wherever_it_stands() {
        for host in [
            "evil.example",
            "vm@evil.example",
            "evil.example@vm",
            "vm:18099",
            "vm:",
            "vm:+18080",
            "vm..",
            "vm, evil.example",
            "vm evil.example",
            "vm:18080:18080",
            "",
        ] {
            assert_eq!(get(&format!("Host: {host}\r\n")), Err(BadRequest::OtherHost), "{host}");
            let absolute = format!("GET http://{host}/ HTTP/1.1\r\nHost: vm\r\n\r\n");
            assert!(check(&absolute).is_err(), "{absolute}");
        }
        for uri in ["https://vm/", "ftp://vm/", "vm:18080", "*", "http:/vm/", "http://vm#@x/"] {
            assert!(check(&format!("GET {uri} HTTP/1.1\r\nHost: vm\r\n\r\n")).is_err(), "{uri}");
        }
    }

    #[test]
    fn there_is_exactly_one_host() {
        for lines in [
            "Host: vm\r\nHost: evil.example\r\n",
            "Host: evil.example\r\nhost: vm\r\n",
            "Host: vm\r\nHost: vm\r\n",
            "",
        ] {
            assert_eq!(get(lines), Err(BadRequest::NotOneHost), "{lines:?}");
        }
        assert_eq!(check("GET / HTTP/1.0\r\n\r\n"), Err(BadRequest::NotOneHost));
    }

    #[test]
    fn lines_that_servers_read_in_different_ways_are_refused() {
        for lines in [
            "Host: vm\r\n evil.example\r\n",
            "Host: vm\r\n\tevil.example\r\n",
            "Host : evil.example\r\nHost: vm\r\n",
            "Host: vm\nX: y\r\n",
            "X: a\rHost: evil.example\r\nHost: vm\r\n",
            "Host: vm\r\nX: a\0b\r\n",
            "Host: vm\r\nX: a\r\r\n",
            "Host: vm\r\nno colon\r\n",
        ] {
            assert_eq!(get(lines), Err(BadRequest::NoHttp), "{lines:?}");
        }
        let lf = "GET / HTTP/1.1\nHost: evil.example\n\nHost: vm\r\n\r\n";
        assert_eq!(check(lf), Err(BadRequest::NoHttp));
        assert_eq!(check("GET / HTTP/1.1\nHost: vm\n\n"), Err(BadRequest::NoHttp));
    }

    #[test]
    fn only_reading_methods_of_http_1_pass() {
        for method in ["POST", "PUT", "DELETE", "OPTIONS", "TRACE", "get", "CONNECT"] {
            let head = format!("{method} / HTTP/1.1\r\nHost: vm\r\n\r\n");
            assert_eq!(check(&head), Err(BadRequest::Method), "{method}");
        }
        let connect = "CONNECT 127.0.0.1:18099 HTTP/1.1\r\nHost: vm:18080\r\n\r\n";
        assert_eq!(check(connect), Err(BadRequest::Method));
        for bytes in [
            "GET /\r\n",
            "PING\r\n",
            "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
            "GET / HTTP/1.2\r\nHost: vm\r\n\r\n",
            "\u{16}\u{3}\u{1}",
            "\0",
        ] {
            assert_eq!(check(bytes), Err(BadRequest::NoHttp), "{bytes:?}");
        }
    }

    #[test]
    fn nothing_may_follow_the_head() {
        for line in ["Content-Length: 1", "Content-Length: 00", "Transfer-Encoding: chunked"] {
            assert_eq!(get(&format!("Host: vm\r\n{line}\r\n")), Err(BadRequest::Body), "{line}");
        }
        for line in ["Upgrade: x\r\nConnection: upgrade", "Expect: 100-continue"] {
            assert_eq!(get(&format!("Host: vm\r\n{line}\r\n")), Err(BadRequest::Upgrade), "{line}");
        }
        let pipelined =
            "GET / HTTP/1.1\r\nHost: vm\r\n\r\nGET / HTTP/1.1\r\nHost: evil.example\r\n\r\n";
        assert_eq!(check(pipelined).as_deref(), Ok(PASSED));
    }

    #[test]
    fn an_address_is_named_by_itself() {
        let passes = |host: &str, port, named: &str| {
            let head = format!("GET / HTTP/1.1\r\nHost: {named}\r\n\r\n");
            checked(head.as_bytes(), &target(host, port)).is_ok()
        };
        assert!(passes("10.0.0.5", 80, "10.0.0.5") && passes("10.0.0.5", 80, "10.0.0.5:80"));
        assert!(passes("fd00::5", 81, "[FD00::5]") && passes("fd00::5", 81, "[fd00:0::5]:81"));
        assert!(passes("127.0.0.1", 81, "localhost:81"));
        assert!(!passes("10.0.0.5", 80, "localhost") && !passes("10.0.0.5", 80, "10.0.0.6"));
        assert!(!passes("127.0.0.2", 80, "localhost") && !passes("fd00::5", 81, "fd00::5"));
    }

    #[tokio::test]
    async fn a_head_is_read_however_its_bytes_come_and_is_bounded() {
        let (vm, sent) = (target("vm", 18080), "GET / HTTP/1.1\r\nHost: vm\r\n\r\n");
        for size in [1, 7, 100] {
            let (mut to, mut from) = tokio::io::duplex(size);
            tokio::spawn(async move {
                tokio::io::AsyncWriteExt::write_all(&mut to, sent.as_bytes()).await
            });
            assert_eq!(read(&mut from, &vm).await.unwrap(), PASSED.as_bytes());
        }
        let part = &mut &sent.as_bytes()[..sent.len() - 1];
        assert_eq!(read(part, &vm).await, Err(BadRequest::Nothing));
        let of_length = |length: usize| {
            let rest = length - "GET / HTTP/1.1\r\nHost: vm\r\nX: \r\n\r\n".len();
            format!("GET / HTTP/1.1\r\nHost: vm\r\nX: {}\r\n\r\n", "x".repeat(rest))
        };
        assert!(read(&mut of_length(LARGEST).as_bytes(), &vm).await.is_ok());
        for length in [LARGEST + 1, 4 * LARGEST] {
            let read = read(&mut of_length(length).as_bytes(), &vm).await;
            assert_eq!(read, Err(BadRequest::TooLarge));
        }
    }

    #[test]
    fn no_bytes_make_it_panic_or_name_another_host() {
        let whole = b"GET http://vm/ HTTP/1.1\r\nHost: vm:18080\r\nX: y\r\n\r\n";
        let mut random = fastrand::Rng::with_seed(7);
        for _ in 0..20_000 {
            let mut bytes = whole.to_vec();
            for _ in 0..random.usize(1..4) {
                let at = random.usize(0..bytes.len());
                bytes[at] = random.u8(..);
            }
            if let Ok(Some(head)) = checked(&bytes, &target("vm", 18080)) {
                let lines: Vec<_> = head.split(|byte| *byte == b'\n').collect();
                assert_eq!(lines[1], b"Host: vm:18080\r", "{}", bytes.escape_ascii());
            }
        }
    }
}
