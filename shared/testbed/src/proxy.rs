//! A wire between a queue and its Redis that misbehaves when it is told to.

use std::time::Duration;

use greenline_store::PrivateServer;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UnixStream};
use tokio::sync::watch;
use tokio::task::AbortHandle;

/// How the wire behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Weather {
    /// It carries everything.
    Fair,
    /// It carries everything, each piece so much later.
    Slow(Duration),
    /// Requests arrive, answers vanish.
    LosesReplies,
    /// Of the next answer so many bytes arrive, then the wire is cut; the wires
    /// after it are fair.
    CutsReplyAfter(usize),
    /// Nothing arrives, and nobody is told.
    BlackHole,
    /// Whoever connects is cut off, and whoever is connected at the next byte.
    Cut,
}

/// A wire between a queue and its Redis; gone with its handle.
pub struct Proxy {
    port: u16,
    weather: watch::Sender<Weather>,
    listening: AbortHandle,
}

impl Proxy {
    /// A fair wire to a server.
    ///
    /// # Panics
    ///
    /// If there is no free port.
    pub async fn before(server: &PrivateServer) -> Self {
        let socket = server.url().trim_start_matches("unix://").to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let port = listener.local_addr().expect("its address").port();
        let weather = watch::Sender::new(Weather::Fair);
        let told = weather.clone();
        let listening = tokio::spawn(async move {
            // Its wires end with it.
            let mut wires = tokio::task::JoinSet::new();
            while let Ok((near, _)) = listener.accept().await {
                if let Ok(far) = UnixStream::connect(&socket).await {
                    wires.spawn(carry(near, far, told.clone()));
                }
            }
        });
        Self { port, weather, listening: listening.abort_handle() }
    }

    /// Where a queue reaches its Redis by this wire.
    #[must_use]
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// Changes how the wire behaves, from the next byte on.
    pub fn weather(&self, weather: Weather) {
        self.weather.send_replace(weather);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.listening.abort();
    }
}

/// Carries both ways until one side has had enough.
async fn carry(near: TcpStream, far: UnixStream, weather: watch::Sender<Weather>) {
    let (mut near_in, mut near_out) = near.into_split();
    let (mut far_in, mut far_out) = far.into_split();
    let requests = async {
        let mut bytes = vec![0; 16 * 1024];
        let mut swallowed = false;
        while let Ok(read @ 1..) = near_in.read(&mut bytes).await {
            let now = *weather.borrow();
            match now {
                Weather::BlackHole => {
                    swallowed = true;
                    continue;
                }
                // A wire may fall silent or end, but it never leaves something out.
                _ if swallowed => return,
                Weather::Cut => return,
                Weather::Slow(delay) => tokio::time::sleep(delay).await,
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
            let now = *weather.borrow();
            match now {
                Weather::BlackHole | Weather::LosesReplies => {
                    swallowed = true;
                    continue;
                }
                _ if swallowed => return,
                Weather::Cut => return,
                Weather::CutsReplyAfter(most) => {
                    weather.send_replace(Weather::Fair);
                    let _cut_anyway = near_out.write_all(&bytes[..read.min(most)]).await;
                    return;
                }
                Weather::Slow(delay) => tokio::time::sleep(delay).await,
                Weather::Fair => {}
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
