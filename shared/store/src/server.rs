//! Facts about a Redis server, and whether the queue can use it.

use std::collections::HashMap;

use redis::cmd;

use crate::error::CLUSTER;
use crate::{Store, StoreError};

/// Facts that a server reports about itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerFacts {
    /// `redis` or `valkey`.
    pub product: String,
    /// For example 7.0.15.
    pub version: String,
    /// The server is a node of a Redis Cluster.
    pub cluster: bool,
    /// `maxmemory-policy`.
    pub maxmemory_policy: String,
    /// `maxmemory` in bytes; 0 for no limit.
    pub maxmemory: u64,
    /// Memory in use, in bytes.
    pub used_memory: u64,
    /// Each write goes to an append-only file.
    pub append_only: bool,
    /// The last write of that file succeeded.
    pub append_only_healthy: bool,
    /// The last snapshot succeeded.
    pub snapshots_healthy: bool,
    /// `master` or `slave`.
    pub role: String,
    /// The number of replicas.
    pub replicas: u64,
}

/// A `maxmemory-policy` under which a full Redis may drop tasks.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "Redis's maxmemory-policy is {policy}: it may drop tasks when it is full; \
     set it with: redis-cli CONFIG SET maxmemory-policy noeviction"
)]
pub struct PolicyWarning {
    pub policy: String,
}

impl ServerFacts {
    /// Refuses a server that the queue can't use.
    pub fn check(&self) -> Result<(), StoreError> {
        if self.cluster {
            return Err(StoreError::Settings(CLUSTER.to_owned()));
        }
        // Valkey reports Redis 7.2 to clients, and is equivalent here.
        if self.major() < 7 {
            return Err(StoreError::Settings(format!(
                "this is Redis {}; the queue needs Redis 7.0 or later, or Valkey",
                self.version
            )));
        }
        Ok(())
    }

    /// Returns a warning if Redis may evict keys.
    #[must_use]
    pub fn policy_warning(&self) -> Option<PolicyWarning> {
        let evicts = !matches!(self.maxmemory_policy.as_str(), "noeviction" | "");
        evicts.then(|| PolicyWarning { policy: self.maxmemory_policy.clone() })
    }

    fn major(&self) -> u32 {
        self.version.split('.').next().and_then(|text| text.parse().ok()).unwrap_or(0)
    }
}

/// Reads the server's facts from `INFO`, which needs no permission for `CONFIG`.
pub(crate) async fn facts(store: &Store) -> Result<ServerFacts, StoreError> {
    let text: String = store.command(cmd("INFO").arg("everything")).await?;
    Ok(read(&text))
}

fn read(info: &str) -> ServerFacts {
    let fields: HashMap<&str, &str> =
        info.lines().filter_map(|line| line.trim_end().split_once(':')).collect();
    let text = |name: &str| fields.get(name).copied().unwrap_or_default().to_owned();
    let number = |name: &str| text(name).parse().unwrap_or(0);
    let valkey = fields.get("valkey_version").copied();
    ServerFacts {
        product: if valkey.is_some() { "valkey" } else { "redis" }.to_owned(),
        version: valkey.map_or_else(|| text("redis_version"), str::to_owned),
        cluster: number("cluster_enabled") == 1,
        maxmemory_policy: text("maxmemory_policy"),
        maxmemory: number("maxmemory"),
        used_memory: number("used_memory"),
        append_only: number("aof_enabled") == 1,
        append_only_healthy: text("aof_last_write_status") != "err",
        snapshots_healthy: text("rdb_last_bgsave_status") != "err",
        role: text("role"),
        replicas: number("connected_slaves"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts() -> ServerFacts {
        read(
            "redis_version:7.0.15\r\ncluster_enabled:0\r\nmaxmemory_policy:noeviction\r\nrole:master\r\n",
        )
    }

    #[test]
    fn a_cluster_is_refused_by_name() {
        let error = ServerFacts { cluster: true, ..facts() }.check().unwrap_err();
        assert!(error.to_string().contains("Redis Cluster"));
    }

    #[test]
    fn an_old_server_is_refused() {
        let error = ServerFacts { version: "6.2.14".to_owned(), ..facts() }.check().unwrap_err();
        assert!(error.to_string().contains("6.2.14"));
        assert!(facts().check().is_ok());
    }

    #[test]
    fn an_evicting_policy_is_warned_of_with_the_setting() {
        assert_eq!(facts().policy_warning(), None);
        let warning =
            ServerFacts { maxmemory_policy: "allkeys-lru".to_owned(), ..facts() }.policy_warning();
        assert!(warning.unwrap().to_string().contains("maxmemory-policy noeviction"));
    }
}
