//! What is wrong with the settings, where, and how to mend it.
//!
//! A [`Fault`] is a judgement on a value alone. With the [`Place`] it came from it is a
//! [`Problem`]. All problems of one load are reported together, as [`Problems`].

use std::collections::BTreeSet;
use std::fmt;
use std::path::PathBuf;

/// Where a value was written.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// A spot in greenline.toml; lines and columns count from 1.
    File {
        /// The file as the user named it.
        path: PathBuf,
        /// The line.
        line: usize,
        /// The column, in characters.
        column: usize,
    },
    /// A file as a whole.
    WholeFile(PathBuf),
    /// A command-line flag, such as `--lease`.
    Flag(String),
    /// An environment variable.
    Environment(String),
    /// Nowhere: it is the default.
    Default,
}

impl Place {
    /// This place, or the other one if nobody wrote anything here.
    pub(super) fn or_if_default(self, other: Self) -> Self {
        if self == Self::Default { other } else { self }
    }

    /// The line in greenline.toml.
    pub(super) fn line(&self) -> Option<usize> {
        match self {
            Self::File { line, .. } => Some(*line),
            _ => None,
        }
    }

    /// Whether this is in one of these lines of greenline.toml.
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

/// What is wrong with a value, and the mend.
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

/// Something wrong at a place, in two lines: what, and how to mend it. Never shows a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Where it was written.
    pub place: Place,
    /// What is wrong.
    pub says: String,
    /// What to write instead.
    pub mend: String,
}

impl Problem {
    fn write(&self, f: &mut fmt::Formatter<'_>, severity: &str) -> fmt::Result {
        writeln!(f, "{severity}: {}: {}", self.place, self.says)?;
        write!(f, "{:indent$}{}", "", self.mend, indent = severity.len() + 2)
    }
}

/// Everything that keeps the program from starting, as `error: place: what` and the mend below.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problems(pub Vec<Problem>);

impl std::error::Error for Problems {}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_all(f, &self.0, "error")
    }
}

/// What looks like a mistake but stops nothing, as `warning: place: what` and the mend below.
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

/// The candidate that was most likely meant, if one is near enough to say so.
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
