//! trybuild: tests that compare the compiler's output with a recorded one.
//!
//! ```text
//! test tests/ui/missing.rs [should fail to compile] ... mismatch
//!
//! EXPECTED:
//! ┈┈┈┈┈┈┈┈┈┈┈┈┈┈
//! error[E0308]: mismatched types
//! …
//! ACTUAL OUTPUT:
//! ┈┈┈┈┈┈┈┈┈┈┈┈┈┈
//! error[E0277]: the trait bound is not satisfied
//! ```

use std::ops::Range;

use crate::contract::{Category, Location};
use crate::finding::{Finding, Strength};
use crate::log::Log;
use crate::recognize::{Recognizer, pattern};

pub(super) const RECOGNISER: Recognizer =
    Recognizer { name: "trybuild", triggers: &[" ... mismatch", ".rs ... error"], look };

const TOOL: &str = "trybuild";

fn look(log: &Log, at: usize, found: &mut Vec<Finding>) {
    let content = log.content(at).trim();
    let pattern = pattern!(r"^test (\S+\.rs)(?: \[should [a-z ]+\])? \.\.\. (?:mismatch|error)$");
    let Some(hit) = pattern.captures(content) else { return };
    let location = Location::new(&hit[1], None, None);
    let block = log.block(at, 600, |line| {
        let line = line.trim_start();
        line.starts_with("test ") && line.contains(" ... ") || line.starts_with("note: If the ")
    });
    let finding = |line: usize, strength: Strength, block: Range<usize>| {
        Finding::new(TOOL, Category::CompileError, strength, line, log.content(line))
            .with_block(block)
            .at(Some(location.clone()))
    };
    found.push(finding(at, Strength::Summary, at..at + 1));
    for (strength, part) in [Strength::Cause, Strength::Summary].into_iter().zip(parts(log, &block))
    {
        if let Some(line) = part.clone().find(|&line| is_error(log.content(line))) {
            found.push(finding(line, strength, part));
        }
    }
}

/// Returns the expected and the actual output, each up to its first difference if both are known:
/// they are long and nearly the same.
fn parts(log: &Log, block: &Range<usize>) -> Vec<Range<usize>> {
    const SHOWN: usize = 25;
    let section = |title: &str| {
        let start = block.clone().find(|&line| log.content(line).trim() == title)?;
        Some(start..log.block(start + 2, 600, is_rule).end.min(block.end))
    };
    match (section("EXPECTED:"), section("ACTUAL OUTPUT:")) {
        (Some(expected), Some(actual)) => {
            let length = expected.len().min(actual.len());
            let same = (1..length).take_while(|&line| {
                log.content(expected.start + line) == log.content(actual.start + line)
            });
            let shown = same.count() + SHOWN;
            [expected, actual].map(|it| it.start..it.end.min(it.start + shown)).to_vec()
        }
        (Some(only), None) | (None, Some(only)) => vec![only],
        (None, None) => vec![block.clone()],
    }
}

fn is_rule(line: &str) -> bool {
    line.trim_start().starts_with("┈┈┈┈")
}

fn is_error(line: &str) -> bool {
    let line = line.trim_start();
    line.starts_with("error[E") || line.starts_with("error: ")
}

#[cfg(test)]
mod tests {
    use crate::recognize::found_by;

    const MISMATCH: &str = "\
test tests/ui/a.rs [should fail to compile] ... mismatch

EXPECTED:
┈┈┈┈┈┈┈┈
error[E0308]: mismatched types
 --> tests/ui/a.rs:5:5
┈┈┈┈┈┈┈┈

ACTUAL OUTPUT:
┈┈┈┈┈┈┈┈
error[E0277]: no trait
 --> tests/ui/a.rs:5:5
┈┈┈┈┈┈┈┈
";

    #[test]
    fn a_mismatch_shows_both_sides() {
        let found = found_by("trybuild", MISMATCH);
        let lines: Vec<usize> = found.iter().map(|one| one.line).collect();
        assert_eq!(lines, [0, 4, 10]);
    }

    #[test]
    fn what_fits_is_silent() {
        let fits = "test tests/ui/a.rs [should fail to compile] ... ok\n";
        assert!(found_by("trybuild", fits).is_empty());
    }
}
