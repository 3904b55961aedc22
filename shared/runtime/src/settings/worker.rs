//! What a worker takes on, and within which limits.

use std::collections::BTreeSet;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use super::reader::Reader;
use super::sandbox::{self, SandboxSettings};
use super::secret::Secret;
use super::table;
use super::value::Name;

/// A worker's settings.
#[derive(Debug, Clone)]
pub struct WorkerSettings {
    /// How many tasks run at once.
    pub slots: NonZeroUsize,
    /// What this worker offers.
    pub labels: BTreeSet<Name>,
    /// The types of task it takes; all that it knows when absent.
    pub types: Option<BTreeSet<Name>>,
    /// Variables of this process that commands see too.
    pub pass_env: BTreeSet<Name>,
    /// Whether short tasks are claimed ahead of a free slot.
    pub prefetch: bool,
    /// How long running tasks may finish after a stop.
    pub grace: Duration,
    /// The directory in which tasks work, as it was written.
    pub workspace: PathBuf,
    /// How many bytes all workspaces may take on disk.
    pub workspace_limit: u64,
    /// How many files and directories one task's workspace may hold.
    pub workspace_entries: u32,
    /// How many bytes of memory one task may use.
    pub memory_limit: u64,
    /// How many bytes of a command's output its result keeps.
    pub output_tail: u64,
    /// How many bytes of output a task's log keeps.
    pub output_log: u64,
    /// What sandboxed commands may read beside the usual.
    pub sandbox_read: Vec<PathBuf>,
    /// Where sandboxed `setup` commands may connect to without namespaces.
    pub sandbox_ports: Vec<u16>,
    /// Whether the operator's own commands are sandboxed too.
    pub sandbox_commands: bool,
    /// Whether other people's code runs where there is no sandbox.
    pub without_isolation: bool,
    /// Reads private repositories.
    pub checkout_token: Option<Secret>,
    /// How other people's code is kept in.
    pub sandbox: SandboxSettings,
}

pub(super) fn read(reader: &mut Reader<'_>) -> WorkerSettings {
    let types = reader.optional(&table::TYPES);
    if types.value.as_ref().is_some_and(BTreeSet::is_empty) {
        let mend = "name a type, or remove the setting to take all";
        reader.object(&types.place, "a worker without types would do nothing", mend);
    }
    let pass_env = reader.optional(&table::PASS_ENV);
    let names = pass_env.value.unwrap_or_default();
    if let Some(secret) = names.iter().find(|name| is_secret(name.as_str())) {
        let says = format!("{secret} is a secret, and any task could read it");
        reader.object(&pass_env.place, &says, "leave it out");
    }
    let cores = reader.sources().cores;
    WorkerSettings {
        slots: reader.optional(&table::SLOTS).value.unwrap_or(cores),
        labels: reader.optional(&table::LABELS).value.unwrap_or_default(),
        types: types.value,
        pass_env: names,
        prefetch: reader.value(&table::PREFETCH).value,
        grace: reader.value(&table::GRACE).value,
        workspace: reader.value(&table::WORKSPACE).value,
        workspace_limit: reader.value(&table::WORKSPACE_LIMIT).value,
        workspace_entries: reader.value(&table::WORKSPACE_ENTRIES).value,
        memory_limit: reader.value(&table::MEMORY_LIMIT).value,
        output_tail: reader.value(&table::OUTPUT_TAIL).value,
        output_log: reader.value(&table::OUTPUT_LOG).value,
        sandbox_read: reader.optional(&table::SANDBOX_READ).value.unwrap_or_default(),
        sandbox_ports: reader.value(&table::SANDBOX_PORTS).value,
        sandbox_commands: reader.value(&table::SANDBOX_COMMANDS).value,
        without_isolation: reader.value(&table::WITHOUT_ISOLATION).value,
        checkout_token: reader.optional(&table::CHECKOUT_TOKEN).value,
        sandbox: sandbox::read(reader),
    }
}

/// Whether a variable holds one of our own secrets, or the file of one.
fn is_secret(name: &str) -> bool {
    let mut secrets = table::SETTINGS.iter().filter(|setting| setting.secret);
    secrets.any(|setting| setting.env == name || setting.env_file() == name)
}
