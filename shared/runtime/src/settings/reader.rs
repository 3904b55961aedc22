//! Precedence: a flag over the environment over greenline.toml over the default.
//!
//! The reader parses values and collects problems instead of stopping at the first. A setting that
//! does not parse reads as its default and as not *sound*, so that rules across settings can skip
//! it instead of complaining twice.

use std::ffi::{OsStr, OsString};
use std::fs;

use super::file::SettingsFile;
use super::problem::{SettingSource, SettingsProblem, ValueError, nearest};
use super::table::{SETTINGS, Setting, SettingDefault, SettingKey};
use super::{EffectiveSetting, SettingSources};

/// A value with its source.
pub(super) struct ReadSetting<T> {
    pub(super) value: T,
    pub(super) place: SettingSource,
    /// `false` if the written value was invalid and the default applies.
    pub(super) valid: bool,
}

pub(super) struct SettingsReader<'a> {
    sources: &'a SettingSources,
    file: SettingsFile,
    pub(super) problems: Vec<SettingsProblem>,
    pub(super) effective: Vec<EffectiveSetting>,
}

/// A text before it is parsed.
struct FoundValue {
    text: String,
    place: SettingSource,
}

impl<'a> SettingsReader<'a> {
    /// Reads flags and environment; the file joins once its path is known.
    pub(super) fn new(sources: &'a SettingSources) -> Self {
        Self { sources, file: SettingsFile::default(), problems: Vec::new(), effective: Vec::new() }
    }

    pub(super) fn use_file(&mut self, mut file: SettingsFile) {
        self.problems.append(&mut file.problems);
        self.file = file;
    }

    pub(super) fn sources(&self) -> &'a SettingSources {
        self.sources
    }

    /// Reads a setting with a default.
    pub(super) fn value<T>(&mut self, key: &'static SettingKey<T>) -> ReadSetting<T> {
        let ReadSetting { value, place, valid } = self.optional(key);
        let value = value.unwrap_or_else(|| default(key));
        ReadSetting { value, place, valid }
    }

    /// Reads a setting that may be absent.
    pub(super) fn optional<T>(&mut self, key: &'static SettingKey<T>) -> ReadSetting<Option<T>> {
        let found = match self.find(&key.setting) {
            Ok(found) => found,
            Err(problem) => return self.reject(key, problem),
        };
        let Some(FoundValue { text, place }) = found else {
            let place = SettingSource::Default;
            self.record(&key.setting, fallback_text(&key.setting), place.clone());
            return ReadSetting { value: None, place, valid: true };
        };
        match (key.parse)(&text) {
            Ok(value) => {
                self.record(&key.setting, Some(text), place.clone());
                ReadSetting { value: Some(value), place, valid: true }
            }
            Err(fault) => self.reject(key, fault.at(&place)),
        }
    }

    /// Adds a problem of a rule across settings.
    pub(super) fn report(
        &mut self,
        place: &SettingSource,
        message: impl Into<String>,
        hint: impl Into<String>,
    ) {
        self.problems.push(ValueError::new(message, hint).at(place));
    }

    fn reject<T>(
        &mut self,
        key: &SettingKey<T>,
        problem: SettingsProblem,
    ) -> ReadSetting<Option<T>> {
        let place = problem.place.clone();
        if !self.file.is_broken_at(&place) {
            self.problems.push(problem);
        }
        let value = match key.setting.fallback {
            SettingDefault::Value(_) => Some(default(key)),
            SettingDefault::Unset(_) => None,
        };
        ReadSetting { value, place, valid: false }
    }

    fn record(&mut self, setting: &'static Setting, value: Option<String>, from: SettingSource) {
        let value = if setting.secret { None } else { value };
        self.effective.push(EffectiveSetting { setting, value, from });
    }

    fn find(&self, setting: &Setting) -> Result<Option<FoundValue>, SettingsProblem> {
        if let Some(flag) = self.sources.flags.get(setting.name) {
            let place = SettingSource::Flag(flag.flag.clone());
            return Ok(Some(FoundValue { text: flag.value.clone(), place }));
        }
        if let Some(found) = self.find_in_environment(setting)? {
            return Ok(Some(found));
        }
        self.find_in_file(setting)
    }

    fn find_in_environment(
        &self,
        setting: &Setting,
    ) -> Result<Option<FoundValue>, SettingsProblem> {
        let plain = self.variable(setting.env)?;
        if !setting.from_file {
            return Ok(plain);
        }
        one_of_both(plain, self.variable(&setting.env_file())?, |named| self.read_secret(named))
    }

    fn find_in_file(&self, setting: &Setting) -> Result<Option<FoundValue>, SettingsProblem> {
        let plain = self.entry(setting.name);
        if !setting.from_file {
            return Ok(plain);
        }
        let named = self.entry(&format!("{}_file", setting.name));
        one_of_both(plain, named, |named| self.read_secret(named))
    }

    fn entry(&self, name: &str) -> Option<FoundValue> {
        let entry = self.file.get(name)?.clone();
        Some(FoundValue { text: entry.text, place: entry.place })
    }

    /// An empty variable counts as not set: compose files write `NAME: ${NAME:-}`.
    fn variable(&self, name: &str) -> Result<Option<FoundValue>, SettingsProblem> {
        let place = SettingSource::Environment(name.to_owned());
        match self.sources.environment.get(name).map(|value| value.to_str()) {
            None | Some(Some("")) => Ok(None),
            Some(Some(text)) if from_service_link(name, text) => Ok(None),
            Some(Some(text)) => Ok(Some(FoundValue { text: text.to_owned(), place })),
            Some(None) => Err(ValueError::new("is not UTF-8 text", "write it in UTF-8").at(&place)),
        }
    }

    fn read_secret(&self, named: &FoundValue) -> Result<String, SettingsProblem> {
        let path = self.sources.directory.join(&named.text);
        let text = fs::read_to_string(path).map_err(|error| {
            let message = format!("failed to read {}: {error}", named.text);
            ValueError::new(message, "name a file that this user can read").at(&named.place)
        })?;
        match text.trim_end_matches(['\r', '\n']) {
            "" => {
                let message = format!("{} is empty", named.text);
                Err(ValueError::new(message, "write the secret into it").at(&named.place))
            }
            secret => Ok(secret.to_owned()),
        }
    }
}

