//! Finds the Redis of a command: the configured one, or the one that `greenline up` started in this
//! directory.

use greenline_runtime::settings::{RedisSettings, RedisSource, Settings};
use greenline_store::{Credentials, ServerLogin, StoreConfig};

use crate::error::CliError;
use crate::{connection, state_dir};

/// Returns the configuration of the Redis to use.
pub(crate) fn find(redis: &RedisSettings) -> anyhow::Result<StoreConfig> {
    if let Some(config) = connection::store_config(redis)? {
        return Ok(config);
    }
    let Some(url) = state_dir::embedded_redis() else {
        let message = "no Redis is set, and no `greenline up` runs in this directory";
        let hint = "set REDIS_URL, or start `greenline up` here";
        return Err(CliError::usage(message).hint(hint).into());
    };
    of_this_directory(redis, &url, state_dir::redis_login()?)
}

/// The Redis of this directory. It has one user, whatever is set for another Redis.
pub(crate) fn of_this_directory(
    redis: &RedisSettings,
    url: &str,
    login: Option<ServerLogin>,
) -> anyhow::Result<StoreConfig> {
    let mut config = connection::at(redis, url)?;
    config.credentials = login.map(Credentials::from).unwrap_or_default();
    Ok(config)
}

/// Signs tasks for the Redis of this directory with the key that `greenline up` made for it, unless
/// keys are set.
pub(crate) fn add_task_key(settings: &mut Settings) -> anyhow::Result<()> {
    let is_here = matches!(settings.redis.source, RedisSource::Embedded);
    let queue = &mut settings.queue;
    if is_here && queue.task_key.is_none() && queue.task_public_keys.is_empty() {
        queue.task_key = state_dir::task_key()?;
    }
    Ok(())
}
