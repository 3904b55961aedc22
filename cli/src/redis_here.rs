//! Which Redis a command speaks to: the one that is set, or the one that `greenline up` started in
//! this directory.

use greenline_runtime::settings::RedisSettings;
use greenline_store::StoreConfig;

use crate::ending::Complaint;
use crate::{connection, home};

/// The Redis to use.
pub(crate) fn find(redis: &RedisSettings) -> anyhow::Result<StoreConfig> {
    if let Some(config) = connection::store_config(redis)? {
        return Ok(config);
    }
    let Some(url) = home::embedded_redis() else {
        let says = "no Redis is set, and no `greenline up` runs in this directory";
        let mend = "set REDIS_URL, or start `greenline up` here";
        return Err(Complaint::wrong(says).mend(mend).into());
    };
    // It has no users, whatever is set for another one.
    let mut config = connection::at(redis, &url)?;
    config.credentials = greenline_store::Credentials::default();
    Ok(config)
}
