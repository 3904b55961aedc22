//! What a lead is plugged into Redis and GitHub with. It is pulled in the middle of what the lead
//! says: nothing it says after that arrives anywhere, as after a SIGKILL.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UnixStream};
use tokio::sync::Mutex;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// How long what was under way on GitHub when the cable was pulled may take there.
const UNDER_WAY: Duration = Duration::from_secs(5);

/// A cable of several wires, which are cut together.
#[derive(Clone)]
pub(crate) struct CuttableLink {
    inner: Arc<Inner>,
}

struct Inner {
    /// How many pieces it still carries.
    left: AtomicUsize,
    /// Whether the last piece still arrives.
    last_arrives: AtomicBool,
    pulled: CancellationToken,
    wires: Mutex<JoinSet<()>>,
}

/// What becomes of a piece of what the lead says.
enum Piece {
    Carried,
    Lost,
}

impl CuttableLink {
    /// One that carries everything until it is [armed](Self::arm).
    pub(crate) fn new() -> Self {
        let inner = Inner {
            left: AtomicUsize::new(usize::MAX),
            last_arrives: AtomicBool::new(true),
            pulled: CancellationToken::new(),
            wires: Mutex::default(),
        };
        Self { inner: Arc::new(inner) }
    }

    /// It is pulled after so many more pieces.
    pub(crate) fn arm(&self, pieces: usize, last_arrives: bool) {
        self.inner.last_arrives.store(last_arrives, Ordering::SeqCst);
        self.inner.left.store(pieces, Ordering::SeqCst);
    }

    /// Comes true when it is pulled.
    pub(crate) async fn pulled(&self) {
        self.inner.pulled.cancelled().await;
    }

    /// A port that leads to a Redis.
    pub(crate) async fn to_redis(&self, socket: &str) -> String {
        let socket = socket.trim_start_matches("unix://").to_owned();
        let (listener, address) = listener().await;
        let link = self.clone();
        let listening = async move {
            while let Ok((near, _)) = listener.accept().await {
                if let Ok(far) = UnixStream::connect(&socket).await {
                    let wire = link.clone().carry(near, far, Duration::ZERO);
                    link.inner.wires.lock().await.spawn(wire);
                }
            }
        };
        self.listen(listening).await;
        format!("redis://{address}")
    }

    /// A port that leads to a GitHub.
    pub(crate) async fn to_github(&self, url: &str) -> String {
        let far_address: SocketAddr = url.trim_start_matches("http://").parse().unwrap();
        let (listener, address) = listener().await;
        let link = self.clone();
        let listening = async move {
            while let Ok((near, _)) = listener.accept().await {
                if let Ok(far) = TcpStream::connect(far_address).await {
                    let wire = link.clone().carry(near, far, UNDER_WAY);
                    link.inner.wires.lock().await.spawn(wire);
                }
            }
        };
        self.listen(listening).await;
        format!("http://{address}")
    }

    async fn listen(&self, listening: impl Future<Output = ()> + Send + 'static) {
        let pulled = self.inner.pulled.clone();
        let mut wires = self.inner.wires.lock().await;
        wires.spawn(async move {
            pulled.run_until_cancelled(listening).await;
        });
    }

    /// Pulls it, and waits until all that it had carried has had its effect.
    pub(crate) async fn end(self) {
        self.inner.pulled.cancel();
        let mut wires = std::mem::take(&mut *self.inner.wires.lock().await);
        while wires.join_next().await.is_some() {}
    }

    /// Counts a piece.
    fn take(&self) -> Piece {
        if self.inner.pulled.is_cancelled() {
            return Piece::Lost;
        }
        let left = self.inner.left.fetch_sub(1, Ordering::SeqCst);
        if left > 1 {
            return Piece::Carried;
        }
        self.inner.pulled.cancel();
        if left == 1 && self.inner.last_arrives.load(Ordering::SeqCst) {
            return Piece::Carried;
        }
        Piece::Lost
    }

    /// Carries both ways. Once it is pulled, an answer that is still due is awaited for so long:
    /// with it, what was asked for has had its effect.
    async fn carry<F>(self, mut near: TcpStream, far: F, patience: Duration)
    where
        F: AsyncRead + AsyncWrite + Send,
    {
        let due = AtomicBool::new(false);
        let (mut near_in, mut near_out) = near.split();
        let (mut far_in, mut far_out) = tokio::io::split(far);
        let asking = async {
            let mut bytes = vec![0; 64 << 10];
            while let Ok(read @ 1..) = near_in.read(&mut bytes).await {
                if matches!(self.take(), Piece::Lost) {
                    return;
                }
                due.store(true, Ordering::SeqCst);
                if far_out.write_all(&bytes[..read]).await.is_err() {
                    return;
                }
            }
        };
        let mut bytes = vec![0; 64 << 10];
        let answering = async {
            while let Ok(read @ 1..) = far_in.read(&mut bytes).await {
                due.store(false, Ordering::SeqCst);
                if near_out.write_all(&bytes[..read]).await.is_err() {
                    return;
                }
            }
        };
        tokio::select! {
            () = self.inner.pulled.cancelled() => {}
            () = asking => {}
            () = answering => {}
        }
        if due.load(Ordering::SeqCst) {
            let _answer = tokio::time::timeout(patience, far_in.read(&mut bytes)).await;
        }
    }
}

async fn listener() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

/// An address that stays, behind which a lead may stand or not.
pub(crate) struct StableAddress {
    pub(crate) address: SocketAddr,
    behind: Arc<std::sync::Mutex<Option<SocketAddr>>>,
    _listening: JoinSet<()>,
}

impl StableAddress {
    pub(crate) async fn new() -> Self {
        let (listener, address) = listener().await;
        let behind: Arc<std::sync::Mutex<Option<SocketAddr>>> = Arc::default();
        let now = behind.clone();
        let mut listening = JoinSet::new();
        listening.spawn(async move {
            let mut guests = JoinSet::new();
            while let Ok((mut near, _)) = listener.accept().await {
                let Some(lead) = *now.lock().unwrap() else { continue };
                guests.spawn(async move {
                    if let Ok(mut far) = TcpStream::connect(lead).await {
                        let _ended = tokio::io::copy_bidirectional(&mut near, &mut far).await;
                    }
                });
            }
        });
        Self { address, behind, _listening: listening }
    }

    pub(crate) fn leads_to(&self, lead: Option<SocketAddr>) {
        *self.behind.lock().unwrap() = lead;
    }
}
