//! A CI log in, a diagnosis out.
//!
//! ```
//! let log = b"running 1 test\nerror[E0308]: mismatched types\n --> src/lib.rs:3:5\n";
//! let diagnosis = greenline_diagnosis::diagnose(log, &Default::default());
//! assert_eq!(diagnosis.headline.expect("an error").line, 2);
//! ```
//!
//! A log's way: [`Reader`] takes bytes and keeps clean lines in bounded memory; recognisers, one per
//! tool, say what they see; `choose` decides which step failed, which finding is the cause and which
//! its echo, and what a repair needs to see.
//!
//! - Pure: no clock, no network, no files but the rules that are compiled in. The same bytes give the
//!   same diagnosis.
//! - Any bytes are fine: a log is written by whatever ran, and may be hostile. Nothing panics, and
//!   memory stays bounded whatever the size.
//! - When unsure it says `investigate`: calling a real defect flaky is the worst mistake.

mod choose;
mod contract;
mod cut;
mod finding;
mod green;
mod log;
mod reader;
mod recognise;
mod rules;
pub mod sarif;
pub mod show;
mod steps;
mod template;
mod tie;
mod wrapping;

pub use contract::{
    Annotation, Category, Diagnosis, Excerpt, FailedTest, Location, Quote, Verdict,
};
pub use green::Green;
pub use reader::{Reader, archive};
pub use rules::{Rule, RuleError, RuleSet};
pub use tie::{Answer, Question, Refused, TieBreaker};

/// How to diagnose.
#[derive(Debug, Clone)]
pub struct Options {
    /// The most bytes an excerpt may have.
    pub budget: usize,
    /// What passing runs of the same job say. Empty is fine.
    pub green: Green,
    /// The rules that find what is no code of this crate; the built-in ones unless told otherwise.
    pub rules: RuleSet,
}

impl Default for Options {
    fn default() -> Self {
        Self { budget: Self::LARGEST_EXCERPT, green: Green::new(), rules: RuleSet::builtin() }
    }
}

impl Options {
    /// What the contract allows an excerpt.
    pub const LARGEST_EXCERPT: usize = 16 * 1024;
}

/// Diagnoses a log that is in memory. For larger ones, feed a [`Reader`] and use [`diagnose_read`].
#[must_use]
pub fn diagnose(log: &[u8], options: &Options) -> Diagnosis {
    let mut reader = Reader::new();
    reader.push(log);
    diagnose_read(reader, options)
}

/// Diagnoses what a reader has taken.
#[must_use]
pub fn diagnose_read(reader: Reader, options: &Options) -> Diagnosis {
    Examined::new(reader, options).diagnosis()
}

/// A log that was read and searched: for those who want to ask more than once.
#[derive(Debug)]
pub struct Examined<'a> {
    log: log::Log,
    findings: Vec<finding::Finding>,
    options: &'a Options,
}

impl<'a> Examined<'a> {
    /// Searches what a reader has taken.
    #[must_use]
    pub fn new(reader: Reader, options: &'a Options) -> Self {
        let log = reader.finish();
        let findings = recognise::findings_by(&log, &options.rules);
        Self { log, findings, options }
    }

    /// What the log says by itself.
    #[must_use]
    pub fn diagnosis(&self) -> Diagnosis {
        choose::diagnosis(&self.log, &self.findings, &self.options.green, self.options.budget)
    }

    /// The diagnosis, after asking somebody where the log alone does not decide. An answer that is
    /// refused, or none, leaves it as it was.
    pub async fn asking<T: TieBreaker>(&self, breaker: &T) -> (Diagnosis, Option<Asked<T::Error>>) {
        let diagnosis = self.diagnosis();
        let Some(question) = tie::question(&diagnosis) else { return (diagnosis, None) };
        match breaker.answer(&question).await {
            Err(error) => (diagnosis, Some(Asked::NoAnswer(error))),
            Ok(answer) => match self.decided_by(&answer) {
                Err(refused) => (diagnosis, Some(Asked::Refused(refused))),
                Ok(decided) => (decided, Some(Asked::Decided)),
            },
        }
    }

    /// The diagnosis with somebody's answer about the cause in it.
    ///
    /// # Errors
    ///
    /// The answer quotes no line of this log that says anything.
    pub fn decided_by(&self, answer: &Answer) -> Result<Diagnosis, Refused> {
        let line = tie::quoted(&self.log, answer)?;
        let mut findings = self.findings.clone();
        findings.push(tie::finding(&self.log, line, answer));
        Ok(choose::diagnosis(&self.log, &findings, &self.options.green, self.options.budget))
    }
}

/// What became of a question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Asked<E> {
    /// The answer is in the diagnosis.
    Decided,
    /// The answer does not speak of this log.
    Refused(Refused),
    /// There was none.
    NoAnswer(E),
}

/// The log of a text, for tests.
#[cfg(test)]
pub(crate) fn log_of(text: &str) -> log::Log {
    let mut reader = Reader::new();
    reader.push(text.as_bytes());
    reader.finish()
}
