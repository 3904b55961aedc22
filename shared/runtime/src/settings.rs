//! The one loader of settings.
//!
//! A setting is taken from the first of: a flag, the environment, greenline.toml, its default.
//! Everything is parsed and checked before anything starts, also across settings, and all
//! problems are told at once, each with its place and its mend:
//!
//! ```text
//! error: greenline.toml:14:9: unknown setting "heartbaet"
//!        did you mean "heartbeat"?
//! error: GREENLINE_LEASE: "15" has no unit
//!        write a duration such as 15s or 2m
//! ```
//!
//! - There is one table of settings: [`SETTINGS`]. [`reference()`] writes the page of it.
//! - The loader reads only what [`Sources`] hands it and the files named there, so tests can load
//!   side by side. [`Sources::of_process`] is the one place that looks at the process.
//! - A secret is given as itself or by a file (`NAME_FILE`), never shown, never part of an error.
//! - An empty environment variable counts as not set.
//!
//! It does not look at the world: whether Redis answers or a directory can be written is for
//! `greenline doctor` and for those who use them.

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
pub use keys::{Keys, ModelKey};
pub use lead::LeadSettings;
pub use log::{LogFormat, LogSettings};
pub use network::{HostName, Network};
pub use problem::{Place, Problem, Problems, Warnings};
pub use queue::{QueueSettings, UnsignedTasks};
pub use redis::{ClientCertificate, RedisSettings, RedisSource, RedisUrl, SentinelHost, TlsFiles};
pub use reference::reference;
pub use sandbox::{SandboxSettings, Walls};
pub use secret::Secret;
pub use table::{Fallback, SETTINGS, Setting};
pub use value::{LogFilter, Name};
pub use worker::WorkerSettings;

use crate::Role;
use file::File;
use problem::Fault;
use reader::Reader;

/// All settings of a process, checked.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where Redis is.
    pub redis: RedisSettings,
    /// What the queue promises.
    pub queue: QueueSettings,
    /// What a worker takes on.
    pub worker: WorkerSettings,
    /// Where the lead listens.
    pub lead: LeadSettings,
    /// Which GitHub, as whom, and what of it.
    pub github: GitHubSettings,
    /// How events are logged.
    pub log: LogSettings,
    /// Keys for services outside.
    pub keys: Keys,
    /// Where running processes leave their sign of life.
    pub state_dir: PathBuf,
}

/// What [`load`] found.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// The settings.
    pub settings: Settings,
    /// What looks like a mistake but stops nothing.
    pub warnings: Warnings,
    /// Each setting with where it came from, in the order of [`SETTINGS`].
    pub effective: Vec<Effective>,
}

/// One setting as it holds now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Effective {
    /// The setting.
    pub setting: &'static Setting,
    /// Its text; none for a secret and for what is not set.
    pub value: Option<String>,
    /// Where it came from.
    pub from: Place,
}

/// Where settings come from. Not printable: secrets stand in it as plain text.
#[derive(Clone)]
pub struct Sources {
    /// What the process is for: a process that does not listen needs no token.
    pub role: Role,
    /// What the command line says.
    pub flags: Flags,
    /// The environment.
    pub environment: BTreeMap<String, OsString>,
    /// Where greenline.toml is looked for, and what relative paths start from.
    pub directory: PathBuf,
    /// The machine's cores.
    pub cores: NonZeroUsize,
    /// The user's number, which keeps users of one machine apart.
    pub user: u32,
}

impl Sources {
    /// The flags given, and for the rest this process: its environment, directory and machine.
    pub fn of_process(role: Role, flags: Flags) -> Self {
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

/// What the command line says, as unparsed text: the loader judges all sources alike.
#[derive(Clone, Default)]
pub struct Flags(BTreeMap<&'static str, Flag>);

#[derive(Clone)]
struct Flag {
    flag: String,
    value: String,
}

impl Flags {
    /// No flags.
    pub fn none() -> Self {
        Self::default()
    }

    /// Lets `--flag value` set the setting of this name, such as `queue.lease`; `config` is the
    /// path of greenline.toml. Without a value nothing is set.
    ///
    /// # Panics
    ///
    /// When no setting has this name: that is a mistake in the program, found by its first test.
    #[must_use]
    pub fn with(mut self, name: &str, flag: &str, value: Option<String>) -> Self {
        let setting = SETTINGS.iter().find(|setting| setting.name == name);
        let setting = setting.unwrap_or_else(|| unreachable!("no setting is named {name}"));
        if let Some(value) = value {
            self.0.insert(setting.name, Flag { flag: flag.to_owned(), value });
        }
        self
    }

    fn get(&self, name: &str) -> Option<&Flag> {
        self.0.get(name)
    }
}

/// Reads and checks all settings.
///
/// # Errors
///
/// All problems at once, in the order of files, flags and environment.
pub fn load(sources: &Sources) -> Result<Loaded, Problems> {
    let mut reader = Reader::new(sources);
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

    let Reader { mut problems, mut effective, .. } = reader;
    if !problems.is_empty() {
        problems.sort_by(|one, other| one.place.cmp(&other.place));
        return Err(Problems(problems));
    }
    effective
        .sort_by_key(|one| SETTINGS.iter().position(|setting| setting.name == one.setting.name));
    let warnings = Warnings(reader::unknown_variables(sources.environment.iter()));
    Ok(Loaded { settings, warnings, effective })
}

/// A file that was asked for must be there; the usual one may be missing.
fn read_file(sources: &Sources, asked: Option<&Path>, place: &Place) -> Result<File, Problem> {
    const USUAL: &str = "greenline.toml";
    let path = asked.unwrap_or(Path::new(USUAL));
    match fs::read_to_string(sources.directory.join(path)) {
        Ok(text) => Ok(File::parse(path, &text)),
        Err(error) if asked.is_none() && error.kind() == ErrorKind::NotFound => Ok(File::default()),
        Err(error) if asked.is_none() => {
            let fault = Fault::new(format!("failed to read it: {error}"), "let this user read it");
            Err(fault.at(&Place::WholeFile(path.to_owned())))
        }
        Err(error) => {
            let says = format!("failed to read {}: {error}", path.display());
            Err(Fault::new(says, "name a file that this user can read").at(place))
        }
    }
}

fn state_dir(reader: &mut Reader<'_>) -> PathBuf {
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
