//! Asks a lead's `/health`, for a container's healthcheck: one plain request, no client library.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Less than the timeout that a healthcheck usually has.
const ANSWER_WITHIN: Duration = Duration::from_secs(4);

/// The reason why a lead is not healthy.
#[derive(Debug, thiserror::Error)]
pub enum HealthCheckError {
    /// Nobody answers there.
    #[error("no lead answers at {address}: {source}")]
    Unreachable { address: SocketAddr, source: io::Error },
    /// It takes the connection and does not answer.
    #[error("the lead at {address} did not answer within {} s", ANSWER_WITHIN.as_secs())]
    Silent { address: SocketAddr },
    /// It answers that it is not healthy, or something else answers there.
    #[error("the lead at {address} is not healthy: {answer}")]
    Unhealthy {
        address: SocketAddr,
        /// The first line and the body of the answer.
        answer: String,
    },
}

/// Asks the lead that listens on `listen` whether it is alive. An address that means "all
/// interfaces" is asked on loopback.
///
/// # Errors
///
/// When it is not, or nobody answers in time.
pub async fn health_check(listen: SocketAddr) -> Result<(), HealthCheckError> {
    let address = loopback_for_any(listen);
    let answer = tokio::time::timeout(ANSWER_WITHIN, get_health(address))
        .await
        .map_err(|_| HealthCheckError::Silent { address })?
        .map_err(|source| HealthCheckError::Unreachable { address, source })?;
    let answer = String::from_utf8_lossy(&answer);
    let status = answer.lines().next().unwrap_or_default();
    if status.starts_with("HTTP/1.1 200 ") {
        return Ok(());
    }
    let body = answer.split_once("\r\n\r\n").map_or("", |(_, body)| body);
    let answer = format!("{status} {body}").trim().to_owned();
    Err(HealthCheckError::Unhealthy { address, answer })
}

fn loopback_for_any(listen: SocketAddr) -> SocketAddr {
    let ip = match listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, listen.port())
}

async fn get_health(address: SocketAddr) -> io::Result<Vec<u8>> {
    const MOST: u64 = 8 * 1024;
    let mut stream = TcpStream::connect(address).await?;
    let request = format!("GET /health HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut answer = Vec::new();
    stream.take(MOST).read_to_end(&mut answer).await?;
    Ok(answer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_interfaces_are_asked_on_loopback() {
        for (listen, asked) in [
            ("0.0.0.0:7410", "127.0.0.1:7410"),
            ("[::]:7410", "[::1]:7410"),
            ("192.0.2.7:80", "192.0.2.7:80"),
        ] {
            assert_eq!(loopback_for_any(listen.parse().unwrap()), asked.parse().unwrap());
        }
    }
}
