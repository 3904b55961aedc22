//! One connection from inside, brought to the host that it is meant for.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use greenline_runtime::hosts::{HostPattern, Protocol};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::select;
use tokio::sync::Notify;
use tokio::time::{sleep, timeout};

use super::Target;
use super::greeting;
use super::request_head::{self, BadRequest};
use super::service::Relay;

/// How long a connection may stay open while nothing comes or goes.
const IDLE: Duration = Duration::from_secs(300);

/// How long a client may take to close a connection after the answer.
const LINGER: Duration = Duration::from_secs(2);

/// The most bytes behind a request that are read.
const MOST_DROPPED: u64 = 1 << 20;

const PIECE_BYTES: usize = 16 << 10;

/// Brings a connection to its target, and forwards bytes until both sides have ended.
pub(super) async fn carry(mut inside: TcpStream, relay: &Relay) {
    let Some(target) = inside.local_addr().ok().and_then(|address| meant(address, relay)) else {
        return refuse(&inside);
    };
    let first = match target.protocol {
        Protocol::Tls => greet(&mut inside, &target).await,
        Protocol::Plain => ask(&mut inside, &target).await,
        Protocol::Unchecked => Ok(Vec::new()),
    };
    let first = match first {
        Ok(first) => first,
        Err(why) => {
            if let Some(why) = why {
                relay.notices.report(&why);
            }
            return refuse(&inside);
        }
    };
    let mut outside = match relay.egress.upstream.connect(&target).await {
        Ok(outside) => outside,
        Err(why) => {
            let Target { host, port, .. } = &target;
            relay.notices.report(&format!("{host}:{port} was not reached: {why}"));
            return refuse(&inside);
        }
    };
    if outside.write_all(&first).await.is_ok() {
        drop(first);
        match target.protocol {
            Protocol::Plain => answer(&mut inside, &mut outside).await,
            Protocol::Tls | Protocol::Unchecked => forward(&mut inside, &mut outside).await,
        }
    }
}

/// The host that an address inside stands for.
fn meant(address: SocketAddr, relay: &Relay) -> Option<Target> {
    let name = match address.ip() {
        IpAddr::V4(address) => relay.book().name(address).map(str::to_owned),
        IpAddr::V6(_) => None,
    };
    let host = name.map_or(HostPattern::Address(address.ip()), HostPattern::Name);
    let target = relay.egress.target(host.clone(), address.port());
    if target.is_none() {
        relay.notices.report(&relay.egress.refusal(&format!("{host}:{}", address.port())));
    }
    target
}

/// Reads the greeting of TLS, which has to name the target; the error is for people, if it is
/// worth it.
async fn greet(inside: &mut TcpStream, target: &Target) -> Result<Vec<u8>, Option<String>> {
    let Target { host, port, .. } = target;
    let greeting = match greeting::read(inside).await {
        Ok(greeting) => greeting,
        Err(greeting::NoGreeting::Nothing) => return Err(None),
        Err(why @ greeting::NoGreeting::NoTls) => {
            return Err(Some(format!("a connection to {host}:{port} was closed: {why}")));
        }
    };
    match greeting.name {
        Some(name) if target.has_name(&name) => Ok(greeting.bytes),
        // Clients that connect to an address name nothing.
        None if host.address().is_some() => Ok(greeting.bytes),
        Some(name) => Err(Some(format!(
            "a connection to {host}:{port} was closed: in TLS it asks for {name}"
        ))),
        None => Err(Some(format!(
            "a connection to {host}:{port} was closed: in TLS it does not say for whom it is"
        ))),
    }
}

/// Reads the one request of a connection without TLS; the error is for people, if it is worth it.
async fn ask(inside: &mut TcpStream, target: &Target) -> Result<Vec<u8>, Option<String>> {
    request_head::read(inside, target).await.map_err(|why| {
        let Target { host, port, .. } = target;
        let is_empty = why == BadRequest::Nothing;
        (!is_empty).then(|| format!("a connection to {host}:{port} was closed: {why}"))
    })
}

/// Ends a connection so that its client sees an error and not an empty answer.
fn refuse(inside: &TcpStream) {
    let _ends_anyway = inside.set_zero_linger();
}

/// Forwards both ways, until both have ended, one has failed, or nothing moves any more.
async fn forward(inside: &mut TcpStream, outside: &mut TcpStream) {
    let moved = Notify::new();
    let (from_inside, to_inside) = inside.split();
    let (from_outside, to_outside) = outside.split();
    let both = async {
        tokio::try_join!(
            one_way(from_inside, to_outside, &moved),
            one_way(from_outside, to_inside, &moved)
        )
    };
    let nothing_moves = async { while timeout(IDLE, moved.notified()).await.is_ok() {} };
    select! {
        _ended = both => {}
        () = nothing_moves => {}
    }
}

/// Forwards the answer to the one request. What the client sends meanwhile is read and dropped:
/// bytes that nobody reads would make the kernel cut the answer off.
async fn answer(inside: &mut TcpStream, outside: &mut TcpStream) {
    let moved = Notify::new();
    let (from_inside, to_inside) = inside.split();
    let (from_outside, _silent) = outside.split();
    let nothing_moves = async { while timeout(IDLE, moved.notified()).await.is_ok() {} };
    let ended = Notify::new();
    let answered = async {
        let answered = one_way(from_outside, to_inside, &moved).await;
        ended.notify_one();
        answered
    };
    let both = async { tokio::join!(answered, drop_bytes(from_inside, &ended)) };
    select! {
        _ended = both => {}
        () = nothing_moves => {}
    }
}

/// Reads and drops bytes until the client has closed its side, or for a moment after the end of the
/// answer.
async fn drop_bytes(from: impl AsyncRead + Unpin, ended: &Notify) {
    let mut bounded = from.take(MOST_DROPPED);
    let dropped = async { tokio::io::copy(&mut bounded, &mut tokio::io::sink()).await };
    let late = async {
        ended.notified().await;
        sleep(LINGER).await;
    };
    select! {
        _closed = dropped => {}
        () = late => {}
    }
}

async fn one_way(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    moved: &Notify,
) -> io::Result<()> {
    let mut piece = vec![0; PIECE_BYTES];
    loop {
        let length = from.read(&mut piece).await?;
        if length == 0 {
            return to.shutdown().await;
        }
        to.write_all(&piece[..length]).await?;
        moved.notify_one();
    }
}
