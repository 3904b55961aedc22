//! Go modules that can't be found, fetched or verified.
//!
//! ```text
//! main.go:4:2: no required module provides package github.com/pkg/errors; to add it:
//!     go get github.com/pkg/errors
//! go: example.com/x@v1.2.3: invalid version: unknown revision v1.2.3
//! ```

use crate::contract::Category;
use crate::finding::{Finding, Strength};
use crate::log::Log;
use crate::recognize::{Recognizer, pattern};

pub(super) const RECOGNISER: Recognizer = Recognizer {
    name: "go mod",
    triggers: &[
        "missing go.sum entry",
        "unknown revision",
        "updates to go.mod needed",
        "updates to go.sum needed",
        "no required module provides package",
        "cannot find module providing package",
        "but does not contain package",
        "checksum mismatch",
        "inconsistent vendoring",
        "is not in GOROOT",
        "is not in std",
        "cannot find package \"",
        "errors parsing go.mod",
        "invalid version: ",
        "go.mod requires go >= ",
        "go.mod file not found",
        "module declares its path as",
        "toolchain not available",
        "go: no matching versions for query",
    ],
    look,
};

fn look(log: &Log, at: usize, found: &mut Vec<Finding>) {
    let content = log.content(at);
    let speaks = pattern!(
        r"^\s*(?:go: |go get: |go mod [[:word:]]+: |go build: |go list -m: |build \S+: |verifying |\S+\.go:[0-9]+(?::[0-9]+)?: |package |\S+ imports$|level=error )|^SECURITY ERROR"
    );
    if !speaks.is_match(content) {
        return;
    }
    let block = log.block(at, 12, |line| {
        line.trim().is_empty() || line.starts_with("##[") || !line.starts_with(['\t', ' ', 'g'])
    });
    found.push(
        Finding::new("go mod", Category::DependencyInstall, Strength::Cause, at, content)
            .with_block(block),
    );
}

#[cfg(test)]
mod tests {
    use crate::recognize::found_by;

    #[test]
    fn a_module_that_is_not_there() {
        for line in [
            "go: example.com/x@v1.2.3: invalid version: unknown revision v1.2.3\n",
            "main.go:4:2: no required module provides package github.com/pkg/errors; to add it:\n\tgo get github.com/pkg/errors\n",
            "verifying github.com/x/y@v1.0.0: checksum mismatch\n",
            "go: updates to go.mod needed; to update it:\n\tgo mod tidy\n",
        ] {
            assert_eq!(found_by("go mod", line).len(), 1, "{line}");
        }
    }

    #[test]
    fn others_have_checksums_too() {
        assert!(found_by("go mod", "download failed: checksum mismatch\n").is_empty());
    }
}
