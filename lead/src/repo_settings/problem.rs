//! A problem in a `.greenline.toml`: its place, its cause, its remedy.
//!
//! The texts go to the terminal and, as they are, onto the pull request that brings the file. Parts
//! of the file in them are escaped and cut.

use std::fmt;
use std::ops::Range;

/// The file's name, on the base branch's root.
pub const FILE: &str = ".greenline.toml";

/// Something wrong at a place of the file; lines and columns count from 1.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RepoSettingsProblem {
    /// The line.
    pub line: usize,
    /// The column, in characters.
    pub column: usize,
    /// The cause.
    pub message: String,
    /// The remedy.
    pub hint: String,
}

/// All that is wrong with a file, in its order.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct RepoSettingsProblems(pub Vec<RepoSettingsProblem>);

impl fmt::Display for RepoSettingsProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "error: {FILE}:{}:{}: {}", self.line, self.column, self.message)?;
        write!(f, "       {}", self.hint)
    }
}

impl fmt::Display for RepoSettingsProblems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let texts: Vec<String> = self.0.iter().map(ToString::to_string).collect();
        f.write_str(&texts.join("\n"))
    }
}

/// The problem of a span of the text.
pub(super) fn problem_at(
    text: &str,
    span: &Range<usize>,
    message: String,
    hint: String,
) -> RepoSettingsProblem {
    let before = text.get(..span.start).unwrap_or(text);
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    RepoSettingsProblem {
        line: before.matches('\n').count() + 1,
        column: before[line_start..].chars().count() + 1,
        message,
        hint,
    }
}

/// A text of the file, fit to be repeated.
pub(super) fn quoted(text: &str) -> String {
    const LONGEST: usize = 60;
    let cut: String = text.chars().take(LONGEST).collect();
    let sign = if cut.len() < text.len() { "…" } else { "" };
    format!("\"{}{sign}\"", cut.escape_debug())
}

/// `did you mean "lease"?`, or what there is.
pub(super) fn suggestion(written: &str, known: &[&str]) -> String {
    let written = written.to_lowercase();
    let allowed = (written.chars().count() / 4).clamp(1, 3);
    let near = known
        .iter()
        .map(|name| (strsim::damerau_levenshtein(&written, &name.to_lowercase()), name))
        .filter(|(distance, _)| *distance <= allowed)
        .min();
    match near {
        Some((_, name)) => format!("did you mean \"{name}\"?"),
        None => format!("there are: {}", known.join(", ")),
    }
}
