//! Bundlers and frameworks that build: webpack, Vite, Rollup, esbuild, Next.js, Babel.
//!
//! ```text
//! ERROR in ./src/index.js 1:0-21
//! Module not found: Error: Can't resolve './x' in '/w/src'
//! error during build:
//! [vite]: Rollup failed to resolve import "x" from "/w/src/main.ts".
//! ✘ [ERROR] Could not resolve "x"
//! Failed to compile.
//!
//! ./pages/index.tsx:3:5
//! Type error: Property 'x' does not exist on type 'Y'.
//! ```

use super::super::{Recognizer, pattern};
use super::trace;
use crate::contract::{Category, Location};
use crate::finding::{Finding, Strength};
use crate::log::Log;

pub(super) const RECOGNISER: Recognizer = Recognizer {
    name: "webpack",
    triggers: &[
        "ERROR in ",
        "error during build:",
        "[ERROR] ",
        "Failed to compile",
        "[!] ",
        "Build failed because of webpack errors",
        "compiled with ",
        "Build error occurred",
    ],
    look,
};

const LONGEST: usize = 40;

fn look(log: &Log, at: usize, found: &mut Vec<Finding>) {
    let content = log.content(at).trim();
    let first = webpack(log, at, content)
        .or_else(|| vite(log, at, content))
        .or_else(|| esbuild(log, at, content))
        .or_else(|| next(log, at, content))
        .or_else(|| echo(at, content));
    found.extend(first);
}

fn built(tool: &'static str, log: &Log, line: usize, block: std::ops::Range<usize>) -> Finding {
    let message = log.content(line).trim();
    Finding::new(tool, category(message), Strength::Cause, line, message).with_block(block)
}

fn category(message: &str) -> Category {
    let typed = pattern!(r"^(?:Type error: |TS[0-9]+: |.*\bTS[0-9]{4}: )");
    if typed.is_match(message) { Category::TypeError } else { Category::CompileError }
}

/// `./src/index.js 1:0-21` or `src/a.ts:1:2`.
fn place(text: &str) -> Option<Location> {
    let form = pattern!(r"^(?:\./)?([^\s:()]+\.[A-Za-z]{1,6})(?:[: ]([0-9]+):([0-9]+))?");
    let hit = form.captures(text)?;
    let number = |at: usize| hit.get(at).map(|digits| digits.as_str());
    Some(Location::new(&hit[1], number(2), number(3)))
}

fn webpack(log: &Log, at: usize, content: &str) -> Option<Finding> {
    let home = content.strip_prefix("ERROR in ")?;
    if home.contains("error TS") {
        return None; // tsc's form, and tsc's to tell.
    }
    let lines = log.block(at, LONGEST, |line| {
        line.starts_with("ERROR in ") || line.starts_with("webpack ") || line.starts_with("##[")
    });
    let reason = pattern!(
        r"^(?:Module (?:not found|parse failed|build failed|Error)|TS[0-9]+: |SyntaxError|Type error|.*Error: )"
    );
    let reason_line =
        lines.clone().skip(1).take(6).find(|&line| reason.is_match(log.content(line).trim()));
    Some(built("webpack", log, reason_line.unwrap_or(at), lines).at(place(home)))
}

/// Vite and Rollup.
fn vite(log: &Log, at: usize, content: &str) -> Option<Finding> {
    let rollup = pattern!(r"^\[!\] (?:\([^)]*\) )?(?:[A-Za-z]*Error: )?\S");
    let line = match () {
        () if content.ends_with("error during build:") => {
            log.ahead(at, 4, |line| !line.trim().is_empty())?
        }
        () if rollup.is_match(content) => at,
        () => return None,
    };
    let lines = log.block(at, LONGEST, |line| {
        line.starts_with("##[") || line.starts_with("npm ") || line.ends_with("error during build:")
    });
    let location = lines.clone().find_map(|at| {
        let file = log.content(at).trim().strip_prefix("file: ").and_then(place);
        file.or_else(|| trace::frame(log.content(at)).filter(|at| !trace::is_library(&at.file)))
    });
    let tool = if line == at { "rollup" } else { "vite" };
    Some(built(tool, log, line, lines).at(location))
}

fn esbuild(log: &Log, at: usize, content: &str) -> Option<Finding> {
    let form = pattern!(r"^(?:✘|X|✗) \[ERROR\] \S");
    if !form.is_match(content) {
        return None;
    }
    let lines = log.block(at, LONGEST, |line| {
        let line = line.trim_start();
        line.contains(" [ERROR] ") || line.contains(" [WARNING] ") || line.starts_with("##[")
    });
    let location = lines.clone().skip(1).take(4).find_map(|at| place(log.content(at).trim()));
    Some(built("esbuild", log, at, lines).at(location))
}

/// Next.js: the file stands above the message, which follows one or two lines below.
fn next(log: &Log, at: usize, content: &str) -> Option<Finding> {
    if !matches!(content, "Failed to compile." | "Failed to compile") {
        return None;
    }
    let file = log.ahead(at, 4, |line| !line.trim().is_empty())?;
    let location = place(log.content(file).trim());
    let line = match location {
        Some(_) => log.ahead(file, 4, |line| !line.trim().is_empty()).unwrap_or(file),
        None => file,
    };
    let ends = |line: &str| {
        line.starts_with("##[")
            || line.starts_with("> Build failed")
            || line.starts_with("Failed to compile")
    };
    Some(built("next", log, line, log.block(at, LONGEST, ends)).at(location))
}

fn echo(at: usize, content: &str) -> Option<Finding> {
    let form = pattern!(
        r"^(?:> Build failed because of webpack errors|webpack \S+ compiled with [1-9][0-9]* errors?\b.*|> Build error occurred)"
    );
    form.is_match(content)
        .then(|| Finding::new("webpack", Category::CompileError, Strength::Echo, at, content))
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
    fn each_bundler_says_what_it_could_not_build() {
        let found = looked(
            "\
ERROR in ./src/index.js 1:0-21
Module not found: Error: Can't resolve './x' in '/w/src'
webpack 5.90.0 compiled with 1 error in 300 ms
##[group]Run x
error during build:
[vite]: Rollup failed to resolve import \"x\" from \"/w/src/main.ts\".
##[group]Run x
✘ [ERROR] Could not resolve \"x\"

    src/a.ts:1:7:
Failed to compile.

./pages/index.tsx:3:5
Type error: Property 'x' does not exist on type 'Y'.
",
        );
        let got: Vec<(&str, usize, Category)> =
            found.iter().map(|one| (&*one.tool, one.line, one.category)).collect();
        assert_eq!(
            got,
            [
                ("webpack", 1, Category::CompileError),
                ("webpack", 2, Category::CompileError),
                ("vite", 5, Category::CompileError),
                ("esbuild", 7, Category::CompileError),
                ("next", 13, Category::TypeError)
            ]
        );
        assert_eq!(found[3].location.as_ref().and_then(|place| place.line), Some(1));
        assert_eq!(found[4].location.as_ref().map(|at| at.file.as_str()), Some("pages/index.tsx"));
    }

    #[test]
    fn other_tools_and_good_builds_are_left() {
        let text = "\
webpack 5.90.0 compiled with 3 warnings in 300 ms
[ERROR] Failed to execute goal
ERROR in src/a.ts:1:2 - error TS2322: x
[!] note
";
        let found = looked(text);
        assert!(found.iter().all(|one| one.tool == "rollup"), "{found:?}");
    }
}
