//! JSON for programs: times as ISO, and stored JSON as JSON.

use serde_json::Value;

use super::when;

/// Fields in milliseconds since 1970.
const MOMENTS: [&str; 16] = [
    "answered_at",
    "asked_at",
    "at",
    "begun_at",
    "claimed_at",
    "decided_at",
    "ended_at",
    "enqueued_at",
    "expires_at",
    "failed_at",
    "finished_at",
    "last_seen_at",
    "lease_until",
    "scheduled_for",
    "seen_at",
    "started_at",
];

/// Converts the queue's data for programs that don't know its formats. A task itself stays as its
/// producer wrote it.
pub(crate) fn refine(value: &mut Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(refine),
        Value::Object(fields) => {
            for (name, value) in fields {
                match (name.as_str(), &value) {
                    ("task", _) => {}
                    ("result", Value::String(text)) => {
                        if let Ok(inner) = serde_json::from_str(text) {
                            *value = inner;
                        }
                    }
                    (name, Value::Number(number)) if MOMENTS.contains(&name) => {
                        let iso = number.as_i64().filter(|ms| *ms > 0).and_then(when::iso);
                        *value = iso.map_or(Value::Null, Value::String);
                    }
                    _ => refine(value),
                }
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn times_become_iso_and_results_become_json() {
        let mut value = json!({
            "enqueued_at": 1_767_225_600_000_i64, "attempt": 1, "finished_at": null,
            "result": "{\"commands\":[]}", "task": {"at": 5},
            "attempts": [{"ended_at": 1_767_225_600_120_i64}],
        });
        refine(&mut value);
        let expected = json!({
            "enqueued_at": "2026-01-01T00:00:00.000Z", "attempt": 1, "finished_at": null,
            "result": {"commands": []}, "task": {"at": 5},
            "attempts": [{"ended_at": "2026-01-01T00:00:00.120Z"}],
        });
        assert_eq!(value, expected);
    }
}
