//! Selects the part of the log that a repair needs, within a budget.
//!
//! Lines are chosen by their value: the headline, the failed tests and their places, the headline's
//! block, the other causes, the tools' totals, then everything else by nearness. A block that
//! exceeds its share gives the lines nearest to its headline first, and library frames last. The
//! rest of the budget goes to the end of the failed step.

use std::collections::{BTreeSet, HashSet};
use std::ops::Range;

use crate::contract::Excerpt;
use crate::cut;
use crate::finding::Finding;
use crate::log::Log;
use crate::passing_lines::PassingLines;
use crate::steps::StepKind;
use crate::template;

use super::ranking::{FindingRank, RankedFinding};
use super::step::FailingLines;

/// The most bytes that a mark for omitted lines takes.
const GAP: usize = 32;
/// Longer lines are cut: no one reads further, and a model charges for it.
const LONGEST_LINE: usize = 2_000;

/// Chooses lines, the most informative first, until the budget is used.
pub(super) fn excerpt(
    log: &Log,
    ranked: &[RankedFinding<'_>],
    failing: &FailingLines,
    passing_lines: &PassingLines,
    budget: usize,
) -> Excerpt {
    let mut builder =
        ExcerptBuilder { log, chosen: BTreeSet::new(), left: budget, largest: budget };
    if let Some(best) = ranked.first() {
        builder.add_first(best.finding.line);
    }
    builder.add_frame(failing);
    builder.add_findings(ranked, failing);
    builder.add_context(ranked, failing, passing_lines);
    builder.print(budget)
}

struct ExcerptBuilder<'a> {
    log: &'a Log,
    chosen: BTreeSet<usize>,
    left: usize,
    largest: usize,
}

impl ExcerptBuilder<'_> {
    /// Adds the headline whatever it costs: it is cut when printed.
    fn add_first(&mut self, at: usize) {
        self.left = self.left.saturating_sub(self.cost(at).min(self.largest / 2));
        self.chosen.insert(at);
    }

    /// Adds the job's name, the failed step's heading, its end and its last lines.
    fn add_frame(&mut self, failing: &FailingLines) {
        let job = (0..self.log.len().min(200))
            .find(|&at| self.log.text(at).starts_with("Complete job name: "));
        let step = failing.failing.map(|step| &self.log.steps()[step]);
        let heading = step.filter(|step| !step.script.is_empty()).map(|step| step.lines.start);
        for at in [job, heading, step.and_then(|step| step.failed)].into_iter().flatten() {
            self.add(at);
        }
        let end = failing.failed_at(self.log);
        let last_words =
            (failing.lines.start..end).rev().filter(|&at| !self.log.text(at).is_empty()).take(3);
        self.add_share(last_words.collect::<Vec<_>>().into_iter(), self.largest / 16);
    }

    /// Adds the chosen finding's block, then the lines of the others, then the tools' totals, then
    /// the others' blocks. Of findings with the same message, one comes first.
    fn add_findings(&mut self, ranked: &[RankedFinding<'_>], failing: &FailingLines) {
        let of = |levels: &[FindingRank]| {
            let wanted = ranked.iter().filter(|one| levels.contains(&one.level));
            different_first(wanted.map(|one| one.finding))
        };
        if let Some(best) = ranked.first() {
            self.add_block(best.finding, self.largest * 2 / 5);
        }
        let causes = of(&[FindingRank::Decided, FindingRank::Root, FindingRank::Cause]);
        self.add_share(causes.iter().map(|finding| finding.line), self.largest / 5);
        let sums = of(&[FindingRank::Summary]);
        for summary in sums.iter().take(2).chain(last_of_each_tool(&sums)) {
            self.add_block(summary, self.largest / 12);
        }
        self.add_share(self.lines_with_failed(failing).into_iter(), self.largest / 10);
        for finding in causes.iter().chain(&of(&[FindingRank::Aside])) {
            self.add_block(finding, self.largest / 6);
        }
        self.add_share(sums.iter().map(|finding| finding.line), self.largest / 8);
    }

    /// Adds the step's script, lines that passing runs never print, other errors, and the step's
    /// end.
    fn add_context(
        &mut self,
        ranked: &[RankedFinding<'_>],
        failing: &FailingLines,
        passing_lines: &PassingLines,
    ) {
        const SCRIPT: usize = 40;
        if let Some(step) = failing.failing.map(|step| &self.log.steps()[step]) {
            self.add_share(step.script.clone().take(SCRIPT), self.largest / 8);
        }
        if let Some(best) = ranked.first() {
            let at = best.finding.line;
            self.add_share(
                (at.saturating_sub(3)..at).rev().chain(at + 1..at + 4),
                self.largest / 8,
            );
        }
        if passing_lines.is_known() {
            let rare = failing
                .lines
                .clone()
                .rev()
                .filter(|&at| !passing_lines.has_seen(self.log.text(at)));
            self.add_share(rare.collect::<Vec<_>>().into_iter(), self.largest / 4);
        }
        let doubtful = ranked
            .iter()
            .filter(|one| one.level == FindingRank::Suspicion)
            .map(|one| one.finding.line);
        self.add_share(doubtful, self.largest / 8);
        let end = failing.failed_at(self.log);
        self.add_share((failing.lines.start..end.min(self.log.len())).rev(), self.left);
        self.add_share(self.later_steps(failing).into_iter(), self.left / 2);
    }

    /// Returns the lines that steps after the failed one printed: they often show logs of services.
    fn later_steps(&self, failing: &FailingLines) -> Vec<usize> {
        let steps = self.log.steps();
        let after = failing.failing.map_or(&[][..], |step| &steps[step + 1..]);
        let works = after.iter().take_while(|step| step.kind == StepKind::Work);
        works.flat_map(|step| step.script.end..step.lines.end).collect()
    }

    /// Returns lines that mention a failure, one of each kind. They are echoes, but they name what
    /// broke.
    fn lines_with_failed(&self, failing: &FailingLines) -> Vec<usize> {
        const MOST: usize = 40;
        const LONGEST: usize = 300;
        let speaks = |text: &str| {
            text.len() < LONGEST
                && ["failed", "FAILED", "Failed"].iter().any(|word| text.contains(word))
        };
        let mut seen = HashSet::new();
        let speaking = failing.lines.clone().filter(|&at| speaks(self.log.text(at)));
        speaking.filter(|&at| seen.insert(template::of(self.log.text(at)))).take(MOST).collect()
    }

    /// Adds lines in the given order until a share of the budget is used.
    fn add_share(&mut self, lines: impl Iterator<Item = usize>, share: usize) {
        let floor = self.left.saturating_sub(share);
        for at in lines {
            if self.left <= floor || self.left < 2 * GAP {
                break;
            }
            self.add(at);
        }
    }

    /// Adds a block, or its best lines if it is too large.
    fn add_block(&mut self, finding: &Finding, share: usize) {
        let block = finding.block.start..finding.block.end.min(self.log.len());
        let whole: usize = block.clone().map(|at| self.cost(at)).sum();
        if whole <= share.min(self.left) {
            self.add_share(block, share);
        } else {
            self.add_share(by_worth(self.log, finding.line, block).into_iter(), share);
        }
    }

    fn add(&mut self, at: usize) {
        if at >= self.log.len() || self.chosen.contains(&at) {
            return;
        }
        let lonely = !self.chosen.contains(&at.wrapping_sub(1)) && !self.chosen.contains(&(at + 1));
        let price = self.cost(at) + if lonely { GAP } else { 0 };
        if price <= self.left {
            self.left -= price;
            self.chosen.insert(at);
        }
    }

    /// Returns the longer of the line's size in the log and as printed, so that both stay within
    /// the budget.
    fn cost(&self, at: usize) -> usize {
        let number = 9;
        self.log.cost(at) + number
    }

    fn print(&self, budget: usize) -> Excerpt {
        let mut excerpt = Excerpt::default();
        let mut last = 0;
        for &at in &self.chosen {
            let number = self.log.number(at);
            let line = shown(number, number - last - 1, self.log.text(at));
            // The chosen lines fit, except for a headline that alone exceeds the budget.
            let room = budget - excerpt.text.len();
            if line.len() > room && !excerpt.ranges.is_empty() {
                break;
            }
            excerpt.text.push_str(cut::at_char(&line, room));
            match excerpt.ranges.last_mut() {
                Some(range) if range.1 + 1 == number => range.1 = number,
                _ => excerpt.ranges.push((number, number)),
            }
            last = number;
        }
        excerpt
    }
}

/// Returns the findings in order, with those that repeat another's message after all others.
fn different_first<'a>(findings: impl Iterator<Item = &'a Finding>) -> Vec<&'a Finding> {
    let mut seen = HashSet::new();
    let (mut different, repeats): (Vec<_>, Vec<_>) =
        findings.partition(|finding| seen.insert((&finding.tool, template::of(&finding.message))));
    different.extend(repeats);
    different
}

