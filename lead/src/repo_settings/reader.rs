//! Reading a `.greenline.toml` key by key.
//!
//! A section is asked for the keys it may have. What was asked for is what is known, so that code
//! and complaint can't part; whatever is left at the end is unknown. All problems are told at once,
//! and a value that is wrong reads as its default.

use std::cell::RefCell;
use std::ops::Range;

use globset::{GlobBuilder, GlobMatcher};
use greenline_runtime::hosts::HostList;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::problem::{self, RepoSettingsProblem, quoted, suggestion};

/// The most items that a list may have.
const MOST_ITEMS: usize = 100;
/// The longest text that a value may be, in bytes.
const LONGEST_TEXT: usize = 2_000;

/// The text that is read, and what is wrong with it.
pub(super) struct SettingsSource<'t> {
    text: &'t str,
    problems: RefCell<Vec<RepoSettingsProblem>>,
}

impl<'t> SettingsSource<'t> {
    pub(super) fn new(text: &'t str) -> Self {
        Self { text, problems: RefCell::default() }
    }

    pub(super) fn report(
        &self,
        span: &Range<usize>,
        message: impl Into<String>,
        hint: impl Into<String>,
    ) {
        let problem = problem::problem_at(self.text, span, message.into(), hint.into());
        self.problems.borrow_mut().push(problem);
    }

    /// Everything that is wrong, in the order of the text.
    pub(super) fn problems(self) -> Vec<RepoSettingsProblem> {
        let mut problems = self.problems.into_inner();
        problems.sort_by_key(|problem| (problem.line, problem.column));
        problems
    }
}

/// A pattern of names or paths, as it was written and as it matches.
#[derive(Debug, Clone)]
pub struct GlobPattern {
    text: String,
    matcher: GlobMatcher,
}

impl PartialEq for GlobPattern {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl GlobPattern {
    /// As it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Returns true if the name matches. A name that is written out matches too, whatever
    /// characters it holds.
    #[must_use]
    pub fn matches(&self, name: &str) -> bool {
        self.text == name || self.matcher.is_match(name)
    }

    pub(super) fn parse(text: &str, of: PatternKind) -> Result<Self, String> {
        let glob = GlobBuilder::new(text).literal_separator(of == PatternKind::Paths).build();
        let glob = glob.map_err(|error| error.kind().to_string())?;
        Ok(Self { text: text.to_owned(), matcher: glob.compile_matcher() })
    }
}

/// The kind of names that patterns match.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PatternKind {
    /// Names of checks: `*` fits everything.
    Names,
    /// Paths and branches: `*` ends at a slash, `**` does not.
    Paths,
}

type Value<'t> = Spanned<DeValue<'t>>;

/// One table of the file.
pub(super) struct SettingsSection<'s, 't> {
    source: &'s SettingsSource<'t>,
    /// None where the file does not have it.
    table: Option<&'s DeTable<'t>>,
    known_keys: Vec<&'static str>,
}

impl<'s, 't> SettingsSection<'s, 't> {
    pub(super) fn top(source: &'s SettingsSource<'t>, table: &'s DeTable<'t>) -> Self {
        Self { source, table: Some(table), known_keys: vec![] }
    }

    /// A table in this one.
    pub(super) fn section(&mut self, key: &'static str) -> Self {
        let table = match self.take(key) {
            None => None,
            Some(value) => match value.get_ref() {
                DeValue::Table(table) => Some(table),
                _ => {
                    let message = format!("\"{key}\" is a section");
                    self.source.report(&value.span(), message, format!("write [{key}] above it"));
                    None
                }
            },
        };
        Self { source: self.source, table, known_keys: vec![] }
    }

    /// All tables in this one, whatever they are called, with their names as patterns.
    pub(super) fn named_sections(self) -> Vec<(GlobPattern, Self)> {
        let entries = self.table.into_iter().flatten();
        let sections = entries.filter_map(|(name, value)| {
            let DeValue::Table(table) = value.get_ref() else {
                let message = format!("{} is not a section", quoted(name.get_ref()));
                self.source.report(&name.span(), message, "write [checks.\"name of a check\"]");
                return None;
            };
            let pattern = self.pattern(name.get_ref(), &name.span(), PatternKind::Names)?;
            Some((pattern, Self { source: self.source, table: Some(table), known_keys: vec![] }))
        });
        sections.collect()
    }

    pub(super) fn flag(&mut self, key: &'static str, default: bool) -> bool {
        let Some(value) = self.take(key) else { return default };
        match value.get_ref() {
            DeValue::Boolean(flag) => *flag,
            _ => self.refuse(key, value, "true or false", "true", default),
        }
    }

    /// A whole number within bounds, both included.
    pub(super) fn whole(&mut self, key: &'static str, default: u32, bounds: (u32, u32)) -> u32 {
        let Some(value) = self.take(key) else { return default };
        let wanted = format!("a whole number from {} to {}", bounds.0, bounds.1);
        let number = match value.get_ref() {
            DeValue::Integer(number) if number.radix() == 10 => {
                without_underscores(number.as_str()).parse().ok()
            }
            _ => None,
        };
        match number.filter(|number| (bounds.0..=bounds.1).contains(number)) {
            Some(number) => number,
            None => self.refuse(key, value, &wanted, &default.to_string(), default),
        }
    }

