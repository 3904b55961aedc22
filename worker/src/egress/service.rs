//! Serving the sockets of one sandbox from outside, for as long as its command lives.

use std::future::Future;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream as StdUnixStream;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt, Interest};
use tokio::net::{TcpListener, TcpStream, UdpSocket, UnixStream};
use tokio::select;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_util::task::AbortOnDropHandle;

use super::names::AddressBook;
use super::notices::Notices;
use super::{Egress, connection, dns, handover};

/// The most connections that one command has at once. More wait in the kernel.
const MOST_CONNECTIONS: usize = 100;

/// The most of them that ask for names.
const MOST_RESOLVING: usize = 8;

/// How long a connection that asks for names may stay silent.
const SILENCE: Duration = Duration::from_secs(10);

/// Pause after an accept that failed, as when the worker has no free file descriptors.
const PAUSE: Duration = Duration::from_millis(100);

/// A relay under way. It ends, with all its connections, when this is dropped.
#[derive(Debug)]
pub(crate) struct Service {
    _task: AbortOnDropHandle<()>,
}

/// The state that all connections of a command share.
pub(super) struct Relay {
    pub(super) egress: Egress,
    pub(super) notices: Notices,
    book: Mutex<AddressBook>,
}

impl Service {
    /// Starts to wait for the launcher's sockets; its end of the channel comes with it.
    pub(super) fn start(egress: Egress, notices: Notices) -> io::Result<(OwnedFd, Self)> {
        let (outside, inside) = StdUnixStream::pair()?;
        outside.set_nonblocking(true)?;
        let channel = UnixStream::from_std(outside)?;
        let relay = Arc::new(Relay { egress, notices, book: Mutex::default() });
        let task = tokio::spawn(async move {
            if let Err(error) = serve(channel, relay).await {
                tracing::warn!(%error, "Failed to serve the network of a sandbox");
            }
        });
        Ok((inside.into(), Self { _task: AbortOnDropHandle::new(task) }))
    }
}

impl Relay {
    pub(super) fn book(&self) -> MutexGuard<'_, AddressBook> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Answers a question about names.
    fn answer(&self, question: &[u8]) -> Option<Vec<u8>> {
        let known = |name: &str| {
            let listed = self.egress.hosts.lists(name);
            listed.then(|| self.book().address(name)).flatten()
        };
        let answer = dns::answer(question, known)?;
        if let Some(name) = answer.refused {
            self.notices.report(&self.egress.refusal(&name));
        }
        Some(answer.bytes)
    }
}

/// Receives the sockets and serves them. A launcher that fails sends none, and says why itself.
async fn serve(channel: UnixStream, relay: Arc<Relay>) -> io::Result<()> {
    let received = channel.async_io(Interest::READABLE, || handover::receive(&channel)).await?;
    drop(channel);
    let mut sockets = received.into_iter();
    let (Some(questions), Some(resolver)) = (sockets.next(), sockets.next()) else {
        return Ok(());
    };
    let mut tasks = JoinSet::new();
    tasks.spawn(answer_datagrams(datagrams(questions)?, Arc::clone(&relay)));

    let to_resolve = Arc::new(Semaphore::new(MOST_RESOLVING));
    let shared = Arc::clone(&relay);
    tasks.spawn(accept(listener(resolver)?, to_resolve, move |stream| {
        let relay = Arc::clone(&shared);
        async move {
            let _whatever_it_asks = answer_stream(stream, &relay).await;
        }
    }));

    let to_connect = Arc::new(Semaphore::new(MOST_CONNECTIONS));
    for socket in sockets {
        let shared = Arc::clone(&relay);
        tasks.spawn(accept(listener(socket)?, Arc::clone(&to_connect), move |stream| {
            let relay = Arc::clone(&shared);
            async move { connection::carry(stream, &relay).await }
        }));
    }
    while tasks.join_next().await.is_some() {}
    Ok(())
}

fn datagrams(socket: OwnedFd) -> io::Result<UdpSocket> {
    let socket = std::net::UdpSocket::from(socket);
    socket.set_nonblocking(true)?;
    UdpSocket::from_std(socket)
}

fn listener(socket: OwnedFd) -> io::Result<TcpListener> {
    let listener = std::net::TcpListener::from(socket);
    listener.set_nonblocking(true)?;
    TcpListener::from_std(listener)
}

/// A command that asks without end gets no more of the worker than this leaves it.
const PACE: Duration = Duration::from_millis(1);

/// The questions about names that are answered at a time.
const AT_A_TIME: u32 = 16;

/// Accepts connections while there is room for them.
async fn accept<F>(listener: TcpListener, room: Arc<Semaphore>, serve: impl Fn(TcpStream) -> F)
where
    F: Future<Output = ()> + Send + 'static,
{
    let mut open = JoinSet::new();
    loop {
        let accepted = select! {
            Some(_ended) = open.join_next() => continue,
            accepted = listener.accept() => accepted,
        };
        let Ok((stream, _)) = accepted else {
            sleep(PAUSE).await;
            continue;
        };
        let Ok(place) = Arc::clone(&room).acquire_owned().await else { return };
        let connection = serve(stream);
        open.spawn(async move {
            connection.await;
            drop(place);
        });
        sleep(PACE).await;
    }
}

async fn answer_datagrams(socket: UdpSocket, relay: Arc<Relay>) {
    let mut question = vec![0; dns::LARGEST_QUESTION];
    let mut asked: u32 = 0;
    loop {
        match socket.recv_from(&mut question).await {
            Ok((length, asker)) => {
                asked = asked.wrapping_add(1);
                if asked.is_multiple_of(AT_A_TIME) {
                    sleep(PACE).await;
                }
                if let Some(answer) = relay.answer(&question[..length]) {
                    let _asked_again_if_lost = socket.send_to(&answer, asker).await;
                }
            }
            Err(_) => sleep(PAUSE).await,
        }
    }
}

/// Answers questions on one connection: each follows its length.
async fn answer_stream(mut stream: TcpStream, relay: &Relay) -> io::Result<()> {
    loop {
        let length = timeout(SILENCE, stream.read_u16()).await??;
        sleep(PACE).await;
        let mut question = vec![0; usize::from(length).min(dns::LARGEST_QUESTION + 1)];
        timeout(SILENCE, stream.read_exact(&mut question)).await??;
        let answer = relay.answer(&question).ok_or(io::ErrorKind::InvalidData)?;
        let length = u16::try_from(answer.len()).map_err(io::Error::other)?;
        timeout(SILENCE, async {
            stream.write_u16(length).await?;
            stream.write_all(&answer).await
        })
        .await??;
    }
}