/// A secret is given directly or by a file, not both.
fn one_of_both(
    plain: Option<FoundValue>,
    named: Option<FoundValue>,
    read: impl FnOnce(&FoundValue) -> Result<String, SettingsProblem>,
) -> Result<Option<FoundValue>, SettingsProblem> {
    match (plain, named) {
        (plain, None) => Ok(plain),
        (None, Some(named)) => {
            let text = read(&named)?;
            Ok(Some(FoundValue { text, place: named.place }))
        }
        (Some(plain), Some(named)) => {
            let message = format!("is set, and so is {}", named.place);
            Err(ValueError::new(message, "keep one of them").at(&plain.place))
        }
    }
}

/// Returns the table's default. A test below checks that every default parses.
fn default<T>(key: &SettingKey<T>) -> T {
    let SettingDefault::Value(text) = key.setting.fallback else {
        unreachable!("{} is read as if it had a default", key.setting.name);
    };
    match (key.parse)(text) {
        Ok(value) => value,
        Err(fault) => unreachable!("the default of {} does not parse: {fault:?}", key.setting.name),
    }
}

fn fallback_text(setting: &Setting) -> Option<String> {
    match setting.fallback {
        SettingDefault::Value(text) => Some(text.to_owned()),
        SettingDefault::Unset(_) => None,
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
) -> Vec<SettingsProblem> {
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

fn unknown_variable(name: &str, known: &[String]) -> SettingsProblem {
    let hint = match nearest(name, known.iter().map(String::as_str)) {
        Some(meant) => format!("did you mean {meant}?"),
        None => "remove it; docs/settings.md lists all settings".to_owned(),
    };
    ValueError::new("no setting has this name", hint)
        .at(&SettingSource::Environment(name.to_owned()))
}

fn is_service_link(name: &str, value: &OsStr) -> bool {
    name.contains("_SERVICE_HOST")
        || name.contains("_SERVICE_PORT")
        || name.contains("_TCP")
        || name.contains("_UDP")
        || value.to_str().is_some_and(|text| from_service_link(name, text))
}
