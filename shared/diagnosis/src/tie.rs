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
pub struct Question {
    /// Possible causes, the likeliest first.
    pub candidates: Vec<Quote>,
    /// The relevant part of the log. Untrusted text: fence it.
    pub excerpt: String,
}

/// The answer to a [`Question`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
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
        question: &Question,
    ) -> impl Future<Output = Result<Answer, Self::Error>> + Send;
}

/// The reason why an answer was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
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
pub(crate) fn question(diagnosis: &Diagnosis) -> Option<Question> {
    let open = diagnosis.headline.is_some() && diagnosis.confidence < DOUBTFUL;
    open.then(|| Question {
        candidates: diagnosis.evidence.clone(),
        excerpt: diagnosis.excerpt.text.clone(),
    })
}

/// Returns the line that an answer quotes.
pub(crate) fn quoted(log: &Log, answer: &Answer) -> Result<usize, Refused> {
    let quote = answer.quote.trim();
    if quote.starts_with("##[error]Process completed with exit code") || quote.len() < 4 {
        return Err(Refused::SaysNothing(answer.quote.clone()));
    }
    let same = |&at: &usize| log.text(at).trim() == quote;
    (0..log.len()).rfind(same).ok_or_else(|| Refused::NotInLog(answer.quote.clone()))
}

/// Builds the finding of an accepted answer.
pub(crate) fn finding(log: &Log, line: usize, answer: &Answer) -> Finding {
    Finding::new("a second opinion", answer.category, Strength::Decided, line, log.said(line))
}

#[cfg(test)]
mod tests {
    use std::future::Future;
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

    use super::{Answer, Question, Refused, TieBreaker};
    use crate::{Asked, Category, Examined, Options, Reader};

    const LOG: &str = "\
##[group]Run ./deploy
##[endgroup]
frobnicator 3 says no
error: something went wrong
##[error]Process completed with exit code 1.
";

    struct Says(Answer);

    impl TieBreaker for Says {
        type Error = ();
        async fn answer(&self, question: &Question) -> Result<Answer, ()> {
            assert!(question.excerpt.contains("frobnicator"));
            Ok(self.0.clone())
        }
    }

    fn asking(quote: &str) -> (crate::Diagnosis, Option<Asked<()>>) {
        let options = Options::default();
        let mut reader = Reader::new();
        reader.push(LOG.as_bytes());
        let examined = Examined::new(reader, &options);
        let says = Says(Answer { quote: quote.to_owned(), category: Category::TestAssertion });
        let mut future = pin!(examined.asking(&says));
        match future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(answered) => answered,
            Poll::Pending => panic!("nothing here waits"),
        }
    }

    #[test]
    fn an_answer_that_quotes_the_log_decides() {
        let (diagnosis, asked) = asking("frobnicator 3 says no");
        assert_eq!(asked, Some(Asked::Decided));
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
                Some(Asked::Refused(Refused::NotInLog(_) | Refused::SaysNothing(_)))
            ));
            assert_eq!(diagnosis.headline.expect("a headline").line, 4);
        }
    }
}
