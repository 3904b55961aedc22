//! pre-commit: the failed hook. The hook's own output explains more, if there is any.
//!
//! ```text
//! trim trailing whitespace.................................................Failed
//! - hook id: trailing-whitespace
//! - exit code: 1
//! - files were modified by this hook
//!
//! Fixing docs/a.md
//! ```

use std::ops::Range;

use crate::contract::{Category, Verdict};
use crate::finding::{Finding, Strength};
use crate::log::Log;
use crate::recognize::pattern;

pub(super) fn hook(log: &Log, at: usize, found: &mut Vec<Finding>) {
    let head = pattern!(r"^(\S.*?)\.{3,}Failed$");
    let Some(hit) = head.captures(log.content(at)) else { return };
    let next = pattern!(
        r"\.{3,}(?:Passed|Failed|Skipped|\(no files to check\)[[:word:]]*)$|^##\[|^pre-commit hook\(s\) made changes"
    );
    let output = log.block(at, 3_000, |line| next.is_match(line));
    let modified = output
        .clone()
        .take(8)
        .find(|&line| log.content(line).contains("files were modified by this hook"));
    // A hook that only changes files prints no more than this; others give the reason in lines of
    // their own.
    let explains = pattern!(r"(?i)(?-u:\b)(?:errors?|failed|exception)(?-u:\b)");
    let only_modifies = |&line: &usize| {
        !(line..output.end).any(|at| explains.is_match(log.content(at))) && !one_complained(found)
    };
    let block = output.start..output.end.min(output.start + 60);
    let (line, strength) = match modified.filter(only_modifies) {
        Some(line) => (line, Strength::Cause),
        None => (complaint(log, block.clone()).unwrap_or(at), Strength::Summary),
    };
    let message = if line > at { log.content(line) } else { "failed" };
    found.push(
        Finding::new(
            "pre-commit",
            Category::LintError,
            strength,
            line,
            &format!("{}: {message}", &hit[1]),
        )
        .with_block(block)
        .with_verdict(Verdict::Fixable),
    );
}

/// Returns `true` if an earlier hook failed for another reason than changed files.
fn one_complained(found: &[Finding]) -> bool {
    const RECENT: usize = 50;
    let recent = found.iter().rev().take(RECENT);
    recent.into_iter().any(|one| one.tool == "pre-commit" && one.strength == Strength::Summary)
}

/// Returns the first line of a hook's output that points to a place in a file.
fn complaint(log: &Log, mut output: Range<usize>) -> Option<usize> {
    let place = pattern!(r"^[[:word:]@./\\-]+:[0-9]+(?::[0-9]+)?[: ]+\S");
    output.find(|&line| place.is_match(log.content(line)))
}

#[cfg(test)]
mod tests {
    use crate::finding::Strength;
    use crate::recognize::findings_in;

    #[test]
    fn a_hook_that_changes_files_is_the_cause() {
        let log = "trim trailing whitespace.................Failed\n- hook id: trailing-whitespace\n- exit code: 1\n\
                   - files were modified by this hook\n\nFixing docs/a.md\n\ncheck yaml.........Passed\n";
        let found = findings_in(&crate::log_of(log));
        let hook = found.iter().find(|finding| finding.tool == "pre-commit").expect("a hook");
        assert_eq!((hook.strength, hook.line, hook.block.clone()), (Strength::Cause, 3, 0..7));
    }

    #[test]
    fn what_a_hook_complains_of_comes_before_what_another_changes() {
        let log = "no open ends.................Failed\n- hook id: no-todo\n- exit code: 1\n\n\
                   docs/a.md:3: 'TODO' is left over\n\ntrim.................Failed\n\
                   - hook id: trim\n- files were modified by this hook\n";
        let found = findings_in(&crate::log_of(log));
        let hooks = found.iter().filter(|finding| finding.tool == "pre-commit");
        let content: Vec<_> = hooks.map(|hook| (hook.strength, hook.line)).collect();
        assert_eq!(content, [(Strength::Summary, 4), (Strength::Summary, 6)]);
    }

    #[test]
    fn a_hook_that_passed_is_none() {
        let found = findings_in(&crate::log_of("check that ...Failed is spelled.........Passed\n"));
        assert!(found.iter().all(|finding| finding.tool != "pre-commit"));
    }
}
