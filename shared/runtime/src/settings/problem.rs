//! Problems of settings: the error, its place, and its remedy.
//!
//! A [`Fault`] concerns a value alone. With its [`Place`] it becomes a [`Problem`]. All problems of
//! one load are reported together, as [`Problems`].

use std::collections::BTreeSet;
use std::fmt;
use std::path::PathBuf;

/// The source of a value.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
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

impl Place {
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

impl fmt::Display for Place {
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
pub(super) struct Fault {
    says: String,
    mend: String,
}

impl Fault {
    pub(super) fn new(says: impl Into<String>, mend: impl Into<String>) -> Self {
        Self { says: says.into(), mend: mend.into() }
    }

    pub(super) fn at(self, place: &Place) -> Problem {
        Problem { place: place.clone(), says: self.says, mend: self.mend }
    }
}

/// An error at a place, in two lines: the error and its remedy. Never shows a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    pub place: Place,
    /// The error.
    pub says: String,
    /// The remedy.
    pub mend: String,
}

impl Problem {
    fn write(&self, f: &mut fmt::Formatter<'_>, severity: &str) -> fmt::Result {
        writeln!(f, "{severity}: {}: {}", self.place, self.says)?;
        write!(f, "{:indent$}{}", "", self.mend, indent = severity.len() + 2)
    }
}

/// All problems that keep the program from starting, as `error: place: what` with the remedy below.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problems(pub Vec<Problem>);

impl std::error::Error for Problems {}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_all(f, &self.0, "error")
    }
}

/// Probable mistakes that stop nothing, as `warning: place: what` with the remedy below.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Warnings(pub Vec<Problem>);

impl fmt::Display for Warnings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_all(f, &self.0, "warning")
    }
}

fn write_all(f: &mut fmt::Formatter<'_>, problems: &[Problem], severity: &str) -> fmt::Result {
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
