//! Precedence: a flag over the environment over greenline.toml over the default.
//!
//! The reader parses values and collects problems instead of stopping at the first. A setting that
//! does not parse reads as its default and as not *sound*, so that rules across settings can skip
//! it instead of complaining twice.

use std::ffi::{OsStr, OsString};
use std::fs;

use super::file::File;
use super::problem::{Fault, Place, Problem, nearest};
use super::table::{Fallback, Key, SETTINGS, Setting};
use super::{Effective, Sources};

/// A value with its source.
pub(super) struct Read<T> {
    pub(super) value: T,
    pub(super) place: Place,
    /// `false` if the written value was invalid and the default applies.
    pub(super) sound: bool,
}

pub(super) struct Reader<'a> {
    sources: &'a Sources,
    file: File,
    pub(super) problems: Vec<Problem>,
    pub(super) effective: Vec<Effective>,
}

/// A text before it is parsed.
struct Found {
    text: String,
    place: Place,
}

impl<'a> Reader<'a> {
    /// Reads flags and environment; the file joins once its path is known.
    pub(super) fn new(sources: &'a Sources) -> Self {
        Self { sources, file: File::default(), problems: Vec::new(), effective: Vec::new() }
    }

    pub(super) fn use_file(&mut self, mut file: File) {
        self.problems.append(&mut file.problems);
        self.file = file;
    }

    pub(super) fn sources(&self) -> &'a Sources {
        self.sources
    }

    /// Reads a setting with a default.
    pub(super) fn value<T>(&mut self, key: &'static Key<T>) -> Read<T> {
        let Read { value, place, sound } = self.optional(key);
        let value = value.unwrap_or_else(|| default(key));
        Read { value, place, sound }
    }

    /// Reads a setting that may be absent.
    pub(super) fn optional<T>(&mut self, key: &'static Key<T>) -> Read<Option<T>> {
        let found = match self.find(&key.setting) {
            Ok(found) => found,
            Err(problem) => return self.set_aside(key, problem),
        };
        let Some(Found { text, place }) = found else {
            let place = Place::Default;
            self.note(&key.setting, fallback_text(&key.setting), place.clone());
            return Read { value: None, place, sound: true };
        };
        match (key.parse)(&text) {
            Ok(value) => {
                self.note(&key.setting, Some(text), place.clone());
                Read { value: Some(value), place, sound: true }
            }
            Err(fault) => self.set_aside(key, fault.at(&place)),
        }
    }

    /// Adds a problem of a rule across settings.
    pub(super) fn object(
        &mut self,
        place: &Place,
        says: impl Into<String>,
        mend: impl Into<String>,
    ) {
        self.problems.push(Fault::new(says, mend).at(place));
    }

    fn set_aside<T>(&mut self, key: &Key<T>, problem: Problem) -> Read<Option<T>> {
        let place = problem.place.clone();
        if !self.file.is_broken_at(&place) {
            self.problems.push(problem);
        }
        let value = match key.setting.fallback {
            Fallback::Value(_) => Some(default(key)),
            Fallback::Unset(_) => None,
        };
        Read { value, place, sound: false }
    }

    fn note(&mut self, setting: &'static Setting, value: Option<String>, from: Place) {
        let value = if setting.secret { None } else { value };
        self.effective.push(Effective { setting, value, from });
    }

    fn find(&self, setting: &Setting) -> Result<Option<Found>, Problem> {
        if let Some(flag) = self.sources.flags.get(setting.name) {
            let place = Place::Flag(flag.flag.clone());
            return Ok(Some(Found { text: flag.value.clone(), place }));
        }
        if let Some(found) = self.find_in_environment(setting)? {
            return Ok(Some(found));
        }
        self.find_in_file(setting)
    }

    fn find_in_environment(&self, setting: &Setting) -> Result<Option<Found>, Problem> {
        let plain = self.variable(setting.env)?;
        if !setting.from_file {
            return Ok(plain);
        }
        one_of_both(plain, self.variable(&setting.env_file())?, |named| self.read_secret(named))
    }

    fn find_in_file(&self, setting: &Setting) -> Result<Option<Found>, Problem> {
        let plain = self.entry(setting.name);
        if !setting.from_file {
            return Ok(plain);
        }
        let named = self.entry(&format!("{}_file", setting.name));
        one_of_both(plain, named, |named| self.read_secret(named))
    }

    fn entry(&self, name: &str) -> Option<Found> {
        let entry = self.file.get(name)?.clone();
        Some(Found { text: entry.text, place: entry.place })
    }

    /// An empty variable counts as not set: compose files write `NAME: ${NAME:-}`.
    fn variable(&self, name: &str) -> Result<Option<Found>, Problem> {
        let place = Place::Environment(name.to_owned());
        match self.sources.environment.get(name).map(|value| value.to_str()) {
            None | Some(Some("")) => Ok(None),
            Some(Some(text)) if from_service_link(name, text) => Ok(None),
            Some(Some(text)) => Ok(Some(Found { text: text.to_owned(), place })),
            Some(None) => Err(Fault::new("is not UTF-8 text", "write it in UTF-8").at(&place)),
        }
    }

    fn read_secret(&self, named: &Found) -> Result<String, Problem> {
        let path = self.sources.directory.join(&named.text);
        let text = fs::read_to_string(path).map_err(|error| {
            let says = format!("failed to read {}: {error}", named.text);
            Fault::new(says, "name a file that this user can read").at(&named.place)
        })?;
        match text.trim_end_matches(['\r', '\n']) {
            "" => {
                let says = format!("{} is empty", named.text);
                Err(Fault::new(says, "write the secret into it").at(&named.place))
            }
            secret => Ok(secret.to_owned()),
        }
    }
}

