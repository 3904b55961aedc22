//! Tracebacks of programs outside test frameworks, and files that Python can't parse.
//!
//! ```text
//! Traceback (most recent call last):
//!   File "/w/migrate.py", line 9, in <module>
//!     main()
//! MigrationError: row 2 is broken
//! ```
//!
//! Programs log tracebacks and continue, tests most of all. A traceback is therefore a suspicion,
//! and a cause only if the step fails right after it. A program that reports another program's
//! failure (`CalledProcessError`) is an echo.

use std::ops::Range;

use super::super::{Recognizer, pattern};
use super::trace;
use crate::contract::{Category, Location};
use crate::finding::{Finding, Strength};
use crate::log::Log;

pub(super) const TRACEBACKS: Recognizer = Recognizer {
    name: "traceback",
    triggers: &["Traceback (most recent call last)"],
    look: traceback,
};

pub(super) const SYNTAX: Recognizer = Recognizer {
    name: "python syntax",
    triggers: &["SyntaxError: ", "IndentationError: ", "TabError: "],
    look: syntax,
};

pub(super) const MODULES: Recognizer =
    Recognizer { name: "python -m", triggers: &[": No module named "], look: no_module };

/// The largest distance between a program's last lines and the end of its step.
const LAST_WORDS: usize = 15;

fn traceback(log: &Log, at: usize, found: &mut Vec<Finding>) {
    let content = log.content(at);
    let Some(margin) = content
        .find("Traceback (most recent call last)")
        .filter(|&margin| is_margin(&content[..margin]))
    else {
        return;
    };
    let Some((frames, line)) = bounds(log, at, margin) else { return };
    let links = |line: &str| LINKS.iter().any(|link| line.trim().starts_with(link));
    let replaced = log.ahead(line, 3, links).is_some();
    let message = past(log.content(line), margin).trim();
    let strength = match () {
        () if is_echo(message) => Strength::Echo,
        () if replaced => Strength::Suspicion,
        () if ends_step(log, line) => Strength::Cause,
        () => Strength::Suspicion,
    };
    let location = trace::innermost(frames.map(|at| log.content(at)));
    let category = trace::category(message).unwrap_or(Category::Unknown);
    found.push(
        Finding::new("python", category, strength, line, message)
            .with_block(chain(log, at)..line + 1)
            .at(location),
    );
}

/// The text between two tracebacks of which the first caused the second.
const LINKS: [&str; 2] =
    ["During handling of the above exception", "The above exception was the direct cause"];

/// Returns the start of the chain that a traceback ends.
fn chain(log: &Log, at: usize) -> usize {
    const LONGEST: usize = 80;
    let links = |line: &str| LINKS.iter().any(|link| line.trim().starts_with(link));
    let earlier = log.back(at, 3, links);
    let first = |line: &str| line.contains("Traceback (most recent call last)");
    earlier.and_then(|link| log.back(link, LONGEST, first)).unwrap_or(at)
}

/// Matches the text that may precede a traceback: blanks, and the bars of an exception group.
fn is_margin(before: &str) -> bool {
    before.len() <= 12 && before.bytes().all(|byte| b" |+E>".contains(&byte))
}

/// Returns the text after the traceback's margin, as far as the line has one.
fn past(line: &str, margin: usize) -> &str {
    let blank = line.bytes().take(margin).take_while(|byte| b" |+E>".contains(byte)).count();
    &line[blank..]
}

/// Returns the frames, and the line of the exception.
fn bounds(log: &Log, at: usize, margin: usize) -> Option<(Range<usize>, usize)> {
    const LONGEST: usize = 300;
    let unindented = |line: &str| !past(line, margin).starts_with([' ', '\t']);
    let end = (at + 1..log.len().min(at + LONGEST))
        .find(|&line| !log.text(line).starts_with("##[error] ") && unindented(log.content(line)))?;
    trace::is_exception(past(log.content(end), margin)).then_some((at..end, end))
}

/// Returns `true` if the message reports another program's failure.
fn is_echo(message: &str) -> bool {
    matches!(
        trace::class(message),
        "CalledProcessError"
            | "SystemExit"
            | "UnexpectedExit"
            | "KeyboardInterrupt"
            | "CommandFailed"
    ) || message.contains("returned non-zero exit status")
}

/// Returns `true` if the program ended with it and the step with the program. A test framework's
/// total below means that the traceback belongs to a test.
fn ends_step(log: &Log, line: usize) -> bool {
    let total = pattern!(r"^(?:Ran [0-9]+ tests? in |FAILED \(|=+ .* in [0-9.]+s.* =+$)");
    if log.ahead(line, LAST_WORDS, |line| total.is_match(line)).is_some() {
        return false;
    }
    let step = log.step_of(line).map(|step| &log.steps()[step]);
    match step.map(|step| (step.failed, step.lines.end)) {
        Some((Some(failed), _)) => failed >= line && failed - line <= LAST_WORDS,
        Some((None, end)) => end == log.len() && end - line <= LAST_WORDS,
        None => false,
    }
}

