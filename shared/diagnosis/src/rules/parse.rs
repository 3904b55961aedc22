//! Parses rules from TOML. Errors name their place and remedy.
//!
//! The parser does not use serde: every value keeps its place, and the built-in rules, which every
//! start reads, are copied no more than needed.

use std::ops::Range;
use std::sync::Arc;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::problem::RuleFault;
use super::rule::{LogRule, RuleBlock, RulePattern};
use super::{sample, suggestion};
use crate::contract::{Category, Verdict};
use crate::finding::Strength;

/// The most bytes of a rules file.
const LARGEST: usize = 1 << 20;
/// The most rules of a file.
const MOST: usize = 1_000;
/// A shorter trigger occurs in so many lines that every log would be slow.
const SHORTEST_TRIGGER: usize = 3;
/// The most lines of a block on either side.
const LONGEST_BLOCK: usize = 400;

const STRENGTHS: [(&str, Strength); 5] = [
    ("echo", Strength::Echo),
    ("suspicion", Strength::Suspicion),
    ("summary", Strength::Summary),
    ("cause", Strength::Cause),
    ("root", Strength::Root),
];

type RuleResult<T> = Result<T, RuleFault>;

/// Parses this project's rules, whose patterns and samples a test has checked.
///
/// Samples, the larger part of the file, are skipped: only people and tests read them.
pub(super) fn trusted(text: &str) -> RuleResult<Vec<Arc<LogRule>>> {
    let mut sample = false;
    let needed = text.lines().filter(|line| {
        let begins = *line == "sample = '''";
        let ends = sample && *line == "'''";
        let keep = !sample && !begins && !line.starts_with("why = ") && !line.starts_with('#');
        sample = begins || (sample && !ends);
        keep
    });
    let needed = needed.fold(String::with_capacity(text.len()), |all, line| all + line + "\n");
    read(&needed, false)
}

/// Parses and checks a repository's rules.
pub(super) fn checked(text: &str) -> RuleResult<Vec<Arc<LogRule>>> {
    if text.len() > LARGEST {
        return Err(RuleFault::new(0..0, format!("a file of rules has at most {LARGEST} bytes")));
    }
    read(text, true)
}

fn read(text: &str, check: bool) -> RuleResult<Vec<Arc<LogRule>>> {
    let file = DeTable::parse(text)?;
    let file = RuleFields::of(file.get_ref(), file.span(), &["rule"])?;
    let Some(tables) = file.find("rule") else { return Ok(Vec::new()) };
    let list = tables.get_ref().as_array();
    let list = list.ok_or_else(|| wanted(tables, "rules, each under [[rule]]"))?;
    if list.len() > MOST {
        return Err(RuleFault::new(tables.span(), format!("a file holds at most {MOST} rules")));
    }
    let mut rules: Vec<Arc<LogRule>> = Vec::with_capacity(list.len());
    for table in list {
        let fields = table.get_ref().as_table().ok_or_else(|| wanted(table, "a table"))?;
        let fields = RuleFields::of(fields, table.span(), &FIELDS)?;
        let rule = rule(&fields)?;
        if check {
            fields.text("why")?;
            refuse_namesake(&rules, &rule, &fields)?;
            check_rule(&rule, &fields, text)?;
        }
        rules.push(Arc::new(rule));
    }
    Ok(rules)
}

const FIELDS: [&str; 12] = [
    "name",
    "tool",
    "category",
    "strength",
    "verdict",
    "triggers",
    "pattern",
    "not",
    "block",
    "why",
    "learned_from",
    "sample",
];

fn rule(fields: &RuleFields<'_>) -> RuleResult<LogRule> {
    Ok(LogRule {
        name: fields.text("name")?.to_owned(),
        tool: fields.text("tool")?.to_owned(),
        category: fields
            .one_of("category", &categories())?
            .ok_or_else(|| fields.lacks("category"))?,
        strength: fields.one_of("strength", &STRENGTHS)?.unwrap_or(Strength::Cause),
        verdict: fields.one_of("verdict", &verdicts())?,
        triggers: triggers(fields)?,
        pattern: RulePattern::new(fields.text("pattern")?),
        not: fields.optional_text("not")?.map(RulePattern::new),
        block: block(fields)?,
        learned_from: fields.optional_text("learned_from")?.map(str::to_owned),
    })
}

