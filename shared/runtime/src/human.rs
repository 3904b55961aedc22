//! Formats numbers for people: `2 min 40 s`, `256 KiB`, `3 min ago`, `1,024 tasks`.
//!
//! The texts are short, without false precision. Machines get plain numbers instead (JSON, metrics,
//! log fields). Money, dates and time zones are formatted elsewhere.

use std::time::Duration;

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

/// Formats a duration: `350 µs`, `120 ms`, `4.2 s`, `2 min 40 s`, `7 days`.
pub fn duration(length: Duration) -> String {
    if length.is_zero() {
        return "0 s".to_owned();
    }
    // Rounds first, so that 999.9 ms becomes 1 s instead of 1000 ms.
    let micros = length.as_micros();
    if micros < 1_000 {
        return format!("{micros} µs");
    }
    let millis = (length + Duration::from_micros(500)).as_millis();
    if millis < 1_000 {
        return format!("{millis} ms");
    }
    let tenths = (length + Duration::from_millis(50)).as_millis() / 100;
    if tenths < 100 {
        return match tenths % 10 {
            0 => format!("{} s", tenths / 10),
            tenth => format!("{}.{tenth} s", tenths / 10),
        };
    }
    whole_seconds((length + Duration::from_millis(500)).as_secs())
}

/// Formats the two largest units of a duration of at least ten seconds.
fn whole_seconds(seconds: u64) -> String {
    match seconds {
        0..MINUTE => format!("{seconds} s"),
        MINUTE..HOUR => pair((seconds / MINUTE, "min"), (seconds % MINUTE, "s")),
        HOUR..DAY => pair((seconds / HOUR, "h"), (seconds % HOUR / MINUTE, "min")),
        _ => pair((seconds / DAY, days(seconds / DAY)), (seconds % DAY / HOUR, "h")),
    }
}

fn pair((large, large_unit): (u64, &str), (small, small_unit): (u64, &str)) -> String {
    match small {
        0 => format!("{large} {large_unit}"),
        _ => format!("{large} {large_unit} {small} {small_unit}"),
    }
}

fn days(count: u64) -> &'static str {
    if count == 1 { "day" } else { "days" }
}

/// Formats an age: `just now`, `42 s ago`, `3 min ago`, `5 days ago`.
pub fn ago(age: Duration) -> String {
    let seconds = age.as_secs();
    match seconds {
        0 => "just now".to_owned(),
        1..MINUTE => format!("{seconds} s ago"),
        MINUTE..HOUR => format!("{} min ago", seconds / MINUTE),
        HOUR..DAY => format!("{} h ago", seconds / HOUR),
        _ => format!("{} {} ago", seconds / DAY, days(seconds / DAY)),
    }
}

/// Formats a time relative to now, both in milliseconds since 1970: `3 min ago`, or `in 2 h` for
/// the future.
pub fn moment(at_ms: u64, now_ms: u64) -> String {
    if at_ms <= now_ms {
        return ago(Duration::from_millis(now_ms - at_ms));
    }
    let until = Duration::from_millis(at_ms - now_ms);
    match ago(until).strip_suffix(" ago") {
        Some(length) => format!("in {length}"),
        None => "now".to_owned(),
    }
}

/// Formats a size in bytes: `917 bytes`, `1.5 KiB`, `256 KiB`, `10 GiB`.
pub fn bytes(count: u64) -> String {
    const UNITS: [&str; 6] = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
    if count < 1024 {
        return self::count(count, "byte", "bytes");
    }
    // 128 bits hold the tenths of the largest sizes.
    let count = u128::from(count);
    let mut unit = 1024;
    for name in UNITS {
        let tenths = (count * 10 + unit / 2) / unit;
        if tenths < 100 && tenths % 10 != 0 {
            return format!("{}.{} {name}", tenths / 10, tenths % 10);
        }
        let whole = (count + unit / 2) / unit;
        if whole < 1024 {
            return format!("{whole} {name}");
        }
        unit *= 1024;
    }
    format!("{count} bytes")
}

/// Formats a count with its noun: `no tasks`, `1 task`, `1,024 tasks`.
pub fn count(count: u64, one: &str, many: &str) -> String {
    match count {
        0 => format!("no {many}"),
        1 => format!("1 {one}"),
        _ => format!("{} {many}", number(count)),
    }
}

/// Formats a number with separated thousands: `10,000`.
pub fn number(value: u64) -> String {
    let digits = value.to_string();
    let mut grouped = String::with_capacity(digits.len() + digits.len() / 3);
    for (position, digit) in digits.chars().enumerate() {
        if position > 0 && (digits.len() - position).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_said_by_their_two_largest_units() {
        let grouped = [
            (Duration::ZERO, "0 s"),
            (Duration::from_micros(350), "350 µs"),
            (Duration::from_millis(120), "120 ms"),
            (Duration::from_micros(999_900), "1 s"),
            (Duration::from_millis(4_190), "4.2 s"),
            (Duration::from_secs(5), "5 s"),
            (Duration::from_millis(9_970), "10 s"),
            (Duration::from_secs(41), "41 s"),
            (Duration::from_millis(59_700), "1 min"),
            (Duration::from_secs(160), "2 min 40 s"),
            (Duration::from_secs(600), "10 min"),
            (Duration::from_secs(11_160), "3 h 6 min"),
            (Duration::from_secs(86_400), "1 day"),
            (Duration::from_secs(7 * 86_400 + 7_200), "7 days 2 h"),
        ];
        for (length, expected) in grouped {
            assert_eq!(duration(length), expected, "{length:?}");
        }
    }

    #[test]
    fn moments_have_one_unit_and_a_direction() {
        assert_eq!(moment(10_000, 10_400), "just now");
        assert_eq!(moment(0, 42_000), "42 s ago");
        assert_eq!(moment(0, 185_000), "3 min ago");
        assert_eq!(moment(0, 5 * 86_400_000), "5 days ago");
        assert_eq!(moment(7_200_000, 0), "in 2 h");
        assert_eq!(moment(10, 0), "now");
    }

    #[test]
    fn sizes_are_said_in_powers_of_1024() {
        let grouped = [
            (0, "no bytes"),
            (1, "1 byte"),
            (917, "917 bytes"),
            (1024, "1 KiB"),
            (1536, "1.5 KiB"),
            (256 * 1024, "256 KiB"),
            (1024 * 1024 - 1, "1 MiB"),
            (10 * 1024 * 1024 * 1024, "10 GiB"),
            (u64::MAX, "16 EiB"),
        ];
        for (size, expected) in grouped {
            assert_eq!(bytes(size), expected, "{size}");
        }
    }

    #[test]
    fn counts_agree_with_their_noun() {
        assert_eq!(count(0, "task", "tasks"), "no tasks");
        assert_eq!(count(1, "task", "tasks"), "1 task");
        assert_eq!(count(1_024, "task", "tasks"), "1,024 tasks");
        assert_eq!(number(1_234_567), "1,234,567");
    }
}
