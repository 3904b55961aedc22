//! Connections: taken, bounded in number, time and size, and ended gracefully.

use std::convert::Infallible;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::header::CONNECTION;
use axum::http::{HeaderValue, Request, Response};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::debug;

use super::places::{Place, Places};
use super::reach::{Client, Reach};

/// Connections at once: see [`Places`] for who gives way to more.
const MOST_CONNECTIONS: usize = 256;

/// Longest time for the head of a request, also of the next one on the same connection.
const HEAD_WITHIN: Duration = Duration::from_secs(5);

/// The largest head of a request.
const LARGEST_HEAD: usize = 16 * 1024;

/// Longest time of a connection, so that a slow reader can't hold it forever.
const LONGEST_CONNECTION: Duration = Duration::from_secs(60);

/// Time for running answers when a connection is to end.
const SHUTDOWN_WITHIN: Duration = Duration::from_secs(5);

/// How long a connection that loses its place may still write the answer that it has begun.
const FAREWELL: Duration = Duration::from_millis(500);

/// What handlers know of a request beside what it says.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Visit {
    /// Whom it comes from.
    pub(crate) client: Client,
    /// The address of this machine that it came to.
    pub(crate) local: IpAddr,
}

/// Answers until it is to stop, then lets what has begun come to its end, in a bounded time.
pub(crate) async fn serve(
    listener: TcpListener,
    router: Router,
    reach: Reach,
    stop: CancellationToken,
) {
    let mut connections = JoinSet::new();
    let house = House { router, reach, places: Places::new(MOST_CONNECTIONS), stop: stop.clone() };
    let accepting = accept(&listener, &house, &mut connections);
    stop.run_until_cancelled(accepting).await;
    drop(listener);
    // Each ends by itself within its goodbye, as it watches the same token.
    while connections.join_next().await.is_some() {}
}

/// What connections share.
#[derive(Clone)]
struct House {
    router: Router,
    reach: Reach,
    places: Places,
    stop: CancellationToken,
}

async fn accept(
    listener: &TcpListener,
    house: &House,
    connections: &mut JoinSet<()>,
) -> Infallible {
    const PAUSE: Duration = Duration::from_millis(100);
    loop {
        while connections.try_join_next().is_some() {}
        let taken = listener.accept().await.and_then(|(stream, peer)| {
            let local = stream.local_addr()?.ip();
            Ok((stream, peer.ip(), local))
        });
        match taken {
            Ok((stream, peer, local)) => {
                let house = house.clone();
                let permit = Arc::new(house.places.take(Client::at(peer)));
                connections.spawn(serve_connection(stream, (peer, local), house, permit));
            }
            // Out of files, or the other side is gone already: others may do better.
            Err(error) => {
                debug!(%error, "Failed to take a connection");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

async fn serve_connection(
    stream: TcpStream,
    (peer, local): (IpAddr, IpAddr),
    house: House,
    permit: Arc<Place>,
) {
    let mut protocol = http1::Builder::new();
    protocol.timer(TokioTimer::new()).header_read_timeout(HEAD_WITHIN).max_buf_size(LARGEST_HEAD);
    let stop = house.stop.clone();
    let held = permit.clone();
    let service = service_fn(move |mut request: Request<Incoming>| {
        let (house, permit) = (house.clone(), held.clone());
        async move {
            let client = house.reach.client(peer, request.headers());
            request.extensions_mut().insert(Visit { client, local });
            permit.is_busy(client);
            let mut answer: Response<Body> =
                TowerToHyperService::new(house.router).call(request).await?;
            if house.places.are_scarce() {
                answer.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
            }
            permit.is_idle();
            Ok::<_, Infallible>(answer)
        }
    });
    let connection = protocol.serve_connection(TokioIo::new(stream), service);
    tokio::pin!(connection);
    let goodbye = tokio::select! {
        // How it ended is the client's affair: it left, or spoke no HTTP.
        _ended = &mut connection => return,
        () = permit.is_lost() => FAREWELL,
        () = stop.cancelled() => SHUTDOWN_WITHIN,
        () = tokio::time::sleep(LONGEST_CONNECTION) => SHUTDOWN_WITHIN,
    };
    connection.as_mut().graceful_shutdown();
    let _ended = tokio::time::timeout(goodbye, connection).await;
}