fn categories() -> [(&'static str, Category); 12] {
    Category::ALL.map(|category| (category.as_str(), category))
}

fn verdicts() -> [(&'static str, Verdict); 4] {
    [Verdict::Fixable, Verdict::Investigate, Verdict::Rerun, Verdict::Escalate]
        .map(|verdict| (verdict.as_str(), verdict))
}

fn triggers(fields: &RuleFields<'_>) -> RuleResult<Vec<String>> {
    const LACKS: &str = "a rule needs triggers: literals of which a line must hold one";
    let value = fields.find("triggers").ok_or_else(|| RuleFault::new(fields.span(), LACKS))?;
    let list = value.get_ref().as_array().ok_or_else(|| wanted(value, "a list of literals"))?;
    if list.is_empty() {
        return Err(RuleFault::new(value.span(), LACKS));
    }
    list.iter().map(trigger).collect()
}

fn trigger(value: &Spanned<DeValue<'_>>) -> RuleResult<String> {
    let text = value.get_ref().as_str().ok_or_else(|| wanted(value, "a literal"))?;
    if text.len() < SHORTEST_TRIGGER || text.len() > 200 || text.contains('\n') {
        let message = "a trigger is one line of at least 3 characters: the rarer, the faster";
        return Err(RuleFault::new(value.span(), message));
    }
    Ok(text.to_owned())
}

fn block(fields: &RuleFields<'_>) -> RuleResult<RuleBlock> {
    let Some(value) = fields.find("block") else { return Ok(RuleBlock::default()) };
    let table = value.get_ref().as_table();
    let table = table.ok_or_else(|| wanted(value, "a table: { before = 1, after = 10 }"))?;
    let fields = RuleFields::of(table, value.span(), &["before", "after", "until"])?;
    Ok(RuleBlock {
        before: fields.lines("before")?,
        after: fields.lines("after")?,
        until: fields.optional_text("until")?.map(RulePattern::new),
    })
}

fn refuse_namesake(
    rules: &[Arc<LogRule>],
    rule: &LogRule,
    fields: &RuleFields<'_>,
) -> RuleResult<()> {
    if rules.iter().any(|other| other.name == rule.name) {
        let message = format!("there is another rule with the name \"{}\"", rule.name);
        return Err(RuleFault::new(fields.span_of("name"), message));
    }
    Ok(())
}

/// Checks that a rule's patterns compile and match its sample.
fn check_rule(rule: &LogRule, fields: &RuleFields<'_>, text: &str) -> RuleResult<()> {
    let broken = |at: &str, error: &regex::Error| {
        RuleFault::new(
            fields.span_of(at),
            format!("the pattern can't be used: {}", last_line(error)),
        )
    };
    let pattern = rule.pattern.compile().map_err(|error| broken("pattern", &error))?;
    for group in pattern.capture_names().flatten() {
        if !LogRule::GROUPS.contains(&group) {
            let hint = suggestion(group, &LogRule::GROUPS);
            let message = format!("unknown group \"{group}\"; {hint}");
            return Err(RuleFault::new(fields.span_of("pattern"), message));
        }
    }
    let others = [("not", rule.not.as_ref()), ("block", rule.block.until.as_ref())];
    for (name, pattern) in others {
        if let Some(pattern) = pattern {
            pattern.compile().map_err(|error| broken(name, &error))?;
        }
    }
    check_sample(rule, fields, text)
}

fn check_sample(rule: &LogRule, fields: &RuleFields<'_>, text: &str) -> RuleResult<()> {
    let Some(sample) = fields.optional_text("sample")? else {
        let message = "a rule needs a sample, or learned_from with the fixture that taught it";
        return match rule.learned_from {
            Some(_) => Ok(()),
            None => Err(RuleFault::new(fields.span(), message)),
        };
    };
    match sample::fault(rule, sample) {
        Some((line, message)) => {
            Err(RuleFault::new(place_in(text, fields.span_of("sample"), line), message))
        }
        None => Ok(()),
    }
}

/// Returns the position of a line of a multi-line literal in the file. Its first line follows the
/// quotes.
fn place_in(text: &str, literal: Range<usize>, line: usize) -> Range<usize> {
    let written = text.get(literal.clone()).unwrap_or_default();
    let multi = written.starts_with("'''\n") || written.starts_with("\"\"\"\n");
    let start: usize =
        written.split_inclusive('\n').take(line + usize::from(multi)).map(str::len).sum();
    literal.start + start..literal.end
}

/// Returns the last line of the message: the lines before draw the pattern.
fn last_line(error: &regex::Error) -> String {
    let all = error.to_string();
    all.lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned()
}

fn wanted(value: &Spanned<DeValue<'_>>, what: &str) -> RuleFault {
    let found = value.get_ref().type_str();
    RuleFault::new(value.span(), format!("here should be {what}, not {found}"))
}

/// The fields of a table, all of them known.
struct RuleFields<'text> {
    table: &'text DeTable<'text>,
    span: Range<usize>,
}

impl<'text> RuleFields<'text> {
    fn of(table: &'text DeTable<'text>, span: Range<usize>, known: &[&str]) -> RuleResult<Self> {
        for key in table.keys() {
            let name: &str = key.get_ref();
            if !known.contains(&name) {
                let message = format!("unknown field \"{name}\"; {}", suggestion(name, known));
                return Err(RuleFault::new(key.span(), message));
            }
        }
        Ok(Self { table, span })
    }

    fn span(&self) -> Range<usize> {
        self.span.clone()
    }

    fn find(&self, name: &str) -> Option<&'text Spanned<DeValue<'text>>> {
        self.table.get(name)
    }

    fn span_of(&self, name: &str) -> Range<usize> {
        self.find(name).map_or(self.span(), Spanned::span)
    }

    fn lacks(&self, name: &str) -> RuleFault {
        RuleFault::new(self.span(), format!("this rule has no \"{name}\""))
    }

    fn text(&self, name: &str) -> RuleResult<&'text str> {
        let text = self.optional_text(name)?.ok_or_else(|| self.lacks(name))?;
        if text.trim().is_empty() {
            return Err(RuleFault::new(self.span_of(name), format!("\"{name}\" is empty")));
        }
        Ok(text)
    }

    fn optional_text(&self, name: &str) -> RuleResult<Option<&'text str>> {
        let Some(value) = self.find(name) else { return Ok(None) };
        value.get_ref().as_str().map(Some).ok_or_else(|| wanted(value, "a text"))
    }

    fn lines(&self, name: &str) -> RuleResult<usize> {
        let Some(value) = self.find(name) else { return Ok(0) };
        let count = value.get_ref().as_integer().and_then(|number| number.as_str().parse().ok());
        count.filter(|&count| count <= LONGEST_BLOCK).ok_or_else(|| {
            RuleFault::new(value.span(), format!("here should be lines, from 0 to {LONGEST_BLOCK}"))
        })
    }

    fn one_of<T: Copy>(&self, name: &str, known: &[(&str, T)]) -> RuleResult<Option<T>> {
        let Some(text) = self.optional_text(name)? else { return Ok(None) };
        if let Some((_, value)) = known.iter().find(|(word, _)| *word == text) {
            return Ok(Some(*value));
        }
        let words: Vec<&str> = known.iter().map(|(word, _)| *word).collect();
        let message = format!("unknown {name} \"{text}\"; {}", suggestion(text, &words));
        Err(RuleFault::new(self.span_of(name), message))
    }
}
