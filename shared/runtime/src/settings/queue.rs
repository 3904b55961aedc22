//! What the queue promises: leases, retries, sizes, retention.

use std::time::Duration;

use super::reader::Reader;
use super::secret::Secret;
use super::table;
use crate::say;

/// The queue's settings.
#[derive(Debug, Clone)]
pub struct QueueSettings {
    /// How long a claim holds without being renewed.
    pub lease: Duration,
    /// How often claims are renewed. Three of these fit into a lease.
    pub heartbeat: Duration,
    /// How often a failed task is tried again.
    pub max_retries: u32,
    /// How many lost workers a task may cost.
    pub max_crashes: u32,
    /// The wait before the first retry.
    pub retry_backoff: Duration,
    /// The longest wait before a retry.
    pub retry_backoff_max: Duration,
    /// The largest task, in bytes.
    pub payload_max: u64,
    /// How many finished tasks are kept.
    pub retention_tasks: u32,
    /// How long finished tasks are kept.
    pub retention_age: Duration,
    /// Signs tasks; without it they are not signed.
    pub task_key: Option<Secret>,
}

pub(super) fn read(reader: &mut Reader<'_>) -> QueueSettings {
    let lease = reader.value(&table::LEASE);
    let heartbeat = reader.value(&table::HEARTBEAT);
    if lease.sound && heartbeat.sound && heartbeat.value * 3 > lease.value {
        let says = format!(
            "a heartbeat of {} is too slow for a lease of {}",
            say::duration(heartbeat.value),
            say::duration(lease.value)
        );
        let mend = format!(
            "write a heartbeat of at most {}, or a lease of at least {}",
            say::duration(lease.value / 3),
            say::duration(heartbeat.value * 3)
        );
        // The one that somebody wrote is the one to point at.
        let place = heartbeat.place.or_if_default(lease.place);
        reader.object(&place, says, mend);
    }

    let first = reader.value(&table::RETRY_BACKOFF);
    let longest = reader.value(&table::RETRY_BACKOFF_MAX);
    if first.sound && longest.sound && first.value > longest.value {
        let says = format!(
            "the first wait before a retry, {}, is longer than the longest, {}",
            say::duration(first.value),
            say::duration(longest.value)
        );
        let mend = "write a shorter first wait or a longer longest one";
        reader.object(&first.place.or_if_default(longest.place), says, mend);
    }

    QueueSettings {
        lease: lease.value,
        heartbeat: heartbeat.value,
        max_retries: reader.value(&table::MAX_RETRIES).value,
        max_crashes: reader.value(&table::MAX_CRASHES).value,
        retry_backoff: first.value,
        retry_backoff_max: longest.value,
        payload_max: reader.value(&table::PAYLOAD_MAX).value,
        retention_tasks: reader.value(&table::RETENTION_TASKS).value,
        retention_age: reader.value(&table::RETENTION_AGE).value,
        task_key: reader.optional(&table::TASK_KEY).value,
    }
}
