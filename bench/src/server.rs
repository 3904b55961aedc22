//! The Redis under test, and its facts before and after.

use std::collections::HashMap;

use anyhow::Context;
use greenline_queue::{Queue, QueueOptions};
use greenline_store::{Persistence, PrivateServer, PrivateServerConfig, Store, StoreConfig, cmd};
use tempfile::TempDir;

/// The database that the benchmark uses and empties: that of a deployment.
const DATABASE: u16 = 10;

/// A server for the run.
pub(crate) struct BenchServer {
    url: String,
    port: Option<u16>,
    store: Store,
    _private: Option<(PrivateServer, TempDir)>,
}

/// The resources that a server has used so far.
#[derive(Debug, Clone, Default)]
pub(crate) struct Usage {
    /// µs of processor time, including the kernel's.
    pub(crate) cpu_us: f64,
    /// Commands, including those inside scripts.
    pub(crate) commands: f64,
    /// Bytes of memory.
    pub(crate) memory: f64,
}

impl BenchServer {
    pub(crate) async fn start(persistence: Persistence) -> anyhow::Result<Self> {
        let folder = tempfile::tempdir().context("a folder for the benchmark's Redis")?;
        let port = free_port()?;
        let config = PrivateServerConfig {
            persistence,
            port: Some(port),
            ..PrivateServerConfig::new(folder.path())
        };
        let server = PrivateServer::start(config)?;
        let url = format!("redis://127.0.0.1:{port}/{DATABASE}");
        let store = Store::connect(StoreConfig::at(&url)).await?;
        Ok(Self { url, port: Some(port), store, _private: Some((server, folder)) })
    }

    /// Uses a server that the caller started; it must be empty.
    pub(crate) async fn at(url: &str) -> anyhow::Result<Self> {
        let store = Store::connect(StoreConfig::at(url)).await?;
        let keyspace: String = store.command(cmd("INFO").arg("keyspace")).await?;
        anyhow::ensure!(
            !keyspace.lines().any(|line| line.starts_with("db")),
            "the Redis at {} holds keys, and a benchmark empties its database: name an empty one",
            store.address()
        );
        Ok(Self { url: url.to_owned(), port: None, store, _private: None })
    }

    /// Returns the URL for workers.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Returns its port, if this run started it.
    pub(crate) fn port(&self) -> Option<u16> {
        self.port
    }

    /// Opens a queue on a separate connection.
    pub(crate) async fn queue(&self) -> anyhow::Result<Queue> {
        let store = Store::connect(StoreConfig::at(&self.url)).await?;
        Ok(Queue::open(store, QueueOptions::default()).await?)
    }

    /// Deletes everything.
    pub(crate) async fn empty(&self) -> anyhow::Result<()> {
        let _ok: String = self.store.command(cmd("FLUSHDB").arg("SYNC")).await?;
        Ok(())
    }

    /// Returns the number of finished tasks.
    pub(crate) async fn finished(&self) -> anyhow::Result<u64> {
        Ok(self.store.command(cmd("ZCARD").arg("agent:tasks:done")).await?)
    }

    /// Returns the resources used so far.
    pub(crate) async fn usage(&self) -> anyhow::Result<Usage> {
        let text: String = self.store.command(cmd("INFO").arg("everything")).await?;
        let fields: HashMap<&str, &str> =
            text.lines().filter_map(|line| line.trim_end().split_once(':')).collect();
        let number = |name: &str| -> f64 {
            fields.get(name).and_then(|text| text.parse().ok()).unwrap_or_default()
        };
        let calls = |line: &&str| -> Option<f64> {
            line.strip_prefix("cmdstat_")?.split_once("calls=")?.1.split(',').next()?.parse().ok()
        };
        Ok(Usage {
            cpu_us: 1e6 * (number("used_cpu_user") + number("used_cpu_sys")),
            commands: text.lines().filter_map(|line| calls(&line)).sum(),
            memory: number("used_memory"),
        })
    }

    pub(crate) async fn version(&self) -> anyhow::Result<String> {
        let facts = self.store.facts().await?;
        Ok(format!("{} {}", facts.product, facts.version))
    }
}

/// Returns a port without a listener.
fn free_port() -> anyhow::Result<u16> {
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).context("a free port")?;
    Ok(listener.local_addr()?.port())
}
