//! cargo before it compiles: dependencies, manifests, build scripts, toolchains, and the tools that
//! check dependencies (cargo-deny, cargo-audit).
//!
//! ```text
//! error: failed to select a version for `serde`.
//!     ... required by package `acme v0.1.0 (/work/acme)`
//! versions that meet the requirements `^9` are: …
//! ```

use std::ops::Range;

use crate::contract::Category;
use crate::finding::{Finding, Strength};
use crate::log::Log;
use crate::recognize::{Recognizer, pattern};

pub(super) const RECOGNISER: Recognizer = Recognizer {
    name: "cargo",
    triggers: &["error: ", "error[", "is not supported by the following package"],
    look,
};

const TOOL: &str = "cargo";

/// Prefixes of cargo's messages about packages.
const DEPENDENCIES: &[&str] = &[
    "failed to select a version for",
    "failed to get `",
    "no matching package named `",
    "no matching package found",
    "failed to load source for dependency `",
    "failed to download `",
    "failed to download from `",
    "failed to parse lock file at",
    "failed to parse manifest at",
    "failed to load manifest for",
    "the lock file ",
    "cannot update the lock file ",
    "cyclic package dependency",
    "package collision in the lockfile",
    "checksum for `",
    "checksum failed",
    "no such command: `",
    "no such subcommand: `",
    "there is nothing to install in `",
    "could not find `",
    "binary `",
    "failed to compile `",
    "toolchain '",
    "the 'rust",
    "the 'cargo",
    "component '",
    "no release found for '",
];

fn look(log: &Log, at: usize, found: &mut Vec<Finding>) {
    let content = log.content(at);
    let finding = |category, strength, block: Range<usize>| {
        Finding::new(TOOL, category, strength, at, content).with_block(block)
    };
    if let Some(message) = content.strip_prefix("error: ") {
        if let Some(package) = message.strip_prefix("failed to run custom build command for `") {
            found.push(build_script(log, at, package));
        } else if is_about_dependencies(message) {
            let block = paragraph(log, at);
            found.push(finding(Category::DependencyInstall, Strength::Cause, block));
        } else if pattern!(r"^[0-9]+ vulnerabilit(?:y|ies) found!").is_match(message) {
            found.push(finding(Category::LintError, Strength::Summary, at..at + 1));
        } else if message == "test run failed" || message.starts_with("test failed, to rerun") {
            found.push(finding(Category::TestAssertion, Strength::Echo, at..at + 1));
        }
    } else if pattern!(r"^error\[(?:[a-z]+-)*[a-z]+\]: \S").is_match(content) && is_deny(log, at) {
        let block = log.block(at, 30, |line| line.is_empty());
        found.push(
            Finding::new("cargo-deny", Category::LintError, Strength::Cause, at, content)
                .with_block(block),
        );
    }
}

fn is_about_dependencies(message: &str) -> bool {
    let begins = DEPENDENCIES.iter().any(|start| message.starts_with(start));
    let quoted = message.starts_with("could not find `") || message.starts_with("binary `");
    let locked = message.starts_with("the lock file ") || message.starts_with("cannot update the");
    (begins
        && (!quoted || message.contains("in registry") || message.contains("already exists"))
        && (!locked || message.contains("--locked") || message.contains("--frozen")))
        || message.starts_with("package `") && message.contains(" cannot be built because ")
        || message.contains("is not supported by the following package")
}

/// cargo's chain of causes contains empty lines, but ends before the next step or error.
fn paragraph(log: &Log, at: usize) -> Range<usize> {
    log.block(at, 25, |line| line.starts_with("##[") || line.starts_with("error"))
}

/// Reads a build script's output; its last lines give the reason.
fn build_script(log: &Log, at: usize, package: &str) -> Finding {
    let block = log.block(at, 300, |line| {
        line.starts_with("##[") || line.starts_with("warning: build failed, waiting")
    });
    let line = reason(log, &block).unwrap_or(at);
    // A workspace package has its path after it; others came from a registry.
    let own = package.contains(" (/") || pattern!(r" \([A-Za-z]:").is_match(package);
    let category = if own { Category::CompileError } else { Category::DependencyInstall };
    Finding::new(TOOL, category, Strength::Cause, line, log.content(line)).with_block(block)
}

fn reason(log: &Log, block: &Range<usize>) -> Option<usize> {
    let errors = block.clone().find(|&line| log.content(line).trim() == "--- stderr")?;
    let rest = errors + 1..block.end;
    let mentions = |line: &usize| {
        let content = log.content(*line).trim();
        !content.is_empty()
            && !content.starts_with("thread 'main'")
            && !content.starts_with("cargo:")
    };
    let panicked = rest.clone().find(|&line| log.content(line).contains(" panicked at"));
    match panicked {
        Some(panic) if log.content(panic).contains(" panicked at '") => {
            let one_line = log.content(panic).ends_with(|end: char| end.is_ascii_digit());
            if one_line { Some(panic) } else { (panic + 1..block.end).find(mentions) }
        }
        Some(panic) => (panic + 1..block.end).find(mentions).or(Some(panic)),
        None => rest.clone().find(|&line| {
            let content = log.content(line);
            content.contains("error") || content.contains("not found")
        }),
    }
    .or_else(|| rest.clone().find(mentions))
}

/// cargo-deny draws its frames with characters that rustc doesn't use.
fn is_deny(log: &Log, at: usize) -> bool {
    (at + 1..at + 4).any(|line| {
        let content = log.content(line).trim_start();
        content.starts_with("┌─ ") || content.starts_with("= ") || content.starts_with("╭ ")
    })
}

#[cfg(test)]
mod tests {
    use crate::contract::Category;
    use crate::recognize::found_by;

    #[test]
    fn a_version_that_does_not_exist() {
        let found = found_by(
            "cargo",
            "error: failed to select a version for the requirement `serde = \"^9\"`\ncandidate versions found which didn't match: 1.0.2\n",
        );
        assert_eq!(found[0].category, Category::DependencyInstall);
    }

    #[test]
    fn a_build_script_is_quoted() {
        let found = found_by(
            "cargo",
            "error: failed to run custom build command for `openssl-sys v0.9.60`\n\nCaused by:\n  process didn't exit successfully\n  --- stderr\n  thread 'main' panicked at build.rs:1:1:\n  Could not find directory of OpenSSL installation\n",
        );
        assert_eq!((found[0].line, found[0].category), (6, Category::DependencyInstall));
    }

    #[test]
    fn a_ban_is_a_lint() {
        let deny =
            "error[banned]: crate 'openssl = 0.10.1' is explicitly banned\n  ┌─ deny.toml:3:5\n";
        assert_eq!(found_by("cargo-deny", deny)[0].category, Category::LintError);
    }

    #[test]
    fn other_errors_are_left_alone() {
        assert!(
            found_by("cargo", "error: pathspec 'x' did not match\nerror: could not find `x`\n")
                .is_empty()
        );
    }
}
