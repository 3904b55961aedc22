//! From settings to a connection: where Redis is, and how the queue in it behaves.

use greenline_queue::{QueueOptions, TaskKey};
use greenline_runtime::settings::{QueueSettings, RedisSettings, RedisSource, Secret};
use greenline_store::{Credentials, Endpoint, StoreConfig, TlsFiles};

/// Where Redis is, unless nothing was set.
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

/// The same settings for the server at `url`.
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

/// How the queue behaves.
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
        task_key: queue.task_key.as_ref().map(|key| TaskKey::new(key.expose())),
        ..QueueOptions::default()
    }
}

fn text(secret: Option<&Secret>) -> Option<String> {
    secret.map(|secret| secret.expose().to_owned())
}
