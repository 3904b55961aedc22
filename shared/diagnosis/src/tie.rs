//! Asking somebody else, a model as a rule, when the log alone does not decide.
//!
//! Nothing here calls a model: whoever has one implements [`TieBreaker`]. Its answer counts only if
//! it quotes a line of the log, word for word. That is no proof that it is right; it is proof that it
//! speaks about this log.

use std::future::Future;

use crate::contract::{Category, Diagnosis, Quote};
use crate::finding::{Finding, Strength};
use crate::log::Log;

/// What is asked: which line is the cause, and of what kind?
#[derive(Debug, Clone, PartialEq)]
pub struct Question {
    /// Lines that may be the cause, the likeliest first.
    pub candidates: Vec<Quote>,
    /// The log's telling part. Untrusted text: fence it.
    pub excerpt: String,
}

/// What somebody says to a [`Question`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The line that is the cause, word for word.
    pub quote: String,
    /// The kind of failure.
    pub category: Category,
}

/// Somebody who can be asked.
pub trait TieBreaker {
    /// Why no answer could be had.
    type Error;

    /// Answers a question. Takes as long as it takes: limits on time and cost are the caller's.
    fn answer(
        &self,
        question: &Question,
    ) -> impl Future<Output = Result<Answer, Self::Error>> + Send;
}

/// Why an answer was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// Keep the diagnosis as it was.
    #[error("the answer quotes no line of the log: {0:?}")]
    NotInLog(String),
    /// Keep the diagnosis as it was.
    #[error("the answer quotes only what a runner says of any failure: {0:?}")]
    SaysNothing(String),
}

/// Below this a second opinion is worth its price.
const DOUBTFUL: f64 = 0.7;

/// The question that a diagnosis leaves open, if it does.
pub(crate) fn question(diagnosis: &Diagnosis) -> Option<Question> {
    let open = diagnosis.headline.is_some() && diagnosis.confidence < DOUBTFUL;
    open.then(|| Question {
        candidates: diagnosis.evidence.clone(),
        excerpt: diagnosis.excerpt.text.clone(),
    })
}

/// The line that an answer quotes, if it does.
pub(crate) fn quoted(log: &Log, answer: &Answer) -> Result<usize, Refused> {
    let quote = answer.quote.trim();
    if quote.starts_with("##[error]Process completed with exit code") || quote.len() < 4 {
        return Err(Refused::SaysNothing(answer.quote.clone()));
    }
    let same = |&at: &usize| log.text(at).trim() == quote;
    (0..log.len()).rfind(same).ok_or_else(|| Refused::NotInLog(answer.quote.clone()))
}

/// What an accepted answer found.
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
