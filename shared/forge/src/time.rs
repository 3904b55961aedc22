//! Points in time as GitHub writes them.

use chrono::{DateTime, SecondsFormat};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A point in time in milliseconds since 1970. Written as RFC 3339; read from RFC 3339, or from the
/// whole seconds of a push event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Moment(pub u64);

impl Moment {
    /// Parses RFC 3339. Rejects times before 1970.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let moment = DateTime::parse_from_rfc3339(text).ok()?;
        u64::try_from(moment.timestamp_millis()).ok().map(Self)
    }

    /// Formats as RFC 3339 in UTC, in whole seconds.
    #[must_use]
    pub fn to_rfc3339(self) -> String {
        let ms = i64::try_from(self.0).unwrap_or(i64::MAX);
        let moment = DateTime::from_timestamp_millis(ms).unwrap_or(DateTime::UNIX_EPOCH);
        moment.to_rfc3339_opts(SecondsFormat::Secs, true)
    }
}

impl Serialize for Moment {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.to_rfc3339())
    }
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Said {
    Text(String),
    Seconds(u64),
}

impl<'de> Deserialize<'de> for Moment {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let unread = || serde::de::Error::custom("not a moment");
        match Said::deserialize(deserializer)? {
            Said::Text(text) => Self::parse(&text).ok_or_else(unread),
            Said::Seconds(seconds) => seconds.checked_mul(1_000).map(Self).ok_or_else(unread),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_read_in_every_form_that_github_writes() {
        let moment = Moment(1_700_000_000_000);
        for said in [r#""2023-11-14T22:13:20Z""#, r#""2023-11-15T00:13:20+02:00""#, "1700000000"] {
            assert_eq!(serde_json::from_str::<Moment>(said).unwrap(), moment, "{said}");
        }
        assert_eq!(serde_json::to_string(&moment).unwrap(), r#""2023-11-14T22:13:20Z""#);
        assert_eq!(Moment::parse("yesterday"), None);
        assert_eq!(Moment(u64::MAX).to_rfc3339(), "1970-01-01T00:00:00Z");
    }
}
