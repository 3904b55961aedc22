//! Services of the machine that no command in the sandbox may reach. Each greets whoever comes.

use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, UdpSocket};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{SocketAddr, UnixListener};
use std::path::Path;
use std::time::Duration;

const GREETING: &[u8] = b"HELLO\n";

/// The places where they listen. The threads behind them end with the program.
pub(crate) struct AttackListeners {
    pub(crate) tcp: u16,
    pub(crate) udp: u16,
    /// A port on which nobody listens.
    pub(crate) free: u16,
    /// The name of an abstract unix socket.
    pub(crate) name: String,
}

impl AttackListeners {
    /// Starts them; the path socket and received datagrams are in `BASE/received`.
    pub(crate) fn start(base: &Path) -> anyhow::Result<Self> {
        let received = base.join("received");
        fs::set_permissions(&received, fs::Permissions::from_mode(0o777))?;
        let tcp = TcpListener::bind("127.0.0.1:0")?;
        let free = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let udp = UdpSocket::bind("127.0.0.1:0")?;
        let name = format!("greenline-attack-{}", base.display()).replace('/', "-");
        let by_name = UnixListener::bind_addr(&SocketAddr::from_abstract_name(&name)?)?;
        let path = received.join("socket");
        let by_path = UnixListener::bind(&path)?;
        fs::set_permissions(&path, fs::Permissions::from_mode(0o777))?;
        let (tcp_port, udp_port) = (tcp.local_addr()?.port(), udp.local_addr()?.port());
        std::thread::spawn(move || {
            for peer in tcp.incoming().flatten() {
                let _slow = peer.set_read_timeout(Some(Duration::from_secs(2)));
                std::thread::spawn(move || greet(peer));
            }
        });
        for listener in [by_name, by_path] {
            std::thread::spawn(move || {
                for peer in listener.incoming().flatten() {
                    let _slow = peer.set_read_timeout(Some(Duration::from_secs(2)));
                    std::thread::spawn(move || greet(peer));
                }
            });
        }
        std::thread::spawn(move || note(&udp, &received));
        Ok(Self { tcp: tcp_port, udp: udp_port, free, name })
    }
}

fn greet(mut peer: impl Read + Write) {
    let _heard = peer.read(&mut [0; 64]);
    let _greeted = peer.write_all(GREETING);
}

/// Leaves a file named by each datagram that comes.
fn note(udp: &UdpSocket, received: &Path) {
    let mut text = [0_u8; 64];
    while let Ok(length) = udp.recv(&mut text) {
        let name = String::from_utf8_lossy(&text[..length]).into_owned();
        if name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-') {
            let path = received.join(name);
            let _noted = fs::write(&path, "");
            let _removable = fs::set_permissions(&path, fs::Permissions::from_mode(0o666));
        }
    }
}
