//! Deserializers for fields that may be null, missing, or of another type.

use serde::de::IgnoredAny;
use serde::{Deserialize, Deserializer};

/// Reads null as the type's default.
pub(crate) fn or_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de> + Default,
{
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

/// Reads a list without its null entries; null itself is an empty list.
pub(crate) fn list<'de, D, T>(deserializer: D) -> Result<Vec<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    let entries: Option<Vec<Option<T>>> = Option::deserialize(deserializer)?;
    Ok(entries.unwrap_or_default().into_iter().flatten().collect())
}

#[derive(Deserialize)]
#[serde(untagged)]
enum TolerantValue<T> {
    Read(T),
    Unread(IgnoredAny),
}

/// Reads an unreadable value as `None`.
pub(crate) fn or_none<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    Ok(match TolerantValue::deserialize(deserializer)? {
        TolerantValue::Read(value) => Some(value),
        TolerantValue::Unread(_) => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::names::Sha;

    #[derive(Deserialize, Debug, PartialEq)]
    struct Sample {
        #[serde(default, deserialize_with = "or_default")]
        name: String,
        #[serde(default, deserialize_with = "list")]
        numbers: Vec<u64>,
        #[serde(default, deserialize_with = "or_none")]
        sha: Option<Sha>,
    }

    #[test]
    fn null_missing_and_odd_values_are_read() {
        let empty = Sample { name: String::new(), numbers: Vec::new(), sha: None };
        for text in ["{}", r#"{"name":null,"numbers":null,"sha":null}"#, r#"{"sha":{"a":[1]}}"#] {
            assert_eq!(serde_json::from_str::<Sample>(text).unwrap(), empty, "{text}");
        }
        let some: Sample = serde_json::from_str(r#"{"numbers":[1,null,2]}"#).unwrap();
        assert_eq!(some.numbers, [1, 2]);
    }
}
