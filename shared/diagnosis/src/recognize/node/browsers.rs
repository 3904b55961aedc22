//! Browser tests: Playwright, Karma, Jasmine, Cypress's table; and AVA's list.
//!
//! ```text
//!   1) [chromium] › tests/a.spec.ts:10:5 › cart › adds ──────────
//!
//!     Error: expect(locator).toBeVisible() failed
//!   1 failed
//!     [chromium] › tests/a.spec.ts:10:5 › cart › adds ──────────
//! Chrome Headless 90.0 (Linux) Cart adds FAILED
//!     Expected 1 to be 2.
//! 1) Cart adds
//!   Message:
//!     Expected 1 to be 2.
//!   ✖ [fail]: cart › adds Difference
//! ```
//!
//! Playwright's blocks include flaky tests, so its names come from the list after `N failed`.

use super::super::{Recognizer, pattern};
use super::trace;
use crate::contract::{Category, FailedTest, Location};
use crate::finding::{Finding, Strength};
use crate::log::Log;

pub(super) const PLAYWRIGHT: Recognizer =
    Recognizer { name: "playwright", triggers: &[") [", ") tests/"], look: playwright };

pub(super) const PLAYWRIGHT_TOTALS: Recognizer =
    Recognizer { name: "playwright totals", triggers: &[" failed"], look: playwright_total };

pub(super) const KARMA: Recognizer =
    Recognizer { name: "karma", triggers: &[" FAILED"], look: karma };

pub(super) const JASMINE: Recognizer =
    Recognizer { name: "jasmine", triggers: &["  Message:"], look: jasmine };

pub(super) const AVA: Recognizer = Recognizer { name: "ava", triggers: &[" [fail]: "], look: ava };

const LONGEST: usize = 120;

fn cause(tool: &'static str, line: usize, message: &str) -> Finding {
    Finding::new(tool, Category::TestAssertion, Strength::Cause, line, message)
}

/// Returns the place and title of a Playwright test.
fn spec(line: &str) -> Option<(Location, String)> {
    let form = pattern!(
        r"^\s+(?:[0-9]+\) )?(?:\[[^\]]+\] › )?([^\s›]+\.[cm]?[jt]sx?):([0-9]+):([0-9]+) › (.+?)\s*─*\s*$"
    );
    let hit = form.captures(line)?;
    let name = format!("{} › {}", &hit[1], &hit[4]);
    Some((Location::new(&hit[1], Some(&hit[2]), Some(&hit[3])), name))
}

fn playwright(log: &Log, at: usize, found: &mut Vec<Finding>) {
    let content = log.content(at);
    if !pattern!(r"^\s+[0-9]+\) ").is_match(content) {
        return;
    }
    let Some((location, _)) = spec(content) else { return };
    let next =
        pattern!(r"^\s+(?:[0-9]+\) .*›|[0-9]+ (?:failed|flaky|passed|skipped|did not run))|^##\[");
    let lines = log.block(at, LONGEST, |line| next.is_match(line));
    let Some(line) = (at + 1..lines.end).find(|&line| {
        let content = log.content(line).trim();
        !content.is_empty() && !content.starts_with("Retry #")
    }) else {
        return;
    };
    let message = log.content(line).trim();
    let snapshot = message.contains("toHaveScreenshot") || message.contains("toMatchSnapshot");
    let mut finding = cause("playwright", line, message).with_block(lines).at(Some(location));
    if snapshot {
        finding.category = Category::SnapshotDiff;
    }
    found.push(finding);
}

fn playwright_total(log: &Log, at: usize, found: &mut Vec<Finding>) {
    const MOST: usize = 1_000;
    let content = log.content(at);
    if !pattern!(r"^\s+[1-9][0-9]* failed$").is_match(content) {
        return;
    }
    let lines = log.block(at, MOST, |line| spec(line).is_none());
    let mut finding =
        Finding::new("playwright", Category::TestAssertion, Strength::Summary, at, content);
    for (location, name) in lines.clone().skip(1).filter_map(|line| spec(log.content(line))) {
        finding.tests.push(FailedTest::named(&name).at(Some(location)));
    }
    if !finding.tests.is_empty() {
        found.push(finding.with_block(lines));
    }
}

