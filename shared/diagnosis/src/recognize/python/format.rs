//! Formatters in check mode: black, ruff format, isort, yapf.
//!
//! ```text
//! would reformat /w/shape.py
//! error: cannot format /w/a.py: Cannot parse: 1:2: x =
//! 1 file would be reformatted, 1 file would be left unchanged.
//! ERROR: /w/a.py Imports are incorrectly sorted and/or formatted.
//! ```

use super::super::{Recognizer, pattern};
use crate::contract::{Category, Location};
use crate::finding::{Finding, Strength};
use crate::log::Log;

pub(super) const RECOGNISER: Recognizer = Recognizer {
    name: "black",
    triggers: &[
        "ould reformat",
        "would be reformatted",
        "error: cannot format ",
        "error: Failed to parse ",
        "error: Failed to format ",
        "Imports are incorrectly sorted",
    ],
    look,
};

fn look(log: &Log, at: usize, found: &mut Vec<Finding>) {
    let content = log.content(at).trim();
    if let Some(file) = reformatted(content) {
        let tool = if content.starts_with("Would") { "ruff" } else { "black" };
        // The first file of a list stands for all.
        let listed = at > 0 && reformatted(log.content(at - 1).trim()).is_some();
        let most = if listed { 1 } else { 200 };
        let block = log.block(at, most, |line| reformatted(line.trim()).is_none());
        found.push(complaint(tool, at, content, file).with_block(block));
    } else if let Some(hit) = pattern!(
        r"^error: (?:cannot format|Failed to (?:parse|format)) ([^\s:]+(?::[\\/][^\s:]*)?):.*"
    )
    .captures(content)
    {
        let tool = if content.contains("cannot format") { "black" } else { "ruff" };
        found.push(complaint(tool, at, content, &hit[1]));
    } else if let Some(hit) =
        pattern!(r"^ERROR: (\S.*\.pyi?) Imports are incorrectly sorted").captures(content)
    {
        found.push(complaint("isort", at, content, &hit[1]));
    } else if pattern!(r"^[1-9][0-9]* files? would be reformatted").is_match(content) {
        found.push(Finding::new("black", Category::LintError, Strength::Summary, at, content));
    }
}

fn reformatted(content: &str) -> Option<&str> {
    let file = content
        .strip_prefix("would reformat ")
        .or_else(|| content.strip_prefix("Would reformat: "))?;
    (file.ends_with(".py") || file.ends_with(".pyi") || file.ends_with(".ipynb")).then_some(file)
}

fn complaint(tool: &'static str, at: usize, content: &str, file: &str) -> Finding {
    Finding::new(tool, Category::LintError, Strength::Cause, at, content)
        .at(Some(Location::new(file, None, None)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log_of;

    #[test]
    fn each_formatter_says_which_file() {
        let log = log_of(
            "would reformat /w/shape.py\nWould reformat: a.py\nerror: cannot format b.py: Cannot parse: 1:2: x =\nERROR: /w/c.py Imports are incorrectly sorted and/or formatted.\n1 file would be reformatted, 1 file would be left unchanged.\n",
        );
        let mut found = Vec::new();
        (0..log.len()).for_each(|at| look(&log, at, &mut found));
        let tools: Vec<&str> = found.iter().map(|one| &*one.tool).collect();
        assert_eq!(tools, ["black", "ruff", "black", "isort", "black"]);
    }

    #[test]
    fn files_that_were_reformatted_or_left_are_nothing() {
        let log =
            log_of("reformatted a.py\n0 files would be reformatted\n3 files left unchanged.\n");
        let mut found = Vec::new();
        (0..log.len()).for_each(|at| look(&log, at, &mut found));
        assert!(found.is_empty());
    }
}
