//! Connections from settings: the address of Redis, and the options of its queue.

use greenline_queue::{QueueOptions, TaskKeys, Unsigned};
use greenline_runtime::settings::{
    QueueSettings, RedisSettings, RedisSource, Secret, UnsignedTasks,
};
use greenline_store::{Credentials, Endpoint, StoreConfig, TlsFiles};

/// Returns the configuration of Redis; `None` if nothing is set.
pub(crate) fn store_config(redis: &RedisSettings) -> anyhow::Result<Option<StoreConfig>> {
    let endpoint = match &redis.source {
        RedisSource::Embedded => return Ok(None),
        RedisSource::Server(server) => Endpoint::Url(server.url.expose().to_owned()),
        RedisSource::Sentinel { hosts, master, password } => Endpoint::Sentinel {
            sentinels: hosts.iter().map(ToString::to_string).collect(),
            master: master.clone(),
            credentials: Credentials { username: None, password: text(password.as_ref()) },
            tls: redis.tls.is_some(),
        },
    };
    let mut config = at(redis, "")?;
    config.endpoint = endpoint;
    Ok(Some(config))
}

/// Returns the configuration for the server at `url`.
pub(crate) fn at(redis: &RedisSettings, url: &str) -> anyhow::Result<StoreConfig> {
    let mut config = StoreConfig::at(url);
    config.database = redis.database;
    config.credentials =
        Credentials { username: redis.username.clone(), password: text(redis.password.as_ref()) };
    if let Some(files) = &redis.tls {
        let client = files.client.as_ref().map(|own| (own.cert.clone(), own.key.clone()));
        config.tls = TlsFiles { ca: files.ca.clone(), client };
    }
    if let Some(namespace) = &redis.namespace {
        config.namespace = namespace.as_str().parse()?;
    }
    Ok(config)
}

/// Returns the options of the queue.
pub(crate) fn queue_options(queue: &QueueSettings) -> QueueOptions {
    QueueOptions {
        lease: queue.lease,
        max_retries: queue.max_retries,
        max_crashes: queue.max_crashes,
        retry_delay: queue.retry_backoff,
        retry_delay_most: queue.retry_backoff_max,
        payload_most: usize::try_from(queue.payload_max).unwrap_or(usize::MAX),
        keep_count: u64::from(queue.retention_tasks),
        keep_age: queue.retention_age,
        task_keys: task_keys(queue),
        ..QueueOptions::default()
    }
}

/// The keys that tasks are signed and checked with; the settings have looked at their text.
fn task_keys(queue: &QueueSettings) -> TaskKeys {
    let signing = queue.task_key.as_ref().and_then(|key| key.expose().parse().ok());
    let trusted = queue.task_public_keys.iter().filter_map(|key| key.parse().ok()).collect();
    let unsigned = match queue.unsigned {
        UnsignedTasks::Run => Unsigned::Run,
        UnsignedTasks::Quarantine => Unsigned::Quarantine,
    };
    TaskKeys::new(signing, trusted, unsigned)
}

fn text(secret: Option<&Secret>) -> Option<String> {
    secret.map(|secret| secret.expose().to_owned())
}
