//! Settings of a worker: its tasks and limits.

use std::collections::BTreeSet;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use super::reader::SettingsReader;
use super::sandbox::{self, SandboxSettings};
use super::secret::Secret;
use super::table;
use super::value::PlainName;

#[derive(Debug, Clone)]
pub struct WorkerSettings {
    /// The number of tasks that run at once.
    pub slots: NonZeroUsize,
    /// The labels that this worker offers.
    pub labels: BTreeSet<PlainName>,
    /// The task types to take; `None` for every known type.
    pub types: Option<BTreeSet<PlainName>>,
    /// Variables of this process that commands see too.
    pub pass_env: BTreeSet<PlainName>,
    /// Short tasks are claimed ahead of a free slot.
    pub prefetch: bool,
    /// The time for running tasks to finish after a stop.
    pub grace: Duration,
    /// The directory of the workspaces as it was written.
    pub workspace: PathBuf,
    /// The disk limit of all workspaces in bytes.
    pub workspace_limit: u64,
    /// How many files and directories one task's workspace may hold.
    pub workspace_entries: u32,
    /// The memory limit of one task in bytes.
    pub memory_limit: u64,
    /// The bytes of a command's output that its result keeps.
    pub output_tail: u64,
    /// The bytes of output that a task's log keeps.
    pub output_log: u64,
    /// Additional paths that sandboxed commands may read.
    pub sandbox_read: Vec<PathBuf>,
    /// Where sandboxed `setup` commands may connect to without namespaces.
    pub sandbox_ports: Vec<u16>,
    /// The operator's own commands run in the sandbox too.
    pub sandbox_commands: bool,
    /// Other people's code runs even without a sandbox.
    pub without_isolation: bool,
    /// Reads private repositories.
    pub checkout_token: Option<Secret>,
    /// How other people's code is kept in.
    pub sandbox: SandboxSettings,
}

pub(super) fn read(reader: &mut SettingsReader<'_>) -> WorkerSettings {
    let types = reader.optional(&table::TYPES);
    if types.value.as_ref().is_some_and(BTreeSet::is_empty) {
        let hint = "name a type, or remove the setting to take all";
        reader.report(&types.place, "a worker without types would do nothing", hint);
    }
    let pass_env = reader.optional(&table::PASS_ENV);
    let names = pass_env.value.unwrap_or_default();
    if let Some(secret) = names.iter().find(|name| is_secret(name.as_str())) {
        let message = format!("{secret} is a secret, and any task could read it");
        reader.report(&pass_env.place, &message, "leave it out");
    }
    let cores = reader.sources().cores;
    let slots = reader.optional(&table::SLOTS).value.unwrap_or(cores);
    WorkerSettings {
        slots,
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
        sandbox: sandbox::read(reader, slots),
    }
}

/// Returns `true` if a variable holds one of Greenline's own secrets, or the file of one.
fn is_secret(name: &str) -> bool {
    let mut secrets = table::SETTINGS.iter().filter(|setting| setting.secret);
    secrets.any(|setting| setting.env == name || setting.env_file() == name)
}
