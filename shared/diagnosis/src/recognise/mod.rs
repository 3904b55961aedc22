//! The recognisers: each knows what one tool prints, and nothing else.
//!
//! A recogniser names literals of which a line must hold one (its triggers), and a function that
//! looks at such a line, and at its neighbours, and says what it found. One automaton over all
//! triggers finds the lines in a single pass, so a recogniser whose tool did not run costs nothing.
//!
//! - A recogniser says what it sees; it does not ask whether it matters. Choosing is `choose`'s.
//! - It looks at [`Log::said`], never at raw text, and looks at most some hundred lines around.
//! - It is called at most once per line, in the order of lines. The same complaint found twice (from
//!   two of its lines) is one finding: equal tool and line, the stronger stays.
//! - Lines of a step's script are not looked at: they are shown, not said.
//! - Tools that can be known by a pattern of one line are data: see `rules`.
//!
//! A new tool: a module with its recogniser, a line in the folder's `RECOGNISERS`, and a fixture.

use std::cmp::Reverse;
use std::fmt;
use std::sync::Arc;

use aho_corasick::AhoCorasick;

use crate::finding::Finding;
use crate::log::Log;
use crate::rules::{Rule, RuleSet};

mod containers;
mod crowd;
mod dotnet;
mod generic;
mod github;
mod go;
mod jvm;
mod native;
mod network;
mod node;
mod php;
mod python;
mod ruby;
mod rust;
mod sayings;
mod shell;
mod tools;

/// Knows what one tool prints.
pub(crate) struct Recogniser {
    /// The tool's name.
    pub(crate) name: &'static str,
    /// Literals; a line that holds none of them is not looked at. The rarer the better.
    pub(crate) triggers: &'static [&'static str],
    /// Looks at the line with this index and adds what it finds.
    pub(crate) look: fn(&Log, usize, &mut Vec<Finding>),
}

/// Those of tools that we know, the preferred first.
static TOOLS: &[&[Recogniser]] = &[
    github::RECOGNISERS,
    network::RECOGNISERS,
    shell::RECOGNISERS,
    python::RECOGNISERS,
    node::RECOGNISERS,
    rust::RECOGNISERS,
    go::RECOGNISERS,
    jvm::RECOGNISERS,
    native::RECOGNISERS,
    dotnet::RECOGNISERS,
    ruby::RECOGNISERS,
    php::RECOGNISERS,
    containers::RECOGNISERS,
    tools::RECOGNISERS,
];

/// Whom to ask about a line.
enum Expert {
    Code(&'static Recogniser),
    Rule(Arc<Rule>),
}

impl Expert {
    fn look(&self, log: &Log, at: usize, found: &mut Vec<Finding>) {
        match self {
            Self::Code(recogniser) => (recogniser.look)(log, at, found),
            Self::Rule(rule) => rule.look(log, at, found),
        }
    }
}

impl fmt::Debug for Expert {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Code(recogniser) => recogniser.name,
            Self::Rule(rule) => rule.name(),
        })
    }
}

/// Knows whom to ask about which line.
#[derive(Debug)]
pub(crate) struct Dispatch {
    experts: Vec<Expert>,
    automaton: AhoCorasick,
    /// For each trigger, the expert whose it is.
    owner: Vec<usize>,
}

impl Dispatch {
    /// The preferred first: a repository's own rules (the first `own`), what is code, the other
    /// rules, and last what looks for errors of unknown tools.
    pub(crate) fn of(rules: &[Arc<Rule>], own: usize) -> Self {
        let (own, builtin) = rules.split_at(own);
        let rules =
            |rules: &[Arc<Rule>]| rules.iter().cloned().map(Expert::Rule).collect::<Vec<_>>();
        let mut experts = rules(own);
        experts.extend(TOOLS.iter().copied().flatten().map(Expert::Code));
        experts.extend(rules(builtin));
        experts.extend(generic::RECOGNISERS.iter().map(Expert::Code));
        Self::asking(experts)
    }

