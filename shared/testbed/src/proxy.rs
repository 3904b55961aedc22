//! A connection between a queue and its Redis that injects faults on command.

use std::time::Duration;

use greenline_store::PrivateServer;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UnixStream};
use tokio::sync::watch;
use tokio::task::AbortHandle;

/// The behavior of the connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InjectedFault {
    /// Forwards everything.
    None,
    /// Forwards everything with a delay per piece.
    Slow(Duration),
    /// Requests arrive, replies are lost.
    LosesReplies,
    /// The connection is cut after so many bytes of the next reply; later connections work.
    CutsReplyAfter(usize),
    /// Nothing arrives, without an error.
    BlackHole,
    /// New connections are cut at once, existing ones at the next byte.
    Cut,
}

/// A connection between a queue and its Redis; it ends with its handle.
pub struct FaultyProxy {
    port: u16,
    fault: watch::Sender<InjectedFault>,
    listening: AbortHandle,
}

impl FaultyProxy {
    /// Creates a working connection to a server.
    ///
    /// # Panics
    ///
    /// If there is no free port.
    pub async fn before(server: &PrivateServer) -> Self {
        let socket = server.url().trim_start_matches("unix://").to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let port = listener.local_addr().expect("its address").port();
        let fault = watch::Sender::new(InjectedFault::None);
        let faults = fault.clone();
        let listening = tokio::spawn(async move {
            // Its connections end with it.
            let mut wires = tokio::task::JoinSet::new();
            while let Ok((near, _)) = listener.accept().await {
                if let Ok(far) = UnixStream::connect(&socket).await {
                    wires.spawn(carry(near, far, faults.clone()));
                }
            }
        });
        Self { port, fault, listening: listening.abort_handle() }
    }

    /// Returns the URL by which a queue reaches its Redis through this proxy.
    #[must_use]
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// Changes the behavior from the next byte on.
    pub fn fault(&self, fault: InjectedFault) {
        self.fault.send_replace(fault);
    }
}

impl Drop for FaultyProxy {
    fn drop(&mut self) {
        self.listening.abort();
    }
}

/// Forwards both directions until one side ends.
async fn carry(near: TcpStream, far: UnixStream, fault: watch::Sender<InjectedFault>) {
    let (mut near_in, mut near_out) = near.into_split();
    let (mut far_in, mut far_out) = far.into_split();
    let requests = async {
        let mut bytes = vec![0; 16 * 1024];
        let mut swallowed = false;
        while let Ok(read @ 1..) = near_in.read(&mut bytes).await {
            let now = *fault.borrow();
            match now {
                InjectedFault::BlackHole => {
                    swallowed = true;
                    continue;
                }
                // A connection may stall or end, but it never skips a byte.
                _ if swallowed => return,
                InjectedFault::Cut => return,
                InjectedFault::Slow(delay) => tokio::time::sleep(delay).await,
                _ => {}
            }
            if far_out.write_all(&bytes[..read]).await.is_err() {
                return;
            }
        }
    };
    let replies = async {
        let mut bytes = vec![0; 16 * 1024];
        let mut swallowed = false;
        while let Ok(read @ 1..) = far_in.read(&mut bytes).await {
            let now = *fault.borrow();
            match now {
                InjectedFault::BlackHole | InjectedFault::LosesReplies => {
                    swallowed = true;
                    continue;
                }
                _ if swallowed => return,
                InjectedFault::Cut => return,
                InjectedFault::CutsReplyAfter(most) => {
                    fault.send_replace(InjectedFault::None);
                    let _cut_anyway = near_out.write_all(&bytes[..read.min(most)]).await;
                    return;
                }
                InjectedFault::Slow(delay) => tokio::time::sleep(delay).await,
                InjectedFault::None => {}
            }
            if near_out.write_all(&bytes[..read]).await.is_err() {
                return;
            }
        }
    };
    tokio::select! {
        () = requests => {}
        () = replies => {}
    }
}
