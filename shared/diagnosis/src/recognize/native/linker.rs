//! Linkers: GNU ld, gold, lld, mold, Apple's.
//!
//! ```text
//! /usr/bin/ld: store.o: in function `main':
//! store.c:(.text+0x9): undefined reference to `open_store'
//! collect2: error: ld returned 1 exit status
//! ```

use crate::contract::Category;
use crate::finding::{Finding, Strength};
use crate::log::Log;
use crate::recognize::{Recognizer, pattern};

pub(super) const RECOGNISER: Recognizer = Recognizer {
    name: "ld",
    triggers: &[
        "undefined reference to ",
        "cannot find -l",
        "cannot find ",
        "multiple definition of ",
        "Undefined symbols for architecture",
        "undefined symbol: ",
        "symbol(s) not found",
        "duplicate symbol",
        "library not found for ",
        "library '",
        "ld returned ",
        "linker command failed",
        "framework not found",
    ],
    look,
};

fn look(log: &Log, at: usize, found: &mut Vec<Finding>) {
    let content = log.content(at).trim();
    let finding = |strength| Finding::new("ld", Category::CompileError, strength, at, content);
    let echo = pattern!(
        r"^collect2: error: ld returned|linker command failed with exit code|^ld: symbol\(s\) not found"
    );
    if echo.is_match(content) {
        found.push(finding(Strength::Echo));
    } else if speaks(content) {
        let end = log.block(at, 12, |line| !line.starts_with([' ', '>'])).end;
        let start = if log.content(at.saturating_sub(1)).contains("in function `") {
            at.saturating_sub(1)
        } else {
            at
        };
        found.push(finding(Strength::Cause).with_block(start..end));
    }
}

fn speaks(content: &str) -> bool {
    pattern!(
        r"(?:\.o|\.a|\.cc?|\.cpp|\.cxx|\.so[.0-9]*|\)|\+0x[0-9a-f]+\)|ld(?:\.[a-z]+)?|[0-9]+): (?:more )?undefined reference to |(?:^|/|\b)(?:[a-z0-9_-]+-)?ld(?:\.[a-z]+|64)?: (?:error: )?(?:cannot find |undefined symbol: |library not found for |library '.*' not found|framework not found|duplicate symbol)|: multiple definition of [`']|^Undefined symbols for architecture |^duplicate symbol "
    )
    .is_match(content)
}

#[cfg(test)]
mod tests {
    use crate::finding::Strength;
    use crate::recognize::found_by;

    #[test]
    fn what_is_missing_is_the_cause() {
        for line in [
            "store.c:(.text+0x9): undefined reference to `open_store'\n",
            "/usr/bin/ld: cannot find -lpq: No such file or directory\n",
            "ld.lld: error: undefined symbol: open_store\n",
            "Undefined symbols for architecture arm64:\n  \"_open\", referenced from:\n",
        ] {
            assert_eq!(found_by("ld", line)[0].strength, Strength::Cause, "{line}");
        }
    }

    #[test]
    fn its_exit_is_an_echo() {
        let found = found_by("ld", "collect2: error: ld returned 1 exit status\n");
        assert_eq!(found[0].strength, Strength::Echo);
        assert!(found_by("ld", "bash: cannot find the file\nundefined symbol: none\n").is_empty());
    }
}
