//! Settings of the queue: leases, retries, sizes, retention.

use std::time::Duration;

use super::problem::ValueError;
use super::reader::SettingsReader;
use super::secret::Secret;
use super::table;
use super::value::{ParseResult, items, one_of};
use crate::{ProcessRole, human};

#[derive(Debug, Clone)]
pub struct QueueSettings {
    /// The time for which a claim holds without renewal.
    pub lease: Duration,
    /// The interval of renewals. Three of these fit into a lease.
    pub heartbeat: Duration,
    pub max_retries: u32,
    /// The number of lost workers after which a task fails for good.
    pub max_crashes: u32,
    /// The wait before the first retry.
    pub retry_backoff: Duration,
    /// The longest wait before a retry.
    pub retry_backoff_max: Duration,
    /// The largest task in bytes.
    pub payload_max: u64,
    /// The number of finished tasks to keep.
    pub retention_tasks: u32,
    /// The time to keep finished tasks.
    pub retention_age: Duration,
    /// The private key that tasks are signed with: 64 hexadecimal digits.
    pub task_key: Option<Secret>,
    /// The public keys that signatures are checked with: the new one and the one before it.
    pub task_public_keys: Vec<String>,
    /// The treatment of tasks without a signature, where signatures are checked.
    pub unsigned: UnsignedTasks,
}

/// The treatment of tasks without a signature, where signatures are checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UnsignedTasks {
    /// They run.
    Run,
    /// They go to quarantine.
    Quarantine,
}

impl UnsignedTasks {
    pub(super) fn parse(text: &str) -> ParseResult<Self> {
        one_of(text, &[("run", Self::Run), ("quarantine", Self::Quarantine)])
    }
}

const KEYS_MEND: &str = "`greenline keys` makes a pair; deploy/make-secrets does it for compose";

/// A private key. It is not repeated in a complaint.
pub(super) fn task_key(text: &str) -> ParseResult<Secret> {
    match is_task_key(text.trim()) {
        true => Ok(Secret::from(text.trim().to_owned())),
        false => Err(ValueError::new("is not a key of 64 hexadecimal digits", KEYS_MEND)),
    }
}

pub(super) fn task_public_keys(text: &str) -> ParseResult<Vec<String>> {
    let keys: Vec<String> = items(text).map(str::to_owned).collect();
    if !keys.iter().all(|key| is_task_key(key)) {
        return Err(ValueError::new("is not a key of 64 hexadecimal digits", KEYS_MEND));
    }
    match keys.len() {
        1 | 2 => Ok(keys),
        0 => Err(ValueError::new("is empty", "write the key, or remove the setting")),
        count => Err(ValueError::new(
            format!("holds {count} keys; while one replaces the other there are two"),
            "keep the new one and the one before it, with a comma between",
        )),
    }
}

fn is_task_key(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

pub(super) fn read(reader: &mut SettingsReader<'_>) -> QueueSettings {
    let lease = reader.value(&table::LEASE);
    let heartbeat = reader.value(&table::HEARTBEAT);
    if lease.valid && heartbeat.valid && heartbeat.value * 3 > lease.value {
        let message = format!(
            "a heartbeat of {} is too slow for a lease of {}",
            human::duration(heartbeat.value),
            human::duration(lease.value)
        );
        let hint = format!(
            "write a heartbeat of at most {}, or a lease of at least {}",
            human::duration(lease.value / 3),
            human::duration(heartbeat.value * 3)
        );
        // The error names the setting that the user wrote.
        let place = heartbeat.place.or_if_default(lease.place);
        reader.report(&place, message, hint);
    }

    let first = reader.value(&table::RETRY_BACKOFF);
    let longest = reader.value(&table::RETRY_BACKOFF_MAX);
    if first.valid && longest.valid && first.value > longest.value {
        let message = format!(
            "the first wait before a retry, {}, is longer than the longest, {}",
            human::duration(first.value),
            human::duration(longest.value)
        );
        let hint = "write a shorter first wait or a longer longest one";
        reader.report(&first.place.or_if_default(longest.place), message, hint);
    }

    let task_key = reader.optional(&table::TASK_KEY);
    let public_keys = reader.optional(&table::TASK_PUBLIC_KEY);
    let unsigned = reader.value(&table::UNSIGNED);
    let no_key = task_key.value.is_none() && public_keys.value.is_none();
    let valid = task_key.valid && public_keys.valid;
    let checks = reader.sources().role == ProcessRole::Worker;
    if unsigned.value == UnsignedTasks::Quarantine && no_key && valid && checks {
        let setting = &table::TASK_PUBLIC_KEY.setting;
        let hint = format!("set {} or {}", setting.env, setting.env_file());
        let message = "is quarantine, and there is no key to check signatures with";
        reader.report(&unsigned.place, message, hint);
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
        task_key: task_key.value,
        task_public_keys: public_keys.value.unwrap_or_default(),
        unsigned: unsigned.value,
    }
}
