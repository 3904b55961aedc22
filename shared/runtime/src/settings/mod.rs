//! The one loader of settings.
//!
//! A setting comes from the first of: a flag, the environment, greenline.toml, its default.
//! Everything is parsed and checked before anything starts, including rules across settings. All
//! problems are reported at once, each with its place and its remedy:
//!
//! ```text
//! error: greenline.toml:14:9: unknown setting "heartbaet"
//!        did you mean "heartbeat"?
//! error: GREENLINE_LEASE: "15" has no unit
//!        write a duration such as 15s or 2m
//! ```
//!
//! - There is one table of settings: [`SETTINGS`]. [`reference()`] writes its documentation page.
//! - The loader reads only the given [`SettingSources`] and the files named there, so tests can load in
//!   parallel. [`SettingSources::of_process`] is the one place that reads the process.
//! - A secret is given directly or by a file (`NAME_FILE`). It is never shown, and never part of an
//!   error.
//! - An empty environment variable counts as not set.
//!
//! The loader does not check the outside world: `greenline doctor` and the users of a setting find
//! out whether Redis answers or a directory can be written.

mod file;
mod github;
mod keys;
mod lead;
mod log;
mod network;
mod problem;
mod queue;
mod reader;
mod redis;
mod reference;
mod sandbox;
mod secret;
mod table;
mod value;
mod worker;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::io::ErrorKind;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

pub use github::{GitHubLogin, GitHubSettings, RepoPath};
pub use keys::{ModelKey, ModelKeys};
pub use lead::LeadSettings;
pub use log::{LogFormat, LogSettings};
pub use network::{HostName, Network};
pub use problem::{SettingSource, SettingsError, SettingsProblem, SettingsWarnings};
pub use queue::{QueueSettings, UnsignedTasks};
pub use redis::{
    ClientCertificate, RedisSettings, RedisSource, RedisUrl, SentinelHost, TlsSettings,
};
pub use reference::reference;
pub use sandbox::{SandboxSettings, Walls};
pub use secret::Secret;
pub use table::{SETTINGS, Setting, SettingDefault};
pub use value::{LogFilter, PlainName};
pub use worker::WorkerSettings;

use crate::ProcessRole;
use file::SettingsFile;
use problem::ValueError;
use reader::SettingsReader;

/// All settings of a process, checked.
#[derive(Debug, Clone)]
pub struct Settings {
    pub redis: RedisSettings,
    pub queue: QueueSettings,
    pub worker: WorkerSettings,
    pub lead: LeadSettings,
    pub github: GitHubSettings,
    pub log: LogSettings,
    /// Keys for outside services.
    pub keys: ModelKeys,
    /// The directory of the beacon files.
    pub state_dir: PathBuf,
}

/// The result of [`load`].
#[derive(Debug, Clone)]
pub struct LoadedSettings {
    pub settings: Settings,
    /// Probable mistakes that stop nothing.
    pub warnings: SettingsWarnings,
    /// Each setting with its source, in the order of [`SETTINGS`].
    pub effective: Vec<EffectiveSetting>,
}

/// A setting with its current value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EffectiveSetting {
    pub setting: &'static Setting,
    /// `None` for a secret and for a setting without a value.
    pub value: Option<String>,
    /// The source of the value.
    pub from: SettingSource,
}

/// The sources of settings. Not printable, because secrets stand in it as plain text.
#[derive(Clone)]
pub struct SettingSources {
    /// A process that does not listen needs no token.
    pub role: ProcessRole,
    pub flags: SettingFlags,
    pub environment: BTreeMap<String, OsString>,
    /// The directory of greenline.toml, from which relative paths start.
    pub directory: PathBuf,
    pub cores: NonZeroUsize,
    /// The user's number, which separates users of one machine.
    pub user: u32,
}

impl SettingSources {
    /// Combines the given flags with this process's environment, directory and machine.
    pub fn of_process(role: ProcessRole, flags: SettingFlags) -> Self {
        let text = |(name, value): (OsString, OsString)| Some((name.into_string().ok()?, value));
        Self {
            role,
            flags,
            environment: std::env::vars_os().filter_map(text).collect(),
            directory: PathBuf::new(),
            cores: std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN),
            user: nix::unistd::getuid().as_raw(),
        }
    }
}

