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
mod log;
mod reader;
mod recognise;
mod steps;
mod wrapping;

pub use contract::{
    Annotation, Category, Diagnosis, Excerpt, FailedTest, Location, Quote, Verdict,
};
pub use reader::Reader;

/// How to diagnose.
#[derive(Debug, Clone)]
pub struct Options {
    /// The most bytes an excerpt may have.
    pub budget: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self { budget: Self::LARGEST_EXCERPT }
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
    let log = reader.finish();
    let findings = recognise::findings_in(&log);
    choose::diagnosis(&log, &findings, options.budget)
}

/// The log of a text, for tests.
#[cfg(test)]
pub(crate) fn log_of(text: &str) -> log::Log {
    let mut reader = Reader::new();
    reader.push(text.as_bytes());
    reader.finish()
}
