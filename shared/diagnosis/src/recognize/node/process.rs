//! Node itself: uncaught errors, missing modules, a full heap.
//!
//! ```text
//! Error: Cannot find module '@hapi/wreck'
//! Require stack:
//! - /w/lib/transport.js
//!     at Function.Module._resolveFilename (internal/modules/cjs/loader.js:902:15)
//! Node.js v18.16.0
//! FATAL ERROR: Reached heap limit Allocation failed - JavaScript heap out of memory
//! ```
//!
//! Tests print errors that they expect, so an error is the cause only if Node ended with it
//! (`Node.js v…` below, or the step's failure close by).

use super::super::{Recognizer, pattern};
use super::trace;
use crate::contract::{Category, Verdict};
use crate::finding::{Finding, Strength};
use crate::log::Log;

pub(super) const UNCAUGHT: Recognizer =
    Recognizer { name: "node", triggers: &["Node.js v"], look: uncaught };

pub(super) const MODULES: Recognizer = Recognizer {
    name: "node modules",
    triggers: &["Cannot find module '", "Cannot find package '"],
    look: module,
};

pub(super) const HEAP: Recognizer = Recognizer {
    name: "node heap",
    triggers: &["JavaScript heap out of memory", "ERR_WORKER_OUT_OF_MEMORY"],
    look: heap,
};

fn uncaught(log: &Log, at: usize, found: &mut Vec<Finding>) {
    const LONGEST: usize = 60;
    if !pattern!(r"^\s*Node\.js v[0-9]+\.[0-9]+\.[0-9]+$").is_match(log.content(at)) {
        return;
    }
    // Of an error and its causes, the first stands unindented above its stack.
    let begins = |line: &str| {
        pattern!(r"^(?:Uncaught )?[A-Za-z_$]*(?:Error|Exception)(?: \[[A-Z0-9_]+\])?(?:: |$)")
            .is_match(line)
    };
    let stack = |line: usize| {
        (line + 1..at).take(12).any(|line| log.content(line).trim_start().starts_with("at "))
    };
    let Some(line) = (at.saturating_sub(LONGEST)..at)
        .rev()
        .find(|&line| begins(log.content(line)) && stack(line))
    else {
        return;
    };
    let message = log.content(line).trim();
    let from = log.back(line, 6, |above| pattern!(r"^(?:file://)?/?\S+:[0-9]+$").is_match(above));
    found.push(
        Finding::new("node", category(message), strength(log, at), line, message)
            .with_block(from.unwrap_or(line)..at)
            .at(trace::innermost(log, line..at)),
    );
}

fn strength(log: &Log, at: usize) -> Strength {
    if trace::fails_within(log, at, 40) { Strength::Cause } else { Strength::Suspicion }
}

fn category(message: &str) -> Category {
    match () {
        () if message.starts_with("SyntaxError") => Category::CompileError,
        () if missing_package(message) => Category::DependencyInstall,
        () if message.contains("Cannot find module '.") => Category::CompileError,
        () => Category::Unknown,
    }
}

/// Returns `true` if the missing module is a package, not a file of the project.
fn missing_package(message: &str) -> bool {
    let form = pattern!(r"Cannot find (?:module|package) '([^']+)'");
    form.captures(message)
        .is_some_and(|hit| !hit[1].starts_with(['.', '/']) && !hit[1].contains(":\\"))
}

fn module(log: &Log, at: usize, found: &mut Vec<Finding>) {
    let content = log.content(at).trim();
    let form = pattern!(
        r"^(?:\S+ )?Error(?: \[ERR_MODULE_NOT_FOUND\])?: Cannot find (?:module|package) '[^']+'(?: imported from .*)?$"
    );
    if !form.is_match(content) {
        return;
    }
    let lines = log.block(at, 40, |line| {
        !(line.starts_with("- ")
            || line.starts_with("Require stack")
            || line.starts_with([' ', '}']))
    });
    found.push(
        Finding::new("node", category(content), strength(log, lines.end), at, content)
            .with_block(lines),
    );
}

fn heap(log: &Log, at: usize, found: &mut Vec<Finding>) {
    let content = log.content(at).trim();
    let form = pattern!(r"(?:^|\]\s*)FATAL ERROR: .*heap out of memory|ERR_WORKER_OUT_OF_MEMORY");
    if form.is_match(content) {
        found.push(
            Finding::new("node", Category::TimeoutOrOom, Strength::Root, at, content)
                .with_block(at.saturating_sub(6)..at + 4)
                .with_verdict(Verdict::Investigate),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log_of;

    fn look(text: &str) -> Vec<Finding> {
        let log = log_of(text);
        let mut found = Vec::new();
        for at in 0..log.len() {
            uncaught(&log, at, &mut found);
            module(&log, at, &mut found);
            heap(&log, at, &mut found);
        }
        found
    }

    const FAILED: &str = "##[error]Process completed with exit code 1.\n";

    #[test]
    fn what_nobody_caught_is_the_cause() {
        let found = look(&format!(
            "##[group]Run node x\n/w/x.js:10\n    throw new TypeError('x');\n    ^\n\nTypeError: x is not set\n    at main (/w/x.js:10:11)\n\nNode.js v18.16.0\n{FAILED}"
        ));
        assert_eq!((found[0].line, found[0].block.clone()), (5, 1..8));
        assert_eq!(found[0].strength, Strength::Cause);
        assert_eq!(found[0].location.as_ref().and_then(|place| place.line), Some(10));
    }

    #[test]
    fn a_missing_package_is_told_from_a_missing_file() {
        let text = |name: &str| {
            format!(
                "##[group]Run x\nError: Cannot find module '{name}'\nRequire stack:\n- /w/a.js\n    at x (internal/a.js:1:2)\n{FAILED}"
            )
        };
        assert_eq!(look(&text("@hapi/wreck"))[0].category, Category::DependencyInstall);
        assert_eq!(look(&text("./dist/a.js"))[0].category, Category::CompileError);
    }

    #[test]
    fn a_full_heap_is_a_root_and_words_about_it_are_none() {
        let found = look(
            "FATAL ERROR: Reached heap limit Allocation failed - JavaScript heap out of memory\n",
        );
        assert_eq!(
            (found[0].category, found[0].strength),
            (Category::TimeoutOrOom, Strength::Root)
        );
        assert!(
            look("fixes: JavaScript heap out of memory\nNode.js v18.16.0\nUsing Node.js v18\n")
                .is_empty()
        );
    }
}