    fn asking(experts: Vec<Expert>) -> Self {
        let mut triggers: Vec<&str> = Vec::new();
        let mut owner: Vec<usize> = Vec::new();
        for (at, expert) in experts.iter().enumerate() {
            match expert {
                Expert::Code(recogniser) => triggers.extend(recogniser.triggers),
                Expert::Rule(rule) => triggers.extend(rule.triggers()),
            }
            owner.resize(triggers.len(), at);
        }
        let automaton = AhoCorasick::new(triggers).expect("the triggers are few and short");
        Self { experts, automaton, owner }
    }

    /// Calls `ask` with each line that holds a trigger, in order, and the experts to ask about it.
    fn lines_to_look_at(&self, log: &Log, mut ask: impl FnMut(usize, &[usize])) {
        let mut experts: Vec<usize> = Vec::new();
        let mut line = 0;
        for hit in self.automaton.find_overlapping_iter(log.everything()) {
            let of = log.line_at_byte(hit.end());
            if of != line {
                flush(&mut experts, |experts| ask(line, experts));
                line = of;
            }
            experts.push(self.owner[hit.pattern().as_usize()]);
        }
        flush(&mut experts, |experts| ask(line, experts));
    }
}

fn flush(experts: &mut Vec<usize>, ask: impl FnOnce(&[usize])) {
    if !experts.is_empty() {
        experts.sort_unstable();
        experts.dedup();
        ask(experts);
        experts.clear();
    }
}

/// Everything that the code and the built-in rules find, by line.
#[cfg(test)]
pub(crate) fn findings_in(log: &Log) -> Vec<Finding> {
    findings_by(log, &RuleSet::builtin())
}

/// What one tool is found to say in a text.
#[cfg(test)]
pub(crate) fn found_by(tool: &str, text: &str) -> Vec<Finding> {
    let mut found = findings_in(&crate::log_of(text));
    found.retain(|finding| finding.tool == tool);
    found
}

/// Everything that the code and these rules find, by line.
///
/// A step's script is shown before it runs; what is written there has not happened.
pub(crate) fn findings_by(log: &Log, rules: &RuleSet) -> Vec<Finding> {
    let dispatch = rules.dispatch();
    let mut found = Vec::new();
    dispatch.lines_to_look_at(log, |line, experts| {
        if !is_script(log, line) {
            let new = found.len();
            for &expert in experts {
                dispatch.experts[expert].look(log, line, &mut found);
            }
            crowd::contain(&mut found, new);
        }
    });
    merged(found)
}

fn is_script(log: &Log, at: usize) -> bool {
    log.step_of(at).is_some_and(|step| log.steps()[step].script.contains(&at))
}

/// By line, the strongest first, of equally strong ones the preferred; one per tool and line.
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

/// A regular expression compiled when first used.
///
/// `pattern!("…")` gives a `&'static Regex`. Patterns are ASCII by habit: `[0-9]` and not `\d`.
/// One that does not compile is refused by clippy (`invalid_regex`), before it can panic.
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
    use super::Expert;
    use crate::log::work::LINES;
    use crate::rules::RuleSet;

    /// The lines that an expert reads for each line of a log that holds nothing but this one.
    fn reads(expert: &Expert, line: &str, lines: usize) -> u64 {
        let log = crate::log_of(&format!("{line}\n").repeat(lines));
        let mut found = Vec::new();
        LINES.set(0);
        (0..log.len()).for_each(|at| expert.look(&log, at, &mut found));
        LINES.get() / lines as u64
    }

    #[test]
    fn a_log_of_nothing_but_triggers_is_read_a_bounded_number_of_times() {
        let rules = RuleSet::builtin();
        for expert in &rules.dispatch().experts {
            let triggers: Vec<&str> = match expert {
                Expert::Code(recogniser) => recogniser.triggers.to_vec(),
                Expert::Rule(rule) => rule.triggers().collect(),
            };
            for trigger in triggers {
                let (few, many) = (reads(expert, trigger, 500), reads(expert, trigger, 2_000));
                assert!(
                    many <= 2_000 && many <= 2 * few + 10,
                    "{expert:?}, {trigger:?}: {few}, {many}"
                );
            }
        }
    }
}
