//! Linters: ESLint (stylish, compact, unix), stylelint, TSLint, Biome.
//!
//! ```text
//! /w/src/a.js
//!   12:5  error  'x' is not defined  no-undef
//!
//! ✖ 3 problems (2 errors, 1 warning)
//! ESLint found too many warnings (maximum: 0).
//! src/a.ts:1:2 lint/style/useConst  FIXABLE  ━━━━━━━━━━━━━━━━
//! ```
//!
//! Warnings are no findings: they fail a run only with a limit, and then ESLint reports the limit.

use super::super::{Recognizer, pattern};
use crate::contract::{Category, Location};
use crate::finding::{Finding, Strength};
use crate::log::Log;

pub(super) const COMPLAINTS: Recognizer = Recognizer {
    name: "eslint",
    triggers: &["error  ", ", Error - ", "[Error/", "  ✖  ", "ERROR: ", "━━━"],
    look: complaint,
};

pub(super) const TOTALS: Recognizer = Recognizer {
    name: "eslint totals",
    triggers: &["✖ ", "ESLint found too many warnings", "Oops! Something went wrong! :("],
    look: total,
};

fn lint(tool: &'static str, line: usize, message: &str, location: Location) -> Finding {
    Finding::new(tool, Category::LintError, Strength::Cause, line, message).at(Some(location))
}

fn complaint(log: &Log, at: usize, found: &mut Vec<Finding>) {
    let content = log.content(at);
    found.extend(
        stylish(log, at, content)
            .or_else(|| placed(at, content))
            .or_else(|| biome(log, at, content)),
    );
}

/// Reads a complaint below its file.
fn stylish(log: &Log, at: usize, content: &str) -> Option<Finding> {
    let form = pattern!(
        r"^\s+([0-9]+):([0-9]+)\s+(error|✖)\s+(\S.*?)(?:\s{2,}([A-Za-z@][A-Za-z0-9@/_-]*))?\s*$"
    );
    let hit = form.captures(content)?;
    // yamllint prints the same table, with its rules in parentheses.
    if pattern!(r"\s\([a-z-]+\)$").is_match(content.trim_end()) {
        return None;
    }
    let file = file_above(log, at)?;
    let tool = if &hit[3] == "error" { "eslint" } else { "stylelint" };
    let message =
        hit.get(5).map_or(hit[4].to_owned(), |rule| format!("{} ({})", &hit[4], rule.as_str()));
    let location = Location::new(log.content(file).trim(), Some(&hit[1]), Some(&hit[2]));
    let near = if at - file <= 30 { file } else { at };
    Some(lint(tool, at, &message, location).with_block(near..at + 1))
}

/// Returns the nearest line above that is no complaint, if it is a path.
fn file_above(log: &Log, at: usize) -> Option<usize> {
    const MOST: usize = 120;
    let complaint = pattern!(r"^\s+[0-9]+:[0-9]+\s");
    let above = log.back(at, MOST, |line| !complaint.is_match(line))?;
    let path = log.content(above).trim();
    (path.contains(['/', '\\', '.']) && path.len() > 2 && !path.contains(": ")).then_some(above)
}

/// Reads a complaint that names its file itself.
fn placed(at: usize, content: &str) -> Option<Finding> {
    let compact = pattern!(r"^(\S.*): line ([0-9]+), col ([0-9]+), Error - (.+)$");
    let unix = pattern!(r"^(\S[^:]*):([0-9]+):([0-9]+): (.+) \[Error/\S+\]$");
    let tslint = pattern!(r"^ERROR: (\S[^:]*\.[jt]sx?):([0-9]+):([0-9]+) - (.+)$");
    let (tool, hit) = compact
        .captures(content)
        .or_else(|| unix.captures(content))
        .map(|hit| ("eslint", hit))
        .or_else(|| tslint.captures(content).map(|hit| ("tslint", hit)))?;
    Some(lint(tool, at, &hit[4], Location::new(&hit[1], Some(&hit[2]), Some(&hit[3]))))
}

fn biome(log: &Log, at: usize, content: &str) -> Option<Finding> {
    let form = pattern!(
        r"^(\S+?\.[A-Za-z]{2,6})(?::([0-9]+):([0-9]+))? ((?:lint|assist|parse|format|organizeImports|suppressions)\S*)(?:\s+FIXABLE)?\s+━+$"
    );
    let hit = form.captures(content)?;
    let line = log.ahead(at, 4, |line| line.trim_start().starts_with(['×', '✖'])).unwrap_or(at);
    let location =
        Location::new(&hit[1], hit.get(2).map(|it| it.as_str()), hit.get(3).map(|it| it.as_str()));
    let message = log.content(line).trim().trim_start_matches(['×', '✖', ' ']);
    let block = log.block(at, 30, |line| line.ends_with('━'));
    Some(lint("biome", line, &format!("{message} ({})", &hit[4]), location).with_block(block))
}

fn total(log: &Log, at: usize, found: &mut Vec<Finding>) {
    let content = log.content(at).trim();
    let counts = pattern!(r"^✖ [0-9]+ problems? \([1-9][0-9]* errors?");
    let strength = match () {
        () if counts.is_match(content) => Strength::Summary,
        () if content.starts_with("ESLint found too many warnings (maximum") => Strength::Cause,
        () if content.starts_with("Oops! Something went wrong! :(") => Strength::Cause,
        () => return,
    };
    // When ESLint itself crashes, the reason follows some lines below.
    let why =
        log.ahead(at, 6, |line| line.contains("Error: ") || line.starts_with("ESLint couldn't"));
    let line = if content.starts_with("Oops!") { why.unwrap_or(at) } else { at };
    let block = if line == at { at..at + 1 } else { at..line + 6 };
    found.push(
        Finding::new("eslint", Category::LintError, strength, line, log.content(line))
            .with_block(block),
    );
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log_of;

    fn look(text: &str) -> Vec<Finding> {
        let log = log_of(text);
        let mut found = Vec::new();
        for at in 0..log.len() {
            complaint(&log, at, &mut found);
            total(&log, at, &mut found);
        }
        found
    }

    #[test]
    fn complaints_know_their_files() {
        let found = look(
            "\
/w/src/a.js
   3:1  warning  Unexpected console statement  no-console
  12:5  error    'x' is not defined            no-undef

✖ 2 problems (1 error, 1 warning)
/w/b.js: line 1, col 2, Error - Missing semicolon. (semi)
ERROR: src/c.ts:1:2 - x
src/d.ts:1:2 lint/style/useConst  FIXABLE  ━━━━━━━━━━

  × This let declares a variable that is only assigned once.
ESLint found too many warnings (maximum: 0).
",
        );
        let got: Vec<(&str, Option<&str>)> = found
            .iter()
            .map(|one| (&*one.tool, one.location.as_ref().map(|place| place.file.as_str())))
            .collect();
        assert_eq!(
            got,
            [
                ("eslint", Some("/w/src/a.js")),
                ("eslint", None),
                ("eslint", Some("/w/b.js")),
                ("tslint", Some("src/c.ts")),
                ("biome", Some("src/d.ts")),
                ("eslint", None)
            ]
        );
        assert_eq!(found[0].message, "'x' is not defined (no-undef)");
        assert_eq!(found[0].block, 0..3);
    }

    #[test]
    fn warnings_and_clocks_are_nothing() {
        let text = "\
✖ 3 problems (0 errors, 3 warnings)
/w/src/a.js
   3:1  warning  Unexpected console statement  no-console
  12:05  error
npm error  code 1
";
        assert!(look(text).is_empty());
    }
}
