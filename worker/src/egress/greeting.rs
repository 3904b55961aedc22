//! The first message of a TLS client, read for the name in it. TLS is not opened.

use std::io;
use std::time::Duration;

use rustls::server::Acceptor;
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::time::timeout;

/// The most bytes that the name may be looked for in. Greetings with post-quantum keys have about
/// two thousand.
const LARGEST: usize = 32 * 1024;

/// How long a client may take for it.
const DEADLINE: Duration = Duration::from_secs(20);

/// A greeting, whole or with more behind it.
pub(super) struct Greeting {
    /// As they came, to be forwarded.
    pub(super) bytes: Vec<u8>,
    /// The name that the client wants to reach, in lower case.
    pub(super) name: Option<String>,
}

/// Why there is no greeting.
#[derive(Debug, thiserror::Error)]
pub(super) enum NoGreeting {
    /// The client closed the connection, or said nothing for too long.
    #[error("nothing came")]
    Nothing,
    /// The client does not speak TLS.
    #[error("it does not begin with TLS")]
    NoTls,
}

/// Reads until the greeting is whole.
pub(super) async fn read(client: &mut (impl AsyncRead + Unpin)) -> Result<Greeting, NoGreeting> {
    timeout(DEADLINE, read_all(client)).await.unwrap_or(Err(NoGreeting::Nothing))
}

async fn read_all(client: &mut (impl AsyncRead + Unpin)) -> Result<Greeting, NoGreeting> {
    let mut acceptor = Acceptor::default();
    let mut bytes = Vec::with_capacity(2 * 1024);
    loop {
        let before = bytes.len();
        if before >= LARGEST {
            return Err(NoGreeting::NoTls);
        }
        let read = client.read_buf(&mut bytes).await.map_err(|_| NoGreeting::Nothing)?;
        if read == 0 {
            return Err(NoGreeting::Nothing);
        }
        if let Some(name) =
            name_in(&mut acceptor, &bytes[before..]).map_err(|_| NoGreeting::NoTls)?
        {
            return Ok(Greeting { bytes, name });
        }
    }
}

/// The name, once the greeting is whole; in that there may be none.
fn name_in(acceptor: &mut Acceptor, mut piece: &[u8]) -> io::Result<Option<Option<String>>> {
    while !piece.is_empty() {
        acceptor.read_tls(&mut piece)?;
        match acceptor.accept() {
            Ok(None) => {}
            Ok(Some(accepted)) => {
                let name = accepted.client_hello().server_name().map(str::to_ascii_lowercase);
                return Ok(Some(name));
            }
            Err((error, _)) => return Err(io::Error::other(error)),
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use rustls::pki_types::ServerName;
    use rustls::{ClientConfig, ClientConnection, RootCertStore};

    use super::*;

    fn greeting(name: &'static str) -> Vec<u8> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(RootCertStore::empty())
            .with_no_client_auth();
        let name = ServerName::try_from(name).unwrap();
        let mut client = ClientConnection::new(Arc::new(config), name).unwrap();
        let mut bytes = Vec::new();
        client.write_tls(&mut bytes).unwrap();
        bytes
    }

    #[tokio::test]
    async fn the_name_is_found_however_the_bytes_come() {
        let whole = greeting("PyPI.org");
        for size in [1, 7, 100, whole.len()] {
            let (mut to, mut from) = tokio::io::duplex(size);
            let sent = whole.clone();
            tokio::spawn(async move { tokio::io::AsyncWriteExt::write_all(&mut to, &sent).await });
            let read = read(&mut from).await.unwrap();
            assert_eq!(read.name.as_deref(), Some("pypi.org"));
            assert_eq!(read.bytes, whole);
        }
    }

    #[tokio::test]
    async fn a_client_without_a_name_has_none() {
        assert_eq!(read(&mut greeting("10.0.0.1").as_slice()).await.unwrap().name, None);
    }

    #[tokio::test]
    async fn what_is_not_tls_is_refused() {
        let http = b"GET / HTTP/1.1\r\nHost: pypi.org\r\n\r\n";
        assert!(matches!(read(&mut http.as_slice()).await, Err(NoGreeting::NoTls)));
        assert!(matches!(read(&mut [].as_slice()).await, Err(NoGreeting::Nothing)));
        let whole = greeting("pypi.org");
        assert!(matches!(read(&mut &whole[..whole.len() - 1]).await, Err(NoGreeting::Nothing)));
        let endless: Vec<u8> = [0x16, 3, 1, 0x3f, 0xff]
            .iter()
            .copied()
            .chain([0; 0x3fff])
            .cycle()
            .take(70_000)
            .collect();
        assert!(read(&mut endless.as_slice()).await.is_err());
    }

    #[tokio::test]
    async fn no_bytes_make_it_panic() {
        let whole = greeting("pypi.org");
        let mut random = fastrand::Rng::with_seed(5);
        for _ in 0..5_000 {
            let mut bytes = whole.clone();
            for _ in 0..random.usize(1..6) {
                let at = random.usize(0..bytes.len());
                bytes[at] = random.u8(..);
            }
            let _either = read(&mut bytes.as_slice()).await;
        }
    }
}
