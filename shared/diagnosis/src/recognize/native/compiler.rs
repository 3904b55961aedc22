//! gcc, clang and compilers with the same output: nvcc, swiftc, gfortran's newer form.
//!
//! ```text
//! In file included from src/store.cc:3:
//! src/store.h:12:5: error: unknown type name 'Client'
//!    12 |     Client open();
//!       |     ^~~~~~
//! src/store.h:4:7: note: 'Client' declared here
//! src/store.cc:1:10: fatal error: redis.h: No such file or directory
//! ```

use std::ops::Range;

use crate::contract::{Category, Location};
use crate::finding::{Finding, Strength};
use crate::log::Log;
use crate::recognize::{Recognizer, pattern};

pub(super) const RECOGNISER: Recognizer = Recognizer {
    name: "cc",
    triggers: &[
        ": error: ",
        ": fatal error: ",
        "being treated as errors",
        "compilation terminated.",
        " generated.",
    ],
    look,
};

const TOOL: &str = "cc";

fn look(log: &Log, at: usize, found: &mut Vec<Finding>) {
    let content = log.content(at);
    if is_echo(content) {
        found.push(Finding::new(TOOL, Category::CompileError, Strength::Echo, at, content));
        return;
    }
    let Some((location, message)) = complaint(content) else { return };
    let category = category(message);
    found.push(
        Finding::new(speaker(log, at, category, message), category, Strength::Cause, at, message)
            .with_block(block(log, at))
            .at(Some(location)),
    );
}

fn is_echo(content: &str) -> bool {
    pattern!(
        r"^(?:cc1(?:plus|obj)?|f951): (?:all|some) warnings being treated as errors$|^compilation terminated\.$|^(?:[0-9]+ warnings? and )?[0-9]+ errors? generated\.$"
    )
    .is_match(content)
}

/// Accepts files of these languages only: other compilers also write `file:1:2: error: `.
fn complaint(content: &str) -> Option<(Location, &str)> {
    let pattern = pattern!(
        r"^\s*(?:ERROR: )?(\S[^:]*?(?:[A-Za-z]:[^:]*)?\.(?:c|C|cc|cpp|cxx|c\+\+|h|H|hh|hpp|hxx|h\+\+|inl|ipp|inc|tcc|tpp|m|mm|cu|cuh|cl|S|s|y|l|ll|def|swift|pyx|f|F|f90|F90|ino|rc|proto)):([0-9]+):(?:([0-9]+):)? (?:fatal )?error: (\S.*)$"
    );
    let hit = pattern.captures(content)?;
    // FileCheck names its directive; it is not a compiler.
    if pattern!(r"^[A-Z][A-Za-z0-9_-]*: (?:expected|excluded)").is_match(&hit[4]) {
        return None;
    }
    let location = Location::new(&hit[1], Some(&hit[2]), hit.get(3).map(|it| it.as_str()));
    Some((location, hit.get(4)?.as_str()))
}

/// Both compilers write errors alike, but end differently.
fn speaker(log: &Log, at: usize, category: Category, message: &str) -> &'static str {
    const FAR: usize = 80;
    if message.contains("-Wclang-format-violations") {
        return "clang-format";
    }
    if category == Category::LintError {
        return "clang-tidy";
    }
    let count = pattern!(r"^(?:[0-9]+ warnings? and )?[0-9]+ errors? generated\.$");
    if log.ahead(at, FAR, |line| count.is_match(line)).is_some() { "clang" } else { "gcc" }
}

fn category(message: &str) -> Category {
    if pattern!(
        r"\[(?:[a-z]+-[a-z0-9.-]+)(?:,-warnings-as-errors)?\]$|\[-Wclang-format-violations\]$"
    )
    .is_match(message)
        && !message.ends_with("[-fpermissive]")
        && !pattern!(r"\[-[WE]").is_match(message)
        || message.contains("-warnings-as-errors]")
        || message.contains("-Wclang-format-violations")
    {
        Category::LintError
    } else {
        Category::CompileError
    }
}

/// Returns the including files and the enclosing function, the code, and the notes.
fn block(log: &Log, at: usize) -> Range<usize> {
    let leads = |line: &str| {
        line.starts_with("In file included from ")
            || line.trim_start().starts_with("from ") && line.contains(':')
            || pattern!(r": (?:In|At) (?:[a-z ]*function|member|constructor|instantiation|lambda|global scope|substitution|top level)").is_match(line)
            || line.contains(":   required ")
    };
    let start = (at.saturating_sub(12)..at)
        .rev()
        .take_while(|&line| leads(log.content(line)))
        .last()
        .unwrap_or(at);
    let end = log.block(at, 30, |line| !belongs(line)).end;
    start..end
}

fn belongs(line: &str) -> bool {
    line.starts_with(' ') && !line.trim().is_empty() || line.contains(": note: ")
}

#[cfg(test)]
mod tests {
    use crate::contract::Category;
    use crate::finding::Strength;
    use crate::recognize::found_by;

    #[test]
    fn an_error_has_what_led_to_it() {
        let found = found_by(
            "gcc",
            "In file included from src/store.cc:3:\nsrc/store.h:12:5: error: unknown type name 'Client'\n   12 |     Client open();\n      |     ^~~~~~\nsrc/store.h:4:7: note: declared here\nmake: *** [Makefile:3: store.o] Error 1\n",
        );
        assert_eq!((found[0].line, found[0].block.clone()), (1, 0..5));
    }

    #[test]
    fn clang_tidy_speaks_through_it() {
        let found = found_by(
            "clang-tidy",
            "/w/a.cc:3:5: error: use nullptr [modernize-use-nullptr,-warnings-as-errors]\n",
        );
        assert_eq!(found[0].category, Category::LintError);
        let found =
            found_by("gcc", "a.c:3:5: error: unused variable 'x' [-Werror=unused-variable]\n");
        assert_eq!(found[0].category, Category::CompileError);
    }

    #[test]
    fn other_languages_and_counts_are_not_its_own() {
        assert!(
            found_by("gcc", "a.py:1:2: error: Incompatible types\nA.java:3: error: x\n").is_empty()
        );
        let counts = found_by("cc", "2 errors generated.\ncompilation terminated.\n");
        assert!(counts.iter().all(|one| one.strength == Strength::Echo));
    }
}
