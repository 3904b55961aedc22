//! Formats times: in the reader's zone with their age for people, ISO for programs.

use chrono::{DateTime, Local, SecondsFormat, Utc};
use greenline_runtime::human;

/// Returns the current time in milliseconds since 1970.
pub(crate) fn now_ms() -> i64 {
    Utc::now().timestamp_millis()
}

/// Formats the time of day, with the date if it is not today.
pub(crate) fn clock(ms: i64, now_ms: i64) -> String {
    let (Some(at), Some(now)) = (local(ms), local(now_ms)) else { return "?".to_owned() };
    let form = if at.date_naive() == now.date_naive() { "%H:%M:%S" } else { "%Y-%m-%d %H:%M" };
    at.format(form).to_string()
}

/// Formats a distance in time: `3 min ago`, `in 2 h`.
pub(crate) fn age(ms: i64, now_ms: i64) -> String {
    human::moment(unsigned(ms), unsigned(now_ms))
}

/// Formats the duration between two times: `38 s`.
pub(crate) fn between(from_ms: i64, to_ms: i64) -> String {
    human::duration(std::time::Duration::from_millis(unsigned(to_ms - from_ms)))
}

/// Formats as ISO 8601 in UTC.
pub(crate) fn iso(ms: i64) -> Option<String> {
    let at = DateTime::from_timestamp_millis(ms)?;
    Some(at.to_rfc3339_opts(SecondsFormat::Millis, true))
}

fn local(ms: i64) -> Option<DateTime<Local>> {
    DateTime::from_timestamp_millis(ms).map(|at| at.with_timezone(&Local))
}

fn unsigned(ms: i64) -> u64 {
    u64::try_from(ms).unwrap_or(0)
}
