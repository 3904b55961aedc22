//! Go's linters: vet, golangci-lint, staticcheck, revive, gofmt.
//!
//! ```text
//! store/redis.go:12:2: ineffectual assignment to err (ineffassign)
//!     err = nil
//!     ^
//! ```

use crate::contract::{Category, Location};
use crate::finding::{Finding, Strength};
use crate::log::Log;
use crate::recognize::{Recognizer, pattern};

use super::compile::{Heading, complaint, headed, is_linters};

pub(super) const RECOGNISER: Recognizer =
    Recognizer { name: "golangci-lint", triggers: &[".go:", "level=error msg=", ".go.orig"], look };

fn look(log: &Log, at: usize, found: &mut Vec<Finding>) {
    let content = log.content(at);
    if let Some((location, message)) = complaint(content) {
        found.extend(lint(log, at, location, message));
    } else if let Some(hit) = pattern!(r"^level=error msg=(.+)$").captures(content) {
        found.push(cannot_lint(at, &hit[1]));
    } else if let Some(hit) = pattern!(r"^diff (?:-u )?(\S+\.go)\.orig \S+\.go$").captures(content)
    {
        let block = log.block(at, 60, |line| line.starts_with("diff ") || line.starts_with("##["));
        found.push(
            Finding::new("gofmt", Category::LintError, Strength::Cause, at, content)
                .with_block(block)
                .at(Some(Location::new(&hit[1], None, None))),
        );
    }
}

fn lint(log: &Log, at: usize, location: Location, message: &str) -> Option<Finding> {
    let (tool, strength) = if message.ends_with("(typecheck)") {
        return Some(
            Finding::new("golangci-lint", Category::CompileError, Strength::Cause, at, message)
                .at(Some(location)),
        );
    } else if is_linters(message) {
        (linter(message), Strength::Cause)
    } else if location.column.is_some() && is_vets(message) || headed(log, at) == Some(Heading::Vet)
    {
        ("go vet", Strength::Cause)
    } else if pattern!(r"^(?:exported|comment on exported|don't use|should |error strings|package comment|receiver name|if block ends|var |func |method |struct field)").is_match(message)
        && location.column.is_some()
        && headed(log, at).is_none()
    {
        ("golint", Strength::Suspicion)
    } else {
        return None;
    };
    let block = log.block(at, 8, |line| !line.starts_with(['\t', ' ']));
    let finding = Finding::new(tool, Category::LintError, strength, at, message);
    Some(finding.with_block(block).at(Some(location)))
}

/// Returns the linter: staticcheck writes a code, golangci-lint the name of the linter.
fn linter(message: &str) -> &'static str {
    if pattern!(r"\([A-Z]+[0-9]+\)$|\[[A-Z]+[0-9]+\]$").is_match(message) {
        "staticcheck"
    } else {
        "golangci-lint"
    }
}

/// Recognizes vet under a compiler's heading, in Go before 1.21 and in `go test`.
pub(super) fn is_vets(message: &str) -> bool {
    pattern!(
        r"(?:^| )(?:(?:[[:word:]]+\.)?[[:word:]]+ (?:format %|call (?:has|needs)|arg list ends)|result of .* call not used|struct field tag|unreachable code|unkeyed fields|passes lock by value|possible misuse|self-assignment|suspicious|should have signature|loop variable .* captured|the cancel function|non-constant format string|using \S+ before checking for errors|unusedresult|copies lock value)"
    )
    .is_match(message)
}

fn cannot_lint(at: usize, message: &str) -> Finding {
    let category = if message.contains("typechecking error") {
        Category::CompileError
    } else {
        Category::LintError
    };
    Finding::new("golangci-lint", category, Strength::Cause, at, message.trim_matches('"'))
}

#[cfg(test)]
mod tests {
    use crate::contract::Category;
    use crate::recognize::found_by;

    #[test]
    fn linters_sign_their_complaints() {
        let text = "a.go:12:2: ineffectual assignment to err (ineffassign)\n\terr = nil\n\t^\n";
        let found = found_by("golangci-lint", text);
        assert_eq!((found[0].category, found[0].block.clone()), (Category::LintError, 0..3));
        let found = found_by("staticcheck", "a.go:3:1: this value of err is never used (SA4006)\n");
        assert_eq!(found.len(), 1);
    }

    #[test]
    fn vet_is_known_by_its_heading_and_its_words() {
        let text = "# acme/a\n# [acme/a]\n./a.go:3:5: whatever vet says\n";
        assert_eq!(found_by("go vet", text).len(), 1);
        let text = "./a.go:3:5: fmt.Printf format %d has arg s of wrong type string\n";
        assert_eq!(found_by("go vet", text).len(), 1);
    }

    #[test]
    fn the_compiler_is_not_a_linter() {
        let text = "# acme/a\n./a.go:3:5: undefined: x\n";
        assert!(found_by("go vet", text).is_empty() && found_by("golint", text).is_empty());
    }
}
