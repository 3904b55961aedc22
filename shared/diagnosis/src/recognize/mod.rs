//! Recognizers: each knows the output of one tool, and nothing else.
//!
//! A recognizer declares literals (its triggers) and a function. The function receives a line with
//! a trigger, reads its neighbors, and adds findings. One automaton over all triggers finds the
//! lines in a single pass, so a recognizer whose tool did not run costs nothing.
//!
//! - A recognizer reports what it sees; it does not decide whether it matters. `choose` does.
//! - It reads [`Log::content`], never raw text, and at most some hundred lines around.
//! - It is called at most once per line, in the order of lines. Findings of the same tool on the
//!   same line are merged; the strongest stays.
//! - Lines of a step's script are skipped: the runner shows them before they run.
//! - A tool that a pattern of one line recognizes is data: see `rules`.
//!
//! A new tool takes a module with its recognizer, a line in the folder's `RECOGNIZERS`, and a
//! fixture.

use std::cmp::Reverse;
use std::fmt;
use std::sync::Arc;

use aho_corasick::AhoCorasick;

use crate::finding::Finding;
use crate::log::Log;
use crate::rules::{LogRule, RuleSet};

mod containers;
mod dotnet;
mod finding_limits;
mod generic;
mod github;
mod go;
mod jvm;
mod native;
mod network;
mod node;
mod one_liners;
mod php;
mod python;
mod ruby;
mod rust;
mod shell;
mod tools;

/// Recognizes the output of one tool.
pub(crate) struct Recognizer {
    pub(crate) name: &'static str,
    /// Literals: lines without any of them are skipped. Rare literals are better.
    pub(crate) triggers: &'static [&'static str],
    /// Reads the line with this index and adds its findings.
    pub(crate) look: fn(&Log, usize, &mut Vec<Finding>),
}

/// The recognizers of known tools, the preferred ones first.
static TOOLS: &[&[Recognizer]] = &[
    github::RECOGNIZERS,
    network::RECOGNIZERS,
    shell::RECOGNIZERS,
    python::RECOGNIZERS,
    node::RECOGNIZERS,
    rust::RECOGNIZERS,
    go::RECOGNIZERS,
    jvm::RECOGNIZERS,
    native::RECOGNIZERS,
    dotnet::RECOGNIZERS,
    ruby::RECOGNIZERS,
    php::RECOGNIZERS,
    containers::RECOGNIZERS,
    tools::RECOGNIZERS,
];

/// A recognizer in code, or a rule.
enum RecognizerOrRule {
    Code(&'static Recognizer),
    Rule(Arc<LogRule>),
}

impl RecognizerOrRule {
    fn look(&self, log: &Log, at: usize, found: &mut Vec<Finding>) {
        match self {
            Self::Code(recognizer) => (recognizer.look)(log, at, found),
            Self::Rule(rule) => rule.look(log, at, found),
        }
    }
}

impl fmt::Debug for RecognizerOrRule {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Code(recognizer) => recognizer.name,
            Self::Rule(rule) => rule.name(),
        })
    }
}

/// Maps lines to the recognizers and rules to call.
#[derive(Debug)]
pub(crate) struct Dispatch {
    recognizers: Vec<RecognizerOrRule>,
    automaton: AhoCorasick,
    /// The expert of each trigger.
    owner: Vec<usize>,
}

impl Dispatch {
    /// Orders by preference: a repository's own rules (the first `own`), recognizers in code, the
    /// other rules, and last the search for errors of unknown tools.
    pub(crate) fn of(rules: &[Arc<LogRule>], own: usize) -> Self {
        let (own, builtin) = rules.split_at(own);
        let rules = |rules: &[Arc<LogRule>]| {
            rules.iter().cloned().map(RecognizerOrRule::Rule).collect::<Vec<_>>()
        };
        let mut recognizers = rules(own);
        recognizers.extend(TOOLS.iter().copied().flatten().map(RecognizerOrRule::Code));
        recognizers.extend(rules(builtin));
        recognizers.extend(generic::RECOGNIZERS.iter().map(RecognizerOrRule::Code));
        Self::asking(recognizers)
    }

    fn asking(recognizers: Vec<RecognizerOrRule>) -> Self {
        let mut triggers: Vec<&str> = Vec::new();
        let mut owner: Vec<usize> = Vec::new();
        for (at, recognizer_or_rule) in recognizers.iter().enumerate() {
            match recognizer_or_rule {
                RecognizerOrRule::Code(recognizer) => triggers.extend(recognizer.triggers),
                RecognizerOrRule::Rule(rule) => triggers.extend(rule.triggers()),
            }
            owner.resize(triggers.len(), at);
        }
        let automaton = AhoCorasick::new(triggers).expect("the triggers are few and short");
        Self { recognizers, automaton, owner }
    }

