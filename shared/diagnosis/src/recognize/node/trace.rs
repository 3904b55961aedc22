//! Parts of JavaScript stack traces. Not a recognizer; several use it.

use std::ops::Range;

use super::super::pattern;
use crate::contract::Location;
use crate::log::Log;

/// Parses the place in `at f (src/a.js:85:18)`, `at src/a.js:85:18` and vitest's `❯ f
/// src/a.ts:5:15`.
pub(super) fn frame(line: &str) -> Option<Location> {
    let form = pattern!(
        r"^\s*(?:at |❯ )(?:.*[( ])?((?:file://)?(?:[A-Za-z]:)?[^\s():]+\.[A-Za-z]{1,6}):([0-9]+):([0-9]+)\)?\s*$"
    );
    let hit = form.captures(line)?;
    let file = hit[1].trim_start_matches("file://");
    Some(Location::new(file, Some(&hit[2]), Some(&hit[3])))
}

/// Returns `true` if a file belongs to Node or an installed package.
pub(super) fn is_library(file: &str) -> bool {
    ["node_modules", "node:", "internal/"].iter().any(|home| file.contains(home))
}

/// Returns the first frame of the project in some lines, or the first of all.
pub(super) fn innermost(log: &Log, lines: Range<usize>) -> Option<Location> {
    let mut first = None;
    for location in lines.filter_map(|at| frame(log.content(at))) {
        if !is_library(&location.file) {
            return Some(location);
        }
        first = first.or(Some(location));
    }
    first
}

/// Returns `true` for an error as JavaScript prints it: `TypeError: …`, `Error [ERR_X]: …`.
pub(super) fn is_error(line: &str) -> bool {
    pattern!(
        r"^(?:Uncaught )?(?:[A-Za-z_$][A-Za-z0-9_$.]*)?(?:Error|Exception)(?: \[[A-Za-z_0-9]+\])?: "
    )
    .is_match(line)
}

/// Returns `true` if a step's failure follows within `most` lines.
pub(super) fn fails_within(log: &Log, at: usize, most: usize) -> bool {
    let Some(step) = log.step_of(at).map(|step| &log.steps()[step]) else { return false };
    match step.failed {
        Some(failed) => failed >= at && failed - at <= most,
        None => step.lines.end == log.len() && log.len() - at <= most,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_have_places() {
        let file = |line: &str| frame(line).map(|place| place.file);
        assert_eq!(file("      at Object.<anonymous> (test/a.js:85:18)"), Some("test/a.js".into()));
        assert_eq!(file("    at file:///w/a.mjs:1:7"), Some("/w/a.mjs".into()));
        assert_eq!(file(" ❯ src/a.test.ts:5:15"), Some("src/a.test.ts".into()));
        assert_eq!(file("  at listOnTimeout (node:internal/timers:564:17)"), None);
        assert_eq!(file("meet me at 10:30:00"), None);
    }
}
