//! The role of a process.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The role of a process. Some settings matter to one role only, and each role has its own beacon.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ProcessRole {
    /// Everything in one process: `greenline up`.
    Up,
    /// The lead daemon.
    Lead,
    /// A worker daemon.
    Worker,
    /// A command that reads or changes something and ends.
    Client,
}

impl ProcessRole {
    /// Returns the name in file names, logs and JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Up => "up",
            Self::Lead => "lead",
            Self::Worker => "worker",
            Self::Client => "client",
        }
    }

    /// Returns `true` if a process of this role answers HTTP requests.
    pub fn serves_http(self) -> bool {
        matches!(self, Self::Up | Self::Lead)
    }
}

impl fmt::Display for ProcessRole {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
