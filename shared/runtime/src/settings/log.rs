//! Settings of logging.

use super::reader::SettingsReader;
use super::table;
use super::value::{LogFilter, ParseResult, one_of};

/// The settings of [`crate::logging`].
#[derive(Debug, Clone)]
pub struct LogSettings {
    pub format: LogFormat,
    pub filter: LogFilter,
    /// The user disabled colors (`NO_COLOR`).
    pub no_color: bool,
}

/// The format of log events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// For people: a sentence and its fields.
    Text,
    /// For machines: one JSON object a line.
    Json,
}

impl LogFormat {
    pub(super) fn parse(text: &str) -> ParseResult<Self> {
        one_of(text, &[("text", Self::Text), ("json", Self::Json)])
    }
}

pub(super) fn read(reader: &mut SettingsReader<'_>) -> LogSettings {
    LogSettings {
        format: reader.value(&table::LOG_FORMAT).value,
        filter: reader.value(&table::LOG_FILTER).value,
        no_color: reader.optional(&table::NO_COLOR).value.is_some(),
    }
}
