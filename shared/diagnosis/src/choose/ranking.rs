//! Ranks findings: separates the cause from its echoes.
//!
//! Strength alone does not decide. A suite that tests a compiler prints compiler errors while it
//! passes; a test that failed because a server was down asserts something else in its last line; a
//! failed download may have been retried. The position of a finding decides: in the block of a
//! failed test, near the end of the step, or amid successful work.

use std::cmp::Reverse;
use std::collections::HashSet;
use std::ops::Range;

use crate::contract::Category;
use crate::finding::{Finding, Strength};
use crate::log::Log;
use crate::passing_lines::PassingLines;

use super::step::FailingLines;

/// The explanatory value of a finding at its position. The order is the order of choosing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum FindingRank {
    /// Passing runs print the line too.
    SeenInGreen,
    /// Reports only that something failed.
    Echo,
    /// An error of an unknown tool.
    Suspicion,
    /// A defect that no test reports, in a run with failed tests.
    Aside,
    /// Names the failed tests, not the reason.
    Summary,
    /// A defect where one is expected.
    Cause,
    /// Made everything after it fail.
    Root,
    /// The answer of a tie breaker.
    Decided,
}

/// A finding with its level at this position.
#[derive(Debug, Clone, Copy)]
pub(super) struct RankedFinding<'a> {
    pub(super) finding: &'a Finding,
    pub(super) level: FindingRank,
}

/// Returns the relevant findings, the most informative first.
pub(super) fn ranked<'a>(
    log: &Log,
    findings: &'a [Finding],
    failing: &FailingLines,
    passing_lines: &PassingLines,
) -> Vec<RankedFinding<'a>> {
    let counting: Vec<&Finding> =
        findings.iter().filter(|finding| failing.counts(finding)).collect();
    let context = RankingContext::of(log, &counting, failing);
    let mut ranked: Vec<RankedFinding<'a>> = counting
        .iter()
        .map(|finding| {
            let seen = passing_lines.has_seen(log.text(finding.line));
            let level = if seen { FindingRank::SeenInGreen } else { context.level(finding) };
            RankedFinding { finding, level }
        })
        .collect();
    ranked.sort_by_key(|one| (Reverse(one.level), one.finding.line));
    prefer_last_words(&mut ranked);
    ranked
}

/// The facts that all findings establish together.
struct RankingContext<'a> {
    failed_tests: Vec<Range<usize>>,
    /// The tools that reported the failed tests.
    test_tools: HashSet<&'a str>,
    /// The last line that names a defect.
    last_cause: Option<usize>,
    /// The first of the step's last lines.
    ending: usize,
}

impl<'a> RankingContext<'a> {
    fn of(log: &Log, counting: &[&'a Finding], failing: &FailingLines) -> Self {
        const ENDING: usize = 60;
        let causes = || counting.iter().filter(|finding| finding.strength == Strength::Cause);
        let tests = || causes().filter(|finding| !finding.tests.is_empty());
        let end = failing.failed_at(log);
        Self {
            failed_tests: merged(tests().map(|finding| finding.block.clone())),
            test_tools: tests().map(|finding| &*finding.tool).collect(),
            last_cause: causes().map(|finding| finding.line).max(),
            ending: end.saturating_sub(ENDING),
        }
    }

    fn level(&self, finding: &Finding) -> FindingRank {
        match finding.strength {
            Strength::Echo => FindingRank::Echo,
            Strength::Suspicion => FindingRank::Suspicion,
            Strength::Summary => FindingRank::Summary,
            Strength::Cause if self.is_aside(finding) => FindingRank::Aside,
            Strength::Cause => FindingRank::Cause,
            Strength::Root if self.was_recovered(finding) => FindingRank::Suspicion,
            Strength::Root => FindingRank::Root,
            Strength::Decided => FindingRank::Decided,
        }
    }

    /// Returns `true` for a defect that no test reports, in a run whose tests report defects.
    /// Errors that the test tool reports beside its tests (a file it could not load) don't count.
    fn is_aside(&self, finding: &Finding) -> bool {
        finding.tests.is_empty()
            && !self.failed_tests.is_empty()
            && !self.test_tools.contains(&*finding.tool)
            && !self.in_failed_test(finding.line)
    }

    /// Returns `true` for a failure outside the code that the run seems to have survived: other
    /// defects came long after it.
    fn was_recovered(&self, finding: &Finding) -> bool {
        const LONG: usize = 50;
        finding.category == Category::NetworkOrFlaky
            && self.last_cause.is_some_and(|last| last > finding.line + LONG)
            && !self.in_failed_test(finding.line)
            && finding.line < self.ending
    }

    fn in_failed_test(&self, line: usize) -> bool {
        let after = self.failed_tests.partition_point(|block| block.start <= line);
        after.checked_sub(1).is_some_and(|at| self.failed_tests[at].contains(&line))
    }
}

/// Merges ranges that touch, in order.
fn merged(ranges: impl Iterator<Item = Range<usize>>) -> Vec<Range<usize>> {
    let mut all: Vec<Range<usize>> = ranges.collect();
    all.sort_unstable_by_key(|range| range.start);
    let mut merged: Vec<Range<usize>> = Vec::with_capacity(all.len());
    for range in all {
        match merged.last_mut() {
            Some(last) if range.start <= last.end => last.end = last.end.max(range.end),
            _ => merged.push(range),
        }
    }
    merged
}

/// Prefers the last line of an unknown tool, because a script stops at its first failure. Of
/// several error lines in a row the first is the cause.
fn prefer_last_words(ranked: &mut [RankedFinding<'_>]) {
    const TOGETHER: usize = 6;
    let Some(best) = ranked.first().map(|one| one.level) else { return };
    if !matches!(best, FindingRank::Suspicion | FindingRank::Echo) {
        return;
    }
    let same = ranked.partition_point(|one| one.level == best);
    let mut first = same - 1;
    while first > 0 && ranked[first].finding.line - ranked[first - 1].finding.line <= TOGETHER {
        first -= 1;
    }
    ranked[..same].rotate_left(first);
}
