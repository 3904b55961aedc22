//! Problems of settings: the error, its place, and its remedy.
//!
//! A [`ValueError`] concerns a value alone. With its [`SettingSource`] it becomes a [`SettingsProblem`]. All problems of
//! one load are reported together, as [`SettingsError`].

use std::collections::BTreeSet;
use std::fmt;
use std::path::PathBuf;

/// The source of a value.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum SettingSource {
    /// A position in greenline.toml; lines and columns count from 1.
    File {
        /// The file as the user named it.
        path: PathBuf,
        line: usize,
        /// Counts characters.
        column: usize,
    },
    /// A file as a whole.
    WholeFile(PathBuf),
    /// A command-line flag, such as `--lease`.
    Flag(String),
    /// An environment variable.
    Environment(String),
    /// The default applies.
    Default,
}

impl SettingSource {
    /// Returns this place, or the other one if this is the default.
    pub(super) fn or_if_default(self, other: Self) -> Self {
        if self == Self::Default { other } else { self }
    }

    /// Returns the line in greenline.toml.
    pub(super) fn line(&self) -> Option<usize> {
        match self {
            Self::File { line, .. } => Some(*line),
            _ => None,
        }
    }

    /// Returns `true` if this is in one of these lines of greenline.toml.
    pub(super) fn is_on(&self, lines: &BTreeSet<usize>) -> bool {
        self.line().is_some_and(|line| lines.contains(&line))
    }
}

impl fmt::Display for SettingSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { path, line, column } => write!(f, "{}:{line}:{column}", path.display()),
            Self::WholeFile(path) => write!(f, "{}", path.display()),
            Self::Flag(name) | Self::Environment(name) => f.write_str(name),
            Self::Default => f.write_str("default"),
        }
    }
}

/// An error of a value with its remedy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ValueError {
    message: String,
    hint: String,
}

impl ValueError {
    pub(super) fn new(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { message: message.into(), hint: hint.into() }
    }

    pub(super) fn at(self, place: &SettingSource) -> SettingsProblem {
        SettingsProblem { place: place.clone(), message: self.message, hint: self.hint }
    }
}

/// An error at a place, in two lines: the error and its remedy. Never shows a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SettingsProblem {
    pub place: SettingSource,
    /// The error.
    pub message: String,
    /// The remedy.
    pub hint: String,
}

impl SettingsProblem {
    fn write(&self, f: &mut fmt::Formatter<'_>, severity: &str) -> fmt::Result {
        writeln!(f, "{severity}: {}: {}", self.place, self.message)?;
        write!(f, "{:indent$}{}", "", self.hint, indent = severity.len() + 2)
    }
}

/// All problems that keep the program from starting, as `error: place: what` with the remedy below.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SettingsError(pub Vec<SettingsProblem>);

impl std::error::Error for SettingsError {}

impl fmt::Display for SettingsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_all(f, &self.0, "error")
    }
}

/// Probable mistakes that stop nothing, as `warning: place: what` with the remedy below.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SettingsWarnings(pub Vec<SettingsProblem>);

impl fmt::Display for SettingsWarnings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_all(f, &self.0, "warning")
    }
}

fn write_all(
    f: &mut fmt::Formatter<'_>,
    problems: &[SettingsProblem],
    severity: &str,
) -> fmt::Result {
    for (position, problem) in problems.iter().enumerate() {
        if position > 0 {
            f.write_str("\n")?;
        }
        problem.write(f, severity)?;
    }
    Ok(())
}

/// Returns the candidate that was most likely meant, if one is near enough.
pub(super) fn nearest<'a>(
    written: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    let written = written.to_lowercase();
    let allowed = (written.chars().count() / 4).clamp(1, 3);
    candidates
        .into_iter()
        .map(|candidate| {
            (strsim::damerau_levenshtein(&written, &candidate.to_lowercase()), candidate)
        })
        .filter(|(distance, _)| *distance <= allowed)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_name_is_found_and_a_far_one_is_not_guessed() {
        let names = ["heartbeat", "lease", "max_retries"];
        assert_eq!(nearest("heartbaet", names), Some("heartbeat"));
        assert_eq!(nearest("max-retries", names), Some("max_retries"));
        assert_eq!(nearest("speed", names), None);
    }
}
