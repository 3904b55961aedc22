//! Connections: taken, bounded in number, time and size, and ended gracefully.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::debug;

/// Connections at once; more wait in the system's queue.
const MOST: usize = 256;

/// How long the head of a request may take, also the next one on the same connection.
const HEAD_WITHIN: Duration = Duration::from_secs(5);

/// The largest head of a request.
const LARGEST_HEAD: usize = 16 * 1024;

/// How long one connection lasts: whoever reads slowly can't keep it for ever.
const LONGEST: Duration = Duration::from_secs(60);

/// How long answers that have begun may take once a connection is to end.
const GOODBYE: Duration = Duration::from_secs(5);

/// Answers until it is to stop, then lets what has begun come to its end, in a bounded time.
pub(crate) async fn serve(listener: TcpListener, router: Router, stop: CancellationToken) {
    let mut connections = JoinSet::new();
    let places = Arc::new(Semaphore::new(MOST));
    let accepting = accept(&listener, &router, &places, &mut connections, &stop);
    stop.run_until_cancelled(accepting).await;
    drop(listener);
    // Each ends by itself within its goodbye, as it watches the same token.
    while connections.join_next().await.is_some() {}
}

async fn accept(
    listener: &TcpListener,
    router: &Router,
    places: &Arc<Semaphore>,
    connections: &mut JoinSet<()>,
    stop: &CancellationToken,
) -> Infallible {
    const PAUSE: Duration = Duration::from_millis(100);
    loop {
        while connections.try_join_next().is_some() {}
        let Ok(place) = places.clone().acquire_owned().await else {
            unreachable!("nobody closes the semaphore")
        };
        match listener.accept().await {
            Ok((stream, _)) => {
                let (router, stop) = (router.clone(), stop.clone());
                connections.spawn(async move {
                    converse(stream, router, stop).await;
                    drop(place);
                });
            }
            // Out of files, or the other side is gone already: others may do better.
            Err(error) => {
                debug!(%error, "Failed to take a connection");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

async fn converse(stream: TcpStream, router: Router, stop: CancellationToken) {
    let mut protocol = http1::Builder::new();
    protocol.timer(TokioTimer::new()).header_read_timeout(HEAD_WITHIN).max_buf_size(LARGEST_HEAD);
    let service = TowerToHyperService::new(router);
    let connection = protocol.serve_connection(TokioIo::new(stream), service);
    tokio::pin!(connection);
    tokio::select! {
        // How it ended is the client's affair: it left, or spoke no HTTP.
        _ended = &mut connection => return,
        () = stop.cancelled() => {}
        () = tokio::time::sleep(LONGEST) => {}
    }
    connection.as_mut().graceful_shutdown();
    let _ended = tokio::time::timeout(GOODBYE, connection).await;
}
