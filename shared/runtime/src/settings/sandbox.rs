//! How other people's code is kept in.

use std::num::NonZeroUsize;

use super::reader::SettingsReader;
use super::table;
use super::value::{ParseResult, one_of};
use crate::hosts::{HostList, HostPattern};
use crate::human;
use crate::user_range::UserRange;

/// Settings of the sandbox itself; those of what commands may read stand with the worker's.
#[derive(Debug, Clone)]
pub struct SandboxSettings {
    /// The walls to use.
    pub walls: Walls,
    /// The user ids that tasks of a root worker get; those that fit the machine when absent.
    pub users: Option<UserRange>,
    /// Hosts that `setup` may reach where there are namespaces.
    pub hosts: HostList,
    /// Hosts that may have private addresses.
    pub private_hosts: Vec<HostPattern>,
}

/// The walls of a sandbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Walls {
    /// All that the machine has.
    All,
    /// Landlock, and no namespaces even where there are some.
    Landlock,
}

impl Walls {
    pub(super) fn parse(text: &str) -> ParseResult<Self> {
        one_of(text, &[("all", Self::All), ("landlock", Self::Landlock)])
    }
}

/// Reads them for a worker that runs so many tasks at once.
pub(super) fn read(reader: &mut SettingsReader<'_>, slots: NonZeroUsize) -> SandboxSettings {
    let users = reader.optional(&table::SANDBOX_USERS);
    if let Some(range) = users.value.filter(|range| range.count() < slots.get()) {
        let message = format!(
            "the range {range} has {}, and worker.slots is {slots}: each running task needs an id \
             of its own",
            human::count(range.count() as u64, "user id", "user ids")
        );
        let hint = "write a longer range, or set fewer worker.slots";
        reader.report(&users.place, message, hint);
    }
    SandboxSettings {
        walls: reader.value(&table::SANDBOX_WALLS).value,
        users: users.value,
        hosts: reader.value(&table::SANDBOX_HOSTS).value,
        private_hosts: reader.optional(&table::SANDBOX_PRIVATE_HOSTS).value.unwrap_or_default(),
    }
}