fn syntax(log: &Log, at: usize, found: &mut Vec<Finding>) {
    let content = log.content(at).trim_start();
    let content = content.strip_prefix("*** ").unwrap_or(content);
    if !trace::is_syntax(content) {
        return;
    }
    let place = pattern!(r#"^\s*File "([^"]+)", line ([0-9]+)$"#);
    let Some(from) = log.back(at, 5, |line| place.is_match(line)) else { return };
    let location =
        place.captures(log.content(from)).map(|hit| Location::new(&hit[1], Some(&hit[2]), None));
    let library = location.as_ref().is_some_and(|place| trace::is_library(&place.file));
    let strength = if library { Strength::Suspicion } else { Strength::Cause };
    found.push(
        Finding::new("python", Category::CompileError, strength, at, content)
            .with_block(from..at + 1)
            .at(location),
    );
}

/// `/usr/bin/python: No module named pytest`.
fn no_module(log: &Log, at: usize, found: &mut Vec<Finding>) {
    let content = log.content(at);
    if pattern!(r"^\S*python[0-9.]*(?:\.exe)?: No module named \S+$").is_match(content) {
        found.push(Finding::new(
            "python",
            Category::DependencyInstall,
            Strength::Cause,
            at,
            content,
        ));
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
            traceback(&log, at, &mut found);
            syntax(&log, at, &mut found);
            no_module(&log, at, &mut found);
        }
        found
    }

    const TRACEBACK: &str = "\
Traceback (most recent call last):
  File \"/w/migrate.py\", line 9, in <module>
    main()
  File \"/v/site-packages/x.py\", line 2, in main
    raise MigrationError(row)
MigrationError: row 2 is broken
";

    #[test]
    fn last_words_are_the_cause_and_others_a_suspicion() {
        let last = look(&format!(
            "##[group]Run x\n{TRACEBACK}##[error]Process completed with exit code 1.\n"
        ));
        assert_eq!(last[0].strength, Strength::Cause);
        assert_eq!(last[0].message, "MigrationError: row 2 is broken");
        assert_eq!(last[0].location.as_ref().map(|at| at.file.as_str()), Some("/w/migrate.py"));
        let long = "test ok\n".repeat(40);
        let logged = look(&format!(
            "##[group]Run x\n{TRACEBACK}{long}##[error]Process completed with exit code 1.\n"
        ));
        assert_eq!(logged[0].strength, Strength::Suspicion);
    }

    #[test]
    fn of_a_chain_the_last_is_the_cause_and_its_block_holds_all() {
        let chain = format!(
            "##[group]Run x\n{}\nThe above exception was the direct cause of the following exception:\n\n{TRACEBACK}##[error]Process completed with exit code 1.\n",
            TRACEBACK.replace("MigrationError: row 2 is broken", "KeyError: 'email'")
        );
        let found = look(&chain);
        let strengths: Vec<Strength> = found.iter().map(|one| one.strength).collect();
        assert_eq!(strengths, [Strength::Suspicion, Strength::Cause]);
        assert_eq!(found[1].block.start, 1);
    }

    #[test]
    fn a_tests_traceback_is_its_frameworks_to_tell() {
        let found = look(&format!(
            "##[group]Run x\n{TRACEBACK}\n-----\nRan 1 test in 0.1s\n\nFAILED (errors=1)\n##[error]Process completed with exit code 1.\n"
        ));
        assert_eq!(found[0].strength, Strength::Suspicion);
    }

    #[test]
    fn reports_about_other_programs_are_echoes() {
        let text = TRACEBACK.replace(
            "MigrationError: row 2 is broken",
            "subprocess.CalledProcessError: Command '['x']' returned non-zero exit status 2.",
        );
        assert_eq!(look(&text)[0].strength, Strength::Echo);
    }

    #[test]
    fn files_that_do_not_parse_do_not_compile() {
        let found = look(
            "  File \"src/rates.py\", line 2\n    x = [\n        ^\nSyntaxError: '[' was never closed\n",
        );
        assert_eq!(
            (found[0].category, found[0].strength),
            (Category::CompileError, Strength::Cause)
        );
        assert!(look("SyntaxError: Unexpected token 'export'\n").is_empty());
    }

    #[test]
    fn a_missing_module_outside_of_tests_is_a_missing_package() {
        let found = look("/usr/bin/python3: No module named pytest\n");
        assert_eq!(found[0].category, Category::DependencyInstall);
        assert!(look("warning: No module named x was needed\n").is_empty());
    }
}