/// The command line's values as unparsed text, so that the loader treats all sources alike.
#[derive(Clone, Default)]
pub struct SettingFlags(BTreeMap<&'static str, SettingFlag>);

#[derive(Clone)]
struct SettingFlag {
    flag: String,
    value: String,
}

impl SettingFlags {
    pub fn none() -> Self {
        Self::default()
    }

    /// Sets the setting of this name, such as `queue.lease`, from `--flag value`; `config` is the
    /// path of greenline.toml. `None` sets nothing.
    ///
    /// # Panics
    ///
    /// When no setting has this name: a programming error that the first test finds.
    #[must_use]
    pub fn with(mut self, name: &str, flag: &str, value: Option<String>) -> Self {
        let setting = SETTINGS.iter().find(|setting| setting.name == name);
        let setting = setting.unwrap_or_else(|| unreachable!("no setting is named {name}"));
        if let Some(value) = value {
            self.0.insert(setting.name, SettingFlag { flag: flag.to_owned(), value });
        }
        self
    }

    fn get(&self, name: &str) -> Option<&SettingFlag> {
        self.0.get(name)
    }
}

/// Reads and checks all settings.
///
/// # Errors
///
/// All problems at once, in the order of files, flags and environment.
pub fn load(sources: &SettingSources) -> Result<LoadedSettings, SettingsError> {
    let mut reader = SettingsReader::new(sources);
    let config = reader.optional(&table::CONFIG);
    match read_file(sources, config.value.as_deref(), &config.place) {
        Ok(file) => reader.use_file(file),
        Err(problem) => reader.problems.push(problem),
    }

    let settings = Settings {
        state_dir: state_dir(&mut reader),
        redis: redis::read(&mut reader),
        queue: queue::read(&mut reader),
        worker: worker::read(&mut reader),
        lead: lead::read(&mut reader),
        github: github::read(&mut reader),
        log: log::read(&mut reader),
        keys: keys::read(&mut reader),
    };

    let SettingsReader { mut problems, mut effective, .. } = reader;
    if !problems.is_empty() {
        problems.sort_by(|one, other| one.place.cmp(&other.place));
        return Err(SettingsError(problems));
    }
    effective
        .sort_by_key(|one| SETTINGS.iter().position(|setting| setting.name == one.setting.name));
    let warnings = SettingsWarnings(reader::unknown_variables(sources.environment.iter()));
    Ok(LoadedSettings { settings, warnings, effective })
}

/// A file that the user named must exist; the default one may be missing.
fn read_file(
    sources: &SettingSources,
    asked: Option<&Path>,
    place: &SettingSource,
) -> Result<SettingsFile, SettingsProblem> {
    const USUAL: &str = "greenline.toml";
    let path = asked.unwrap_or(Path::new(USUAL));
    match fs::read_to_string(sources.directory.join(path)) {
        Ok(text) => Ok(SettingsFile::parse(path, &text)),
        Err(error) if asked.is_none() && error.kind() == ErrorKind::NotFound => {
            Ok(SettingsFile::default())
        }
        Err(error) if asked.is_none() => {
            let fault =
                ValueError::new(format!("failed to read it: {error}"), "let this user read it");
            Err(fault.at(&SettingSource::WholeFile(path.to_owned())))
        }
        Err(error) => {
            let message = format!("failed to read {}: {error}", path.display());
            Err(ValueError::new(message, "name a file that this user can read").at(place))
        }
    }
}

fn state_dir(reader: &mut SettingsReader<'_>) -> PathBuf {
    if let Some(chosen) = reader.optional(&table::STATE_DIR).value {
        return chosen;
    }
    let sources = reader.sources();
    let variable = |name: &str| sources.environment.get(name).filter(|value| !value.is_empty());
    match variable("XDG_RUNTIME_DIR") {
        Some(runtime) => Path::new(runtime).join("greenline"),
        None => {
            let temporary = variable("TMPDIR").map_or(Path::new("/tmp"), Path::new);
            temporary.join(format!("greenline-{}", sources.user))
        }
    }
}