    /// Calls `ask` with each line that holds a trigger, in order, and the experts for it.
    fn lines_to_look_at(&self, log: &Log, mut ask: impl FnMut(usize, &[usize])) {
        let mut recognizers: Vec<usize> = Vec::new();
        let mut line = 0;
        for hit in self.automaton.find_overlapping_iter(log.everything()) {
            let of = log.line_at_byte(hit.end());
            if of != line {
                flush(&mut recognizers, |recognizers| ask(line, recognizers));
                line = of;
            }
            recognizers.push(self.owner[hit.pattern().as_usize()]);
        }
        flush(&mut recognizers, |recognizers| ask(line, recognizers));
    }
}

fn flush(recognizers: &mut Vec<usize>, ask: impl FnOnce(&[usize])) {
    if !recognizers.is_empty() {
        recognizers.sort_unstable();
        recognizers.dedup();
        ask(recognizers);
        recognizers.clear();
    }
}

/// Returns all findings of code and built-in rules, by line.
#[cfg(test)]
pub(crate) fn findings_in(log: &Log) -> Vec<Finding> {
    findings_by(log, &RuleSet::builtin())
}

/// Returns one tool's findings in a text, for tests.
#[cfg(test)]
pub(crate) fn found_by(tool: &str, text: &str) -> Vec<Finding> {
    let mut found = findings_in(&crate::log_of(text));
    found.retain(|finding| finding.tool == tool);
    found
}

/// Returns all findings of code and these rules, by line.
///
/// Lines of a step's script are skipped: the runner shows them before they run.
pub(crate) fn findings_by(log: &Log, rules: &RuleSet) -> Vec<Finding> {
    let dispatch = rules.dispatch();
    let mut found = Vec::new();
    dispatch.lines_to_look_at(log, |line, recognizers| {
        if !is_script(log, line) {
            let new = found.len();
            for &recognizer_or_rule in recognizers {
                dispatch.recognizers[recognizer_or_rule].look(log, line, &mut found);
            }
            finding_limits::enforce(&mut found, new);
        }
    });
    merged(found)
}

fn is_script(log: &Log, at: usize) -> bool {
    log.step_of(at).is_some_and(|step| log.steps()[step].script.contains(&at))
}

/// Sorts by line, strength and preference; keeps one finding per tool and line.
fn merged(mut found: Vec<Finding>) -> Vec<Finding> {
    found.sort_by_key(|finding| (finding.line, Reverse(finding.strength)));
    let mut kept: Vec<Finding> = Vec::with_capacity(found.len());
    for finding in found {
        let same = |other: &&mut Finding| other.line == finding.line && other.tool == finding.tool;
        let of_line = kept.iter().rev().take_while(|other| other.line == finding.line).count();
        let start = kept.len() - of_line;
        match kept[start..].iter_mut().find(same) {
            Some(known) => {
                known.block = known.block.start.min(finding.block.start)
                    ..known.block.end.max(finding.block.end);
                known.tests.extend(finding.tests);
            }
            None => kept.push(finding),
        }
    }
    kept
}

/// A regular expression that is compiled on first use.
///
/// `pattern!("…")` gives a `&'static Regex`. Patterns use ASCII classes: `[0-9]` instead of `\d`.
/// Clippy (`invalid_regex`) rejects one that does not compile, before it can panic.
macro_rules! pattern {
    ($text:expr) => {{
        static PATTERN: std::sync::LazyLock<regex::Regex> = std::sync::LazyLock::new(|| {
            regex::Regex::new($text).expect("clippy refuses a pattern that does not compile")
        });
        &*PATTERN
    }};
}
pub(crate) use pattern;

#[cfg(test)]
mod tests {
    use super::RecognizerOrRule;
    use crate::log::work::LINES;
    use crate::rules::RuleSet;

    /// Counts the lines that an expert reads per line of a log that repeats this one.
    fn reads(recognizer_or_rule: &RecognizerOrRule, line: &str, lines: usize) -> u64 {
        let log = crate::log_of(&format!("{line}\n").repeat(lines));
        let mut found = Vec::new();
        LINES.set(0);
        (0..log.len()).for_each(|at| recognizer_or_rule.look(&log, at, &mut found));
        LINES.get() / lines as u64
    }

    #[test]
    fn a_log_of_nothing_but_triggers_is_read_a_bounded_number_of_times() {
        let rules = RuleSet::builtin();
        for recognizer_or_rule in &rules.dispatch().recognizers {
            let triggers: Vec<&str> = match recognizer_or_rule {
                RecognizerOrRule::Code(recognizer) => recognizer.triggers.to_vec(),
                RecognizerOrRule::Rule(rule) => rule.triggers().collect(),
            };
            for trigger in triggers {
                let (few, many) = (
                    reads(recognizer_or_rule, trigger, 500),
                    reads(recognizer_or_rule, trigger, 2_000),
                );
                assert!(
                    many <= 2_000 && many <= 2 * few + 10,
                    "{recognizer_or_rule:?}, {trigger:?}: {few}, {many}"
                );
            }
        }
    }
}
