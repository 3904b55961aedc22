//! Programs that crash: failed `assert`, uncaught exceptions, signals, and crashes of the JVM.
//!
//! ```text
//! store: store.c:12: open: Assertion `size > 0' failed.
//! terminate called after throwing an instance of 'std::runtime_error'
//!   what():  closed
//! make: line 3:  4711 Segmentation fault      (core dumped) ./store
//! ```

use crate::contract::{Category, Location, Verdict};
use crate::finding::{Finding, Strength};
use crate::log::Log;
use crate::recognize::{Recognizer, pattern};

pub(super) const RECOGNISER: Recognizer = Recognizer {
    name: "crash",
    triggers: &[
        "Assertion `",
        "Assertion failed: (",
        "terminate called after throwing",
        "terminating with uncaught exception",
        "terminating due to uncaught exception",
        "Segmentation fault",
        "(core dumped)",
        "A fatal error has been detected by the Java Runtime",
        "stack smashing detected",
        "double free or corruption",
    ],
    look,
};

fn look(log: &Log, at: usize, found: &mut Vec<Finding>) {
    let content = log.content(at).trim();
    let assertion = pattern!(
        r"(?:^|: )([^\s:]+):([0-9]+): .*: Assertion `.*' failed\.?$|^Assertion failed: \(.*\), function .*, file ([^,]+), line ([0-9]+)\.$"
    );
    let finding = Finding::new("crash", Category::TestAssertion, Strength::Cause, at, content);
    if let Some(hit) = assertion.captures(content) {
        let part = |one: usize, other: usize| hit.get(one).or(hit.get(other)).map(|it| it.as_str());
        found.push(finding.at(part(1, 3).map(|file| Location::new(file, part(2, 4), None))));
    } else if pattern!(r"^(?:libc\+\+abi(?:\.dylib)?: )?terminat(?:e called after throwing|ing (?:with|due to) uncaught exception)").is_match(content) {
        let block = log.block(at, 6, |line| !line.starts_with("  what()"));
        let what = log.content(at + 1).trim_start().starts_with("what():");
        let line = if what { at + 1 } else { at };
        found.push(Finding { line, ..finding.with_block(at..block.end.max(line + 1)) });
    } else if is_signal(content) {
        found.push(finding.with_block(at.saturating_sub(10)..at + 1).with_verdict(Verdict::Investigate));
    } else if content.ends_with("A fatal error has been detected by the Java Runtime Environment:") {
        let block = log.block(at, 25, |line| !line.starts_with('#'));
        found.push(finding.with_block(block).with_verdict(Verdict::Investigate));
    }
}

/// Matches the form in which shells and the C library report a signal, not text about one.
fn is_signal(content: &str) -> bool {
    pattern!(
        r"^(?:\S.*: line [0-9]+: +)?(?:[0-9]+ )?(?:Segmentation fault|Aborted|Bus error|Illegal instruction|Floating point exception|Trace/breakpoint trap)(?: +\(core dumped\).*)?$|^\*\*\* stack smashing detected \*\*\*|^(?:free\(\): )?double free or corruption|: +[0-9]+ (?:Segmentation fault|Aborted)(?: *: [0-9]+)?"
    )
    .is_match(content)
}

#[cfg(test)]
mod tests {
    use crate::recognize::found_by;

    #[test]
    fn each_way_to_die_is_known() {
        for line in [
            "store: store.c:12: open: Assertion `size > 0' failed.\n",
            "terminate called after throwing an instance of 'std::runtime_error'\n  what():  closed\n",
            "Segmentation fault (core dumped)\n",
            "/w/run.sh: line 3:  4711 Segmentation fault      (core dumped) ./store\n",
        ] {
            assert_eq!(found_by("crash", line).len(), 1, "{line}");
        }
    }

    #[test]
    fn speaking_of_it_is_none() {
        let text = "Fixes a Segmentation fault in the parser\ntests::Segmentation fault is handled ... ok\n";
        assert!(found_by("crash", text).is_empty());
    }
}
