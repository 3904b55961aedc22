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
//! - Tools that can be known by a pattern of one line are data: see `rules`.
//!
//! A new tool: a module with its recogniser, a line in the folder's `RECOGNISERS`, and a fixture.

use std::sync::LazyLock;

use aho_corasick::AhoCorasick;

use crate::finding::Finding;
use crate::log::Log;

mod containers;
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

/// All of them. Of findings on the same line with the same strength, the earlier tool's stays.
static ALL: &[&[Recogniser]] = &[
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
    generic::RECOGNISERS,
];

struct Dispatch {
    recognisers: Vec<&'static Recogniser>,
    automaton: AhoCorasick,
    /// For each trigger, whose it is.
    owner: Vec<usize>,
}

static DISPATCH: LazyLock<Dispatch> = LazyLock::new(|| {
    let recognisers: Vec<&Recogniser> = ALL.iter().copied().flatten().collect();
    let mut triggers: Vec<&str> = Vec::new();
    let mut owner: Vec<usize> = Vec::new();
    for (at, recogniser) in recognisers.iter().enumerate() {
        triggers.extend(recogniser.triggers);
        owner.resize(triggers.len(), at);
    }
    let automaton = AhoCorasick::new(triggers).expect("the triggers are few and short");
    Dispatch { recognisers, automaton, owner }
});

/// Everything that any recogniser finds, by line.
pub(crate) fn findings_in(log: &Log) -> Vec<Finding> {
    let mut calls: Vec<(usize, usize)> = DISPATCH
        .automaton
        .find_overlapping_iter(log.everything())
        .map(|hit| (log.line_at_byte(hit.start()), DISPATCH.owner[hit.pattern().as_usize()]))
        .collect();
    calls.sort_unstable();
    calls.dedup();
    let mut found = Vec::new();
    for (line, recogniser) in calls {
        (DISPATCH.recognisers[recogniser].look)(log, line, &mut found);
    }
    merged(found)
}

/// One finding per tool and line: the strongest, with the tests of all.
fn merged(mut found: Vec<Finding>) -> Vec<Finding> {
    found.sort_by(|a, b| (a.line, &a.tool, b.strength).cmp(&(b.line, &b.tool, a.strength)));
    let mut kept: Vec<Finding> = Vec::with_capacity(found.len());
    for finding in found {
        match kept.last_mut() {
            Some(last) if last.line == finding.line && last.tool == finding.tool => {
                last.block = last.block.start.min(finding.block.start)
                    ..last.block.end.max(finding.block.end);
                last.tests.extend(finding.tests);
            }
            _ => kept.push(finding),
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