/// A secret is given directly or by a file, not both.
fn one_of_both(
    plain: Option<Found>,
    named: Option<Found>,
    read: impl FnOnce(&Found) -> Result<String, Problem>,
) -> Result<Option<Found>, Problem> {
    match (plain, named) {
        (plain, None) => Ok(plain),
        (None, Some(named)) => {
            let text = read(&named)?;
            Ok(Some(Found { text, place: named.place }))
        }
        (Some(plain), Some(named)) => {
            let says = format!("is set, and so is {}", named.place);
            Err(Fault::new(says, "keep one of them").at(&plain.place))
        }
    }
}

/// Returns the table's default. A test below checks that every default parses.
fn default<T>(key: &Key<T>) -> T {
    let Fallback::Value(text) = key.setting.fallback else {
        unreachable!("{} is read as if it had a default", key.setting.name);
    };
    match (key.parse)(text) {
        Ok(value) => value,
        Err(fault) => unreachable!("the default of {} does not parse: {fault:?}", key.setting.name),
    }
}

fn fallback_text(setting: &Setting) -> Option<String> {
    match setting.fallback {
        Fallback::Value(text) => Some(text.to_owned()),
        Fallback::Unset(_) => None,
    }
}

/// Kubernetes adds variables about every service to each container: a service named `redis` sets
/// `REDIS_PORT=tcp://10.0.0.1:6379`, which is not a setting.
fn from_service_link(name: &str, text: &str) -> bool {
    name.ends_with("_PORT") && (text.starts_with("tcp://") || text.starts_with("udp://"))
}

/// Returns variables that look like misspelled settings, with the name that was probably meant.
pub(super) fn unknown_variables<'a>(
    environment: impl Iterator<Item = (&'a String, &'a OsString)>,
) -> Vec<Problem> {
    let mut known: Vec<String> = SETTINGS.iter().map(|setting| setting.env.to_owned()).collect();
    known.extend(
        SETTINGS.iter().filter(|setting| setting.from_file).map(|setting| setting.env_file()),
    );
    environment
        .filter(|(name, _)| name.starts_with("GREENLINE_") && !known.contains(name))
        .filter(|(name, value)| !is_service_link(name, value))
        .map(|(name, _)| unknown_variable(name, &known))
        .collect()
}

fn unknown_variable(name: &str, known: &[String]) -> Problem {
    let mend = match nearest(name, known.iter().map(String::as_str)) {
        Some(meant) => format!("did you mean {meant}?"),
        None => "remove it; docs/settings.md lists all settings".to_owned(),
    };
    Fault::new("no setting has this name", mend).at(&Place::Environment(name.to_owned()))
}

fn is_service_link(name: &str, value: &OsStr) -> bool {
    name.contains("_SERVICE_HOST")
        || name.contains("_SERVICE_PORT")
        || name.contains("_TCP")
        || name.contains("_UDP")
        || value.to_str().is_some_and(|text| from_service_link(name, text))
}
