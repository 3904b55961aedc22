//! A rule: its pattern, and the finding it produces.

use std::borrow::Cow;
use std::ops::Range;
use std::sync::OnceLock;

use regex::{Captures, Regex, RegexBuilder};

use crate::contract::{Category, FailedTest, Location, Verdict};
use crate::finding::{Finding, Strength};
use crate::log::Log;

/// One rule of a [`RuleSet`](super::RuleSet).
#[derive(Debug, Clone)]
pub struct LogRule {
    pub(super) name: String,
    pub(super) tool: String,
    pub(super) category: Category,
    pub(super) strength: Strength,
    pub(super) verdict: Option<Verdict>,
    pub(super) triggers: Vec<String>,
    pub(super) pattern: RulePattern,
    pub(super) not: Option<RulePattern>,
    pub(super) block: RuleBlock,
    pub(super) learned_from: Option<String>,
}

/// The lines around a match that are needed to understand it.
#[derive(Debug, Clone, Default)]
pub(super) struct RuleBlock {
    pub(super) before: usize,
    pub(super) after: usize,
    pub(super) until: Option<RulePattern>,
}

/// A regular expression that is compiled on first use.
#[derive(Debug, Clone)]
pub(super) struct RulePattern {
    text: String,
    compiled: OnceLock<Option<Regex>>,
}

impl RulePattern {
    pub(super) fn new(text: &str) -> Self {
        Self { text: text.to_owned(), compiled: OnceLock::new() }
    }

    /// Compiles within bounds: other people's rules must not take more memory than a log.
    pub(super) fn compile(&self) -> Result<Regex, regex::Error> {
        const LARGEST: usize = 1 << 20;
        RegexBuilder::new(&ascii(&self.text))
            .size_limit(LARGEST)
            .dfa_size_limit(LARGEST)
            .nest_limit(50)
            .build()
    }

    /// Returns `None` for a pattern that does not compile; the parser refuses such a rule.
    fn regex(&self) -> Option<&Regex> {
        self.compiled.get_or_init(|| self.compile().ok()).as_ref()
    }

    fn likes(&self, line: &str) -> bool {
        self.regex().is_some_and(|regex| regex.is_match(line))
    }
}

/// Restricts `\w`, `\d` and `\b` to ASCII: tools print ASCII, and Unicode's tables make a pattern
/// ten times as large and slow to compile.
fn ascii(pattern: &str) -> String {
    let mut out = String::with_capacity(pattern.len() + 32);
    let mut chars = pattern.chars();
    let mut class = false;
    while let Some(char) = chars.next() {
        match char {
            '\\' => match (chars.next(), class) {
                (Some('w'), true) => out.push_str("[:word:]"),
                (Some('w'), false) => out.push_str("[[:word:]]"),
                (Some('d'), true) => out.push_str("[:digit:]"),
                (Some('d'), false) => out.push_str("[[:digit:]]"),
                (Some('b'), false) => out.push_str(r"(?-u:\b)"),
                (next, _) => out.extend(std::iter::once('\\').chain(next)),
            },
            '[' | ']' => {
                class = char == '[' || (class && out.ends_with(['[', '^']));
                out.push(char);
            }
            _ => out.push(char),
        }
    }
    out
}

impl LogRule {
    /// The groups that a pattern may name.
    pub(super) const GROUPS: [&'static str; 7] =
        ["message", "file", "line", "column", "test", "expected", "actual"];

    /// Returns the name, unique among the rules of a file.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the tool whose output it recognizes.
    #[must_use]
    pub fn tool(&self) -> &str {
        &self.tool
    }

    #[must_use]
    pub fn category(&self) -> Category {
        self.category
    }

    /// Returns the literals of which a line must hold one.
    pub fn triggers(&self) -> impl Iterator<Item = &str> {
        self.triggers.iter().map(String::as_str)
    }

    /// Returns the fixture that taught it, `ecosystem/case`, if it has no sample of its own.
    #[must_use]
    pub fn learned_from(&self) -> Option<&str> {
        self.learned_from.as_deref()
    }

    /// Returns the captures of a line, if it matches.
    pub(super) fn captures<'line>(&self, line: &'line str) -> Option<Captures<'line>> {
        let hit = self.pattern.regex()?.captures(line)?;
        let excluded = self.not.as_ref().is_some_and(|not| not.likes(line));
        (!excluded).then_some(hit)
    }

    /// Reads a line and adds its finding.
    pub(crate) fn look(&self, log: &Log, at: usize, found: &mut Vec<Finding>) {
        let content = log.content(at);
        let Some(hit) = self.captures(content) else { return };
        let named = |name| hit.name(name).map(|group| group.as_str());
        let message = named("message").unwrap_or(content).trim();
        let location =
            named("file").map(|file| Location::new(file, named("line"), named("column")));
        let tests = named("test").map(|test| {
            FailedTest::named(test)
                .saying(named("message").unwrap_or_default())
                .at(location.clone())
                .comparing(named("expected"), named("actual"))
        });
        found.push(Finding {
            tool: Cow::Owned(self.tool.clone()),
            category: self.category,
            strength: self.strength,
            line: at,
            block: self.block.around(log, at),
            message: message.to_owned(),
            location,
            tests: tests.into_iter().collect(),
            verdict: self.verdict,
        });
    }
}

impl RuleBlock {
    fn around(&self, log: &Log, at: usize) -> Range<usize> {
        let ends = |line: &str| self.until.as_ref().is_some_and(|until| until.likes(line));
        at.saturating_sub(self.before)..log.block(at, self.after + 1, ends).end.max(at + 1)
    }
}