/// Returns the last line of each tool's summary, which usually holds its totals.
fn last_of_each_tool<'a, 'b>(sums: &'b [&'a Finding]) -> impl Iterator<Item = &'b &'a Finding> {
    let mut seen_tools = HashSet::new();
    sums.iter().rev().filter(move |finding| seen_tools.insert(&finding.tool)).take(4)
}

/// Formats a line with its number, after a mark for the lines omitted before it.
fn shown(number: u32, left_out: u32, text: &str) -> String {
    let short = cut::at_char(text, LONGEST_LINE);
    let more = if short.len() < text.len() { " …" } else { "" };
    let gap = match left_out {
        0 => String::new(),
        1 => "        … 1 line left out\n".to_owned(),
        many => format!("        … {many} lines left out\n"),
    };
    format!("{gap}{number:>6}  {short}{more}\n")
}

/// Orders a block's lines: those around its headline, then the rest by nearness, library frames
/// last.
fn by_worth(log: &Log, headline: usize, block: Range<usize>) -> Vec<usize> {
    const AROUND: usize = 8;
    let mut lines: Vec<usize> = block.collect();
    lines.sort_by_key(|&at| {
        let far = at.abs_diff(headline);
        (far > AROUND && of_a_library(log.content(at)), far)
    });
    lines
}

/// Returns `true` if a line is a stack frame in code that the project did not write.
fn of_a_library(line: &str) -> bool {
    const SIGNS: [&str; 14] = [
        "site-packages/",
        "dist-packages/",
        "node_modules/",
        "node:internal",
        "/.cargo/registry/",
        "/rustc/",
        "/usr/lib/",
        "/usr/local/go/src/",
        "/go/pkg/mod/",
        "at java.",
        "at jdk.",
        "at org.junit.",
        "at org.gradle.",
        "at sun.reflect.",
    ];
    SIGNS.iter().any(|sign| line.contains(sign)) || line.contains("java.base/")
}
