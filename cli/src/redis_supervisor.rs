//! Keeps the Redis of `greenline up` running: one that ends is started again on its data.
//!
//! The first restart comes at once, later ones after growing pauses: at most four a minute in the
//! long run. It never gives up, and logs each start. A server that hangs without ending is left
//! alone.

use std::time::{Duration, Instant};

use anyhow::Context;
use greenline_runtime::human;
use greenline_store::PrivateServer;
use tokio::task::{JoinHandle, spawn_blocking};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

/// The time between two looks at the server.
const LOOK: Duration = Duration::from_millis(200);

/// A server that ran for this long has no trouble with starting.
const STEADY: Duration = Duration::from_secs(60);

/// The first pause and the longest one.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(15);

/// The task that watches one server.
pub(crate) struct RedisSupervisor {
    stop: CancellationToken,
    task: JoinHandle<anyhow::Result<PrivateServer>>,
}

impl RedisSupervisor {
    /// Watches a server until [`Self::stop`].
    pub(crate) fn watch(server: PrivateServer) -> Self {
        let stop = CancellationToken::new();
        Self { stop: stop.clone(), task: tokio::spawn(supervise(server, stop)) }
    }

    /// Stops the server.
    pub(crate) async fn stop(self) -> anyhow::Result<()> {
        self.stop.cancel();
        let server = self.task.await??;
        Ok(spawn_blocking(move || drop(server)).await?)
    }
}

async fn supervise(
    mut server: PrivateServer,
    stop: CancellationToken,
) -> anyhow::Result<PrivateServer> {
    let mut restarts = 0;
    let mut started = Instant::now();
    while stop.run_until_cancelled(sleep(LOOK)).await.is_some() {
        if !server.has_ended() {
            continue;
        }
        if started.elapsed() >= STEADY {
            restarts = 0;
        }
        let pause = pause_before(restarts);
        tracing::warn!("Redis ended: starting it again in {}", human::duration(pause));
        if stop.run_until_cancelled(sleep(pause)).await.is_none() {
            break;
        }
        restarts += 1;
        started = Instant::now();
        let restart = move || {
            let restarted = server.restart();
            (server, restarted)
        };
        let restarted;
        (server, restarted) = spawn_blocking(restart).await.context("a start of Redis broke")?;
        match restarted {
            Ok(()) => tracing::warn!("Redis runs again, with what it had stored"),
            Err(error) => tracing::error!(%error, "Redis was not started"),
        }
    }
    Ok(server)
}

/// Returns the pause after so many restarts, none of which was followed by a steady run.
fn pause_before(restarts: u32) -> Duration {
    FIRST_PAUSE.saturating_mul(4_u32.saturating_pow(restarts)).min(LONGEST_PAUSE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_a_few_starts_a_minute() {
        let pauses: Vec<u128> = (0..6).map(|count| pause_before(count).as_millis()).collect();
        assert_eq!(pauses, [100, 400, 1600, 6400, 15_000, 15_000]);
        assert_eq!(pause_before(u32::MAX), LONGEST_PAUSE);
    }
}
