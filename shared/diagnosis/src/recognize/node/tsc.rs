//! Type checkers: tsc in both of its forms (vue-tsc, ts-node and Angular print the same), and Flow.
//!
//! ```text
//! src/a.ts(1,2): error TS2322: Type 'string' is not assignable to type 'number'.
//! src/a.ts:1:2 - error TS2322: Type 'string' is not assignable to type 'number'.
//!
//! 1 const a: number = "";
//!         ~
//! Found 3 errors in 3 files.
//! Error ┈┈┈┈┈┈┈┈┈┈┈┈ src/b.js:3:4
//! ```

use super::super::{Recognizer, pattern};
use crate::contract::{Category, Location};
use crate::finding::{Finding, Strength};
use crate::log::Log;

pub(super) const COMPLAINTS: Recognizer =
    Recognizer { name: "tsc", triggers: &["error TS"], look: complaint };

pub(super) const TOTALS: Recognizer =
    Recognizer { name: "tsc totals", triggers: &["Found "], look: total };

pub(super) const FLOW: Recognizer =
    Recognizer { name: "flow", triggers: &["Error ┈┈┈", "Error -----"], look: flow };

fn complaint(log: &Log, at: usize, found: &mut Vec<Finding>) {
    let content = log.content(at);
    let form = pattern!(
        r"^\s*(?:Error: |ERROR in |\[tsl\] ERROR in )?((?:[A-Za-z]:)?[^\s:(][^:(]*?\.[A-Za-z]{2,6})(?:\(([0-9]+),([0-9]+)\)|:([0-9]+):([0-9]+)):? (?:- )?error (TS[0-9]+: .+)$"
    );
    let placeless = pattern!(r"^\s*error (TS[0-9]+: .+)$");
    if let Some(hit) = form.captures(content) {
        let group = |one: usize, other: usize| {
            hit.get(one).or_else(|| hit.get(other)).map(|number| number.as_str())
        };
        let location = Location::new(&hit[1], group(2, 4), group(3, 5));
        found.push(
            Finding::new("tsc", Category::TypeError, Strength::Cause, at, &hit[6])
                .with_block(details(log, at, hit.get(4).is_some()))
                .at(Some(location)),
        );
    } else if let Some(hit) = placeless.captures(content) {
        found.push(Finding::new("tsc", Category::TypeError, Strength::Cause, at, &hit[1]));
    }
}

/// Returns the rest of a complaint: its indented continuation, and in the pretty form the code
/// frame after one blank line.
fn details(log: &Log, at: usize, pretty: bool) -> std::ops::Range<usize> {
    const LONGEST: usize = 25;
    let indent = |line: &str| line.len() - line.trim_start().len();
    let own = indent(log.content(at));
    let text = log.block(at, LONGEST, |line| indent(line) <= own || line.contains("error TS"));
    if !pretty || !log.content(text.end).trim().is_empty() {
        return text;
    }
    let framed = pattern!(r"^\s*(?:[0-9]+ |~|$)");
    let frame = log.block(text.end, LONGEST, |line| {
        line.contains("error TS") || !(framed.is_match(line) || line.trim_start().starts_with('~'))
    });
    let last = frame.rev().find(|&line| !log.content(line).trim().is_empty());
    at..last.map_or(text.end, |last| last + 1)
}

fn total(log: &Log, at: usize, found: &mut Vec<Finding>) {
    let content = log.content(at);
    let form = pattern!(
        r"^\s*Found [1-9][0-9]* errors? in (?:[0-9]+ files\.|the same file, starting at: .+|\S+:[0-9]+)$"
    );
    if form.is_match(content) {
        found.push(Finding::new("tsc", Category::TypeError, Strength::Summary, at, content));
    }
}

fn flow(log: &Log, at: usize, found: &mut Vec<Finding>) {
    let form = pattern!(r"^Error [┈-]{3,} (\S+?):([0-9]+):([0-9]+)$");
    let Some(hit) = form.captures(log.content(at)) else { return };
    let Some(line) = log.ahead(at, 3, |line| !line.trim().is_empty()) else { return };
    let next = |line: &str| line.starts_with("Error ") || line.starts_with("Found ");
    found.push(
        Finding::new("flow", Category::TypeError, Strength::Cause, line, log.content(line))
            .with_block(log.block(at, 40, next))
            .at(Some(Location::new(&hit[1], Some(&hit[2]), Some(&hit[3])))),
    );
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log_of;

    fn look(text: &str) -> Vec<Finding> {
        let log = log_of(text);
        let mut found = Vec::new();
        for at in 0..log.len() {
            complaint(&log, at, &mut found);
            total(&log, at, &mut found);
            flow(&log, at, &mut found);
        }
        found
    }

    #[test]
    fn both_forms_have_places_and_frames() {
        let found = look(
            "\
src/a.ts(1,2): error TS2322: Type 'string' is not assignable to type 'number'.
  Types of property 'x' are incompatible.
  src/b.tsx:55:6 - error TS6196: 'ColorMode' is declared but never used.

  55 type ColorMode = string;
     ~~~~~~~~~

  src/c.ts:1:2 - error TS2304: Cannot find name 'x'.
error TS5083: Cannot read file '/w/tsconfig.base.json'.

Found 3 errors in 3 files.
Error ┈┈┈┈┈┈┈┈┈┈┈┈ src/b.js:3:4

Cannot assign 1 to x.
",
        );
        assert_eq!(found.len(), 6);
        assert_eq!(found[0].block, 0..2);
        assert_eq!(found[1].block, 2..6);
        assert_eq!(found[1].location.as_ref().and_then(|place| place.column), Some(6));
        assert_eq!(found[4].strength, Strength::Summary);
        assert_eq!(found[5].message, "Cannot assign 1 to x.");
    }

    #[test]
    fn words_about_errors_are_nothing() {
        assert!(look("see error TS2322 in the manual\nFound 0 errors in 0 files.\n").is_empty());
    }
}
