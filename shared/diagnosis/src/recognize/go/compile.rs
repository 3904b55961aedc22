//! `go build`, and vet in the compiler's role.
//!
//! ```text
//! # example.com/acme/store
//! store/redis.go:12:6: undefined: Client
//! store/redis.go:14:2: too many errors
//! FAIL    example.com/acme/store [build failed]
//! ```
//!
//! Linters write the same form; the package's heading and their words distinguish them.

use crate::contract::{Category, Location};
use crate::finding::{Finding, Strength};
use crate::log::Log;
use crate::recognize::{Recognizer, pattern};

use super::lint::is_vets;

pub(super) const RECOGNISER: Recognizer = Recognizer {
    name: "go build",
    triggers: &[".go:", "[build failed]", "[setup failed]", "import cycle not allowed"],
    look,
};

const TOOL: &str = "go build";

/// Messages that only the compiler writes.
const COMPILER: &str = r"^(?:undefined: |syntax error|cannot use |cannot convert |cannot assign |cannot range |cannot infer |cannot call |declared (?:and|but) not used|missing return|missing (?:function|method)|not enough arguments|too many arguments|too many errors|invalid (?:operation|argument|character|recursive|use|receiver)|assignment mismatch|non-boolean|no new variables|duplicate |unknown field|undefined \(|unreachable method|ambiguous selector|other declaration|use of |method |impossible type|mismatched types|first argument|import cycle|expected |found packages|imported and not used|label |break |continue |type |type-checking|x declared|pattern \S+: no matching files|.* (?:imported and not used|declared and not used|declared but not used|redeclared in this block|redeclared|is not a type|undefined \(type|does not implement |not exported by package|is not an expression|must be |has no field or method|imported as \S+ and not used))";

fn look(log: &Log, at: usize, found: &mut Vec<Finding>) {
    let content = log.content(at);
    if content.starts_with("FAIL\t") && content.ends_with(" failed]") {
        found.push(Finding::new(TOOL, Category::CompileError, Strength::Echo, at, content));
        return;
    }
    let Some((location, message)) = complaint(content) else { return };
    let speaks = content.starts_with("vet: ") || pattern!(COMPILER).is_match(message);
    let others = is_linters(message) || is_vets(message) || is_about_modules(message);
    if others || !speaks && headed(log, at) != Some(Heading::Build) {
        return;
    }
    let block = log.block(at, 12, |line| !line.starts_with('\t'));
    let start = log.back(at, 12, |line| line.starts_with("# ")).unwrap_or(at);
    let strength = if message == "too many errors" { Strength::Echo } else { Strength::Cause };
    found.push(
        Finding::new(TOOL, Category::CompileError, strength, at, message)
            .with_block(start..block.end)
            .at(Some(location)),
    );
}

/// Missing modules belong to `modules`.
fn is_about_modules(message: &str) -> bool {
    pattern!(r"^no required module provides|^cannot find (?:package|module)|^package \S+ is not in |missing go\.sum entry|^module \S+ provides").is_match(message)
}

/// Parses a line that complains about a Go file into its place and message.
pub(super) fn complaint(content: &str) -> Option<(Location, &str)> {
    let pattern = pattern!(
        r"^(?:vet: |# )?((?:\.{1,2}[/\\]|[A-Za-z]:\\|/)?[[:word:]@+./\\~-]*[[:word:]]\.go):([0-9]+)(?::([0-9]+))?: (\S.*)$"
    );
    let hit = pattern.captures(content)?;
    let location = Location::new(&hit[1], Some(&hit[2]), hit.get(3).map(|it| it.as_str()));
    Some((location, hit.get(4)?.as_str()))
}

/// The author of a list of complaints.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Heading {
    /// `# package`: the compiler.
    Build,
    /// `# [package]`: vet's own checks.
    Vet,
}

/// Returns the heading of a list of complaints, if all lines up to it belong to the list.
pub(super) fn headed(log: &Log, at: usize) -> Option<Heading> {
    const LONGEST_LIST: usize = 30;
    for line in (at.saturating_sub(LONGEST_LIST)..at).rev() {
        let content = log.content(line);
        if content.starts_with("# [") {
            return Some(Heading::Vet);
        }
        if pattern!(r"^# \S+/\S+(?: \[\S+\])?$|^# [[:word:].-]+(?: \[\S+\])?$").is_match(content) {
            return Some(Heading::Build);
        }
        if complaint(content).is_none() && !content.starts_with('\t') {
            return None;
        }
    }
    None
}

/// Returns `true` for a linter's message, which ends with `(errcheck)` or `[SA4006]`.
pub(super) fn is_linters(message: &str) -> bool {
    pattern!(r" \(([a-z][a-z0-9_-]+|[A-Z]{1,4}[0-9]{3,5})\)$|\[[A-Z]{1,4}[0-9]{3,5}\]$")
        .is_match(message)
        || pattern!(r"^[A-Z]{1,3}[0-9]{4}: ").is_match(message)
}

#[cfg(test)]
mod tests {
    use crate::contract::Location;
    use crate::finding::Strength;
    use crate::recognize::found_by;

    #[test]
    fn an_error_has_its_place() {
        let found = found_by(
            "go build",
            "# example.com/acme/store\nstore/redis.go:12:6: undefined: Client\nstore/b.go:3:1: something new\nFAIL\texample.com/acme/store [build failed]\n",
        );
        let place = Location::new("store/redis.go", Some("12"), Some("6"));
        assert_eq!(found[0].location, Some(place));
        assert_eq!(found[1].line, 2);
        assert_eq!(found[2].strength, Strength::Echo);
    }

    #[test]
    fn tests_and_linters_are_not_the_compiler() {
        for line in [
            "    store_test.go:12: got 1, want 2\n",
            "main.go:3:5: undefined: x (typecheck)\n",
            "2024/01/01 12:00:00 main.go:12: listening\n",
            "main.go:3: exported function Run should have comment\n",
        ] {
            assert!(found_by("go build", line).is_empty(), "{line}");
        }
    }
}
