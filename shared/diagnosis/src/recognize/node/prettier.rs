//! Prettier, and scripts around it that ask people to run it.
//!
//! ```text
//! Checking formatting...
//! [warn] src/a.js
//! [warn] Code style issues found in the above file. Run Prettier with --write to fix.
//! [error] src/b.ts: SyntaxError: Expression expected. (1:2)
//! ```

use super::super::{Recognizer, pattern};
use super::trace;
use crate::contract::{Category, Location};
use crate::finding::{Finding, Strength};
use crate::log::Log;

pub(super) const RECOGNISER: Recognizer = Recognizer {
    name: "prettier",
    triggers: &["Code style issues ", "[error] ", "[warn] ", "rettier "],
    look,
};

/// The largest distance between a file list and the end of a script.
const NEAR: usize = 200;

fn look(log: &Log, at: usize, found: &mut Vec<Finding>) {
    let content = log.content(at).trim();
    let verdict = pattern!(
        r"^(?:\[(?:warn|error)\] )?(?:Code style issues (?:found )?in |Error occurred when checking code style in )"
    );
    let broken =
        pattern!(r"^\[error\] (\S+\.[A-Za-z]+): (SyntaxError: .+?(?: \(([0-9]+):([0-9]+)\))?)$");
    if verdict.is_match(content) {
        let files = listed(log, at);
        let location = files.clone().next().and_then(|line| listed_file(log.content(line)));
        found.push(
            complaint(files.start, content)
                .with_block(files)
                .at(location.map(|file| Location::new(file, None, None))),
        );
    } else if let Some(hit) = broken.captures(content) {
        let number = |at: usize| hit.get(at).map(|digits| digits.as_str());
        let location = Location::new(&hit[1], number(3), number(4));
        found.push(complaint(at, &hit[2]).at(Some(location)));
    } else if advises(content) && trace::fails_within(log, at, NEAR) {
        found.push(complaint(at, content).with_block(at..(at + 40).min(end_of_step(log, at))));
    }
}

fn complaint(at: usize, message: &str) -> Finding {
    Finding::new("prettier", Category::LintError, Strength::Cause, at, message)
}

/// Returns the lines above that name files.
fn listed(log: &Log, at: usize) -> std::ops::Range<usize> {
    let first = log.back(at, NEAR, |line| listed_file(line).is_none());
    first.map_or(at, |above| above + 1)..at + 1
}

fn listed_file(line: &str) -> Option<&str> {
    let file = line.trim().strip_prefix("[warn] ")?;
    (file.contains('.') && !file.contains(' ')).then_some(file)
}

/// Returns `true` if a script's own message asks to run Prettier.
fn advises(content: &str) -> bool {
    pattern!(r"(?i)^[^|$>#]*\b(?:uses prettier to format|(?:please|must|to fix[a-z,]*) run .*prettier|not (?:formatted|prettified) (?:with|by|using) prettier)\b")
        .is_match(content)
}

fn end_of_step(log: &Log, at: usize) -> usize {
    log.step_of(at).map_or(log.len(), |step| {
        let step = &log.steps()[step];
        step.failed.map_or(step.lines.end, |failed| failed)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log_of;

    fn looked(text: &str) -> Vec<Finding> {
        let log = log_of(text);
        let mut found = Vec::new();
        (0..log.len()).for_each(|at| look(&log, at, &mut found));
        found
    }

    #[test]
    fn the_verdict_has_its_files() {
        let found = looked(
            "\
Checking formatting...
[warn] src/a.js
[warn] src/b.js
[warn] Code style issues found in 2 files. Run Prettier with --write to fix.
[error] src/c.ts: SyntaxError: Expression expected. (1:2)
",
        );
        assert_eq!(found.len(), 2);
        assert_eq!(found[0].block, 1..4);
        assert_eq!(found[1].location.as_ref().and_then(|place| place.column), Some(2));
    }

    #[test]
    fn a_script_that_asks_for_prettier_counts_where_it_fails() {
        let advice = "##[group]Run x\nPlease run yarn prettier-all and commit.\nsrc/a.js\n";
        let failed = format!("{advice}##[error]Process completed with exit code 1.\n");
        assert_eq!(looked(&failed).len(), 1);
        let long =
            format!("{advice}{}##[error]Process completed with exit code 1.\n", "x\n".repeat(300));
        assert!(looked(&long).is_empty());
    }

    #[test]
    fn clean_runs_are_nothing() {
        assert!(
            looked("All matched files use Prettier code style!\n[warn] Ignored unknown option\n")
                .is_empty()
        );
    }
}
