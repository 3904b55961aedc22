//! One connection from inside, brought to the host that it is meant for.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use greenline_runtime::hosts::{HostPattern, Protocol};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::select;
use tokio::sync::Notify;
use tokio::time::timeout;

use super::Target;
use super::greeting;
use super::service::Relay;

/// How long a connection may stay open while nothing comes or goes.
const IDLE: Duration = Duration::from_secs(300);

const PIECE_BYTES: usize = 16 << 10;

/// Brings a connection to its target, and forwards bytes until both sides have ended.
pub(super) async fn carry(mut inside: TcpStream, relay: &Relay) {
    let Some(target) = inside.local_addr().ok().and_then(|address| meant(address, relay)) else {
        return refuse(&inside);
    };
    let mut first = Vec::new();
    if target.protocol == Protocol::Tls {
        match greet(&mut inside, &target).await {
            Ok(bytes) => first = bytes,
            Err(why) => {
                if let Some(why) = why {
                    relay.notices.report(&why);
                }
                return refuse(&inside);
            }
        }
    }
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
        forward(&mut inside, &mut outside).await;
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
        relay.notices.report(&format!("{host}:{} is not in [sandbox] hosts", address.port()));
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
        Some(name) if host.matches(name.strip_suffix('.').unwrap_or(&name)) => Ok(greeting.bytes),
        Some(name) => Err(Some(format!(
            "a connection to {host}:{port} was closed: in TLS it asks for {name}"
        ))),
        None => Err(Some(format!(
            "a connection to {host}:{port} was closed: in TLS it does not say for whom it is"
        ))),
    }
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
