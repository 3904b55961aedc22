//! Rules: recognizers that are data.
//!
//! A pattern of one line recognizes many tools. Such a tool is a `[[rule]]` in `rules.toml`, or in
//! a repository's own file, with the log that taught it:
//!
//! ```toml
//! [[rule]]
//! name = "terraform: error box"
//! tool = "terraform"
//! category = "github_actions_config"
//! triggers = ["│ Error: "]
//! pattern = '^│ Error: (?<message>.+)'
//! block = { before = 1, after = 20, until = '^╵' }
//! why = "Terraform draws a box around each error; its first line says what is wrong."
//! sample = '''
//! ╷
//! => │ Error: ‹Unsupported argument›
//! │
//! │   on main.tf line 4, in resource "null_resource" "a":
//! ╵
//! '''
//! ```
//!
//! - The order in the file is the order of preference: of two rules with the same strength on the
//!   same line, the first counts.
//! - A sample marks the lines that the rule must match with `=> `, and its captures with `‹›`.
//!   Unmarked lines must not match: put look-alikes there.
//! - Other people's rules are not trusted: patterns are linear in time and small in memory, and a
//!   rule that does not match its own sample is refused.
//! - A tool that takes more than a line to understand (a test framework's blocks) is code: see
//!   `recognize`.

mod parse;
mod problem;
mod rule;
mod sample;

use std::borrow::Cow;
use std::sync::{Arc, LazyLock};

use crate::recognize::Dispatch;

pub use problem::RuleError;
pub use rule::LogRule;

const BUILTIN: &str = include_str!("rules.toml");

/// Rules in their order, ready to use.
///
/// Clones are cheap.
#[derive(Debug, Clone)]
pub struct RuleSet {
    rules: Arc<[Arc<LogRule>]>,
    dispatch: Arc<Dispatch>,
}

impl RuleSet {
    /// Returns the compiled-in rules.
    #[must_use]
    pub fn builtin() -> Self {
        static BUILT: LazyLock<RuleSet> = LazyLock::new(|| {
            RuleSet::of(parse::trusted(BUILTIN).expect("a test reads the built-in rules"), 0)
        });
        BUILT.clone()
    }

    /// Parses the rules in `text` and checks each against its sample. `name` is the file's name,
    /// for errors.
    ///
    /// [`RuleSet::with`] adds them to the built-in ones.
    ///
    /// # Errors
    ///
    /// On the first error in the text, with its place and its remedy.
    pub fn parse(text: &str, name: &str) -> Result<Self, RuleError> {
        let rules = parse::checked(text).map_err(|fault| RuleError::new(fault, text, name))?;
        let own = rules.len();
        Ok(Self::of(rules, own))
    }

    /// Returns these rules with a repository's own before them.
    #[must_use]
    pub fn with(&self, own: &Self) -> Self {
        let rules = own.rules.iter().chain(&*self.rules).cloned().collect();
        Self::of(rules, own.rules.len())
    }

    /// Returns all rules, the preferred ones first.
    pub fn rules(&self) -> impl Iterator<Item = &LogRule> {
        self.rules.iter().map(Arc::as_ref)
    }

    /// Returns the tool's first rule that matches a line, and the line with its captures in `‹›`.
    #[must_use]
    pub fn mark(&self, tool: &str, line: &str) -> Option<(&str, String)> {
        let mut rules = self.rules().filter(|rule| rule.tool() == tool);
        rules.find_map(|rule| Some((rule.name(), sample::marked(line, &rule.captures(line)?))))
    }

    /// The first `own` rules take precedence over recognizers in code.
    fn of(rules: Vec<Arc<LogRule>>, own: usize) -> Self {
        Self { dispatch: Arc::new(Dispatch::of(&rules, own)), rules: rules.into() }
    }

    pub(crate) fn dispatch(&self) -> &Dispatch {
        &self.dispatch
    }
}

impl Default for RuleSet {
    fn default() -> Self {
        Self::builtin()
    }
}

/// Returns the word of the list that was probably meant.
fn meant<'a>(written: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    known
        .into_iter()
        .map(|word| (strsim::damerau_levenshtein(written, word), word))
        .filter(|(distance, word)| *distance <= 1 + word.len() / 4)
        .min()
        .map(|(_, word)| word)
}

/// Returns the word that was probably meant, or the whole list: `one, two, three`.
fn suggestion(written: &str, known: &[&str]) -> Cow<'static, str> {
    match meant(written, known.iter().copied()) {
        Some(word) => format!("did you mean \"{word}\"?").into(),
        None => format!("there are: {}", known.join(", ")).into(),
    }
}

#[cfg(test)]
mod tests;
