//! Programs that are missing or not executable.
//!
//! ```text
//! /home/runner/work/_temp/1f.sh: line 2: acme-sign: command not found
//! sh: 1: acme-sign: not found
//! 'acme-sign' is not recognized as an internal or external command,
//! /home/runner/work/_temp/1f.sh: line 2: ./migrate.sh: Permission denied
//! ##[error]Process completed with exit code 127.
//! ```
//!
//! Scripts probe for optional programs (`which x || …`), so it is the cause only if an end with the
//! matching exit code follows soon.

use crate::contract::{Category, Location, Verdict};
use crate::finding::{Finding, Strength};
use crate::log::Log;
use crate::recognize::pattern;

/// The largest distance to the end: a program that calls a shell prints some more lines.
const SOON: usize = 15;

pub(super) fn not_found(log: &Log, at: usize, found: &mut Vec<Finding>) {
    let line = pattern!(
        r"^(?:.+?: )?([^\s:]+: command not found|[[:word:]./+-]*[a-zA-Z][[:word:]./+-]*: not found$|'?[^']+'? ?(?:: The term '[^']+' )?is not recognized as .+|.*executable file not found in \$PATH.*)"
    );
    let content = log.content(at);
    let Some(hit) = line.captures(content) else { return };
    let again = |line: &str| line.contains("not found") || line.contains("is not recognized as");
    let strength = strength(log, at, "127", again);
    found.push(
        Finding::new("shell", Category::GithubActionsConfig, strength, at, &hit[1])
            .with_block(at.saturating_sub(4)..at + 1)
            .with_verdict(Verdict::Fixable),
    );
}

pub(super) fn not_allowed(log: &Log, at: usize, found: &mut Vec<Finding>) {
    let line = pattern!(
        r"(?:^|: )(((?:\.{0,2}|[[:word:].-]+)/[^\s:]+): (?:Permission denied|cannot execute.*))$"
    );
    let Some(hit) = line.captures(log.content(at)) else { return };
    let strength = strength(log, at, "126", |line| line.contains(": Permission denied"));
    found.push(
        Finding::new("shell", Category::PermissionOrSecret, strength, at, &hit[1])
            .at(Some(Location::new(&hit[2], None, None)))
            .with_verdict(Verdict::Fixable),
    );
}

/// Returns a cause if it is the last such line before an end with its exit code.
fn strength(log: &Log, at: usize, code: &str, again: impl Fn(&str) -> bool) -> Strength {
    let ends = |line: &str| {
        pattern!(r"(?:exit code|Error|code|status|exited with) (12[67])(?-u:\b)")
            .captures(line)
            .is_some_and(|hit| &hit[1] == code)
    };
    match log.ahead(at, SOON, |line| ends(line) || again(line)) {
        Some(next) if ends(log.content(next)) => Strength::Cause,
        _ => Strength::Suspicion,
    }
}

#[cfg(test)]
mod tests {
    use crate::finding::{Finding, Strength};
    use crate::recognize::found_by;

    fn shells(text: &str) -> Vec<Finding> {
        found_by("shell", text)
    }

    #[test]
    fn only_the_one_that_ended_the_step_is_the_cause() {
        let found = shells(
            "1f.sh: line 1: acme-report: command not found\nno report, going on\n\
             1f.sh: line 2: acme-sign: command not found\n##[error]Process completed with exit code 127.\n",
        );
        let strengths: Vec<Strength> = found.iter().map(|finding| finding.strength).collect();
        assert_eq!(strengths, [Strength::Suspicion, Strength::Cause]);
        assert_eq!(found[1].message, "acme-sign: command not found");
    }

    #[test]
    fn a_script_without_its_bit_ends_with_126() {
        let found = shells(
            "1f.sh: line 2: ./migrate.sh: Permission denied\n##[error]Process completed with exit code 126.\n",
        );
        assert_eq!(found[0].message, "./migrate.sh: Permission denied");
        assert_eq!(found[0].strength, Strength::Cause);
    }

    #[test]
    fn other_things_that_are_not_found_are_not_programs() {
        assert_eq!(shells("go: module example.org/a: not found in the index\n"), []);
        assert_eq!(shells("page 3 of 4: Permission denied by policy\n"), []);
    }
}