fn karma(log: &Log, at: usize, found: &mut Vec<Finding>) {
    let form = pattern!(r"^(?:\S+ )?[A-Z][A-Za-z ]+ [0-9][0-9.]* \([^)]+\):? (.+?) FAILED$");
    let Some(hit) = form.captures(log.content(at)) else { return };
    let lines = log.block(at, LONGEST, |line| !line.starts_with([' ', '\t']));
    let line = if lines.len() > 1 { at + 1 } else { at };
    let message = log.content(line).trim();
    let location = trace::innermost(log, lines.clone());
    found.push(
        cause("karma", line, message)
            .with_block(lines)
            .at(location)
            .with_test(FailedTest::named(&hit[1]).saying(message)),
    );
}

fn jasmine(log: &Log, at: usize, found: &mut Vec<Finding>) {
    let Some(above) = at.checked_sub(1).filter(|_| log.content(at).trim() == "Message:") else {
        return;
    };
    let Some(hit) = pattern!(r"^\s*[0-9]+\) (.+?)\s*$").captures(log.content(above)) else {
        return;
    };
    let next = |line: &str| pattern!(r"^(?:\s*[0-9]+\) |##\[|Ran |[0-9]+ specs?)").is_match(line);
    let lines = log.block(at, LONGEST, next);
    let message = log.content(at + 1).trim();
    let location = trace::innermost(log, lines.clone());
    found.push(
        cause("jasmine", at + 1, message)
            .with_block(above..lines.end)
            .at(location.clone())
            .with_test(FailedTest::named(&hit[1]).saying(message).at(location)),
    );
}

fn ava(log: &Log, at: usize, found: &mut Vec<Finding>) {
    let form = pattern!(r"^\s*[✖✘] \[fail\]: (.+?)(?: \([0-9.]+m?s\))?\s*$");
    if let Some(hit) = form.captures(log.content(at)) {
        let content = log.content(at);
        found.push(
            Finding::new("ava", Category::TestAssertion, Strength::Summary, at, content)
                .with_test(FailedTest::named(&hit[1])),
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
            for one in [playwright, playwright_total, karma, jasmine, ava] {
                one(&log, at, &mut found);
            }
        }
        found
    }

    #[test]
    fn playwright_names_only_what_failed_in_the_end() {
        let found = look(
            "
  1) [chromium] › tests/a.spec.ts:10:5 › cart › adds ──────────

    Error: expect(locator).toBeVisible() failed

  2) [chromium] › tests/b.spec.ts:1:1 › flaky ──────────
    Error: once
  1 failed
    [chromium] › tests/a.spec.ts:10:5 › cart › adds ──────────
  1 flaky
    [chromium] › tests/b.spec.ts:1:1 › flaky ──────────
",
        );
        let names: Vec<&str> =
            found.iter().flat_map(|one| &one.tests).map(|test| test.name.as_str()).collect();
        assert_eq!(names, ["tests/a.spec.ts › cart › adds"]);
        assert_eq!(found[0].message, "Error: expect(locator).toBeVisible() failed");
    }

    #[test]
    fn karma_jasmine_and_ava() {
        let found = look(
            "\
Chrome Headless 90.0.4430.212 (Linux x86_64) Cart adds FAILED
\tExpected 1 to be 2.
\t    at UserContext.<anonymous> (src/cart.spec.ts:3:4)
1) Cart removes
  Message:
    Expected 1 to be 3.
  Stack:
        at <Jasmine>
  ✘ [fail]: cart › empties
",
        );
        let got: Vec<(&str, &str)> =
            found.iter().map(|one| (&*one.tool, one.tests[0].name.as_str())).collect();
        assert_eq!(
            got,
            [("karma", "Cart adds"), ("jasmine", "Cart removes"), ("ava", "cart › empties")]
        );
    }

    #[test]
    fn totals_and_other_lists_are_nothing() {
        let text = "\
Chrome Headless 90.0 (Linux): Executed 10 of 10 (1 FAILED) (0.1 secs)
  1) [x] is a list
  3 failed
  Message:
";
        assert!(look(text).is_empty());
    }
}