    /// An amount of dollars.
    pub(super) fn dollars(&mut self, key: &'static str, default: f64) -> f64 {
        const MOST: f64 = 100_000.0;
        let Some(value) = self.take(key) else { return default };
        let amount: Option<f64> = match value.get_ref() {
            DeValue::Integer(number) if number.radix() == 10 => {
                without_underscores(number.as_str()).parse().ok()
            }
            DeValue::Float(number) => without_underscores(number.as_str()).parse().ok(),
            _ => None,
        };
        match amount.filter(|amount| (0.0..=MOST).contains(amount)) {
            Some(amount) => amount,
            None => self.refuse(key, value, "an amount of dollars", "5.00", default),
        }
    }

    /// A list of texts with their places; none if it is not written.
    fn spanned_texts(&mut self, key: &'static str) -> Option<Vec<(&'s str, Range<usize>)>> {
        let value = self.take(key)?;
        let DeValue::Array(items) = value.get_ref() else {
            return self.refuse(key, value, "a list", "[\"…\", \"…\"]", None);
        };
        if items.len() > MOST_ITEMS {
            let message = format!("{key} has {} items", items.len());
            self.source.report(&value.span(), message, format!("write at most {MOST_ITEMS}"));
            return None;
        }
        let texts = items.iter().filter_map(|item| match item.get_ref().as_str() {
            Some(text) if !text.trim().is_empty() && text.len() <= LONGEST_TEXT => {
                Some((text, item.span()))
            }
            _ => self.refuse(key, item, "made of texts, none empty or too long", "[\"…\"]", None),
        });
        Some(texts.collect())
    }

    /// A list of texts.
    pub(super) fn texts(&mut self, key: &'static str, default: &[&str]) -> Vec<String> {
        match self.spanned_texts(key) {
            Some(texts) => texts.into_iter().map(|(text, _)| text.to_owned()).collect(),
            None => default.iter().map(|text| (*text).to_owned()).collect(),
        }
    }

    /// A list of commands; none if it is not written.
    pub(super) fn commands(&mut self, key: &'static str) -> Option<Vec<String>> {
        let texts = self.spanned_texts(key)?.into_iter().filter_map(|(text, span)| {
            if text.contains('\0') {
                let message = format!("a command of {key} holds a NUL byte");
                self.source.report(&span, message, "remove it");
                return None;
            }
            Some(text.to_owned())
        });
        Some(texts.collect())
    }

    /// A list of hosts, checked and kept as they were written; none if it is not written.
    pub(super) fn hosts(&mut self, key: &'static str) -> Option<Vec<String>> {
        let texts = self.spanned_texts(key)?.into_iter().filter_map(|(text, span)| {
            let wrong = HostList::parse([text]).err();
            if let Some(fault) = &wrong {
                self.source.report(&span, fault.message.as_str(), fault.hint.as_str());
            }
            wrong.is_none().then(|| text.to_owned())
        });
        let hosts: Vec<String> = texts.collect();
        // Each may be right and all of them too many.
        if let Err(fault) = HostList::parse(hosts.iter().map(String::as_str)) {
            self.source.report(&self.place(key), fault.message, fault.hint);
        }
        Some(hosts)
    }

    /// Returns the place of a key's value.
    pub(super) fn place(&self, key: &str) -> Range<usize> {
        let value = self.table.and_then(|table| table.get(key));
        value.map_or(0..0, Spanned::span)
    }

    /// A list of patterns.
    pub(super) fn patterns(&mut self, key: &'static str, of: PatternKind) -> Vec<GlobPattern> {
        let texts = self.spanned_texts(key).unwrap_or_default();
        texts.into_iter().filter_map(|(text, span)| self.pattern(text, &span, of)).collect()
    }

    /// A list of words that are chosen from `known`; `what` is one of them.
    pub(super) fn choices<T: Copy>(
        &mut self,
        key: &'static str,
        what: &str,
        known: &[(&'static str, T)],
    ) -> Option<Vec<T>> {
        let names: Vec<&str> = known.iter().map(|(name, _)| *name).collect();
        let chosen = self.spanned_texts(key)?.into_iter().filter_map(|(text, span)| {
            let found = known.iter().find(|(name, _)| *name == text);
            if found.is_none() {
                let message = format!("unknown {what} {}", quoted(text));
                self.source.report(&span, message, suggestion(text, &names));
            }
            found.map(|(_, value)| *value)
        });
        Some(chosen.collect())
    }

    /// Complains of every key that was not asked for.
    pub(super) fn finish(self) {
        for (key, _) in self.table.into_iter().flatten() {
            let name: &str = key.get_ref();
            if !self.known_keys.contains(&name) {
                let message = format!("unknown setting {}", quoted(name));
                self.source.report(&key.span(), message, suggestion(name, &self.known_keys));
            }
        }
    }

    fn pattern(&self, text: &str, span: &Range<usize>, of: PatternKind) -> Option<GlobPattern> {
        let parsed = GlobPattern::parse(text, of);
        parsed
            .map_err(|why| {
                let message = format!("{} is no pattern: {why}", quoted(text));
                self.source.report(span, message, "write one such as \"docs/**\" or \"release-*\"");
            })
            .ok()
    }

    fn take(&mut self, key: &'static str) -> Option<&'s Value<'t>> {
        self.known_keys.push(key);
        self.table?.get(key)
    }

    fn refuse<T>(&self, key: &str, value: &Value<'_>, wanted: &str, like: &str, default: T) -> T {
        let message = format!("{key} must be {wanted}");
        self.source.report(&value.span(), message, format!("write {key} = {like}"));
        default
    }
}

/// A number without the underscores that TOML allows.
fn without_underscores(number: &str) -> String {
    number.replace('_', "")
}
