//! The network of `setup` where there are namespaces: hosts that are listed, through the worker.
//!
//! Names of these tests lead to servers that each test starts on loopback; no test sends anything
//! to an address that is not its own.

use std::collections::BTreeMap;
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::sync::{Arc, Mutex};
use std::thread;

use greenline_runtime::hosts::HostList;
use greenline_worker::command::{OutputEvent, OutputStream};
use greenline_worker::egress::{Egress, NameSource, Proxies, Upstream};
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, RootCertStore};

use crate::bed::{Bed, until, written};
use crate::setup::{bed_on, escape, is_installed, with_egress};

/// A server that answers each connection's first bytes with `pong`, and keeps them.
struct Server {
    address: SocketAddr,
    printed: Arc<Mutex<Vec<Vec<u8>>>>,
}

impl Server {
    fn start() -> Self {
        Self::answering(|_| b"pong".to_vec())
    }

    fn answering(answer: fn(&[u8]) -> Vec<u8>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let printed = Arc::new(Mutex::new(Vec::new()));
        let to = Arc::clone(&printed);
        thread::spawn(move || {
            for mut stream in listener.incoming().map_while(Result::ok) {
                let mut bytes = vec![0; 4096];
                let length = stream.read(&mut bytes).unwrap_or(0);
                bytes.truncate(length);
                let _client_may_be_gone = stream.write_all(&answer(&bytes));
                to.lock().unwrap().push(bytes);
            }
        });
        Self { address, printed }
    }

    fn printed(&self) -> Vec<Vec<u8>> {
        self.printed.lock().unwrap().clone()
    }
}

/// Hosts that may be reached; those below `private.test` may lead to loopback.
fn egress(hosts: &[&str], places: &[(&str, u16, SocketAddr)], proxies: Proxies) -> Egress {
    let table: BTreeMap<_, _> = places
        .iter()
        .map(|(name, port, place)| (((*name).to_owned(), *port), vec![*place]))
        .collect();
    let upstream = Upstream { names: NameSource::Table(table), proxies };
    let hosts = HostList::parse(hosts.iter().copied()).unwrap();
    Egress::new(hosts, vec!["*.private.test".parse().unwrap()], upstream)
}

/// A TLS client's first bytes, in hexadecimal digits.
fn greeting(name: &'static str) -> String {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(RootCertStore::empty())
        .with_no_client_auth();
    let name = ServerName::try_from(name).unwrap();
    let mut bytes = Vec::new();
    ClientConnection::new(Arc::new(config), name).unwrap().write_tls(&mut bytes).unwrap();
    hex(&bytes)
}

