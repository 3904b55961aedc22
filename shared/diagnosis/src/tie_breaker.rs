//! Tie breaking: asks another source, usually a model, if the log alone does not decide.
//!
//! This crate calls no model: the caller implements [`TieBreaker`]. An answer counts only if it
//! quotes a line of the log word for word. That does not prove it right; it proves that it refers
//! to this log.

use std::future::Future;

use crate::contract::{Category, Diagnosis, Quote};
use crate::finding::{Finding, Strength};
use crate::log::Log;

/// The question: which line is the cause, and of which category?
#[derive(Debug, Clone, PartialEq)]
pub struct TieBreakQuestion {
    /// Possible causes, the likeliest first.
    pub candidates: Vec<Quote>,
    /// The relevant part of the log. Untrusted text: fence it.
    pub excerpt: String,
}

/// The answer to a [`TieBreakQuestion`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TieBreakAnswer {
    /// The line of the cause, word for word.
    pub quote: String,
    pub category: Category,
}

/// Answers questions that a log alone does not decide.
pub trait TieBreaker {
    /// The reason why there is no answer.
    type Error;

    /// Answers a question. Limits on time and cost are the caller's.
    fn answer(
        &self,
        question: &TieBreakQuestion,
    ) -> impl Future<Output = Result<TieBreakAnswer, Self::Error>> + Send;
}

/// The reason why an answer was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RefusedAnswer {
    /// The diagnosis stays unchanged.
    #[error("the answer quotes no line of the log: {0:?}")]
    NotInLog(String),
    /// The diagnosis stays unchanged.
    #[error("the answer quotes only what a runner says of any failure: {0:?}")]
    SaysNothing(String),
}

/// The confidence below which a second opinion is worth its price.
const DOUBTFUL: f64 = 0.7;

/// Returns the question that a diagnosis leaves open.
pub(crate) fn question(diagnosis: &Diagnosis) -> Option<TieBreakQuestion> {
    let open = diagnosis.headline.is_some() && diagnosis.confidence < DOUBTFUL;
    open.then(|| TieBreakQuestion {
        candidates: diagnosis.evidence.clone(),
        excerpt: diagnosis.excerpt.text.clone(),
    })
}

/// Returns the line that an answer quotes.
pub(crate) fn quoted(log: &Log, answer: &TieBreakAnswer) -> Result<usize, RefusedAnswer> {
    let quote = answer.quote.trim();
    if quote.starts_with("##[error]Process completed with exit code") || quote.len() < 4 {
        return Err(RefusedAnswer::SaysNothing(answer.quote.clone()));
    }
    let same = |&at: &usize| log.text(at).trim() == quote;
    (0..log.len()).rfind(same).ok_or_else(|| RefusedAnswer::NotInLog(answer.quote.clone()))
}

/// Builds the finding of an accepted answer.
pub(crate) fn finding(log: &Log, line: usize, answer: &TieBreakAnswer) -> Finding {
    Finding::new("a second opinion", answer.category, Strength::Decided, line, log.content(line))
}

#[cfg(test)]
mod tests {
    use std::future::Future;
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

    use super::{RefusedAnswer, TieBreakAnswer, TieBreakQuestion, TieBreaker};
    use crate::{Category, DiagnosisOptions, ExaminedLog, LogReader, TieBreakOutcome};

    const LOG: &str = "\
##[group]Run ./deploy
##[endgroup]
frobnicator 3 says no
error: something went wrong
##[error]Process completed with exit code 1.
";

    struct Says(TieBreakAnswer);

    impl TieBreaker for Says {
        type Error = ();
        async fn answer(&self, question: &TieBreakQuestion) -> Result<TieBreakAnswer, ()> {
            assert!(question.excerpt.contains("frobnicator"));
            Ok(self.0.clone())
        }
    }

    fn asking(quote: &str) -> (crate::Diagnosis, Option<TieBreakOutcome<()>>) {
        let options = DiagnosisOptions::default();
        let mut reader = LogReader::new();
        reader.push(LOG.as_bytes());
        let examined = ExaminedLog::new(reader, &options);
        let says =
            Says(TieBreakAnswer { quote: quote.to_owned(), category: Category::TestAssertion });
        let mut future = pin!(examined.asking(&says));
        match future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(answered) => answered,
            Poll::Pending => panic!("nothing here waits"),
        }
    }

    #[test]
    fn an_answer_that_quotes_the_log_decides() {
        let (diagnosis, asked) = asking("frobnicator 3 says no");
        assert_eq!(asked, Some(TieBreakOutcome::Decided));
        assert_eq!(diagnosis.headline.expect("a headline").line, 3);
        assert_eq!(diagnosis.category, Category::TestAssertion);
    }

    #[test]
    fn an_answer_that_quotes_nothing_changes_nothing() {
        for quote in [
            "the build is broken",
            "frobnicator",
            "",
            "##[error]Process completed with exit code 1.",
        ] {
            let (diagnosis, asked) = asking(quote);
            assert!(matches!(
                asked,
                Some(TieBreakOutcome::Refused(
                    RefusedAnswer::NotInLog(_) | RefusedAnswer::SaysNothing(_)
                ))
            ));
            assert_eq!(diagnosis.headline.expect("a headline").line, 4);
        }
    }
}
