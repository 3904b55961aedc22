//! doctest, alone, under unittest and in Sphinx.
//!
//! ```text
//! **********************************************************************
//! File "/w/units.py", line 6, in units.size
//! Failed example:
//!     size(1536)
//! Expected:
//!     '1.5 KiB'
//! Got:
//!     '1 KiB'
//! **********************************************************************
//! ```
//!
//! The headline is the example: the expected value alone explains little.

use super::super::{Recognizer, pattern};
use super::trace;
use crate::contract::{Category, FailedTest, Location};
use crate::finding::{Finding, Strength};
use crate::log::Log;

pub(super) const EXAMPLES: Recognizer =
    Recognizer { name: "doctest", triggers: &["Failed example:"], look: example };

pub(super) const TOTALS: Recognizer =
    Recognizer { name: "doctest totals", triggers: &["***Test Failed***"], look: total };

fn example(log: &Log, at: usize, found: &mut Vec<Finding>) {
    if log.content(at).trim() != "Failed example:" || at == 0 {
        return;
    }
    let Some((location, name)) = home(log.content(at - 1)) else { return };
    let block = log.block(at, 100, |line| line.starts_with("*****") || line.starts_with("====="));
    let heading = |word: &str| block.clone().find(|&line| log.content(line).trim_end() == word);
    let below = |word: &str| heading(word).map(|line| line + 1).filter(|&line| line < block.end);
    let raised = heading("Exception raised:").and_then(|from| {
        (from..block.end).rev().find(|&line| trace::is_exception(log.content(line).trim_start()))
    });
    let line = raised.or(below("Expected:")).or(below("Got:")).unwrap_or(at + 1);
    let message = format!("{name}: {}", log.content(line).trim());
    let text = |line: Option<usize>| line.map(|line| log.content(line));
    let test = FailedTest::named(&name)
        .at(Some(location.clone()))
        .saying(log.content(line))
        .comparing(text(below("Expected:")), text(below("Got:")));
    found.push(
        Finding::new("doctest", Category::TestAssertion, Strength::Cause, at - 1, &message)
            .with_block(at - 1..block.end)
            .at(Some(location))
            .with_test(test),
    );
}

fn home(line: &str) -> Option<(Location, String)> {
    let hit = pattern!(r#"^\s*File "([^"]+)", line ([0-9]+|\?), in (.+?)\s*$"#).captures(line)?;
    Some((Location::new(&hit[1], Some(&hit[2]), None), hit[3].to_owned()))
}

fn total(log: &Log, at: usize, found: &mut Vec<Finding>) {
    let content = log.content(at);
    if content.starts_with("***Test Failed*** ") {
        found.push(Finding::new(
            "doctest",
            Category::TestAssertion,
            Strength::Summary,
            at,
            content,
        ));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log_of;

    #[test]
    fn an_example_tells_what_it_expected() {
        let log = log_of(
            "*****\nFile \"/w/units.py\", line 6, in units.size\nFailed example:\n    size(1536)\nExpected:\n    '1.5 KiB'\nGot:\n    '1 KiB'\n*****\n***Test Failed*** 1 failures.\n",
        );
        let mut found = Vec::new();
        example(&log, 2, &mut found);
        total(&log, 9, &mut found);
        assert_eq!(found.len(), 2);
        assert_eq!((found[0].line, found[0].block.clone()), (1, 1..8));
        assert_eq!(found[0].message, "units.size: '1.5 KiB'");
        assert_eq!(found[0].tests[0].name, "units.size");
        assert_eq!(found[0].tests[0].actual.as_deref(), Some("'1 KiB'"));
    }

    #[test]
    fn the_words_alone_are_nothing() {
        let log = log_of("see below\nFailed example:\n    x\n");
        let mut found = Vec::new();
        (0..log.len()).for_each(|at| example(&log, at, &mut found));
        assert!(found.is_empty());
    }
}