/// A request without TLS, in hexadecimal digits.
fn get(host: &str) -> String {
    hex(format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n").as_bytes())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Whether an attempt in `setup` worked, and all that was written.
async fn attempt(bed: &Bed, words: &str) -> (bool, String) {
    let (report, events) = bed.run_logged(&[&format!("{} {words}", escape())], &[]).await;
    let out = all(&events);
    assert!(out.contains("out: ") || out.contains("refused: "), "no attempt was made: {report:?}");
    (report.passed(), out)
}

fn all(events: &[OutputEvent]) -> String {
    let both =
        [OutputStream::Stdout, OutputStream::Stderr].map(|stream| written(events, 0, stream));
    String::from_utf8_lossy(&both.concat()).into_owned()
}

#[tokio::test]
async fn setup_reaches_a_listed_name_and_nothing_else_of_this_machine() {
    let (server, other) = (Server::start(), Server::start());
    let places =
        [("a.private.test", 80, server.address), ("other.private.test", 80, other.address)];
    let listed = egress(&["a.private.test"], &places, Proxies::default());
    let Some(sandbox) = with_egress(listed) else { return };
    let bed = bed_on(Some(&sandbox)).await;

    let (reached, printed) =
        attempt(&bed, &format!("send A.Private.test:80 {}", get("A.Private.test"))).await;
    assert!(reached && printed.contains("answer: pong"), "{printed}");
    assert_eq!(server.printed().len(), 1);

    let (reached, printed) = attempt(&bed, "tcp other.private.test:80").await;
    assert!(!reached, "{printed}");
    let line = "greenline: other.private.test is not in [sandbox] hosts, so it can't be reached\n";
    assert_eq!(printed.matches(line).count(), 1, "{printed}");

    // Addresses of the machine, of another machine, and ports that are not listed.
    let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
    udp.set_nonblocking(true).unwrap();
    let own = own_address();
    for words in [
        format!("tcp {}", other.address),
        format!("tcp {}:{}", own.ip(), own.port()),
        "tcp 203.0.113.1:443".to_owned(),
        "tcp [2001:db8::1]:443".to_owned(),
        "tcp a.private.test:8080".to_owned(),
        "send 127.0.0.1:80 00".to_owned(),
        "udp 203.0.113.1:53".to_owned(),
    ] {
        let (reached, printed) = attempt(&bed, &words).await;
        assert!(!reached, "{words}: {printed}");
    }
    attempt(&bed, &format!("udp {}", udp.local_addr().unwrap())).await;
    assert_eq!(udp.recv(&mut [0; 8]).unwrap_err().kind(), ErrorKind::WouldBlock);
    assert!(other.printed().is_empty());
}

/// A server on this machine's address in its own network, if it has one.
fn own_address() -> SocketAddr {
    let route = UdpSocket::bind("0.0.0.0:0").unwrap();
    // Nothing is sent: the kernel only chooses the address that it would send from.
    let chosen = route.connect("203.0.113.1:9").and_then(|()| route.local_addr());
    let ip = chosen.map_or([127, 0, 0, 1].into(), |address| address.ip());
    let listener = TcpListener::bind((ip, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || listener.incoming().count());
    address
}

#[tokio::test]
async fn tls_is_forwarded_for_the_listed_name_and_cut_for_another() {
    let server = Server::start();
    let places = [("a.private.test", 443, server.address)];
    let Some(sandbox) = with_egress(egress(&["a.private.test"], &places, Proxies::default()))
    else {
        return;
    };
    let bed = bed_on(Some(&sandbox)).await;
    let right = greeting("a.private.test");
    let (reached, printed) = attempt(&bed, &format!("send a.private.test:443 {right}")).await;
    assert!(reached, "{printed}");
    assert_eq!(server.printed().iter().map(|bytes| hex(bytes)).collect::<Vec<_>>(), [right]);

    let wrong = greeting("front.test");
    let (reached, printed) = attempt(&bed, &format!("send a.private.test:443 {wrong}")).await;
    assert!(!reached && printed.contains("in TLS it asks for front.test"), "{printed}");
    let nameless = greeting("192.0.2.1");
    let (reached, printed) = attempt(&bed, &format!("send a.private.test:443 {nameless}")).await;
    assert!(!reached && printed.contains("does not say for whom"), "{printed}");
    let http = hex(b"GET / HTTP/1.1\r\nHost: a.private.test\r\n\r\n");
    let (reached, printed) = attempt(&bed, &format!("send a.private.test:443 {http}")).await;
    assert!(!reached && printed.contains("does not begin with TLS"), "{printed}");
    assert_eq!(server.printed().len(), 1, "nothing of it got out");
}

#[tokio::test]
async fn without_tls_one_request_for_the_listed_name_passes_and_no_other_bytes() {
    let server = Server::start();
    let places = [("a.private.test", 8080, server.address)];
    let listed = egress(&["http://a.private.test:8080"], &places, Proxies::default());
    let Some(sandbox) = with_egress(listed) else { return };
    let bed = bed_on(Some(&sandbox)).await;
    let send = |bytes: &[u8]| format!("send a.private.test:8080 {}", hex(bytes));
    let asked = "GET /p HTTP/1.1\r\nHost: a.private.test\r\n";
    for bytes in [
        "GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n".to_owned(),
        "GET http://evil.example/ HTTP/1.1\r\nHost: a.private.test\r\n\r\n".to_owned(),
        "CONNECT a.private.test:8080 HTTP/1.1\r\nHost: a.private.test:8080\r\n\r\n".to_owned(),
        format!("{asked}Host: evil.example\r\n\r\n"),
        format!("{asked} evil.example\r\n\r\n"),
        format!("{asked}Upgrade: x\r\nConnection: upgrade\r\n\r\n"),
        "POST / HTTP/1.1\r\nHost: a.private.test\r\nContent-Length: 1\r\n\r\nx".to_owned(),
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_owned(),
        "PING\r\n".to_owned(),
    ] {
        let (reached, printed) = attempt(&bed, &send(bytes.as_bytes())).await;
        assert!(!reached, "{bytes}: {printed}");
        let line = "greenline: a connection to a.private.test:8080 was closed: ";
        assert_eq!(printed.matches(line).count(), 1, "{bytes}: {printed}");
    }
    assert!(server.printed().is_empty(), "something got out");

    // A second request, sent at once, gets lost; the answer to the first does not.
    let pipelined = format!(
        "{asked}Connection: keep-alive\r\n\r\nGET / HTTP/1.1\r\nHost: evil.example\r\n\r\n{}",
        "x".repeat(10_000)
    );
    let (reached, printed) = attempt(&bed, &send(pipelined.as_bytes())).await;
    assert!(reached && printed.contains("answer: pong"), "{printed}");
    let passed = "GET /p HTTP/1.1\r\nHost: a.private.test:8080\r\nConnection: close\r\n\r\n";
    assert_eq!(server.printed(), [passed.as_bytes()]);
}

#[tokio::test]
async fn an_address_with_tls_gets_a_greeting_that_names_nothing() {
    let server = Server::start();
    let listed = server.address.to_string();
    let Some(sandbox) = with_egress(egress(&[&listed], &[], Proxies::default())) else { return };
    let bed = bed_on(Some(&sandbox)).await;
    for (bytes, why) in [
        (greeting("front.test"), "in TLS it asks for front.test"),
        (get(&listed), "does not begin with TLS"),
    ] {
        let (reached, printed) = attempt(&bed, &format!("send {listed} {bytes}")).await;
        assert!(!reached && printed.contains(why), "{printed}");
    }
    assert!(server.printed().is_empty(), "something got out");
    for right in [greeting("127.0.0.1"), greeting("localhost")] {
        let (reached, printed) = attempt(&bed, &format!("send {listed} {right}")).await;
        assert!(reached, "{printed}");
    }
    assert_eq!(server.printed().len(), 2);
}

#[tokio::test]
async fn a_listed_name_that_leads_into_the_private_network_is_refused() {
    let server = Server::start();
    let places = [("public.test", 80, server.address), ("own.private.test", 80, server.address)];
    let hosts = ["public.test", "own.private.test"];
    let Some(sandbox) = with_egress(egress(&hosts, &places, Proxies::default())) else { return };
    let bed = bed_on(Some(&sandbox)).await;
    let (reached, printed) =
        attempt(&bed, &format!("send public.test:80 {}", get("public.test"))).await;
    assert!(!reached && printed.contains("127.0.0.1, which is not a public address"), "{printed}");
    assert!(server.printed().is_empty());
    let (reached, printed) =
        attempt(&bed, &format!("send own.private.test:80 {}", get("own.private.test"))).await;
    assert!(reached, "the operator says so: {printed}");
}

#[tokio::test]
async fn an_address_is_reached_where_it_is_listed_and_on_its_port_alone() {
    let (server, other) = (Server::start(), Server::start());
    let listed = server.address.to_string();
    let hosts = [format!("http://{listed}")];
    let hosts: Vec<&str> = hosts.iter().map(String::as_str).collect();
    let Some(sandbox) = with_egress(egress(&hosts, &[], Proxies::default())) else { return };
    let bed = bed_on(Some(&sandbox)).await;
    let (reached, printed) = attempt(&bed, &format!("send {listed} {}", get(&listed))).await;
    assert!(reached, "{printed}");
    let place = other.address.to_string();
    let (reached, printed) = attempt(&bed, &format!("send {place} {}", get(&place))).await;
    assert!(!reached && other.printed().is_empty(), "{printed}");
    // The port of one address is not that of another.
    let place = format!("127.0.0.2:{}", server.address.port());
    let (reached, printed) = attempt(&bed, &format!("send {place} {}", get(&place))).await;
    assert!(!reached && server.printed().len() == 1, "{printed}");
}

#[tokio::test]
async fn a_proxy_of_the_operators_is_asked_and_names_are_its_business() {
    let proxy = Server::answering(|asked| match asked.starts_with(b"CONNECT open.test:80 ") {
        true => b"HTTP/1.1 200 Connection established\r\n\r\nthrough the proxy".to_vec(),
        false => b"HTTP/1.1 403 Forbidden\r\n\r\n".to_vec(),
    });
    let address = format!("http://me:secret@{}", proxy.address);
    let proxies = Proxies::from_variables(|name| (name == "HTTP_PROXY").then(|| address.clone()));
    let hosts = ["open.test", "closed.test"];
    let Some(sandbox) = with_egress(egress(&hosts, &[], proxies.unwrap())) else { return };
    let bed = bed_on(Some(&sandbox)).await;
    let (reached, printed) =
        attempt(&bed, &format!("send open.test:80 {}", get("open.test"))).await;
    assert!(reached && printed.contains("answer: through the proxy"), "{printed}");
    // What may not pass is not even asked for.
    let foreign = get("closed.test");
    let (reached, printed) = attempt(&bed, &format!("send open.test:80 {foreign}")).await;
    assert!(!reached && printed.contains("its request is for another host"), "{printed}");
    assert_eq!(proxy.printed().len(), 1, "the proxy was asked");
    let (reached, printed) =
        attempt(&bed, &format!("send closed.test:80 {}", get("closed.test"))).await;
    assert!(!reached && printed.contains("did not connect: it answered HTTP/1.1 403"), "{printed}");
    assert!(!printed.contains("secret"), "{printed}");
    let asked = String::from_utf8(proxy.printed()[0].clone()).unwrap();
    assert!(asked.contains("\r\nProxy-Authorization: Basic bWU6c2VjcmV0\r\n"), "{asked}");
}

#[tokio::test]
async fn the_network_of_setup_shows_nothing_of_the_machine() {
    let server = Server::start();
    let Some(sandbox) = with_egress(Egress::default()) else { return };
    let bed = bed_on(Some(&sandbox)).await;
    let look = "cat /etc/resolv.conf /etc/hosts; grep ^hosts: /etc/nsswitch.conf; \
                tail -n +3 /proc/net/dev | cut -d: -f1; cat /proc/net/tcp /proc/net/route; \
                readlink /proc/self/fd/0";
    let (report, events) = bed.run_logged(&[look], &[]).await;
    assert!(report.passed(), "{report:?}");
    let seen = all(&events);
    let files = "nameserver 198.18.0.1\n127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost\nhosts: files dns\n";
    let rest = seen.strip_prefix(files).unwrap_or_else(|| panic!("{seen}"));
    assert!(rest.starts_with("    lo\n  sl "), "one interface: {seen}");
    assert!(!seen.contains(&format!(":{:04X} ", server.address.port())), "{seen}");
    assert!(seen.ends_with("/null\n"), "the channel to the worker is closed: {seen}");
}

#[tokio::test]
async fn a_relay_ends_with_its_command() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let places = [("a.private.test", 80, listener.local_addr().unwrap())];
    let Some(sandbox) = with_egress(egress(&["a.private.test"], &places, Proxies::default()))
    else {
        return;
    };
    let bed = bed_on(Some(&sandbox)).await;
    let connected: Arc<Mutex<Option<TcpStream>>> = Arc::default();
    let to = Arc::clone(&connected);
    thread::spawn(move || *to.lock().unwrap() = listener.accept().ok().map(|(stream, _)| stream));
    // The server sends nothing: the command waits until its task is cancelled.
    let command = format!("{} send a.private.test:80 {}", escape(), get("a.private.test"));
    let stop = async {
        until("a connection", || connected.lock().unwrap().is_some()).await;
        bed.cancellation.cancel(greenline_worker::command::CancelReason::Operator);
    };
    let commands = [command.as_str()];
    let (report, ()) = tokio::join!(bed.run(&commands, &[]), stop);
    assert!(!report.passed());
    let mut stream = connected.lock().unwrap().take().unwrap();
    stream.set_nonblocking(true).unwrap();
    until("the end of the connection", || {
        let mut rest = [0; 16];
        loop {
            match stream.read(&mut rest) {
                Ok(0) => return true,
                Ok(_) => {}
                Err(error) => return error.kind() != ErrorKind::WouldBlock,
            }
        }
    })
    .await;
}

/// Clients bring resolvers of their own: glibc's, c-ares, Go's, Java's. Those that take long to start
/// are tried by `make registries`.
#[tokio::test]
async fn clients_of_each_kind_find_a_listed_name_and_no_other() {
    let server = Server::answering(|_| {
        b"HTTP/1.1 200 OK\r\nContent-Length: 7\r\nConnection: close\r\n\r\nv1.2.3\n".to_vec()
    });
    let places = [("a.private.test", 80, server.address)];
    let Some(sandbox) =
        with_egress(egress(&["http://a.private.test"], &places, Proxies::default()))
    else {
        return;
    };
    let bed = bed_on(Some(&sandbox)).await;
    let mirror = "<settings><mirrors><mirror><id>m</id><mirrorOf>*</mirrorOf>\
                  <url>http://NAME/m</url></mirror></mirrors></settings>";
    let clients = [
        ("getent", "getent ahosts NAME".to_owned()),
        (
            "python3",
            "python3 -c 'import urllib.request as u; u.urlopen(\"http://NAME/\")'".to_owned(),
        ),
        (
            "node",
            "node -e 'require(\"dns\").resolve4(\"NAME\", (e) => { if (e) process.exit(1); \
             require(\"http\").get(\"http://NAME/\").on(\"error\", () => process.exit(1)) })'"
                .to_owned(),
        ),
        // What these two get is no module and no plugin. That they ask is enough.
        (
            "go",
            "export GOPROXY=http://NAME GONOSUMDB=* GOFLAGS=-mod=mod; \
             go mod download example.test/hello@v1.2.3 || true"
                .to_owned(),
        ),
        (
            "mvn",
            format!(
                "echo '{mirror}' > s.xml; mvn -B -s s.xml -Dmaven.repo.local=m help:help || true"
            ),
        ),
    ];
    for (program, command) in clients {
        let takes_long = ["go", "mvn"].contains(&program);
        if takes_long && std::env::var_os("GREENLINE_REGISTRIES").is_none() {
            eprintln!("skipped: `make registries` tries {program}");
            continue;
        }
        if !is_installed(program) {
            eprintln!("skipped: {program} is not installed");
            continue;
        }
        let before = server.printed().len();
        let named = |name: &str| command.replace("NAME", name);
        let path = std::env::var("PATH").unwrap();
        let listed = bed.run(&[&format!("PATH='{path}'; {}", named("a.private.test"))], &[]).await;
        assert!(listed.passed(), "{program}: {listed:?}");
        let asked = server.printed().len() - before;
        assert!(asked > 0 || program == "getent", "{program} asked nothing: {listed:?}");
        let other = format!("PATH='{path}'; {}", named("b.private.test"));
        let (other, events) = bed.run_logged(&[&other], &[]).await;
        let printed = all(&events);
        assert!(
            printed.contains("b.private.test is not in [sandbox] hosts"),
            "{program}: {printed}"
        );
        assert!(!other.passed() || command.ends_with("|| true"), "{program}: {other:?}");
    }
}
