//! Turns a CI log into a diagnosis.
//!
//! ```
//! let log = b"running 1 test\nerror[E0308]: mismatched types\n --> src/lib.rs:3:5\n";
//! let diagnosis = greenline_diagnosis::diagnose(log, &Default::default());
//! assert_eq!(diagnosis.headline.expect("an error").line, 2);
//! ```
//!
//! [`LogReader`] takes bytes and keeps clean lines in bounded memory. Recognizers, one per tool,
//! report findings. `choose` selects the failed step, the finding that is the cause, and the
//! excerpt for a repair.
//!
//! - Pure: no clock, no network, no files other than the compiled-in rules. The same bytes give the
//!   same diagnosis.
//! - Any input is accepted: a log is written by untrusted code. Nothing panics, and memory stays
//!   bounded whatever the size.
//! - When unsure, the verdict is `investigate`: calling a real defect flaky is the worst mistake.

mod choose;
mod contract;
mod cut;
mod finding;
mod log;
mod passing_lines;
mod prefixes;
mod reader;
mod recognize;
mod rules;
pub mod sarif;
pub mod show;
mod steps;
mod template;
mod tie_breaker;

pub use contract::{
    Annotation, Category, Diagnosis, Excerpt, FailedTest, Location, Quote, Verdict,
};
pub use passing_lines::PassingLines;
pub use reader::{LogReader, archive};
pub use rules::{LogRule, RuleError, RuleSet};
pub use tie_breaker::{RefusedAnswer, TieBreakAnswer, TieBreakQuestion, TieBreaker};

/// Options of a diagnosis.
#[derive(Debug, Clone)]
pub struct DiagnosisOptions {
    /// The most bytes of an excerpt.
    pub budget: usize,
    /// Lines of passing runs of the same job; may be empty.
    pub passing_lines: PassingLines,
    /// The rules; the built-in ones by default.
    pub rules: RuleSet,
}

impl Default for DiagnosisOptions {
    fn default() -> Self {
        Self {
            budget: Self::LARGEST_EXCERPT,
            passing_lines: PassingLines::new(),
            rules: RuleSet::builtin(),
        }
    }
}

impl DiagnosisOptions {
    /// The largest excerpt that the contract allows.
    pub const LARGEST_EXCERPT: usize = 16 * 1024;
}

/// Diagnoses a log in memory. For larger logs, feed a [`LogReader`] and use [`diagnose_read`].
#[must_use]
pub fn diagnose(log: &[u8], options: &DiagnosisOptions) -> Diagnosis {
    let mut reader = LogReader::new();
    reader.push(log);
    diagnose_read(reader, options)
}

/// Diagnoses the log that a reader has taken.
#[must_use]
pub fn diagnose_read(reader: LogReader, options: &DiagnosisOptions) -> Diagnosis {
    ExaminedLog::new(reader, options).diagnosis()
}

/// A log that was read and searched, for more than one question.
#[derive(Debug)]
pub struct ExaminedLog<'a> {
    log: log::Log,
    findings: Vec<finding::Finding>,
    options: &'a DiagnosisOptions,
}

impl<'a> ExaminedLog<'a> {
    /// Searches the log that a reader has taken.
    #[must_use]
    pub fn new(reader: LogReader, options: &'a DiagnosisOptions) -> Self {
        let log = reader.finish();
        let findings = recognize::findings_by(&log, &options.rules);
        Self { log, findings, options }
    }

    /// Returns the diagnosis from the log alone.
    #[must_use]
    pub fn diagnosis(&self) -> Diagnosis {
        choose::diagnosis(
            &self.log,
            &self.findings,
            &self.options.passing_lines,
            self.options.budget,
        )
    }

    /// Returns the diagnosis, after asking the tie breaker if the log alone does not decide. A
    /// refused answer, or none, changes nothing.
    pub async fn asking<T: TieBreaker>(
        &self,
        breaker: &T,
    ) -> (Diagnosis, Option<TieBreakOutcome<T::Error>>) {
        let diagnosis = self.diagnosis();
        let Some(question) = tie_breaker::question(&diagnosis) else { return (diagnosis, None) };
        match breaker.answer(&question).await {
            Err(error) => (diagnosis, Some(TieBreakOutcome::NoAnswer(error))),
            Ok(answer) => match self.decided_by(&answer) {
                Err(refused) => (diagnosis, Some(TieBreakOutcome::Refused(refused))),
                Ok(decided) => (decided, Some(TieBreakOutcome::Decided)),
            },
        }
    }

    /// Applies an answer about the cause.
    ///
    /// # Errors
    ///
    /// When the answer quotes no relevant line of this log.
    pub fn decided_by(&self, answer: &TieBreakAnswer) -> Result<Diagnosis, RefusedAnswer> {
        let line = tie_breaker::quoted(&self.log, answer)?;
        let mut findings = self.findings.clone();
        findings.push(tie_breaker::finding(&self.log, line, answer));
        Ok(choose::diagnosis(
            &self.log,
            &findings,
            &self.options.passing_lines,
            self.options.budget,
        ))
    }
}

/// The result of asking a tie breaker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TieBreakOutcome<E> {
    /// The answer is part of the diagnosis.
    Decided,
    /// The answer does not refer to this log.
    Refused(RefusedAnswer),
    /// The tie breaker failed.
    NoAnswer(E),
}

/// Parses a text as a log, for tests.
#[cfg(test)]
pub(crate) fn log_of(text: &str) -> log::Log {
    let mut reader = LogReader::new();
    reader.push(text.as_bytes());
    reader.finish()
}
