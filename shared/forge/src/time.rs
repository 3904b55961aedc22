//! Points in time as GitHub writes them.

use chrono::{DateTime, SecondsFormat};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A point in time in milliseconds since 1970. Written as RFC 3339; read from RFC 3339, or from the
/// whole seconds of a push event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(pub u64);

impl Timestamp {
    /// Parses RFC 3339. Rejects times before 1970.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let timestamp = DateTime::parse_from_rfc3339(text).ok()?;
        u64::try_from(timestamp.timestamp_millis()).ok().map(Self)
    }

    /// Formats as RFC 3339 in UTC, in whole seconds.
    #[must_use]
    pub fn to_rfc3339(self) -> String {
        let ms = i64::try_from(self.0).unwrap_or(i64::MAX);
        let timestamp = DateTime::from_timestamp_millis(ms).unwrap_or(DateTime::UNIX_EPOCH);
        timestamp.to_rfc3339_opts(SecondsFormat::Secs, true)
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.to_rfc3339())
    }
}

#[derive(Deserialize)]
#[serde(untagged)]
enum TimestampText {
    Text(String),
    Seconds(u64),
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let unread = || serde::de::Error::custom("not a moment");
        match TimestampText::deserialize(deserializer)? {
            TimestampText::Text(text) => Self::parse(&text).ok_or_else(unread),
            TimestampText::Seconds(seconds) => {
                seconds.checked_mul(1_000).map(Self).ok_or_else(unread)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_read_in_every_form_that_github_writes() {
        let timestamp = Timestamp(1_700_000_000_000);
        for received in
            [r#""2023-11-14T22:13:20Z""#, r#""2023-11-15T00:13:20+02:00""#, "1700000000"]
        {
            assert_eq!(
                serde_json::from_str::<Timestamp>(received).unwrap(),
                timestamp,
                "{received}"
            );
        }
        assert_eq!(serde_json::to_string(&timestamp).unwrap(), r#""2023-11-14T22:13:20Z""#);
        assert_eq!(Timestamp::parse("yesterday"), None);
        assert_eq!(Timestamp(u64::MAX).to_rfc3339(), "1970-01-01T00:00:00Z");
    }
}
