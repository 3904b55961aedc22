//! Errors of rustc, clippy and miri: a message with the frame of code under it.
//!
//! ```text
//! error[E0308]: mismatched types
//!  --> src/lib.rs:3:5
//!   |
//! 3 |     "a"
//!   |     ^^^ expected `i32`, found `&str`
//!
//! error: could not compile `crate` (lib) due to 1 previous error
//! ```
//!
//! An error without a frame may come from any tool, and is left to others unless only rustc writes
//! it.

use std::ops::Range;

use crate::contract::{Category, Location};
use crate::finding::{Finding, Strength};
use crate::log::Log;
use crate::recognize::{Recognizer, pattern};

pub(super) const RECOGNISER: Recognizer =
    Recognizer { name: "rustc", triggers: &["error[E", "error: "], look };

fn look(log: &Log, at: usize, found: &mut Vec<Finding>) {
    let content = log.content(at).trim_start();
    let Some(hit) = pattern!(r"^error(?:\[E[0-9]{4}\])?: (\S.*)$").captures(content) else {
        return;
    };
    let message = &hit[1];
    if is_echo(message) {
        found.push(Finding::new("rustc", Category::CompileError, Strength::Echo, at, content));
    } else if message.starts_with("linking with `") {
        found.push(linking(log, at));
    } else if let Some(location) = frame(log, at) {
        let block = diagnostic(log, at);
        let (tool, category) = kind(log, message, &block);
        let finding = Finding::new(tool, category, Strength::Cause, at, content);
        found.push(finding.with_block(block).at(Some(location)));
    }
}

fn is_echo(message: &str) -> bool {
    message.starts_with("aborting due to ")
        || message.starts_with("could not compile `")
        || message.starts_with("could not document `")
        || message == "build failed"
        || message.starts_with("process didn't exit successfully: ")
}

/// Returns the place of the frame under a message. Messages of more than one line are rare, but
/// exist.
fn frame(log: &Log, at: usize) -> Option<Location> {
    const LONGEST_MESSAGE: usize = 4;
    (at + 1..=at + LONGEST_MESSAGE).find_map(|line| {
        let hit = pattern!(r"^\s*--> (\S.*?):([0-9]+):([0-9]+)$").captures(log.content(line))?;
        Some(Location::new(&hit[1], Some(&hit[2]), Some(&hit[3])))
    })
}

/// Returns the message with its frames, notes and helps: up to an empty line or the next message.
fn diagnostic(log: &Log, at: usize) -> Range<usize> {
    log.block(at, 60, |line| {
        let line = line.trim_start();
        line.is_empty()
            || line.starts_with("error[E")
            || line.starts_with("error: ")
            || line.starts_with("warning: ")
            || line.starts_with("##[")
    })
}

/// Denied lints are errors of rustc too; the note under them names the lint.
fn kind(log: &Log, message: &str, block: &Range<usize>) -> (&'static str, Category) {
    if message.starts_with("Undefined Behavior: ") || message.starts_with("unsupported operation: ")
    {
        return ("miri", Category::TestAssertion);
    }
    let mentions = |words: &[&str]| {
        block.clone().any(|line| words.iter().any(|word| log.content(line).contains(word)))
    };
    if mentions(&["clippy::", "rust-clippy/"]) {
        ("clippy", Category::LintError)
    } else if mentions(&["rustdoc::"]) {
        ("rustdoc", Category::LintError)
    } else if mentions(&["implied by `-D ", "requested on the command line with `-D "])
        || mentions(&["the lint level is defined here"])
    {
        ("rustc", Category::LintError)
    } else {
        ("rustc", Category::CompileError)
    }
}

/// The linker's own message is in a note, below the command that fills a screen.
fn linking(log: &Log, at: usize) -> Finding {
    let block = log.block(at, 200, |line| {
        line.starts_with("error") || line.starts_with("warning: `") || line.starts_with("##[")
    });
    let reason = block.clone().find(|&line| {
        let content = log.content(line);
        content.contains("undefined reference to")
            || content.contains("cannot find ")
            || content.contains("undefined symbol")
            || content.contains("ld: ") && !content.contains("\"cc\"")
            || content.contains("LNK") && content.contains("error")
    });
    let line = reason.unwrap_or(at);
    Finding::new("rustc", Category::CompileError, Strength::Cause, line, log.content(line))
        .with_block(at..block.end)
}

#[cfg(test)]
mod tests {
    use crate::contract::{Category, Location};
    use crate::finding::Strength;
    use crate::recognize::found_by;

    const MISMATCH: &str = "\
error[E0308]: mismatched types
 --> src/lib.rs:3:5
  |
3 |     \"a\"
  |     ^^^ expected `i32`, found `&str`

error: could not compile `it` (lib) due to 1 previous error
";

    #[test]
    fn an_error_comes_with_its_frame_and_its_place() {
        let found = found_by("rustc", MISMATCH);
        assert_eq!(found[0].category, Category::CompileError);
        assert_eq!(found[0].block, 0..5);
        assert_eq!(found[0].location, Some(Location::new("src/lib.rs", Some("3"), Some("5"))));
        assert_eq!(found[1].strength, Strength::Echo);
    }

    #[test]
    fn a_denied_lint_is_a_lint() {
        let found = found_by(
            "clippy",
            "error: this operation has no effect\n --> src/a.rs:1:1\n  |\n1 | x + 0;\n  = note: `-D clippy::identity-op` implied by `-D warnings`\n",
        );
        assert_eq!(found[0].category, Category::LintError);
        let found = found_by(
            "rustc",
            "error: unused variable: `x`\n --> src/a.rs:1:5\n  |\n  = note: `-D unused-variables` implied by `-D warnings`\n",
        );
        assert_eq!(found[0].category, Category::LintError);
    }

    #[test]
    fn the_linkers_words_are_the_reason() {
        let found = found_by(
            "rustc",
            "error: linking with `cc` failed: exit status: 1\n  |\n  = note:  \"cc\" \"-m64\"\n  = note: /usr/bin/ld: cannot find -lpq: No such file\n          collect2: error: ld returned 1 exit status\n",
        );
        assert_eq!(found[0].line, 3);
    }

    #[test]
    fn an_error_without_a_frame_is_somebody_elses() {
        assert!(
            found_by("rustc", "error: pathspec 'x' did not match\nerror: nothing\n").is_empty()
        );
        assert!(found_by("rustc", "warning: unused\n --> src/a.rs:1:1\n").is_empty());
    }
}
